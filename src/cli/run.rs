//! The flags of whatever measures in containers: `bench`, `study` and `calibrate`.

use super::{LoadFlags, ProgressArg, TargetFlags};
use crate::{
    compose::Vscale,
    error::{Error, Result},
    load::check,
    model::LoadPlan,
    plan::Asked,
    units,
};
use clap::Args;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// How is measured, and in what.
#[derive(Debug, Args)]
#[command(mut_arg("iterations", |arg| arg.hide(true)))]
pub struct RunFlags {
    /// Memory limit of the server, such as 2g
    #[arg(long, value_parser = units::parse_bytes, allow_hyphen_values = true, help_heading = "Server", value_name = "SIZE")]
    pub memory: Option<u64>,
    /// Port of the mock inside the private network (none is published on the host)
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub mock_port: u16,
    /// Port of the server inside the private network
    #[arg(long, default_value_t = 8321, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub stack_port: u16,
    /// Longest wait for a container to be ready
    #[arg(long, default_value = "120s", value_parser = units::parse_duration, help_heading = "Server", value_name = "TIME")]
    pub ready_timeout: Duration,

    /// A larger share of failed requests makes a level invalid, and the exit status of a bench 7: 0.01 or 1%
    #[arg(long, default_value = "1%", value_parser = units::parse_share, help_heading = "Thresholds", value_name = "SHARE")]
    pub max_failure_rate: f64,
    /// What the load is; thresholds concern the server's phase
    #[command(flatten)]
    pub load: LoadFlags,
    /// Do not load the backend directly in each visit: no overhead is told then
    #[arg(long, help_heading = "Load")]
    pub no_baseline: bool,

    /// Compose file; give several to merge them [default: compose.yaml, or another name that Compose looks for]
    #[arg(short = 'f', long = "file", help_heading = "Files", value_name = "FILE", conflicts_with_all = ["image", "build"])]
    pub files: Vec<PathBuf>,
    /// Services of this profile too, besides those that x-vscale names [default: COMPOSE_PROFILES]
    #[arg(long = "profile", help_heading = "Files", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// What is measured, where no file says it
    #[command(flatten)]
    pub target: TargetFlags,
    /// Where the runs are kept
    #[arg(long, default_value = "results", help_heading = "Files", value_name = "DIR")]
    pub results: PathBuf,
    /// Base image for Dockerfiles that have `ARG BASE_IMAGE` (default: python:3.12-slim, or one made from Debian's
    /// packages where no registry answers)
    #[arg(long, help_heading = "Files", value_name = "IMAGE")]
    pub base_image: Option<String>,

    /// How progress is shown, on stderr
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, help_heading = "Output")]
    pub progress: ProgressArg,
}

impl RunFlags {
    /// What these flags ask for, of one worker; what they do not say of the requests, the compose file may.
    ///
    /// # Errors
    /// [`Error::Usage`] for flags that do not go together, and for request and data files that cannot be understood.
    pub fn asked(&self, file: &Vscale) -> Result<Asked> {
        if self.load.iterations.is_some() {
            return Err(Error::Usage("--iterations: a bench compares windows of equal length; use --run-time".into()));
        }
        // Whom to load, the plan says.
        let mut flags = self.load.clone();
        flags.requests.request_file = flags.requests.request_file.or_else(|| file.requests.clone());
        let load = flags.plan(String::new())?;
        if load.window_us().is_none_or(|us| us == 0) {
            return Err(Error::Usage("--run-time must be above 0".into()));
        }
        check(&LoadPlan { host: "http://target".into(), ..load.clone() })?;
        Ok(Asked {
            workers: vec![1],
            quotas: Vec::new(),
            period_us: None,
            cpuset_sizes: Vec::new(),
            memory_bytes: self.memory,
            load,
            drives: Vec::new(),
            spawn_rate_per_s: self.load.spawn_rate,
            baseline: !self.no_baseline,
            ready_timeout_us: self.ready_timeout.as_micros() as u64,
            max_failure_rate: self.max_failure_rate,
            study: None,
        })
    }

    /// The flags that reach the compose file as variables: ports and profiles.
    ///
    /// # Errors
    /// [`Error::Usage`] where both are the same.
    pub fn variables(&self) -> Result<BTreeMap<String, String>> {
        if self.mock_port == self.stack_port {
            return Err(Error::Usage(format!("--mock-port and --stack-port are both {}", self.mock_port)));
        }
        let ports = [("MOCK_PORT", self.mock_port), ("STACK_PORT", self.stack_port)];
        let ports = ports.into_iter().map(|(name, port)| (name.to_owned(), port.to_string()));
        Ok(ports.chain(profiles(&self.profiles)).collect())
    }
}

/// Compose's own variable for the profiles, if any are given.
pub(super) fn profiles(profiles: &[String]) -> Option<(String, String)> {
    (!profiles.is_empty()).then(|| ("COMPOSE_PROFILES".to_owned(), profiles.join(",")))
}

/// What the kernel takes as a period (`max_cfs_quota_period`, `min_cfs_quota_period`).
pub(super) fn parse_period(text: &str) -> Result<Duration, String> {
    match units::parse_duration(text)? {
        period if (1_000..=1_000_000).contains(&period.as_micros()) => Ok(period),
        _ => Err(format!("`{text}`: the kernel takes a period of 1ms to 1s")),
    }
}
