//! The flags that say what load is, the same for `load`, `capacity` and `bench`; and the one conversion from them to a
//! [`LoadPlan`].

use crate::{
    analyse::ChangeLimit,
    error::{Error, Result},
    load::{RATES, SPAWN_RATES, read_data_file, read_request_file},
    model::{Arrivals, Distribution, Expect, LoadModel, LoadPlan, RequestTemplate, Stage, Until, WarmUp},
    threshold::Threshold,
    units,
};
use clap::{Args, ValueEnum};
use std::{ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

/// What is not given is as in the benchmark that this one replaces.
const SPAWN_RATE: f64 = 10.0;
const RUN_TIME: Duration = Duration::from_secs(60);

/// Who sends what, when, and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadFlags {
    /// Closed loop: concurrent users; each sends, waits for the answer, sends again [default: 1]
    /// (several, as 8,16,32, in a study)
    #[arg(short, long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub users: Vec<u32>,
    /// Users started each second [default: 10]
    #[arg(short = 'r', long, value_parser = parse_spawn_rate, value_name = "USERS/S")]
    pub spawn_rate: Option<f64>,
    /// Wait of a user between an answer and its next request: 100ms, 50ms..150ms, 'exp 100ms',
    /// 'lognormal 100ms 0.5', '95% 10ms, 5% 200ms'
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION")]
    pub think_time: Distribution,
    /// Open loop: requests due each second, whatever the answers do (several in a study)
    #[arg(long, value_delimiter = ',', value_parser = parse_rate, value_name = "REQUESTS/S", conflicts_with_all = ["users", "spawn_rate", "think_time"])]
    pub rate: Vec<f64>,
    /// Open loop: how the due times lie
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Constant, requires = "rate")]
    pub arrivals: ArrivalsArg,
    /// Open loop: most requests at once; beyond it, due requests wait and are sent late
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), requires = "rate", value_name = "N")]
    pub max_in_flight: u32,
    /// Users (or the rate) go straight to each target in its time: 30s:10,1m:50; then the load ends
    #[arg(long, value_delimiter = ',', value_parser = parse_stage, value_name = "TIME:TARGET,...", conflicts_with_all = ["spawn_rate", "run_time", "iterations", "warm_up"])]
    pub stages: Vec<Stage>,
    /// Length of the measured window: 60, 60s, 1h30m; 0: until stopped by a signal [default: 60]
    #[arg(short = 't', long, value_parser = units::parse_duration, value_name = "TIME")]
    pub run_time: Option<Duration>,
    /// End after this many requests instead; all are counted, without a warm-up
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "N", conflicts_with_all = ["run_time", "warm_up"])]
    pub iterations: Option<u64>,
    /// `auto` (until the throughput is steady by MSER-5, at most 5 s), or a fixed time; never counted
    #[arg(long, default_value = "auto", value_parser = parse_warm_up, value_name = "TIME")]
    pub warm_up: WarmUpArg,
    /// Longest wait for answers after the load's end
    #[arg(long, default_value = "5s", value_parser = units::parse_duration, value_name = "TIME")]
    pub drain: Duration,
    /// Of Poisson arrivals, think times, the mix of requests and {{random}}
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Sending threads (default: one a CPU it may use, at most one a user)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024), value_name = "N")]
    pub threads: Option<u32>,

    /// What is sent
    #[command(flatten)]
    pub requests: RequestFlags,

    /// Exit with 99 if this holds: 'p99 > 250ms', 'failed > 1%', 'rps < 500', 'ttft.p95 > 1s'; may be repeated
    #[arg(long, help_heading = "Thresholds", value_name = "CONDITION")]
    pub fail_if: Vec<FailIf>,
}

/// A condition that makes a command fail.
#[derive(Clone, Debug, PartialEq)]
pub enum FailIf {
    /// On what was measured: `p99 > 250ms`.
    Threshold(Threshold),
    /// On how it changed: `p99 > +10%`.
    Change(ChangeLimit),
}

impl FailIf {
    /// A condition on what was measured.
    pub fn threshold(&self) -> Option<Threshold> {
        if let Self::Threshold(threshold) = self { Some(threshold.clone()) } else { None }
    }

    /// A condition on how it changed.
    pub fn change_limit(&self) -> Option<ChangeLimit> {
        if let Self::Change(limit) = self { Some(limit.clone()) } else { None }
    }
}

impl FromStr for FailIf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let threshold = text.parse::<Threshold>().map(Self::Threshold);
        let change = || text.parse::<ChangeLimit>().map(Self::Change);
        match threshold {
            Err(_) if text.trim_end().ends_with('%') && !text.trim_start().starts_with("failed") => change(),
            threshold => threshold,
        }
    }
}

