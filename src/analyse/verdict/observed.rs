//! From what was measured at a point to what verdicts rest on.

use super::{
    Alternation, BackendEvidence, Connections, CpuEvidence, CurveFacts, Efficiency, Estimate, Evidence, FailedGate,
    FailedKind, GeneratorEvidence, LoadEvidence, Modes, Setting, StallEvidence, WorkerEvidence, limits,
};
use crate::{
    analyse::{
        Analysis, BackendCost,
        fit::{Curve, Law},
        helpers::Use,
        stats::{Geometric, Interval, LEVEL, modes, pairs},
        visits::{by_block, visits},
    },
    measure::{ConnectionsTo, Counter, Rates, TargetUse, WorkerCounter, tick_cores},
    model::{
        Change, ContainerSample, Gate, Histogram, Limit, Limits, LoadModel, Phase, PhaseKind, Plan, Point, Run, Turn,
        Visited,
    },
};

impl Evidence {
    /// Of a point of a run. Where most of its visits are not valid, what was found against these is all that there is.
    pub fn of(run: &Run, analysis: &Analysis, point: usize, curve: Option<&Curve>) -> Self {
        let planned = &run.plan.points[point];
        let setting = Setting {
            workers: planned.workers,
            cpuset_cpus: planned.limits.cpuset().map(|cpus| cpus.len() as f64),
            quota_cores: planned.limits.quota_cores(),
            memory_bytes: planned.limits.number(Limit::MemoryBytes).map(|bytes| bytes as f64),
        };
        let valid = visits(run, analysis, point);
        let all: Vec<&Visited> = run.visited.iter().filter(|it| it.turn() == Turn::plain(point)).collect();
        let failed = if 2 * valid.len() < all.len() || valid.is_empty() { failed(analysis, &all) } else { Vec::new() };
        let seen: Vec<Seen> = valid.iter().filter_map(|visited| Seen::of(run, visited)).collect();
        let rps: Vec<f64> = seen.iter().map(|seen| seen.rps).collect();
        Self {
            setting,
            visits: seen.len(),
            failed,
            throughput_rps: Geometric::mean(&rps).map(|mean| mean.interval(LEVEL).into()),
            load: load(run, analysis, point, &seen),
            cpu: cpu(&seen, &setting),
            workers: workers(&seen),
            backend: backend(run, &seen),
            generator: GeneratorEvidence {
                cpu_ratio: mean(seen.iter().map(|seen| seen.generator_cpu_ratio(run))),
                null_rps: null_rps(run),
            },
            stalls: stalls(run, &seen),
            alternation: alternation(&seen, &setting),
            modes: two_modes(&rps),
            curve: curve.map(facts),
        }
    }
}

impl From<Interval> for Estimate {
    fn from(interval: Interval) -> Self {
        Self { estimate: interval.estimate, low: interval.low, high: interval.high }
    }
}

/// One valid visit's target phase, and what its processes did.
struct Seen<'a> {
    phase: &'a Phase,
    used: Option<TargetUse>,
    ticks: Vec<f64>,
    /// Successes a second.
    rps: f64,
    /// Answers a second, failures included.
    answered_rps: f64,
}

impl<'a> Seen<'a> {
    fn of(run: &Run, visited: &'a Visited) -> Option<Self> {
        let phase = visited.phase(PhaseKind::Target)?;
        let window = &phase.load.window;
        let counter = WorkerCounter::of(&run.plan).ok()?;
        let rps = phase.load.throughput_rps();
        (rps > 0.0).then(|| Self {
            used: TargetUse::over(&phase.processes, window, &counter),
            ticks: tick_cores(&phase.ticks, window),
            rps,
            answered_rps: phase.load.request_count() as f64 * 1e6 / window.duration_us.max(1) as f64,
            phase,
        })
    }

    /// CPUs that the target used: by the cgroup's own clock where it was read.
    fn cores(&self) -> Option<f64> {
        let ticks = Counter::of(&self.phase.ticks, |tick| Some((tick.unix_us, tick.cpu_us)));
        let ticked = ticks.over(&self.phase.load.window).map(|growth| growth.rate());
        ticked.or(self.used.as_ref().map(|used| used.cores))
    }

    /// CPU that the generator used of what it was given.
    fn generator_cpu_ratio(&self, run: &Run) -> Option<f64> {
        Use::of_generator(run, self.phase).map(|used| used.share())
    }
}

fn limits_of<'a>(run: &'a Run, container: &str) -> Option<&'a Limits> {
    run.plan.containers.iter().find(|planned| planned.name == container).map(|planned| &planned.limits)
}

