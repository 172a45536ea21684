//! What a person reads of a run while it goes on. Pure: where the lines go, and how often, the caller decides.

use super::{
    cells::{self, counted, or_none},
    findings::sentence,
};
use crate::{
    analyse::stats::{LEVEL, smallest_effect},
    events::{Event, LoadNow},
    model::{Finding, PhaseKind, Scope},
    text::plain,
    units::format_us,
};

/// A line of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Something has begun or ended: stays.
    Step(String),
    /// How it stands: the next one takes its place.
    Live(String),
}

/// An event in words.
pub fn line(event: &Event) -> Line {
    let step = |text: String| Line::Step(plain(&text));
    let live = |text: String| Line::Live(plain(&text));
    match event {
        Event::Collected { run, left } => step(format!("removed what the killed run {run} had left{}", but_for(left))),
        Event::Image { service, line } if line.is_empty() => live(format!("image of {service}")),
        Event::Image { service, line } => live(format!("image of {service}: {line}")),
        Event::Planned { run, folder, visits, done, blocks, at_most_us } => {
            let done = if *done > 0 { format!(", {done} of them done") } else { String::new() };
            let what = if blocks.is_some() { "visit" } else { "level" };
            let levels = counted(*visits as u64, what);
            let long = cells::duration(*at_most_us);
            let shown = blocks.map_or_else(String::new, |blocks| format!("{}; ", can_show(blocks)));
            step(format!("run {run}: {shown}{levels}{done}, at most about {long}, kept in {folder}"))
        }
        Event::Differs { what } => step(format!("not as it was: {what}")),
        Event::Starting { visit, container, workers } => {
            let with = workers.map_or_else(String::new, |count| format!(" with {}", counted(count.into(), "worker")));
            step(format!("{visit}: starting {container}{with}"))
        }
        Event::Waiting { visit, what } => live(format!("{visit}: waiting for {what}")),
        Event::Ready { visit, container, after_us } => {
            step(format!("{visit}: {container} is ready after {:.1} s", *after_us as f64 / 1e6))
        }
        Event::Phase { visit, phase, host, at_most_us } => {
            let what = if *phase == PhaseKind::Null { "a mock that answers at once" } else { host_name(host) };
            let long = at_most_us.map_or_else(String::new, |us| format!(", at most {}", cells::duration(us)));
            step(format!("{visit}: {phase}: loading {what}{long}"))
        }
        Event::Progress { visit, phase, now } => live(format!("{visit}: {phase}: {}", load_now(now))),
        Event::Saved { visit, took_us, throughput_rps, visits_left, left_us, against } => {
            let rps = throughput_rps.map_or_else(String::new, |rps| format!("{} requests/s, ", cells::rps(rps)));
            let valid = against.as_ref().map_or_else(|| "valid".into(), |finding| why_not(finding));
            let left = match *visits_left as u64 {
                0 => String::new(),
                count => format!("; {} left, about {}", counted(count, "visit"), cells::duration(*left_us)),
            };
            step(format!("{visit}: saved after {}: {rps}{valid}{left}", cells::duration(*took_us)))
        }
        Event::Removing => step("removing containers and network".into()),
        Event::Removed { left } => step(format!("done{}", but_for(left))),
    }
}

/// What so many blocks can show at 80 % power, before it is known how much visits scatter.
fn can_show(blocks: usize) -> String {
    const SCATTER: f64 = 0.05;
    let effect = |scatter| smallest_effect(blocks, scatter, 0.8, 1.0 - LEVEL);
    match (effect(1.0), effect(SCATTER)) {
        (Some(times), Some(log_ratio)) => format!(
            "{} show a difference of {times:.1} times the scatter of two settings' ratio ({} where that is {})",
            counted(blocks as u64, "block"),
            cells::percent(log_ratio.exp_m1()),
            cells::percent(SCATTER)
        ),
        _ => "one block shows no difference, as nothing tells how much visits scatter".into(),
    }
}

/// `spoiled: target: others used 0.31 of the target's CPUs`.
fn why_not(finding: &Finding) -> String {
    let scope = Scope { visit: None, ..finding.scope.clone() };
    sentence(&Finding { scope, ..finding.clone() })
}

/// `measuring, 15 s left: 78 req/s, p50 12.7 ms, p99 20.1 ms, 0 failures/s, 16 users`. What a narrow screen cuts off comes
/// last.
pub fn load_now(now: &LoadNow) -> String {
    let state = if now.measuring { "measuring" } else { "warming up" };
    let time = match now.left_us {
        Some(left_us) => format!("{} left", whole_seconds(left_us)),
        None => format!("for {}", whole_seconds(now.elapsed_us)),
    };
    let [p50, p99] = [now.p50_us, now.p99_us].map(|us| or_none(us, |us| format_us(us as f64)));
    let users = if now.users > 0 { format!(", {}", counted(now.users.into(), "user")) } else { String::new() };
    format!(
        "{state}, {time}: {:.0} req/s, p50 {p50}, p99 {p99}, {:.0} failures/s{users}",
        now.throughput_rps, now.failures_rps
    )
}

fn whole_seconds(us: u64) -> String {
    if us < 1_000_000 { "0 s".into() } else { cells::duration(us) }
}

fn but_for(left: &[String]) -> String {
    if left.is_empty() { String::new() } else { format!(", but for {}", left.join("; ")) }
}

