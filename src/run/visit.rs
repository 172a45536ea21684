//! What the phases of a level share: whom they start, how, and what to say when one does not come up.

use crate::{
    compose::{Project, Service},
    engine::{Cluster, Container, Output},
    error::{Error, Result},
    model::{CgroupLimits, LoadPlan, Placement, ProbeSample, Settings},
    text::last_lines,
    units::format_cpu_list,
};
use regex_lite::Regex;
use std::{collections::BTreeMap, time::Duration};

/// Between two samples of a container or of its processes.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// How long a container of ours may take for what it does besides measuring: starting, spawning users, draining.
pub const GRACE: Duration = Duration::from_secs(60);

/// Lines of a container's log that an error shows.
const SHOWN_LINES: usize = 15;

/// What all levels of a run share.
pub struct Visit<'a> {
    /// The run's objects.
    pub cluster: &'a Cluster,
    /// The compose file, flags applied.
    pub project: &'a Project,
    /// What was asked for.
    pub settings: &'a Settings,
    /// Who runs where.
    pub placement: &'a Placement,
    /// Image reference of each service.
    pub images: &'a BTreeMap<String, String>,
    /// Our own image.
    pub own_image: &'a str,
    /// Tells workers from other processes.
    pub worker_pattern: &'a Regex,
    /// The load of the phases that are reported, but for whom it is for.
    pub load: &'a LoadPlan,
    /// Longest wait for a container to be ready.
    pub ready_timeout: Duration,
}

/// A service that is up, with what its probe said.
pub struct Up {
    pub container: Container,
    /// While this lives, a container of our own image knows that we live.
    pub _output: Output,
    /// The target's, which goes on telling about its processes.
    pub probe: Option<Output>,
    pub asked: CgroupLimits,
    /// What the probe saw last.
    pub seen: Option<ProbeSample>,
    pub ready_after_us: u64,
}

impl Visit<'_> {
    /// The service as this level runs it: its CPUs, its worker count, its memory limit; the quota comes once it is ready.
    pub fn service(&self, name: &str, workers: Option<u32>) -> Service {
        let mut service = self.project.services[name].clone();
        if let Some(cpus) = self.cpus_of(name) {
            service.cpuset = Some(format_cpu_list(cpus));
        }
        if let Some(workers) = workers {
            service.environment.insert(self.project.vscale.workers.env.clone(), workers.to_string());
        }
        service
    }

    fn cpus_of(&self, name: &str) -> Option<&[u32]> {
        match name {
            name if name == self.settings.target => Some(&self.placement.target),
            name if name == self.settings.backend => Some(&self.placement.backend),
            name if name == self.settings.load => Some(&self.placement.load),
            _ => None,
        }
    }

    /// Why a container is not ready: that it has ended, or what its probe said last; with its own last log lines.
    pub async fn not_ready(&self, container: &Container, probe_words: &str) -> Error {
        let name = container.service();
        let why = match container.state().await {
            Ok(state) if !state.running => format!("it has ended ({})", state.in_words()),
            _ => probe_words.trim().trim_start_matches("vscale: ").to_owned(),
        };
        let log = container.logs().await.unwrap_or_default();
        let lines = last_lines(&log, SHOWN_LINES);
        let shown = if lines.is_empty() {
            "it wrote nothing".into()
        } else {
            format!("its last lines:\n  {}", lines.replace('\n', "\n  "))
        };
        Error::Start(format!("{name}: {why}; {shown}"))
    }
}

/// The limits that a service asks for when it starts.
pub fn asked(service: &Service) -> CgroupLimits {
    CgroupLimits {
        cpu_quota_cores: service.cpu_quota_cores(),
        cpu_period_us: None,
        cpuset: service.cpuset.clone(),
        memory_bytes: service.mem_limit_bytes,
    }
}

/// One event of a container of ours.
pub fn parse<T: serde::de::DeserializeOwned>(line: &str) -> Result<T> {
    serde_json::from_str(line)
        .map_err(|error| Error::Other(format!("not an event of ours ({error}): {}", &line[..line.len().min(200)])))
}