/// What is sent, and what success is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestFlags {
    /// Ask for streams, and time them token by token: time to first token, inter-token latency, tokens a second
    #[arg(long)]
    pub stream: bool,
    /// Requests to send instead of the chat completion, a JSON object a line: method, path, headers, body, weight, name,
    /// expect; or steps (with capture, cookies, once), weight. {{counter}}, {{random}} and {{line}} in them differ for each request,
    /// {{env:NAME}} is a variable, {{name}} what an earlier step has captured; any other {{name}} stays
    #[arg(long, value_name = "FILE")]
    pub request_file: Option<PathBuf>,
    /// Lines for {{line}}, in turn
    #[arg(long, value_name = "FILE")]
    pub data_file: Option<PathBuf>,
    /// What success is: a status, a JSON pointer that leads to something non-empty, or both, or `any`
    /// (default: 200, and /choices of completions)
    #[arg(long, value_name = "STATUS|POINTER")]
    pub expect: Option<Expect>,
    /// A header of every request, NAME:VALUE, in place of any of that name; may be repeated
    #[arg(long = "header", value_parser = parse_header, value_name = "NAME:VALUE")]
    pub headers: Vec<(String, String)>,
    /// Longest wait for an answer
    #[arg(long, default_value = "60s", value_parser = units::parse_duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Open a connection for each request
    #[arg(long)]
    pub no_keepalive: bool,
}

impl RequestFlags {
    /// The default load, but with these requests.
    ///
    /// # Errors
    /// [`crate::error::Error::Usage`] names a file that cannot be read or understood, and where.
    pub fn plan(&self, host: String) -> Result<LoadPlan> {
        if self.data_file.is_some() && self.request_file.is_none() {
            return Err(Error::Usage("--data-file: there is no --request-file whose {{line}} it could fill".into()));
        }
        let (mut requests, secrets) = match &self.request_file {
            Some(path) => {
                let file = read_request_file(path)?;
                (file.requests, file.secrets)
            }
            None if self.stream => (vec![RequestTemplate::streamed()], Vec::new()),
            None => (vec![RequestTemplate::default()], Vec::new()),
        };
        if let Some(expect) = &self.expect {
            requests.iter_mut().for_each(|request| request.expect = expect.clone());
        }
        for request in &mut requests {
            let is_given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            request.headers.retain(|(name, _)| !is_given(name));
            request.headers.extend(self.headers.iter().cloned());
        }
        Ok(LoadPlan {
            requests,
            secrets,
            lines: self.data_file.as_deref().map(read_data_file).transpose()?.unwrap_or_default(),
            stream: self.stream,
            timeout_us: micros(self.timeout),
            keep_alive: !self.no_keepalive,
            ..LoadPlan::new(host)
        })
    }
}

/// How the due times of an open loop lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsArg {
    /// At equal distances
    Constant,
    /// As a Poisson process
    Poisson,
}

/// `--warm-up`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WarmUpArg {
    /// Until the throughput is steady.
    Auto,
    /// This long.
    Fixed(Duration),
}

impl LoadFlags {
    /// Refuses what only a study takes.
    ///
    /// # Errors
    /// [`Error::Usage`] names the flag.
    pub fn only_one(&self) -> Result<()> {
        let several = [("--users", self.users.len()), ("--rate", self.rate.len())].into_iter().find(|(_, n)| *n > 1);
        if let Some((flag, count)) = several {
            return Err(Error::Usage(format!("{flag}: {count} values; only `vscale study` visits several")));
        }
        self.nothing_compared()
    }

    /// Refuses conditions that take something to compare with.
    ///
    /// # Errors
    /// [`Error::Usage`] names the condition.
    pub fn nothing_compared(&self) -> Result<()> {
        self.fail_if.iter().find_map(FailIf::change_limit).map_or(Ok(()), |limit| {
            Err(Error::Usage(format!("--fail-if '{limit}': only `vscale study --ab` and `vscale compare` compare")))
        })
    }

    /// All that the flags and the files that they name say; of several users or rates, the first.
    ///
    /// # Errors
    /// Those of [`RequestFlags::plan`].
    pub fn plan(&self, host: String) -> Result<LoadPlan> {
        Ok(LoadPlan {
            model: self.model(),
            stages: self.stages.clone(),
            until: match self.iterations {
                Some(count) => Until::Iterations { count },
                None => match self.run_time.unwrap_or(RUN_TIME) {
                    Duration::ZERO => Until::Stopped,
                    time => Until::RunTime { us: micros(time) },
                },
            },
            warm_up: match self.warm_up {
                WarmUpArg::Auto => WarmUp::default(),
                WarmUpArg::Fixed(time) => WarmUp::Fixed { us: micros(time) },
            },
            drain_us: micros(self.drain),
            seed: self.seed,
            threads: self.threads,
            ..self.requests.plan(host)?
        })
    }

