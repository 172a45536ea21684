//! `timeseries.csv`: all that was counted in a visit on one clock, a row a second of its loads. Counters that were read at
//! other moments are interpolated between their readings. What was not read is empty.

use super::csv_text::{cell, csv_text};
use crate::{
    measure::Counter,
    model::{Phase, PhaseKind, ProbeSample, Run, Second, Visited},
};

const HEADER: [&str; 17] = [
    "phase",
    "unix_us",
    "duration_us",
    "measured",
    "users",
    "throughput_rps",
    "failures_rps",
    "p50_us",
    "p99_us",
    "in_flight",
    "target_cores",
    "throttled_cores",
    "others_cores",
    "run_queue_wait_cores",
    "backend_cores",
    "backend_connections",
    "accept_queue",
];

/// Its text.
pub fn render(run: &Run, visited: &Visited) -> String {
    let phases = visited.phases.iter().filter(|phase| phase.kind != PhaseKind::Null);
    let rows = phases.flat_map(|phase| {
        let counters = Counters::of(run, phase);
        phase.load.series.iter().map(move |second| row(phase, second, &counters)).collect::<Vec<_>>()
    });
    csv_text(HEADER, rows)
}

fn row(phase: &Phase, second: &Second, counters: &Counters) -> Vec<String> {
    let from_unix_us = second.unix_us - second.duration_us;
    let per_second = |count: u64| rounded(count as f64 * 1e6 / second.duration_us.max(1) as f64);
    let percentile = |index: usize| cell(second.percentiles_us.map(|percentiles| percentiles[index]));
    let cores = |counter: &Counter| counter.rate_from_to(from_unix_us, second.unix_us);
    let others = || Some((cores(&counters.cpus)? - cores(&counters.processes)?).max(0.0));
    let last = phase.processes.iter().rfind(|sample| (from_unix_us..=second.unix_us).contains(&sample.unix_us));
    vec![
        phase.kind.to_string(),
        second.unix_us.to_string(),
        second.duration_us.to_string(),
        second.measured.to_string(),
        second.users.to_string(),
        per_second(second.successes()),
        per_second(second.failures),
        percentile(P50),
        percentile(P99),
        rounded(second.latency_sum_us as f64 / second.duration_us.max(1) as f64),
        cell(cores(&counters.target).map(rounded)),
        cell(cores(&counters.throttled).map(rounded)),
        cell(others().map(rounded)),
        cell(cores(&counters.waiting).map(rounded)),
        cell(cores(&counters.backend).map(rounded)),
        cell(last.map(|sample| connections(sample, counters.backend_port))),
        cell(last.map(|sample| sample.listeners.iter().map(|listener| listener.queued).max().unwrap_or(0))),
    ]
}

/// Places in [`crate::model::PERCENTILES`].
const P50: usize = 0;
const P99: usize = 7;

/// Of microseconds, so that their rates are CPUs.
struct Counters {
    /// The target's cgroup.
    target: Counter,
    /// What its quota held back.
    throttled: Counter,
    /// The target's CPUs, whoever used them.
    cpus: Counter,
    /// The target's processes, and the probe.
    processes: Counter,
    /// Its threads, waiting for a CPU.
    waiting: Counter,
    /// The backend's container.
    backend: Counter,
    backend_port: Option<u16>,
}

impl Counters {
    /// The target's from its ticks, where there are any, and else from the engine.
    fn of(run: &Run, phase: &Phase) -> Self {
        let roles = &run.plan.roles;
        let engine = |container: &str| phase.usage(container).map_or(&[][..], |usage| &usage.samples);
        let (ticks, engine_s) = (&phase.ticks, engine(&roles.target));
        let is_target = phase.kind == PhaseKind::Target;
        let ticked = Counter::of(ticks, |tick| Some((tick.unix_us, tick.cpu_us)));
        let told = Counter::of(engine_s, |sample| Some((sample.unix_us, sample.cpu_us)).filter(|_| is_target));
        let tick_throttled = Counter::of(ticks, |tick| Some((tick.unix_us, tick.throttled_us?)));
        let throttled =
            Counter::of(engine_s, |sample| Some((sample.unix_us, sample.throttled_us?)).filter(|_| is_target));
        let probed = |read: fn(&ProbeSample) -> Option<u64>| {
            Counter::of(&phase.processes, |sample| Some((sample.unix_us, read(sample)?)))
        };
        let backend = run.plan.containers.iter().find(|container| roles.is_backend(&container.name));
        Self {
            target: if ticked == Counter::default() { told } else { ticked },
            throttled: if tick_throttled == Counter::default() { throttled } else { tick_throttled },
            cpus: probed(|sample| (!sample.cpus.is_empty()).then(|| sample.cpus.iter().map(|cpu| cpu.busy_us).sum())),
            processes: probed(|sample| {
                let used = sample.processes.iter().map(|process| process.cpu_us + process.ended_children_cpu_us);
                Some(used.sum::<u64>() + sample.own_cpu_us)
            }),
            waiting: probed(|sample| {
                let mut tasks = sample.processes.iter().flat_map(|process| &process.tasks).peekable();
                tasks.peek().is_some().then(|| tasks.map(|task| task.wait_us).sum())
            }),
            backend: Counter::of(roles.backend.as_deref().map_or(&[][..], engine), |sample| {
                Some((sample.unix_us, sample.cpu_us))
            }),
            backend_port: backend.and_then(|container| container.ready.as_ref()).map(|endpoint| endpoint.port),
        }
    }
}

/// From the target to this port, or wherever where the port is not known.
fn connections(sample: &ProbeSample, port: Option<u16>) -> u32 {
    let leads_there = |peer: &&crate::model::Peer| port.is_none_or(|port| peer.port == port);
    sample.peers.iter().filter(leads_there).map(|peer| peer.connections).sum()
}

/// To a thousandth.
fn rounded(number: f64) -> String {
    ((number * 1000.0).round() / 1000.0).to_string()
}