/// The mean of what there is; `None` of nothing.
fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// With an interval where there are two or more; one value stands for itself.
fn estimate(values: impl IntoIterator<Item = Option<f64>>) -> Option<Estimate> {
    let values: Vec<f64> = values.into_iter().flatten().filter(|value| *value > 0.0).collect();
    let one = values.first().map(|&value| Estimate { estimate: value, low: value, high: value });
    Geometric::mean(&values).map(|mean| mean.interval(LEVEL).into()).or(one)
}

/// What stands against the visits, the most frequent first.
fn failed(analysis: &Analysis, visits: &[&Visited]) -> Vec<FailedGate> {
    let mut found: Vec<(usize, FailedGate)> = Vec::new();
    let findings = visits.iter().flat_map(|visited| analysis.of_visit(visited)).filter(|it| it.invalidates());
    for finding in findings {
        let kind = failed_kind(finding.gate);
        match found.iter_mut().find(|(_, gate)| gate.kind == kind) {
            Some((count, _)) => *count += 1,
            None => {
                let note = finding.note.clone().unwrap_or_else(|| format!("{:?}", finding.gate));
                found.push((1, FailedGate { kind, note }));
            }
        }
    }
    // What was not applied explains what follows from it.
    found.sort_by_key(|(count, gate)| (gate.kind != FailedKind::SweepNotApplied, std::cmp::Reverse(*count)));
    found.into_iter().map(|(_, gate)| gate).collect()
}

fn failed_kind(gate: Gate) -> FailedKind {
    match gate {
        Gate::GeneratorCpu | Gate::SendLag | Gate::Headroom => FailedKind::LoadgenBound,
        Gate::Served | Gate::SomethingMeasured | Gate::Failures => FailedKind::Erroring,
        Gate::ForeignCpu
        | Gate::Steal
        | Gate::IdleWait
        | Gate::SpeedHeld
        | Gate::SpeedInBlock
        | Gate::GeneratorPaused => FailedKind::HostContended,
        Gate::BackendCpu => FailedKind::MockBound,
        Gate::Stationary => FailedKind::Unstable,
        Gate::EvidenceRead | Gate::LittlesLaw | Gate::SamplesComplete | Gate::ProcessesWhole | Gate::Amplification => {
            FailedKind::EvidenceMissing
        }
        _ => FailedKind::SweepNotApplied,
    }
}

fn load(run: &Run, analysis: &Analysis, point: usize, seen: &[Seen]) -> LoadEvidence {
    let mut latency = Histogram::default();
    seen.iter().for_each(|seen| latency.merge(&seen.phase.load.latency()));
    let of_latency = |us: f64| (latency.count() > 0).then_some(us);
    LoadEvidence {
        users: match &run.plan.points[point].load {
            LoadModel::Closed { users, .. } => Some(f64::from(*users)),
            LoadModel::Open { .. } => None,
        },
        latency_mean_us: of_latency(latency.mean_us()),
        latency_p50_us: of_latency(latency.percentile_us(50.0) as f64),
        latency_min_us: of_latency(latency.min_us() as f64),
        doubled_users: doubled(run, analysis, point).map(|ratio| ratio.interval(LEVEL).into()),
        accept_queue: mean(seen.iter().map(|seen| seen.used.as_ref()?.accept_queue_peak.map(f64::from))),
    }
}

/// Throughput with twice the load over that without, by visits of the same blocks: those that were made to see it, or those of a
/// point that differs in nothing else.
fn doubled(run: &Run, analysis: &Analysis, point: usize) -> Option<Geometric> {
    let blocks = run.visited.iter().map(|it| it.block + 1).max().unwrap_or(0);
    let of = |point, change| by_block(run, analysis, Turn { point, change }, blocks);
    let (plain, beside) = (of(point, None), of(point, Some(Change::BESIDE_DOUBLED)));
    let as_it_is: Vec<Option<f64>> = plain.iter().zip(&beside).map(|(plain, beside)| plain.or(*beside)).collect();
    let checked = Geometric::paired(&pairs(&of(point, Some(Change::DOUBLED)), &as_it_is));
    checked.or_else(|| Geometric::paired(&pairs(&of(twice_the_load(&run.plan, point)?, None), &plain)))
}

