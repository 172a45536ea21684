//! The result in a sentence: what more workers did, or what one setting costs; of an invalid run, why it is invalid.

use super::{
    cells::{self, counted},
    findings::{reason, worst},
    workers::Workers,
};
use crate::{
    analyse::{self, Analysis, ScaledPoint, median},
    model::{LoadModel, PhaseKind, Point, Run, Visited},
    text::plain,
    units::format_us,
};

/// What a run found. Points are told by the median of their valid visits, never by the best of them.
pub fn headline(run: &Run, analysis: &Analysis) -> String {
    if run.visited.is_empty() {
        return "No level was completed.".into();
    }
    match (why_invalid(run, analysis), result(run, analysis)) {
        (None, Some(result)) => result,
        (None, None) => "No level is valid: the target was not loaded.".into(),
        (Some(why), None) => format!("No level is valid: {why}."),
        (Some(why), Some(result)) => format!("Not valid: {why}. {result}"),
    }
}

/// What is not valid, and for what: the first of the worst findings.
fn why_invalid(run: &Run, analysis: &Analysis) -> Option<String> {
    let worst = worst(run, &analysis.findings);
    let (first, others) = worst.split_first().filter(|(first, _)| first.invalidates())?;
    let first = reason(first);
    Some(if others.is_empty() {
        first
    } else {
        format!("{first} (and {})", counted(others.len() as u64, "more finding"))
    })
}

fn result(run: &Run, analysis: &Analysis) -> Option<String> {
    let target = plain(&run.plan.roles.target);
    let points = &analysis.scaling.points;
    let valid = if analysis.is_run_valid(run) { "" } else { "Of what is valid: " };
    let is_open = |point: &&ScaledPoint| matches!(run.plan.points[point.point].load, LoadModel::Open { .. });
    let open: Vec<&ScaledPoint> = points.iter().filter(is_open).collect();
    if !open.is_empty() {
        // What was asked for and never answered is a fact, whatever else is wrong.
        let said: Vec<String> = extremes(&open).into_iter().map(|point| answered(run, point)).collect();
        let costs = if let [point] = open[..] { costs(run, point) } else { None };
        let said = said.into_iter().chain(costs).collect::<Vec<_>>().join("; ");
        return Some(format!("{target}: {said}."));
    }
    let measured: Vec<_> = points.iter().filter(|point| point.median.throughput_rps.is_some()).collect();
    let said = match measured[..] {
        [] => return None,
        [point] => [costs(run, point), Some(throughput(run, point))].into_iter().flatten().collect(),
        _ => extremes(&measured).into_iter().map(|point| throughput(run, point)).collect::<Vec<_>>(),
    };
    let repeats = measured.iter().map(|point| point.valid.len()).max().filter(|most| *most > 1);
    let repeats = repeats.map_or_else(String::new, |most| format!(" (medians of up to {most} visits)"));
    Some(format!("{valid}{target}: {}{repeats}.", said.join("; ")))
}

/// The first point, the last one, and the one with the highest throughput where it is neither.
fn extremes<'a>(points: &[&'a ScaledPoint]) -> Vec<&'a ScaledPoint> {
    let rps = |index: &usize| points[*index].median.throughput_rps.unwrap_or(0.0);
    let most = (0..points.len()).rev().max_by(|a, b| rps(a).total_cmp(&rps(b)));
    let mut shown: Vec<usize> = [Some(0), most, Some(points.len() - 1)].into_iter().flatten().collect();
    shown.sort_unstable();
    shown.dedup();
    shown.into_iter().map(|index| points[index]).collect()
}

/// `88.7 requests/s with 2 workers, 1.93 times as much`.
fn throughput(run: &Run, point: &ScaledPoint) -> String {
    let rate = cells::rps(point.median.throughput_rps.unwrap_or(0.0));
    // Beside other CPUs nobody would know what it is that much of.
    let times = point.median.speed_up.filter(|times| *times != 1.0 && !differs_in_cpus(run, point));
    let times = times.map_or_else(String::new, |times| format!(", {times:.2} times as much"));
    format!("{rate} requests/s{}{times}", under(run, point))
}

/// `with 1 worker, 57 of 311 requests due at 40/s were answered, 254 never`.
fn answered(run: &Run, point: &ScaledPoint) -> String {
    let loads = point.visits.iter().filter_map(|&visit| Some(&run.visited[visit].phase(PhaseKind::Target)?.load));
    let totals = loads.map(|load| load.totals).reduce(|all, one| all.plus(&one)).unwrap_or_default();
    // How many were due, another load generator may not tell.
    let (asked, was) = totals.asked().map_or((totals.sent, "sent"), |due| (due, "due"));
    let due = match &run.plan.points[point.point].load {
        LoadModel::Open { rate_rps, .. } if run.plan.load.stages.is_empty() => {
            format!("{was} at {rate_rps}/s ")
        }
        _ => format!("{was} "),
    };
    let (asked, well) = (cells::grouped(asked), cells::grouped(totals.succeeded));
    let not_well = [(totals.failed, "failed"), (totals.never_answered().unwrap_or_default(), "never")];
    let not_well = not_well.into_iter().filter(|(count, _)| *count > 0);
    let not_well =
        not_well.fold(String::new(), |text, (count, what)| format!("{text}, {} {what}", cells::grouped(count)));
    let of = match (not_well.is_empty(), totals.never_answered()) {
        (true, Some(_)) => format!("all {asked}"),
        // Of how many, nobody tells.
        (true, None) => well,
        (false, _) => format!("{well} of {asked}"),
    };
    let under = under(run, point);
    let under = under.strip_prefix(' ').map_or_else(String::new, |under| format!("{under}, "));
    format!("{under}{of} requests {due}were answered{not_well}")
}

/// `a median request takes 22.1 ms longer than at mock; a request costs 21.3 ms of CPU`; `None` where neither is known.
fn costs(run: &Run, point: &ScaledPoint) -> Option<String> {
    let middle =
        |of: &dyn Fn(&Visited) -> Option<f64>| median(point.valid.iter().filter_map(|&it| of(&run.visited[it])));
    let longer = |us: f64| {
        let how = if us < 0.0 { "shorter" } else { "longer" };
        let backend = run.plan.roles.backend.as_deref().map(plain)?;
        Some(format!("a median request takes {} {how} than at {backend}", format_us(us.abs())))
    };
    let added = middle(&analyse::overhead_p50_us).and_then(longer);
    let cpu = middle(&|visited| analyse::target_cpu_per_request_us(visited, &run.plan.roles.target));
    let cpu = cpu.map(|us| format!("a request costs {} of CPU", format_us(us)));
    let said: Vec<String> = [added, cpu].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// ` with 2 workers`; where points differ in their quota, ` with 2 workers on 1.50 CPUs`. What is not proved is said so, and
/// nothing of a target that is taken as it is.
fn under(run: &Run, point: &ScaledPoint) -> String {
    let own = run.plan.points[point.point].limits.quota_cores().filter(|_| differs_in_cpus(run, point));
    let cpus = own.map_or_else(String::new, |cores| format!(" on {} CPUs", cells::cores(cores)));
    let workers = Workers::of(&run.plan);
    let many = workers.many(point.workers).map_or_else(String::new, |many| format!(" with {many}"));
    let proved = if let Workers::Set(_) = workers { " (workers not proved)" } else { "" };
    format!("{many}{proved}{cpus}")
}

fn differs_in_cpus(run: &Run, point: &ScaledPoint) -> bool {
    let quota = |point: &Point| point.limits.quota_cores();
    run.plan.points.iter().any(|other| quota(other) != quota(&run.plan.points[point.point]))
}
