//! A container's health check, run by us: the engine's own are off, as they would go on while it is measured.

use super::{Call, Container, Engine, EngineError};
use crate::{
    compose::Healthcheck,
    error::{Error, Result},
    text::last_lines,
};
use bollard::{
    exec::{StartExecOptions, StartExecResults},
    models::{ExecConfig, HealthConfig},
};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// As the Docker Engine has them.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u64 = 3;
/// Kept of what a check writes.
const OUTPUT_LIMIT_BYTES: usize = 4 << 10;

/// A health check with nothing left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    command: Vec<String>,
    /// Of one check.
    timeout: Duration,
    /// Between two checks.
    pub interval: Duration,
    /// From its start on, a container may be unhealthy so long.
    pub patience: Duration,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Good,
    /// It is not, in words.
    Bad(String),
}

impl Engine {
    /// The check of a service, by the compose file and, where that leaves something open, by its image.
    ///
    /// # Errors
    /// `Error::Compose` where there is none, or it is switched off.
    pub async fn health_check(&self, service: &str, check: Option<&Healthcheck>, image: &str) -> Result<Check> {
        let of_image = self.ask(Call::Inspect, &format!("image {image}"), self.docker.inspect_image(image)).await?;
        let of_image = of_image.config.and_then(|config| config.healthcheck).unwrap_or_default();
        Check::of(check.cloned().unwrap_or_default(), of_image).ok_or_else(|| {
            let advice =
                "it is to be healthy before it is used; give it a `healthcheck`, or wait for `service_started`, or `ready: tcp`";
            Error::Compose(format!("services.{service}: no health check, and {advice}"))
        })
    }
}

impl Check {
    fn of(check: Healthcheck, of_image: HealthConfig) -> Option<Self> {
        let test = Some(check.test).filter(|test| !test.is_empty()).or(of_image.test)?;
        let command = match test.split_first()? {
            (kind, command) if kind == "CMD" && !command.is_empty() => command.to_vec(),
            (kind, [line]) if kind == "CMD-SHELL" => vec!["/bin/sh".into(), "-c".into(), line.clone()],
            _ => return None,
        };
        let duration = |of_file: Option<u64>, of_image: Option<i64>| {
            let of_image = of_image.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
            of_file.map(Duration::from_micros).or(of_image).filter(|it| !it.is_zero())
        };
        let retries = check.retries.or(of_image.retries.and_then(|it| u64::try_from(it).ok())).filter(|&it| it > 0);
        let timeout = duration(check.timeout_us, of_image.timeout).unwrap_or(TIMEOUT);
        let interval = duration(check.interval_us, of_image.interval).unwrap_or(INTERVAL);
        let start_period = duration(check.start_period_us, of_image.start_period).unwrap_or_default();
        let retries = u32::try_from(retries.unwrap_or(RETRIES)).unwrap_or(u32::MAX);
        let patience = start_period.saturating_add(interval.saturating_add(timeout).saturating_mul(retries));
        Some(Self { command, timeout, interval, patience })
    }
}

impl Container {
    /// Runs a check once.
    ///
    /// # Errors
    /// When the engine cannot run commands in it, which it cannot when it has ended.
    pub async fn check(&self, check: &Check) -> Result<Health> {
        let docker = &self.engine.docker;
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(check.command.clone()),
            ..Default::default()
        };
        let id = self.ask(Call::Execute, docker.create_exec(&self.id, config)).await?.id;
        let started = self.ask(Call::Execute, docker.start_exec(&id, None::<StartExecOptions>)).await?;
        let mut output = Vec::new();
        let ended = async {
            if let StartExecResults::Attached { output: mut pieces, .. } = started {
                while let Some(Ok(piece)) = pieces.next().await {
                    output.extend(piece.into_bytes());
                    output.drain(..output.len().saturating_sub(OUTPUT_LIMIT_BYTES));
                }
            }
        };
        if timeout(check.timeout, ended).await.is_err() {
            return Ok(Health::Bad(format!("its health check takes longer than {} s", check.timeout.as_secs_f64())));
        }
        let inspected = self.ask(Call::Execute, docker.inspect_exec(&id)).await?;
        let said = last_lines(&output, 1);
        Ok(match inspected.exit_code {
            Some(0) => Health::Good,
            Some(code) if said.is_empty() => Health::Bad(format!("its health check fails (exit status {code})")),
            Some(code) => Health::Bad(format!("its health check fails (exit status {code}): {said}")),
            None => return Err(EngineError::other(Call::Execute, &self.service, "no exit status").into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_file_goes_before_the_image_and_the_image_before_the_engine() {
        let image = HealthConfig {
            test: Some(strings(&["CMD-SHELL", "true || false"])),
            interval: Some(2_000_000_000),
            retries: Some(0),
            ..Default::default()
        };
        let check = Check::of(Healthcheck::default(), image.clone()).expect("the image has one");
        assert_eq!(check.command, strings(&["/bin/sh", "-c", "true || false"]));
        assert_eq!((check.interval, check.timeout), (Duration::from_secs(2), TIMEOUT));
        assert_eq!(check.patience, Duration::from_secs(96));
        let file = Healthcheck {
            test: strings(&["CMD", "/vscale", "--version"]),
            timeout_us: Some(1_000_000),
            retries: Some(5),
            start_period_us: Some(10_000_000),
            ..Default::default()
        };
        let check = Check::of(file, image.clone()).expect("the file has one");
        assert_eq!(check.command, strings(&["/vscale", "--version"]));
        assert_eq!(check.patience, Duration::from_secs(10 + 5 * 3));
        let off = Healthcheck { test: strings(&["NONE"]), ..Default::default() };
        assert_eq!(Check::of(off, image), None);
        assert_eq!(Check::of(Healthcheck::default(), HealthConfig::default()), None);
    }
}
