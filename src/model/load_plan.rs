//! All that a load generator is told: whom to load, with what, when, and for how long.

use super::{Distribution, LoadModel, RequestTemplate, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SECOND_US: u64 = 1_000_000;

/// One load phase, as asked for. A load generator gets it as a line of JSON on its stdin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// `http://mock:8080` or `https://mock`, with a path prefix if the server has one.
    pub host: String,
    /// Who sends, and when.
    pub model: LoadModel,
    /// How the users, or the rate, change; the load then ends with the last stage, and all of it is counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// What ends the load, where there are no stages.
    pub until: Until,
    /// What comes between the last user's start and the counted window, where there are neither stages nor iterations.
    pub warm_up: WarmUp,
    /// Longest wait for answers after the load's end.
    pub drain_us: u64,
    /// For each request, connecting included; above 0.
    pub timeout_us: u64,
    /// What is sent, chosen at random by weight; at least one.
    pub requests: Vec<RequestTemplate>,
    /// What `{{line}}` stands for, in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Of Poisson arrivals, think times, the mix of requests and `{{random}}`.
    pub seed: u64,
    /// `{{counter}}` of the first request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_counter: u64,
    /// Whether answers are streams of completion chunks, timed token by token.
    pub stream: bool,
    /// Whether a connection serves more than one request.
    pub keep_alive: bool,
    /// Whether any certificate of an https server will do.
    pub insecure: bool,
    /// Who vouches for those of an https server, in PEM; `None` for those whom the system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Threads that send, never more than users; `None` for one a CPU that the generator may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// A mock behind the server, to be asked what it saw: `http://mock:8080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// What that mock wants to hear before it tells. No plan that is kept has it: it is added when a generator is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_token: Option<String>,
    /// What in it is nobody's business, besides what is known by its name or form. Nothing that is written has it.
    #[serde(skip)]
    pub secrets: Vec<String>,
}

/// What ends a load phase, besides a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Until {
    /// The end of the counted window.
    RunTime {
        /// Its length; above 0.
        us: u64,
    },
    /// A number of requests; all are counted, without a warm-up.
    Iterations {
        /// Requests that have ended, failures included; above 0.
        count: u64,
    },
    /// Nothing does.
    Stopped,
}

/// When the counted window starts, once all users run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WarmUp {
    /// After a fixed time.
    Fixed {
        /// From when the last user started.
        us: u64,
    },
    /// When the throughput is steady by MSER-5.
    Steady {
        /// Longest wait for that.
        at_most_us: u64,
    },
}

impl LoadPlan {
    /// The defaults of the benchmark that this one replaces: one user, its chat completion, for 60 s.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            model: LoadModel::Closed { users: 1, spawn_rate_per_s: 10.0, think_time: Distribution::zero() },
            stages: Vec::new(),
            until: Until::RunTime { us: 60 * SECOND_US },
            warm_up: WarmUp::default(),
            drain_us: 5 * SECOND_US,
            timeout_us: 60 * SECOND_US,
            requests: vec![RequestTemplate::default()],
            lines: Vec::new(),
            seed: 0,
            first_counter: 0,
            stream: false,
            keep_alive: true,
            insecure: false,
            ca: None,
            threads: None,
            backend: None,
            backend_token: None,
            secrets: Vec::new(),
        }
    }

    /// The same with this many closed-loop users, who do not think.
    #[must_use]
    pub fn with_users(self, users: u32, spawn_rate_per_s: f64) -> Self {
        Self { model: LoadModel::Closed { users, spawn_rate_per_s, think_time: Distribution::zero() }, ..self }
    }

    /// Length of the counted window; `None` when only a number of requests, or a signal, ends it.
    pub fn window_us(&self) -> Option<u64> {
        if !self.stages.is_empty() {
            return Some(self.stages.iter().fold(0, |sum, stage| sum.saturating_add(stage.duration_us)));
        }
        match self.until {
            Until::RunTime { us } => Some(us),
            Until::Iterations { .. } | Until::Stopped => None,
        }
    }

    /// Longest time from the first request to the result: starting users, warm-up, window and drain; `None` where the
    /// window has no length of its own.
    pub fn longest_us(&self) -> Option<u64> {
        let window_us = self.window_us()?;
        let before_us =
            if self.stages.is_empty() { self.model.spawning_us().saturating_add(self.warm_up.longest_us()) } else { 0 };
        Some(before_us.saturating_add(window_us).saturating_add(self.drain_us))
    }

    /// Whether requests have due times of their own, apart from when they are sent.
    pub fn is_scheduled(&self) -> bool {
        match &self.model {
            LoadModel::Closed { think_time, .. } => !think_time.is_zero(),
            LoadModel::Open { .. } => true,
        }
    }

    /// Most requests at once: the most users, or what an open loop allows.
    pub fn max_in_flight(&self) -> u32 {
        match self.model {
            LoadModel::Closed { users, .. } => {
                self.stages.iter().map(|stage| stage.target as u32).fold(users, u32::max)
            }
            LoadModel::Open { max_in_flight, .. } => max_in_flight,
        }
    }
}

