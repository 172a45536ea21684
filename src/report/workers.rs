//! A number of workers in words: counted where something counts them; else the setting that was asked for, as it was asked
//! for; and nothing of a target that is taken as it is.

use super::cells::counted;
use crate::{
    model::{Drive, Plan},
    text::plain,
};
use std::borrow::Cow;

/// What can be said of a plan's workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workers {
    /// How many there are: something counts them.
    Counted,
    /// What this variable is set to: nothing counts what comes of it.
    Set(String),
    /// Nothing: their number is not ours to set.
    AsTheyAre,
}

impl Workers {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Self {
        match &plan.workers {
            None => Self::AsTheyAre,
            Some(_) if plan.proves_workers() => Self::Counted,
            Some(how) => Self::Set(plain(how.env.as_deref().unwrap_or("WORKERS"))),
        }
    }

    /// `2 workers`; `WORKERS=2` where that is all that is known.
    pub fn many(&self, n: u32) -> Option<String> {
        match self {
            Self::Counted => Some(counted(n.into(), "worker")),
            Self::Set(variable) => Some(format!("{variable}={n}")),
            Self::AsTheyAre => None,
        }
    }

    /// The title over such numbers, where there are any.
    pub fn title(&self) -> Option<&str> {
        match self {
            Self::Counted => Some("workers"),
            Self::Set(variable) => Some(variable),
            Self::AsTheyAre => None,
        }
    }

    /// Behind what each of them has: `a worker`, `for each of WORKERS`.
    pub fn each(&self) -> Cow<'static, str> {
        match self {
            Self::Set(variable) => format!("for each of {variable}").into(),
            Self::Counted | Self::AsTheyAre => "a worker".into(),
        }
    }

    /// `16 users`, `8 users a worker`, `8 users for each of WORKERS`, `200 requests/s`.
    pub fn drive(&self, drive: Drive) -> String {
        match drive {
            Drive::UsersPerWorker(users) => format!("{} {}", counted(users.into(), "user"), self.each()),
            Drive::Users(_) | Drive::RateRps(_) => drive.to_string(),
        }
    }
}