/// The point that differs from another in twice its load only.
pub(in crate::analyse) fn twice_the_load(plan: &Plan, point: usize) -> Option<usize> {
    let asked = |point: &Point| match &point.load {
        LoadModel::Closed { users, .. } => f64::from(*users),
        LoadModel::Open { rate_rps, .. } => *rate_rps,
    };
    let own = &plan.points[point];
    plan.points.iter().position(|other| {
        let is_same = (other.workers, &other.limits, other.side) == (own.workers, &own.limits, own.side);
        is_same && (asked(other) / asked(own) - 2.0).abs() < 1e-9
    })
}

fn cpu(seen: &[Seen], setting: &Setting) -> CpuEvidence {
    let used = |of: fn(&TargetUse) -> Option<f64>| mean(seen.iter().map(|seen| seen.used.as_ref().and_then(of)));
    let cpus = setting.cpuset_cpus.unwrap_or(1.0);
    CpuEvidence {
        cores: mean(seen.iter().map(Seen::cores)),
        us_per_request: estimate(seen.iter().map(|seen| Some(seen.cores()? * 1e6 / seen.answered_rps))),
        throttled_periods_ratio: used(|used| Some(used.throttled?.periods_ratio)),
        throttled_time_ratio: used(|used| Some(used.throttled?.cores)).map(|cores| (cores / cpus).min(1.0)),
        run_queue_wait_cores: used(|used| used.run_queue_wait_cores),
        voluntary_switches_per_request: mean(
            seen.iter().map(|seen| Some(seen.used.as_ref()?.voluntary_switches_per_s? / seen.answered_rps)),
        ),
    }
}

/// The busiest worker of each visit beside the busiest of the others, and so on.
fn workers(seen: &[Seen]) -> Vec<WorkerEvidence> {
    let sorted: Vec<Vec<(f64, f64)>> = seen
        .iter()
        .filter_map(|seen| {
            let workers = &seen.used.as_ref()?.workers;
            let mut workers: Vec<(f64, f64)> =
                workers.iter().map(|worker| (worker.busiest_thread_cores.min(1.0), worker.cores)).collect();
            workers.sort_by(|a, b| b.0.total_cmp(&a.0));
            Some(workers)
        })
        .collect();
    let least = sorted.iter().map(Vec::len).min().unwrap_or(0);
    let at = |place: usize| WorkerEvidence {
        cores: mean(sorted.iter().map(|workers| Some(workers[place].1))).unwrap_or(0.0),
        busiest_thread_cores: mean(sorted.iter().map(|workers| Some(workers[place].0))).unwrap_or(0.0),
    };
    (0..least).map(at).collect()
}

/// What the backend saw; `None` where it was not asked, or was not called.
fn backend(run: &Run, seen: &[Seen]) -> Option<BackendEvidence> {
    let name = run.plan.roles.backend.as_ref()?;
    let port = run.plan.containers.iter().find(|it| it.name == *name)?.ready.as_ref()?.port;
    let costs: Vec<(&Seen, BackendCost)> =
        seen.iter().filter_map(|seen| Some((seen, BackendCost::of(&seen.phase.load)?))).collect();
    let first = costs.first()?.1;
    let cpus = limits_of(run, name).and_then(|limits| limits.quota_cores().or(Some(limits.cpuset()?.len() as f64)));
    let connections: Vec<ConnectionsTo> = costs
        .iter()
        .filter_map(|(seen, _)| ConnectionsTo::over(&seen.phase.processes, &seen.phase.load.window, port))
        .collect();
    let of = |value: fn(&BackendCost) -> f64| mean(costs.iter().map(|(_, cost)| Some(value(cost))));
    Some(BackendEvidence {
        slots: first.slots.map(f64::from),
        processing_us: estimate(costs.iter().map(|(_, cost)| Some(cost.processing_us))),
        service_us: of(|cost| cost.service_us),
        in_flight_mean: of(|cost| cost.in_flight_mean),
        in_flight_peak: of(|cost| cost.in_flight_peak),
        cpu_ratio: mean(costs.iter().map(|(seen, _)| Some(Rates::of(seen.phase, name).cpu_cores? / cpus?))),
        connections: (!connections.is_empty()).then(|| Connections {
            min: connections.iter().map(|it| f64::from(it.least)).fold(f64::INFINITY, f64::min),
            mean: connections.iter().map(|it| it.mean).sum::<f64>() / connections.len() as f64,
            max: connections.iter().map(|it| f64::from(it.most)).fold(0.0, f64::max),
        }),
    })
}

/// What the generator does against a mock that answers at once, at its best.
fn null_rps(run: &Run) -> Option<f64> {
    let phases = run.visited.iter().filter_map(|visited| visited.phase(PhaseKind::Null));
    phases.map(|phase| phase.load.throughput_rps()).reduce(f64::max)
}