impl WarmUp {
    /// Its length, or the longest that it may take.
    pub fn longest_us(&self) -> u64 {
        match *self {
            Self::Fixed { us } => us,
            Self::Steady { at_most_us } => at_most_us,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for WarmUp {
    /// Until steady, at most 5 s: enough for connections and caches of a warm server, short beside a 60 s run.
    fn default() -> Self {
        Self::Steady { at_most_us: 5 * SECOND_US }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrivals, Expect};
    use super::*;

    fn json(plan: &LoadPlan) -> String {
        serde_json::to_string(plan).expect("it has a text")
    }

    #[test]
    fn every_variant_comes_back_from_json() {
        let plan = || LoadPlan::new("http://stack:8321");
        let until = [Until::RunTime { us: 1 }, Until::Iterations { count: u64::MAX }, Until::Stopped];
        let warm_up = [WarmUp::Fixed { us: 0 }, WarmUp::Steady { at_most_us: 5 }];
        let think_times = ["0", "10ms", "5ms..15ms", "exp 10ms", "lognormal 10ms 0.5", "95% 10ms, 5% 200ms"];
        let mut models = think_times
            .map(|text| LoadModel::Closed { users: 3, spawn_rate_per_s: 0.1, think_time: text.parse().unwrap() })
            .to_vec();
        models.extend([Arrivals::Constant, Arrivals::Poisson].map(|arrivals| LoadModel::Open {
            rate_rps: 99.5,
            arrivals,
            max_in_flight: 7,
        }));
        let expects = ["200", "201 /id", "/a~1b/~0/0"].map(|text| text.parse::<Expect>().unwrap());
        let requests = expects.map(|expect| RequestTemplate {
            headers: vec![("X-Y".into(), "z".into())],
            body: "{\"p\": \"{{line}}\\n\"}".into(),
            expect,
            weight: 0.1,
            ..RequestTemplate::default()
        });
        let mut plans = vec![
            plan(),
            LoadPlan {
                stages: vec![Stage { duration_us: 1, target: 2.5 }],
                requests: requests.to_vec(),
                lines: vec!["ü \"x\"".into(), String::new()],
                seed: u64::MAX,
                stream: true,
                keep_alive: false,
                insecure: true,
                ca: Some("-----BEGIN CERTIFICATE-----\n".into()),
                threads: Some(2),
                backend: Some("http://mock:8080".into()),
                backend_token: Some("5e".into()),
                ..plan()
            },
        ];
        plans.extend(models.into_iter().map(|model| LoadPlan { model, ..plan() }));
        plans.extend(until.map(|until| LoadPlan { until, ..plan() }));
        plans.extend(warm_up.map(|warm_up| LoadPlan { warm_up, ..plan() }));
        for plan in plans {
            let text = json(&plan);
            assert!(!text.contains('\n'), "{text}");
            assert_eq!(serde_json::from_str::<LoadPlan>(&text).unwrap(), plan, "{text}");
        }
    }

    #[test]
    fn distributions_and_expectations_are_their_texts_and_what_is_not_asked_for_is_left_out() {
        let request = RequestTemplate { body: String::new(), ..RequestTemplate::default() };
        let plan = LoadPlan { requests: vec![request], ..LoadPlan::new("http://a") };
        insta::assert_snapshot!(json(&plan), @r#"{"host":"http://a","model":{"kind":"closed","users":1,"spawn_rate_per_s":10.0},"until":{"kind":"run_time","us":60000000},"warm_up":{"kind":"steady","at_most_us":5000000},"drain_us":5000000,"timeout_us":60000000,"requests":[{"method":"POST","path":"/v1/chat/completions","name":"/v1/chat/completions","body":"","expect":"200 /choices","weight":1.0}],"seed":0,"stream":false,"keep_alive":true,"insecure":false}"#);
        let think_time = "exp 10ms".parse().unwrap();
        let model = LoadModel::Closed { users: 1, spawn_rate_per_s: 10.0, think_time };
        insta::assert_snapshot!(serde_json::to_string(&model).unwrap(), @r#"{"kind":"closed","users":1,"spawn_rate_per_s":10.0,"think_time":"exp 10ms"}"#);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_name() {
        let good = json(&LoadPlan::new("http://a"));
        for (from, to, message) in [
            ("\"seed\":0,", "", "missing field `seed`"),
            ("\"seed\"", "\"sead\"", "unknown field `sead`"),
            ("200 /choices", "99", "`99` is not a status from 200 to 599"),
            ("\"spawn", "\"think_time\":\"soon\",\"spawn", "`soon` is not a time"),
            ("run_time", "run_tine", "unknown variant `run_tine`"),
        ] {
            assert!(good.contains(from), "{good}");
            let error = serde_json::from_str::<LoadPlan>(&good.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_longest_time_is_that_of_all_its_parts() {
        let plan = LoadPlan::new("http://a").with_users(45, 1.5);
        assert_eq!(plan.longest_us(), Some((30 + 5 + 60 + 5) * SECOND_US));
        assert_eq!(LoadPlan { until: Until::Stopped, ..plan }.longest_us(), None);
    }
}
