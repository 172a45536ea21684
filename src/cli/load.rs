//! The flags that say what load is: the same for `load`, `capacity` and `bench`, which hands them on.

use crate::{
    distribution::Distribution,
    error::Error,
    load::{Expect, RequestTexts},
    model::{Arrivals, LoadModel, Stage},
    threshold::Threshold,
    units,
};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// Who sends what, when, and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadFlags {
    /// Closed loop: concurrent users; each sends, waits for the answer, and sends again
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub users: u32,
    /// Users started each second
    #[arg(short = 'r', long, default_value = "10", value_parser = parse_rate, value_name = "USERS/S")]
    pub spawn_rate: f64,
    /// Wait of a user between an answer and its next request: 100ms, 50ms..150ms, 'exp 100ms',
    /// 'lognormal 100ms 0.5', '95% 10ms, 5% 200ms'
    #[arg(long, default_value = "0", value_name = "DISTRIBUTION")]
    pub think_time: Distribution,
    /// Open loop: requests due each second, whatever the answers do
    #[arg(long, value_parser = parse_rate, value_name = "REQUESTS/S", conflicts_with_all = ["users", "spawn_rate", "think_time"])]
    pub rate: Option<f64>,
    /// Open loop: how the due times lie
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Constant, requires = "rate")]
    pub arrivals: ArrivalsArg,
    /// Open loop: most requests at once; beyond it, due requests wait and are sent late
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), requires = "rate", value_name = "N")]
    pub max_in_flight: u32,
    /// Users (or the rate) go straight to each target in its time: 30s:10,1m:50; then the load ends
    #[arg(long, value_delimiter = ',', value_parser = parse_stage, value_name = "TIME:TARGET,...", conflicts_with_all = ["spawn_rate", "run_time", "iterations", "warm_up"])]
    pub stages: Vec<Stage>,
    /// Length of the measured window: 60, 60s, 1h30m; 0: until stopped by a signal
    #[arg(short = 't', long, default_value = "60", value_parser = units::parse_duration, value_name = "TIME")]
    pub run_time: Duration,
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
    pub fail_if: Vec<Threshold>,
}

/// What is sent, and what success is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestFlags {
    /// Ask for streams, and time them token by token: time to first token, inter-token latency, tokens a second
    #[arg(long)]
    pub stream: bool,
    /// Requests to send instead of the chat completion, a JSON object a line: method, path, headers, body, weight, name,
    /// expect; {{counter}}, {{random}} and {{line}} in them differ for each request
    #[arg(long, value_name = "FILE")]
    pub request_file: Option<PathBuf>,
    /// Lines for {{line}}, in turn
    #[arg(long, value_name = "FILE", requires = "request_file")]
    pub data_file: Option<PathBuf>,
    /// What success is: a status, a JSON pointer that leads to something non-empty, or both, or `any`
    /// (default: 200, and /choices of completions)
    #[arg(long, value_name = "STATUS|POINTER")]
    pub expect: Option<Expect>,
    /// Longest wait for an answer
    #[arg(long, default_value = "60s", value_parser = units::parse_duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Open a connection for each request
    #[arg(long)]
    pub no_keepalive: bool,
}