fn stalls(run: &Run, seen: &[Seen]) -> StallEvidence {
    let target = &run.plan.roles.target;
    let rates = |of: fn(&Rates) -> Option<f64>| mean(seen.iter().map(|seen| of(&Rates::of(seen.phase, target))));
    let used = |of: fn(&TargetUse) -> Option<f64>| mean(seen.iter().map(|seen| seen.used.as_ref().and_then(of)));
    let disk = |sample: &ContainerSample| Some(sample.disk_read_bytes? + sample.disk_written_bytes?);
    StallEvidence {
        working_set_bytes: rates(|rates| rates.memory_peak_bytes.map(|bytes| bytes as f64)),
        major_faults_per_s: used(|used| Some(used.major_faults_per_s)),
        memory_pressure_ratio: used(|used| Some(used.pressure?.memory_ratio)),
        io_pressure_ratio: used(|used| Some(used.pressure?.io_ratio)),
        disk_bytes_per_s: mean(seen.iter().map(|seen| {
            let window = &seen.phase.load.window;
            let samples = &seen.phase.usage(target)?.samples;
            let growth = Counter::of(samples, |sample| Some((sample.unix_us, disk(sample)?))).over(window)?;
            Some(growth.rate() * 1e6)
        })),
        network_bytes_per_s: rates(|rates| Some(rates.received_bytes_per_s? + rates.sent_bytes_per_s?)),
        network_limit_bytes_per_s: None,
    }
}

/// Ticks at the lower of quota and cpuset, and far below it.
fn alternation(seen: &[Seen], setting: &Setting) -> Option<Alternation> {
    let limit = [setting.quota_cores, setting.cpuset_cpus].into_iter().flatten().reduce(f64::min)?;
    let of_visit = |seen: &Seen| {
        (!seen.ticks.is_empty()).then(|| {
            let states: Vec<Option<bool>> = seen
                .ticks
                .iter()
                .map(|cores| match cores / limit {
                    share if share >= limits::NEAR => Some(true),
                    share if share < limits::FAR_BELOW => Some(false),
                    _ => None,
                })
                .collect();
            let share = |state| states.iter().filter(|it| **it == Some(state)).count() as f64 / states.len() as f64;
            let clear: Vec<bool> = states.iter().copied().flatten().collect();
            let changes = clear.windows(2).filter(|pair| pair[0] != pair[1]).count();
            [share(true), share(false), changes as f64]
        })
    };
    let each: Vec<[f64; 3]> = seen.iter().filter_map(of_visit).collect();
    let mean_of = |place: usize| mean(each.iter().map(|it| Some(it[place])));
    Some(Alternation { at_limit_ratio: mean_of(0)?, far_below_ratio: mean_of(1)?, changes: mean_of(2)? })
}

fn two_modes(rps: &[f64]) -> Option<Modes> {
    let (one, other) = modes(rps)?;
    let mean = |places: &[usize]| places.iter().map(|&place| rps[place]).sum::<f64>() / places.len() as f64;
    let (lower, upper) = if mean(&one) <= mean(&other) { (one, other) } else { (other, one) };
    Some(Modes {
        lower_rps: mean(&lower),
        lower_visits: lower.len(),
        upper_rps: mean(&upper),
        upper_visits: upper.len(),
    })
}

fn facts(curve: &Curve) -> CurveFacts {
    let fit = curve.fit();
    let best = curve.points.iter().filter_map(|point| Some((point.n, point.x?.estimate)));
    CurveFacts {
        efficiency: curve
            .points
            .iter()
            .filter_map(|point| Some(Efficiency { workers: point.n as u32, ratio: point.efficiency?.into() }))
            .collect(),
        least_workers: curve.points.first().map_or(0, |first| first.n as u32),
        best_workers: best.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(n, _)| n as u32),
        last_over_best: curve.contrast.map(|contrast| contrast.ratio.into()),
        sigma: fit
            .filter(|fit| matches!(fit.fitted.law, Law::Amdahl | Law::Usl))
            .and_then(|fit| fit.sigma)
            .map(Into::into),
        knee_workers: fit.filter(|fit| fit.fitted.law == Law::Hinge).and_then(|fit| {
            let (lambda, ceiling) = (fit.lambda?, fit.ceiling?);
            Some(Estimate {
                estimate: ceiling.estimate / lambda.estimate,
                low: ceiling.low / lambda.high,
                high: ceiling.high / lambda.low,
            })
        }),
    }
}
