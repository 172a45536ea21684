//! Limits that no counter names: workers that wait, and parts of the work that only one does at a time. They show by how
//! throughput goes with workers and users, once all that a counter would name is known to be far.

use super::{Case, claims::Sight};
use crate::analyse::verdict::{
    Confidence, CurveFacts, Estimate, Evidence, Figure, Kind, Lever, Missing, Number, Resource, Verdict, limits,
};

/// More workers do not help, though none of them is busy.
pub(super) fn serialised(case: &Case) -> Option<Verdict> {
    let evidence = case.evidence;
    let efficiency = growth_here(evidence).filter(|ratio| ratio.high < limits::LOST_EFFICIENCY)?;
    let law = flat(evidence).or_else(|| {
        evidence.efficiency()?;
        law(evidence.curve.as_ref()?, evidence.setting.workers)
    })?;
    let mut numbers = shown(case)?;
    numbers.insert(0, Number::against(Figure::Efficiency, efficiency.estimate, limits::LOST_EFFICIENCY));
    numbers.insert(1, law);
    Some(eliminated(case, Kind::Serialised, numbers, Lever::Lock))
}

/// Each worker takes as many requests as any other, though none is busy: it holds one while it waits.
pub(super) fn blocking_workers(case: &Case) -> Option<Verdict> {
    let evidence = case.evidence;
    let efficiency = growth_here(evidence)?;
    if efficiency.low < limits::LOST_EFFICIENCY {
        return None;
    }
    let mut numbers = shown(case)?;
    numbers.insert(0, Number::against(Figure::Efficiency, efficiency.estimate, limits::LOST_EFFICIENCY));
    Some(eliminated(case, Kind::BlockingWorkers, numbers, Lever::Workers))
}

/// What would have to be read or done to tell these limits from the others; empty where all is there.
pub(super) fn missing(case: &Case) -> Vec<Missing> {
    let (mut missing, evidence) = (not_ruled_out(case.sight()), case.evidence);
    let raised = evidence.load.doubled_users;
    if evidence.load.users.is_some() && raised.is_none() {
        missing.push(Missing::DoubledUsers);
    }
    if growth_here(evidence).is_none() {
        missing.push(Missing::WorkerSweep);
    }
    if evidence.cpu.voluntary_switches_per_request.is_none() {
        missing.push(Missing::Switches);
    }
    missing
}

/// What carries every such verdict: twice the users do no more, threads give up their CPU, and nothing else is near.
fn shown(case: &Case) -> Option<Vec<Number>> {
    let evidence = case.evidence;
    let raised = evidence.load.doubled_users.filter(|ratio| ratio.high < limits::NOT_RAISED)?;
    let switches = evidence.cpu.voluntary_switches_per_request.filter(|times| *times >= limits::VOLUNTARY_SWITCHES)?;
    let is_alone = case.claims.is_empty() && not_ruled_out(case.sight()).is_empty();
    let busiest = is_alone.then(|| evidence.busiest_thread_cores())??;
    Some(vec![
        Number::against(Figure::DoubledUsers, raised.estimate, limits::NOT_RAISED),
        Number::against(Figure::VoluntarySwitches, switches, limits::VOLUNTARY_SWITCHES),
        Number::against(Figure::BusiestWorker, busiest, limits::NEAR),
    ])
}

fn eliminated(case: &Case, kind: Kind, numbers: Vec<Number>, lever: Lever) -> Verdict {
    let next = case.next(&[]);
    let confidence = if is_backend_idle(case.evidence) {
        case.high_beyond(next.as_ref(), limits::FAR)
    } else {
        case.at_most(Confidence::Moderate)
    };
    Verdict { numbers, levers: vec![lever], next, ..Verdict::new(kind, confidence) }
}

/// Whether most of the connections to the backend have nothing to do, or there is none.
fn is_backend_idle(evidence: &Evidence) -> bool {
    evidence.backend.is_none_or(|backend| {
        let share = backend.in_flight_mean.zip(backend.connections).map(|(mean, all)| mean / all.mean.max(1.0));
        share.is_some_and(|share| share <= limits::CONNECTIONS_IDLE)
    })
}

/// Efficiency at this point; at the first of an axis, which is what the others are compared with, that of the next.
fn growth_here(evidence: &Evidence) -> Option<Estimate> {
    evidence.efficiency().or_else(|| {
        let curve = evidence.curve.as_ref()?;
        let next = curve.efficiency.iter().min_by_key(|at| at.workers)?;
        (evidence.setting.workers < next.workers).then_some(next.ratio)
    })
}

/// That many times the workers do no more: from the fewest to these, and of the fewest to the next. Says so without a law.
fn flat(evidence: &Evidence) -> Option<Number> {
    let curve = evidence.curve.as_ref().filter(|curve| curve.least_workers > 0)?;
    let here = evidence.setting.workers.max(curve.least_workers);
    let more = curve.efficiency.iter().filter(|at| at.workers > curve.least_workers);
    let compared = match here > curve.least_workers {
        true => more.clone().find(|at| at.workers == here)?,
        false => more.min_by_key(|at| at.workers)?,
    };
    let times = f64::from(compared.workers) / f64::from(curve.least_workers);
    let is_flat = times * compared.ratio.high < limits::NOT_RAISED;
    is_flat.then(|| Number::against(Figure::MoreWorkers, times * compared.ratio.estimate, limits::NOT_RAISED))
}

/// What the curve says of a serialised part: a knee that lies behind, a share of the work, or a fall.
fn law(curve: &CurveFacts, workers: u32) -> Option<Number> {
    let knee = curve.knee_workers.filter(|knee| knee.high < f64::from(workers));
    let sigma = curve.sigma.filter(|sigma| sigma.low >= limits::SIGMA);
    let fall = curve.last_over_best.filter(|ratio| ratio.high < 1.0 && workers > curve.best_workers);
    knee.map(|knee| Number::against(Figure::Knee, knee.estimate, f64::from(workers)))
        .or_else(|| sigma.map(|sigma| Number::against(Figure::Sigma, sigma.estimate, limits::SIGMA)))
        .or_else(|| fall.map(|fall| Number::against(Figure::LastOverBest, fall.estimate, 1.0)))
}

/// What was not read of all that a counter would name.
pub(super) fn not_ruled_out(sight: Sight) -> Vec<Missing> {
    let (evidence, stalls) = (sight.evidence, sight.evidence.stalls);
    let mut missing = Vec::new();
    let mut require = |is_read: bool, what| {
        if !is_read {
            missing.push(what);
        }
    };
    require(sight.ceiling(Resource::Cpuset).is_some(), Missing::CpuTime);
    require(sight.ceiling(Resource::Workers).is_some(), Missing::ThreadTimes);
    let is_quiet = |bytes_per_s: Option<f64>, idle: f64| bytes_per_s.is_some_and(|bytes| bytes < idle);
    let disk = is_quiet(stalls.disk_bytes_per_s, limits::DISK_IDLE_BYTES_PER_S);
    require(stalls.io_pressure_ratio.is_some() || disk, Missing::IoPressure);
    let network = is_quiet(stalls.network_bytes_per_s, limits::NETWORK_IDLE_BYTES_PER_S);
    require(sight.ceiling(Resource::Network).is_some() || network, Missing::NetworkLimit);
    require(evidence.setting.memory_bytes.is_none() || stalls.working_set_bytes.is_some(), Missing::WorkingSet);
    if let Some(backend) = evidence.backend {
        let has_truth = backend.processing_us.is_some() && backend.in_flight_mean.is_some();
        require(has_truth && backend.connections.is_some(), Missing::BackendTruth);
    }
    missing
}