impl RequestFlags {
    /// What its files say.
    ///
    /// # Errors
    /// Those of [`RequestTexts::read`].
    pub fn texts(&self) -> Result<RequestTexts, Error> {
        RequestTexts::read(self.request_file.as_deref(), self.data_file.as_deref())
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
    /// Who sends, and when.
    pub fn model(&self) -> LoadModel {
        match self.rate {
            Some(rate_rps) => {
                LoadModel::Open { rate_rps, arrivals: self.arrivals.into(), max_in_flight: self.max_in_flight }
            }
            None => LoadModel::Closed {
                users: self.users,
                // With stages, nobody is spawned at a rate.
                spawn_rate_per_s: if self.stages.is_empty() { self.spawn_rate } else { f64::from(self.users) },
                think_time: (!self.think_time.is_zero()).then(|| self.think_time.to_string()),
            },
        }
    }

    /// Length of the counted window; 0 when only a signal, or a number of requests, ends it.
    pub fn window(&self) -> Duration {
        match (self.stages.is_empty(), self.iterations) {
            (false, _) => Duration::from_micros(self.stages.iter().map(|stage| stage.duration_us).sum()),
            (true, Some(_)) => Duration::ZERO,
            (true, None) => self.run_time,
        }
    }

    /// The flags that make another process load alike, but for thresholds and files.
    pub fn to_arguments(&self) -> Vec<String> {
        let us = |time: Duration| Some(format!("{}us", time.as_micros()));
        let is_closed = self.rate.is_none();
        let is_timed = self.stages.is_empty() && self.iterations.is_none();
        let stages: Vec<String> =
            self.stages.iter().map(|stage| format!("{}us:{}", stage.duration_us, stage.target)).collect();
        let expect = self.requests.expect.as_ref().map(ToString::to_string);
        let warm_up = match self.warm_up {
            WarmUpArg::Auto => Some("auto".to_owned()),
            WarmUpArg::Fixed(time) => us(time),
        };
        let valued = [
            ("--users", is_closed.then(|| self.users.to_string())),
            ("--spawn-rate", (is_closed && self.stages.is_empty()).then(|| self.spawn_rate.to_string())),
            ("--think-time", is_closed.then(|| self.think_time.to_string())),
            ("--rate", self.rate.map(|rate| rate.to_string())),
            ("--arrivals", self.rate.and(self.arrivals.to_possible_value()).map(|value| value.get_name().to_owned())),
            ("--max-in-flight", self.rate.map(|_| self.max_in_flight.to_string())),
            ("--stages", (!stages.is_empty()).then(|| stages.join(","))),
            ("--iterations", self.iterations.map(|count| count.to_string())),
            ("--run-time", us(self.run_time).filter(|_| is_timed)),
            ("--warm-up", warm_up.filter(|_| is_timed)),
            ("--drain", us(self.drain)),
            ("--seed", Some(self.seed.to_string())),
            ("--threads", self.threads.map(|threads| threads.to_string())),
            ("--expect", expect),
            ("--timeout", us(self.requests.timeout)),
        ];
        let switches = [("--stream", self.requests.stream), ("--no-keepalive", self.requests.no_keepalive)];
        let valued = valued.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?])).flatten();
        valued.chain(switches.into_iter().filter(|(_, is_on)| *is_on).map(|(flag, _)| flag.to_owned())).collect()
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

fn parse_warm_up(text: &str) -> Result<WarmUpArg, String> {
    if text == "auto" { Ok(WarmUpArg::Auto) } else { units::parse_duration(text).map(WarmUpArg::Fixed) }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("`{text}` is not a rate above 0")),
    }
}

fn parse_stage(text: &str) -> Result<Stage, String> {
    let wrong = || format!("`{text}` is not a stage: use 30s:10, the time and then the users (or requests a second)");
    let (time, target) = text.rsplit_once(':').ok_or_else(wrong)?;
    let duration = units::parse_duration(time).map_err(|_| wrong())?;
    let target: f64 = target.trim().parse().map_err(|_| wrong())?;
    if !(0.0..=1e7).contains(&target) || duration > Duration::from_secs(366 * 86400) {
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

    #[test]
    fn what_is_handed_on_means_the_same() {
        for arguments in [
            &[][..],
            &[
                "--users",
                "7",
                "--think-time",
                "95% 10ms, 5% 200ms",
                "--warm-up",
                "1s",
                "--stream",
                "--expect",
                "201 /id",
            ],
            &["--rate", "99.5", "--arrivals", "poisson", "--max-in-flight", "3", "--run-time", "1h30m", "--seed", "9"],
            &["--users", "2", "--stages", "30s:10,1m:50", "--no-keepalive", "--threads", "2"],
            &["--rate", "2", "--stages", "500ms:10", "--timeout", "1s"],
            &["--iterations", "100", "--drain", "1s"],
        ] {
            let first = parse(arguments).unwrap();
            let handed_on = first.to_arguments();
            let second = parse(&handed_on.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for arguments in [
            &["--rate", "1", "--users", "2"][..],
            &["--arrivals", "poisson"],
            &["--stages", "1s:1", "--run-time", "2"],
            &["--iterations", "5", "--run-time", "2"],
            &["--data-file", "x"],
            &["--stages", "1s"],
            &["--fail-if", "p99"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