/// `stack` of `http://stack:8321/v1`.
fn host_name(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.strip_prefix('[').and_then(|ipv6| ipv6.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Gate, Severity, Value};

    #[test]
    fn every_event_in_words() {
        let visit = || "w1".to_owned();
        let now = LoadNow {
            elapsed_us: 5_020_000,
            left_us: Some(65_020_000),
            measuring: true,
            users: 16,
            throughput_rps: 78.2,
            failures_rps: 0.0,
            p50_us: Some(12_700),
            p99_us: Some(20_100),
        };
        let warming_up =
            LoadNow { left_us: None, measuring: false, users: 0, p50_us: None, p99_us: None, ..now.clone() };
        let left = || vec!["network vscale-1: has active endpoints".to_owned()];
        let at_most_us = Some(91_000_000);
        let study = |blocks| Event::Planned {
            run: "r".into(),
            folder: "f".into(),
            visits: 5 * blocks,
            done: 2,
            blocks: Some(blocks),
            at_most_us: 3_600_000_000,
        };
        let saved = |throughput_rps, visits_left, against: Option<Finding>| Event::Saved {
            visit: visit(),
            took_us: 131_400_000,
            throughput_rps,
            visits_left,
            left_us: 90_000_000,
            against: against.map(Box::new),
        };
        let spoiled = Finding {
            scope: Scope { visit: Some(visit()), phase: Some(PhaseKind::Target), ..Scope::default() },
            gate: Gate::ForeignCpu,
            measured: Some(Value::Number(0.31)),
            limit: Some(Value::Number(0.1)),
            note: None,
            severity: Severity::Spoiled,
        };
        let phase = |phase, host: &str| Event::Phase { visit: visit(), phase, host: host.into(), at_most_us };
        let events = [
            Event::Collected { run: "20261124T114421Z-bench-3f9a1c".into(), left: vec![] },
            Event::Collected { run: "20261124T114421Z-bench-3f9a1c".into(), left: left() },
            Event::Image { service: "stack".into(), line: String::new() },
            Event::Image { service: "stack".into(), line: "Step 1/3 : \u{1b}[1mFROM debian\u{1b}[0m".into() },
            Event::Planned {
                run: "20261124T114421Z-bench-3f9a1c".into(),
                folder: "results/runs/x".into(),
                visits: 2,
                done: 0,
                blocks: None,
                at_most_us: 90_000_000,
            },
            study(5),
            study(1),
            Event::Starting { visit: visit(), container: "mock".into(), workers: None },
            Event::Starting { visit: visit(), container: "stack".into(), workers: Some(1) },
            Event::Waiting { visit: visit(), what: "stack: connection refused".into() },
            Event::Waiting { visit: visit(), what: "2 idle workers: 1 found, 0.98 CPUs busy".into() },
            Event::Ready { visit: visit(), container: "stack".into(), after_us: 3_700_000 },
            phase(PhaseKind::Baseline, "http://mock:8080"),
            phase(PhaseKind::Null, "http://null:80"),
            phase(PhaseKind::Target, "https://stack:8321/v1"),
            Event::Phase {
                visit: visit(),
                phase: PhaseKind::Target,
                host: "http://[::1]:8321".into(),
                at_most_us: None,
            },
            Event::Progress { visit: visit(), phase: PhaseKind::Target, now },
            Event::Progress { visit: visit(), phase: PhaseKind::Target, now: warming_up },
            saved(Some(78.2), 3, None),
            saved(Some(78.2), 1, Some(spoiled)),
            saved(None, 0, None),
            Event::Removing,
            Event::Removed { left: vec![] },
            Event::Removed { left: left() },
        ];
        let in_words = |event: &Event| match line(event) {
            Line::Step(text) => text,
            Line::Live(text) => format!("  {text}"),
        };
        let lines: Vec<String> = events.iter().map(in_words).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        removed what the killed run 20261124T114421Z-bench-3f9a1c had left
        removed what the killed run 20261124T114421Z-bench-3f9a1c had left, but for network vscale-1: has active endpoints
          image of stack
          image of stack: Step 1/3 : FROM debian
        run 20261124T114421Z-bench-3f9a1c: 2 levels, at most about 1 min 30 s, kept in results/runs/x
        run r: 5 blocks show a difference of 1.7 times the scatter of two settings' ratio (8.8 % where that is 5.0 %); 25 visits, 2 of them done, at most about 1 h, kept in f
        run r: one block shows no difference, as nothing tells how much visits scatter; 5 visits, 2 of them done, at most about 1 h, kept in f
        w1: starting mock
        w1: starting stack with 1 worker
          w1: waiting for stack: connection refused
          w1: waiting for 2 idle workers: 1 found, 0.98 CPUs busy
        w1: stack is ready after 3.7 s
        w1: baseline: loading mock, at most 1 min 31 s
        w1: null: loading a mock that answers at once, at most 1 min 31 s
        w1: target: loading stack, at most 1 min 31 s
        w1: target: loading ::1
          w1: target: measuring, 1 min 5 s left: 78 req/s, p50 12.7 ms, p99 20.1 ms, 0 failures/s, 16 users
          w1: target: warming up, for 5 s: 78 req/s, p50 n/a, p99 n/a, 0 failures/s
        w1: saved after 2 min 11 s: 78.2 requests/s, valid; 3 visits left, about 1 min 30 s
        w1: saved after 2 min 11 s: 78.2 requests/s, spoiled: target: others used 0.31 CPUs of the target's own; 1 visit left, about 1 min 30 s
        w1: saved after 2 min 11 s: valid
        removing containers and network
        done
        done, but for network vscale-1: has active endpoints
        ");
    }
}
