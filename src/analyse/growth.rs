//! What cannot be: more than workers or CPUs can give, and a baseline that is another from visit to visit.

use super::{
    Scaled, ScaledPoint, Scaling,
    gates::{self, found},
    scaling::median,
};
use crate::{
    measure::HostUse,
    model::{Finding, Gate, PhaseKind, Run, Scope, Visited},
};

/// Speed-ups beyond what the workers can give, or beyond the CPUs where these are what binds.
pub(super) fn speed_ups(run: &Run, scaling: &Scaling) -> Vec<Finding> {
    if !run.plan.proves_workers() {
        return Vec::new();
    }
    let cpus = run.plan.placement().target.len() as f64;
    let with_cores = |reference: &ScaledPoint| {
        let cores = median(reference.valid.iter().filter_map(|&visit| target_cores(&run.visited[visit])));
        (reference.workers, cores)
    };
    let references: Vec<Option<(u32, Option<f64>)>> =
        (0..run.plan.points.len()).map(|point| scaling.reference_of(run, point).map(with_cores)).collect();
    let excess = |(visited, row): (&Visited, &Scaled)| {
        let (reference_workers, reference_cores) = (*references.get(visited.point)?)?;
        let times_workers = f64::from(visited.workers) / f64::from(reference_workers.max(1));
        // Where the CPUs bind, more of them than the reference left is not to be had.
        let times_cpus = match (target_cores(visited), reference_cores) {
            (Some(now), Some(then)) if now > gates::CPU_BOUND * cpus && then > 0.0 => cpus / then,
            _ => f64::INFINITY,
        };
        let most = times_workers.min(times_cpus).max(1.0);
        let excess = row.speed_up? / most;
        let scope = Scope { visit: Some(visited.id.clone()), ..Scope::default() };
        (excess > gates::limit(Gate::SpeedUpPossible)).then(|| found(Gate::SpeedUpPossible, &scope, excess))
    };
    run.visited.iter().zip(&scaling.rows).filter_map(excess).collect()
}

fn target_cores(visited: &Visited) -> Option<f64> {
    let phase = visited.phase(PhaseKind::Target)?;
    HostUse::over(&phase.processes, &phase.load.window).map(|host| host.target_cores)
}

/// The largest baseline beside the smallest: the same mock and generator, on the same CPUs.
pub(super) fn baseline(run: &Run) -> Option<Finding> {
    let rates = run.visited.iter().filter_map(|visited| visited.phase(PhaseKind::Baseline));
    let rates: Vec<f64> = rates.map(|phase| phase.load.throughput_rps()).filter(|rps| *rps > 0.0).collect();
    let (least, most) = (rates.iter().copied().reduce(f64::min)?, rates.iter().copied().reduce(f64::max)?);
    let moved = most / least - 1.0;
    (moved > gates::limit(Gate::BaselineHeld)).then(|| found(Gate::BaselineHeld, &Scope::default(), moved))
}
