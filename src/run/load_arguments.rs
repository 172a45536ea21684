//! What the load generator's container is told, but for whom to load.

use crate::{
    cli::{LoadFlags, WarmUpArg},
    distribution::Distribution,
    error::{Error, Result},
};
use std::time::Duration;

/// Of the phase against a mock that answers at once: long enough for a rate, short beside any window.
const NULL_WARM_UP: Duration = Duration::from_millis(300);
pub const NULL_RUN_TIME: Duration = Duration::from_secs(1);
/// Users of that phase, at most: enough to keep the load generator busy.
const NULL_USERS: u32 = 64;

/// The load generator's flags, but for whom to load, and its files.
pub struct LoadArguments {
    /// In the phases that are reported.
    pub measured: Vec<String>,
    /// In the phase that shows what it can do at most.
    pub null: Vec<String>,
    /// What is written to its stdin: a line with the texts of its files.
    pub stdin: String,
}

impl LoadArguments {
    /// As the flags and the files that they name have it.
    ///
    /// # Errors
    /// [`Error::Usage`] names a file that cannot be read or understood, and where.
    pub fn read(flags: &LoadFlags) -> Result<Self> {
        let texts = flags.requests.texts()?;
        texts.templates()?;
        let stdin = serde_json::to_string(&texts).map_err(|error| Error::Other(format!("writing JSON: {error}")))?;
        let users = flags.users.max(flags.rate.map_or(0, |_| NULL_USERS)).min(NULL_USERS);
        let null = LoadFlags {
            users,
            spawn_rate: f64::from(users),
            think_time: Distribution::zero(),
            rate: None,
            stages: Vec::new(),
            run_time: NULL_RUN_TIME,
            warm_up: WarmUpArg::Fixed(NULL_WARM_UP),
            ..flags.clone()
        };
        Ok(Self { measured: flags.to_arguments(), null: null.to_arguments(), stdin: stdin + "\n" })
    }
}
