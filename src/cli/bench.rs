//! `vscale bench`: what is measured, and the one place where its flags become what the plan is made of.

use super::{RunFlags, parse_period};
use crate::{
    compose::Vscale,
    error::Result,
    plan::{Asked, Quota},
    units,
};
use clap::Args;
use std::time::Duration;

/// `vscale bench`.
#[derive(Debug, Args)]
#[command(mut_arg("run_time", |arg| arg.help("Length of each level's measured window [default: 60]")))]
pub struct BenchArgs {
    /// Worker counts of the server, visited in this order: 4, or 1,2,4
    #[arg(long, default_value = "1", value_delimiter = ',', value_parser = units::parse_workers, allow_hyphen_values = true)]
    #[arg(help_heading = "Server", value_name = "N[,N...]")]
    pub workers: Vec<u32>,
    /// CPU quotas of the server, in CPUs, each with every worker count; applied once it is ready: 1.5, or 0.25,0.5,1
    #[arg(long, value_delimiter = ',', value_parser = units::parse_cores, allow_hyphen_values = true)]
    #[arg(help_heading = "Server", value_name = "CPUS[,CPUS...]")]
    pub cpus: Vec<f64>,
    /// Period of that quota [default: the compose file's, or the engine's own 100ms]
    #[arg(long, value_parser = parse_period, help_heading = "Server", value_name = "TIME")]
    pub cpu_period: Option<Duration>,
    /// How, and in what
    #[command(flatten)]
    pub run: RunFlags,
}

impl BenchArgs {
    /// What the flags ask for, and where they do not say, the compose file.
    ///
    /// # Errors
    /// Those of [`RunFlags::asked`].
    pub fn asked(&self, file: &Vscale) -> Result<Asked> {
        self.run.load.only_one()?;
        Ok(Asked {
            workers: self.workers.clone(),
            quotas: self.cpus.iter().copied().map(Quota::Whole).collect(),
            period_us: self.cpu_period.map(|period| period.as_micros() as u64),
            ..self.run.asked(file)?
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        cli::{Cli, Command},
        compose,
    };
    use clap::Parser;
    use std::fs;

    const FILE: &str = "
x-vscale: { target: app, generator: loadgen, requests: own.jsonl, endpoints: { app: { port: 80, ready: tcp } } }
services: { app: { image: a }, loadgen: { image: vscale/self } }
";

    #[test]
    fn the_compose_file_says_what_is_sent_where_no_flag_does() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).into_os_string().into_string().expect("UTF-8");
        for (name, text) in
            [("compose.yaml", FILE), ("own.jsonl", r#"{"path": "/own"}"#), ("other.jsonl", r#"{"path": "/other"}"#)]
        {
            fs::write(path(name), text).expect("writable");
        }
        let (file, other) = (path("compose.yaml"), path("other.jsonl"));
        let project = compose::load(&[file.clone().into()], &|_| None).expect("a good file");
        let sent = |flags: &[&str]| {
            let arguments = ["vscale", "bench", "-f", &file].into_iter().chain(flags.iter().copied());
            let Command::Bench(args) = Cli::parse_from(arguments).command else { panic!("it is a bench") };
            args.asked(&project.vscale).map(|asked| asked.load.requests[0].path.clone())
        };
        assert_eq!(sent(&[]).expect("there"), "/own");
        assert_eq!(sent(&["--request-file", &other]).expect("there"), "/other");
        fs::remove_file(path("own.jsonl")).expect("it is there");
        assert!(sent(&[]).expect_err("gone").to_string().contains("own.jsonl"));
    }
}
