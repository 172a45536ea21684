//! What the load generator's container is told, but for whom to load.

use crate::{
    cli::{LoadFlags, WarmUpArg},
    distribution::Distribution,
    error::{Error, Result},
};
use std::{fs, path::PathBuf, time::Duration};

/// The kernel takes no longer argument of a process than 128 KiB.
const LONGEST_ARGUMENT: usize = 127 << 10;

/// Of the phase against a mock that answers at once: long enough for a rate, short beside any window.
const NULL_WARM_UP: Duration = Duration::from_millis(300);
pub const NULL_RUN_TIME: Duration = Duration::from_secs(1);
/// Users of that phase, at most: enough to keep the load generator busy.
const NULL_USERS: u32 = 64;

/// The load generator's flags, but for whom to load.
pub struct LoadArguments {
    /// In the phases that are reported.
    pub measured: Vec<String>,
    /// In the phase that shows what it can do at most.
    pub null: Vec<String>,
}

impl LoadArguments {
    /// As the flags have it; the texts of files stand in for the files, which a container cannot see.
    ///
    /// # Errors
    /// [`Error::Usage`] names a file that cannot be read or is too large to be handed on.
    pub fn read(flags: &LoadFlags) -> Result<Self> {
        let request_text = flags.requests.request_file.as_ref().map(text).transpose()?;
        let data_text = flags.requests.data_file.as_ref().map(text).transpose()?;
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
        Ok(Self {
            measured: flags.to_arguments(request_text.clone(), data_text.clone()),
            null: null.to_arguments(request_text, data_text),
        })
    }
}

fn text(path: &PathBuf) -> Result<String> {
    let text = fs::read_to_string(path).map_err(Error::input(path))?;
    if text.len() > LONGEST_ARGUMENT {
        let (path, limit) = (path.display(), LONGEST_ARGUMENT >> 10);
        return Err(Error::Usage(format!("{path}: more than {limit} KiB cannot be given to a container")));
    }
    Ok(text)
}
