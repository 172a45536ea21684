//! `vscale probe`: what a probe looks at, as the controller tells it.

use crate::{
    error::Result,
    model::Statuses,
    probe::{ReadyCheck, Watch, WorkersQuestion},
    units,
};
use clap::Args;
use std::time::Duration;

/// `vscale probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Polled until the target is ready: http://127.0.0.1:8080/health, https://..., or tcp://127.0.0.1:8080
    #[arg(long, value_name = "URL", required_unless_present = "end_target")]
    pub ready: Option<String>,
    /// Statuses that say that it is: 2xx, any, or 200,401
    #[arg(long, default_value = "2xx", value_name = "STATUSES")]
    pub status: Statuses,
    /// Longest wait for that
    #[arg(long, default_value = "120s", value_parser = units::parse_duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Where the target says how many workers it has, in JSON
    #[arg(long, value_name = "URL")]
    pub workers: Option<String>,
    /// Which number of that answer counts (RFC 6901)
    #[arg(long, default_value = "", requires = "workers", value_name = "POINTER")]
    pub pointer: String,
    /// Read the names of threads too
    #[arg(long)]
    pub thread_names: bool,
    /// When stdin is closed the controller is gone: end every process of this container
    #[arg(long, hide = true)]
    pub end_target: bool,
}

impl ProbeArgs {
    /// What the flags mean.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] for what is not a URL.
    pub fn watch(&self) -> Result<Watch> {
        let ready = |url: &String| ReadyCheck::new(url, self.status.clone());
        let question = |url: &String| WorkersQuestion::new(url, &self.pointer);
        Ok(Watch {
            ready: self.ready.as_ref().map(ready).transpose()?,
            timeout: self.timeout,
            workers: self.workers.as_ref().map(question).transpose()?,
            thread_names: self.thread_names,
        })
    }
}