    fn model(&self) -> LoadModel {
        match self.rate.first() {
            Some(&rate_rps) => {
                LoadModel::Open { rate_rps, arrivals: self.arrivals.into(), max_in_flight: self.max_in_flight }
            }
            None => {
                let users = self.users.first().copied().unwrap_or(1);
                // With stages, nobody is spawned at a rate.
                let spawn_rate_per_s =
                    if self.stages.is_empty() { self.spawn_rate.unwrap_or(SPAWN_RATE) } else { f64::from(users) };
                LoadModel::Closed { users, spawn_rate_per_s, think_time: self.think_time.clone() }
            }
        }
    }
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arrivals: ArrivalsArg) -> Self {
        match arrivals {
            ArrivalsArg::Constant => Self::Constant,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

/// What is longer than a counter lasts has no end.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What is wrong with it is said without its value, which may be a secret.
fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME:VALUE")?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{}` is not the name of a header", name.escape_debug()));
    }
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Err(format!("the value of {name} has control characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_warm_up(text: &str) -> Result<WarmUpArg, String> {
    if text == "auto" { Ok(WarmUpArg::Auto) } else { units::parse_duration(text).map(WarmUpArg::Fixed) }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    number_within(text, RATES, "requests a second")
}

fn parse_spawn_rate(text: &str) -> Result<f64, String> {
    number_within(text, SPAWN_RATES, "users a second")
}

fn number_within(text: &str, range: RangeInclusive<f64>, unit: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if range.contains(&rate) => Ok(rate),
        _ => Err(format!("`{text}` is not a rate from {} to {} {unit}", range.start(), range.end())),
    }
}

fn parse_stage(text: &str) -> Result<Stage, String> {
    let wrong = || format!("`{text}` is not a stage: use 30s:10, the time and then the users (or requests a second)");
    let (time, target) = text.rsplit_once(':').ok_or_else(wrong)?;
    let duration = units::parse_duration(time).map_err(|_| wrong())?;
    let target: f64 = target.trim().parse().map_err(|_| wrong())?;
    if !(0.0..=*RATES.end()).contains(&target) {
        return Err(wrong());
    }
    Ok(Stage { duration_us: duration.as_micros() as u64, target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        load: LoadFlags,
    }

    fn parse(arguments: &[&str]) -> Result<LoadFlags, String> {
        let arguments = std::iter::once("x").chain(arguments.iter().copied());
        Cli::try_parse_from(arguments).map(|cli| cli.load).map_err(|error| error.to_string())
    }

    fn plan(arguments: &[&str]) -> LoadPlan {
        parse(arguments).unwrap().plan("http://a".into()).unwrap()
    }

    #[test]
    fn without_flags_the_plan_is_the_default() {
        assert_eq!(plan(&[]), LoadPlan::new("http://a"));
    }

    #[test]
    fn each_flag_is_in_the_plan() {
        let closed =
            plan(&["--users", "7", "--think-time", "exp 10ms", "--warm-up", "1s", "--no-keepalive", "--run-time", "0"]);
        let think_time = "exp 10ms".parse().unwrap();
        assert_eq!(closed.model, LoadModel::Closed { users: 7, spawn_rate_per_s: 10.0, think_time });
        assert_eq!((closed.warm_up, closed.until), (WarmUp::Fixed { us: 1_000_000 }, Until::Stopped));
        assert_eq!((closed.keep_alive, closed.window_us()), (false, None));

        let open =
            plan(&["--rate", "99.5", "--arrivals", "poisson", "--max-in-flight", "3", "--seed", "9", "--drain", "0"]);
        assert_eq!(open.model, LoadModel::Open { rate_rps: 99.5, arrivals: Arrivals::Poisson, max_in_flight: 3 });
        assert_eq!((open.seed, open.drain_us, open.timeout_us), (9, 0, 60_000_000));

        let staged = plan(&["--users", "2", "--stages", "30s:10,1m:50", "--threads", "2"]);
        assert_eq!((staged.model.users(), staged.stages.len(), staged.threads), (2, 2, Some(2)));
        assert_eq!((staged.window_us(), staged.longest_us()), (Some(90_000_000), Some(95_000_000)));

        let streams = plan(&["--stream", "--expect", "201 /id", "--iterations", "100", "--timeout", "1s"]);
        assert_eq!(streams.requests[0].body, RequestTemplate::streamed().body);
        assert_eq!((streams.stream, streams.requests[0].expect.to_string()), (true, "201 /id".into()));
        assert_eq!((streams.until, streams.timeout_us), (Until::Iterations { count: 100 }, 1_000_000));
    }

    #[test]
    fn headers_are_of_every_request_and_stand_in_for_those_of_their_name() {
        let flags = &["--header", "Authorization: Bearer a:b", "--header", "content-type:text/plain"];
        let own = &RequestTemplate::default().headers;
        let headers = &plan(flags).requests[0].headers;
        let value = |wanted: &str| -> Vec<&str> {
            let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!((value("authorization"), value("Content-Type")), (vec!["Bearer a:b"], vec!["text/plain"]));
        assert!(own.iter().all(|(name, _)| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))));
        for wrong in ["Authorization", ": x", "a b: c", "a: b\nc"] {
            assert!(parse(&["--header", wrong]).is_err_and(|error| !error.contains("Bearer")), "{wrong}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for arguments in [
            &["--rate", "1", "--users", "2"][..],
            &["--arrivals", "poisson"],
            &["--stages", "1s:1", "--run-time", "2"],
            &["--iterations", "5", "--run-time", "2"],
            &["--stages", "1s"],
            &["--fail-if", "p99"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
