//! What a run says while it goes on. The enum is all that lies between who carries a run out and who reports it:
//! terminal, plain lines and JSON lines are its reporters ([`crate::report::progress`]).

use crate::model::{Finding, LoadPlan, LoadProgress, PhaseKind};
use schemars::JsonSchema;
use serde::Serialize;

/// Something has happened, or is waited for. As a JSON line, `event` names which.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What a killed run had left is removed.
    Collected {
        /// That run.
        run: String,
        /// What could not be removed.
        left: Vec<String>,
    },
    /// A service's image is looked for, pulled or built.
    Image {
        /// The service.
        service: String,
        /// What registry or builder says; empty at the beginning.
        line: String,
    },
    /// The plan is made, and nothing is started yet.
    Planned {
        /// The run's id.
        run: String,
        /// Where it is kept.
        folder: String,
        /// How many visits it has, as far as that is known before.
        visits: usize,
        /// How many of them an earlier part of the run has done.
        #[serde(skip_serializing_if = "is_zero")]
        done: usize,
        /// How often a study visits each setting before it looks at what it found; absent where it is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        blocks: Option<usize>,
        /// How long all of them take at most, if a target takes 5 s from its start to rest.
        at_most_us: u64,
    },
    /// Something is not as it was when the plan was made.
    Differs {
        /// What, then and now.
        what: String,
    },
    /// A container is started.
    Starting {
        /// The visit's id.
        visit: String,
        /// The container's name.
        container: String,
        /// Workers that it is to have, if it is the target.
        workers: Option<u32>,
    },
    /// Something is waited for.
    Waiting {
        /// The visit's id.
        visit: String,
        /// What, and how it stands.
        what: String,
    },
    /// The target is ready.
    Ready {
        /// The visit's id.
        visit: String,
        /// The target's name.
        container: String,
        /// From its start to when it was ready.
        after_us: u64,
    },
    /// A load begins.
    Phase {
        /// The visit's id.
        visit: String,
        /// What for.
        phase: PhaseKind,
        /// Who is loaded.
        host: String,
        /// How long it takes at most, the wait for late answers included; absent where only a signal or a number of
        /// requests ends it.
        at_most_us: Option<u64>,
    },
    /// How the load stands, once a second.
    Progress {
        /// The visit's id.
        visit: String,
        /// What for.
        phase: PhaseKind,
        /// Throughput, latency, failures in that second.
        #[serde(flatten)]
        now: LoadNow,
    },
    /// A visit is finished and can be read.
    Saved {
        /// The visit's id.
        visit: String,
        /// How long it took.
        took_us: u64,
        /// Successful answers a second of the target; absent where it was not loaded.
        throughput_rps: Option<f64>,
        /// Visits that are still to come, as far as is known now: what precision, checks and trials take is known once the
        /// plan's blocks are done.
        visits_left: usize,
        /// How long they take, if they go on to take as long as they took on average.
        left_us: u64,
        /// The first of the worst that invalidates it; absent where it is valid.
        #[serde(skip_serializing_if = "Option::is_none")]
        against: Option<Box<Finding>>,
    },
    /// Containers and networks are removed.
    Removing,
    /// They are gone, but for what is left.
    Removed {
        /// What could not be removed, and why.
        left: Vec<String>,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's way to call it")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One second of a load.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LoadNow {
    /// Since the first request was sent.
    pub elapsed_us: u64,
    /// Until the counted window ends, at most; absent where only a signal or a number of requests ends it.
    pub left_us: Option<u64>,
    /// False while warming up or starting users.
    pub measuring: bool,
    /// Users running; 0 in open loop.
    pub users: u32,
    /// Answers a second, failures included.
    pub throughput_rps: f64,
    /// Failures a second.
    pub failures_rps: f64,
    /// Of the second's successes; `None` without any.
    pub p50_us: Option<u64>,
    /// Of the second's successes; `None` without any.
    pub p99_us: Option<u64>,
}

/// Follows a load as it goes, and knows from its plan how long it still takes.
#[derive(Clone, Copy, Debug)]
pub struct Follow {
    window_us: Option<u64>,
    /// When the window starts at the latest, and as soon as it has started, when it did.
    window_start_us: u64,
    has_started: bool,
}

impl Follow {
    /// A load that is about to begin.
    pub fn new(plan: &LoadPlan) -> Self {
        let window_us = plan.window_us();
        let until_end_us = plan.longest_us().unwrap_or(0).saturating_sub(plan.drain_us);
        let window_start_us = until_end_us.saturating_sub(window_us.unwrap_or(0));
        Self { window_us, window_start_us, has_started: false }
    }

    /// How it stands.
    pub fn now(&mut self, now: &LoadProgress) -> LoadNow {
        if now.measuring && !self.has_started {
            self.window_start_us = now.elapsed_us.saturating_sub(now.duration_us);
            self.has_started = true;
        }
        let end_us = self.window_us.map(|us| self.window_start_us.saturating_add(us));
        let percentile = |percent| (now.latency.count() > 0).then(|| now.latency.percentile_us(percent));
        LoadNow {
            elapsed_us: now.elapsed_us,
            left_us: end_us.map(|end_us| end_us.saturating_sub(now.elapsed_us)),
            measuring: now.measuring,
            users: now.users,
            throughput_rps: now.throughput_rps,
            failures_rps: now.failures_rps,
            p50_us: percentile(50.0),
            p99_us: percentile(99.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Histogram, Until, WarmUp};

    fn left(follow: &mut Follow, elapsed_us: u64, measuring: bool) -> Option<u64> {
        let now = LoadProgress {
            elapsed_us,
            measuring,
            users: 1,
            start_unix_us: 0,
            duration_us: 1_000_000,
            throughput_rps: 0.0,
            failures_rps: 0.0,
            latency: Histogram::new(),
        };
        follow.now(&now).left_us
    }

    #[test]
    fn a_warm_up_that_ends_early_shortens_what_is_left() {
        let until = Until::RunTime { us: 20_000_000 };
        let plan = LoadPlan { until, warm_up: WarmUp::Steady { at_most_us: 5_000_000 }, ..LoadPlan::new("http://a") };
        let mut follow = Follow::new(&plan.with_users(10, 10.0));
        assert_eq!(
            left(&mut follow, 2_000_000, false),
            Some(24_000_000),
            "1 s of spawning, 5 of warm-up, 20 of window"
        );
        assert_eq!(left(&mut follow, 4_000_000, true), Some(19_000_000), "the window began at 3 s");
        assert_eq!(left(&mut follow, 23_500_000, true), Some(0));
    }

    #[test]
    fn nobody_knows_when_a_number_of_requests_has_ended() {
        let plan = LoadPlan { until: Until::Iterations { count: 5 }, ..LoadPlan::new("http://a") };
        assert_eq!(left(&mut Follow::new(&plan), 1, true), None);
    }
}
