//! The tables of a run's first page: growth over workers, baseline against target, what a request costs, what was read
//! back.

use super::{
    cells::{self, NONE, or_none},
    table::Table,
    words,
    workers::Workers,
};
use crate::{
    analyse::{self, Analysis, median},
    measure::Rates,
    model::{Limits, LoadModel, LoadResult, Phase, PhaseKind, Run, Visited},
    text::plain,
    units::{format_bytes, format_us},
};

/// All that have something to show, in reading order.
pub fn all(run: &Run, analysis: &Analysis) -> Vec<Table> {
    if run.visited.is_empty() {
        return Vec::new();
    }
    let growth = (analysis.scaling.points.len() > 1).then(|| growth(run, analysis));
    let (comparison, costs) = (Some(comparison(run)), Some(costs(run)));
    // Of a single level, what the target adds says more than how far it is behind a mock.
    let (first, then) = if growth.is_none() { (costs, comparison) } else { (comparison, costs) };
    let tables = [growth, first, then, asked(run), by_clock(run), streams(run)];
    tables.into_iter().flatten().chain([attested(run, analysis)]).collect()
}

/// What each visit did, for those who want to see behind a study's answer.
pub fn of_visits(run: &Run, analysis: &Analysis) -> Vec<Table> {
    let tables = [Some(comparison(run)), Some(costs(run)), asked(run), by_clock(run), streams(run)];
    tables.into_iter().flatten().chain([attested(run, analysis)]).collect()
}

/// A row a point, with the medians of its valid visits.
fn growth(run: &Run, analysis: &Analysis) -> Table {
    let workers = Workers::of(&run.plan);
    let over = if run.plan.proves_workers() { "workers" } else { "the settings" };
    let title = format!("Growth with {over}: {}", run.plan.roles.target);
    let points = &analysis.scaling.points;
    let has_repeats = points.iter().any(|point| point.visits.len() > 1);
    let title = if has_repeats { format!("{title}, medians of valid visits") } else { title };
    let title_of_workers = workers.title().map(|title| format!("#{title}"));
    let mut columns = vec!["level"];
    columns.extend(title_of_workers.as_deref());
    columns.extend(has_repeats.then_some(["#valid visits", "#least req/s", "#most req/s"]).into_iter().flatten());
    columns.extend(["#requests/s", "#speed-up", "#efficiency", "#p50", "#p95", "#p99", "#failed"]);
    let mut table = Table::new(plain(&title), columns);
    for point in points {
        let loads = |places: &[usize]| {
            let load = |&place: &usize| run.visited[place].phase(PhaseKind::Target).map(|phase| &phase.load);
            places.iter().filter_map(load).collect::<Vec<_>>()
        };
        let valid = loads(&point.valid);
        let mut row = vec![run.visited[point.visits[0]].id.clone()];
        row.extend(workers.title().map(|_| point.workers.to_string()));
        if has_repeats {
            let rates = || valid.iter().map(|load| load.throughput_rps());
            row.push(format!("{} of {}", point.valid.len(), point.visits.len()));
            row.extend([rates().reduce(f64::min), rates().reduce(f64::max)].map(|rps| or_none(rps, cells::rps)));
        }
        row.push(or_none(point.median.throughput_rps, cells::rps));
        row.extend(
            [point.median.speed_up, point.median.efficiency].map(|it| or_none(it, |ratio| format!("{ratio:.2}"))),
        );
        row.extend([50.0, 95.0, 99.0].map(|percent| {
            let each = valid.iter().filter_map(|load| load.percentile_us(percent));
            or_none(median(each.map(|us| us as f64)), format_us)
        }));
        let all = loads(&point.visits);
        let [requests, failures] = [LoadResult::request_count, LoadResult::failure_count]
            .map(|count| all.iter().map(|load| count(load)).sum::<u64>());
        let failed = cells::failed(failures, failures as f64 / requests.max(1) as f64);
        row.push(or_none((!all.is_empty()).then_some(failed), |failed| failed));
        table.row(row).bad = point.valid.is_empty();
    }
    table
}

/// What was asked for and what came of it, in open loop.
fn asked(run: &Run) -> Option<Table> {
    let columns =
        ["level", "load on", "#due", "#sent", "#answered", "#failed", "#never answered", "#of them never sent"];
    let title = "Requests in open loop: the whole load, with its warm-up and the wait for late answers";
    let mut table = Table::new(title, columns);
    for (visited, phase) in phases(run).filter(|(_, phase)| matches!(phase.load.model, LoadModel::Open { .. })) {
        let totals = &phase.load.totals;
        let mut row = vec![visited.id.clone(), phase.kind.to_string()];
        let counts = [
            totals.asked(),
            Some(totals.sent),
            Some(totals.succeeded),
            Some(totals.failed),
            totals.never_answered(),
            totals.unsent,
        ];
        row.extend(counts.map(|count| or_none(count, cells::grouped)));
        table.row(row).bad = totals.never_answered().is_some_and(|never| never > 0);
    }
    (!table.rows.is_empty()).then_some(table)
}

fn comparison(run: &Run) -> Table {
    let services = run.plan.services();
    let mut columns = ["level", "load on", "#requests/s", "#p50", "#p95", "#p99", "#failed"].map(String::from).to_vec();
    columns.extend(services.iter().map(|service| format!("#{service} CPU")));
    let roles = &run.plan.roles;
    let title = match roles.backend.as_ref().filter(|_| run.plan.baseline) {
        Some(backend) => format!("Baseline ({backend}) against target ({}); CPU in cores", roles.target),
        None => format!("Load on target ({}); CPU in cores", roles.target),
    };
    let mut table = Table::new(plain(&title), columns);
    for (visited, phase) in phases(run) {
        let mut row = vec![visited.id.clone(), phase.kind.to_string(), cells::rps(phase.load.throughput_rps())];
        row.extend(latencies(phase));
        row.extend(services.iter().map(|service| or_none(Rates::of(phase, service).cpu_cores, cells::cores)));
        table.row(row).bad = phase.load.p50_us().is_none();
    }
    table
}

/// Both clocks, where requests have due times of their own.
fn by_clock(run: &Run) -> Option<Table> {
    let columns = ["level", "load on", "#p50", "#p95", "#p99", "#sent late, p99", "#waited to be sent", "#never sent"];
    let mut table = Table::new("Latency from when requests were due", columns);
    for (visited, phase) in phases(run) {
        let Some(lag) = phase.load.send_lag() else { continue };
        let (intended, totals) = (phase.load.intended(), &phase.load.totals);
        let mut row = vec![visited.id.clone(), phase.kind.to_string()];
        row.extend([50.0, 95.0, 99.0].map(|percent| cells::percentile(&intended, percent)));
        row.push(cells::percentile(&lag, 99.0));
        row.extend([totals.delayed, totals.unsent].map(|count| or_none(count, cells::grouped)));
        table.row(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Token times, where streams were asked for.
fn streams(run: &Run) -> Option<Table> {
    let columns = ["level", "load on", "#tokens/s", "#TTFT p50", "#TTFT p95", "#TTFT p99", "#ITL p50", "#ITL p99"];
    let title = "Streams: time to first token (TTFT), inter-token latency (ITL)";
    let mut table = Table::new(title, columns);
    for (visited, phase) in phases(run) {
        let Some(stream) = phase.load.stream() else { continue };
        let mut row = vec![visited.id.clone(), phase.kind.to_string(), cells::rps(phase.load.tokens_per_s())];
        row.extend([50.0, 95.0, 99.0].map(|percent| cells::percentile(&stream.ttft, percent)));
        row.extend([50.0, 99.0].map(|percent| cells::percentile(&stream.itl, percent)));
        table.row(row);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Baselines and targets; what the generator can do at most stands elsewhere.
fn phases(run: &Run) -> impl Iterator<Item = (&Visited, &Phase)> {
    let phases = run.visited.iter().flat_map(|visited| visited.phases.iter().map(move |phase| (visited, phase)));
    phases.filter(|(_, phase)| phase.kind != PhaseKind::Null)
}

fn costs(run: &Run) -> Table {
    let target = &run.plan.roles.target;
    let columns = ["level", "#added to p50", "#CPU a request", "#throttled", "#memory peak", "#ready after"];
    let mut table = Table::new(plain(&format!("What a request through {target} costs")), columns);
    for visited in &run.visited {
        let used = visited.phase(PhaseKind::Target).map_or_else(Rates::default, |phase| Rates::of(phase, target));
        table.row([
            visited.id.clone(),
            or_none(analyse::overhead_p50_us(visited), format_us),
            or_none(analyse::target_cpu_per_request_us(visited, target), format_us),
            or_none(used.throttled_ratio, cells::percent),
            or_none(used.memory_peak_bytes, format_bytes),
            format_us(visited.ready_after_us as f64),
        ]);
    }
    table
}

fn attested(run: &Run, analysis: &Analysis) -> Table {
    let target = &run.plan.roles.target;
    let title = format!("Read back from {target}: a difference from what was asked is spelt out");
    let mut table = Table::new(plain(&title), ["level", "workers", "CPUs", "CPU quota", "memory", "valid"]);
    for visited in &run.visited {
        let valid = analysis.is_valid(visited);
        let mut row = vec![visited.id.clone(), workers(run, visited)];
        row.extend(limits(visited, target));
        row.push(if valid { "yes" } else { "NO" }.to_owned());
        table.row(row).bad = !valid;
    }
    table
}

fn workers(run: &Run, visited: &Visited) -> String {
    if run.plan.workers.is_none() {
        return NONE.to_owned();
    }
    if !run.plan.proves_workers() {
        return format!("{}, not proved", visited.workers);
    }
    let (attestation, asked) = (&visited.attestation, visited.workers.to_string());
    let found = [attestation.workers_before, attestation.workers_after];
    let counts: Vec<String> = found.iter().flatten().map(u32::to_string).collect();
    let as_asked = counts.iter().all(|count| *count == asked);
    if as_asked && counts.len() < found.len() { not_read(&asked) } else { cells::asked_and_found(&asked, &counts) }
}

/// CPUs, quota and memory of a container, as asked for and as found where that differs.
fn limits(visited: &Visited, container: &str) -> [String; 3] {
    let [mut asked, mut engine, mut inside] = [Limits::default(), Limits::default(), Limits::default()];
    for row in visited.attestation.limits.iter().filter(|row| row.container == container) {
        asked.set(row.limit, row.asked.clone());
        engine.set(row.limit, row.engine.clone());
        inside.set(row.limit, row.inside.clone());
    }
    let compare = |of: fn(&Limits) -> Option<String>, none: &str| {
        let found: Vec<String> = [&engine, &inside].into_iter().filter_map(of).collect();
        match of(&asked) {
            Some(asked) if found.is_empty() => not_read(&asked),
            Some(asked) => cells::asked_and_found(&asked, &found),
            None => cells::asked_and_found(none, &found),
        }
    };
    [compare(words::cpuset, NONE), compare(words::quota, words::NO_QUOTA), compare(words::memory, words::NO_LIMIT)]
}

fn not_read(asked: &str) -> String {
    format!("{asked}, not read")
}

/// p50, p95, p99 and the failures of a phase.
fn latencies(phase: &Phase) -> [String; 4] {
    let percentile = |percent| or_none(phase.load.percentile_us(percent), |us| format_us(us as f64));
    let [p50, p95, p99] = [50.0, 95.0, 99.0].map(percentile);
    [p50, p95, p99, cells::failed(phase.load.failure_count(), phase.load.failure_ratio())]
}
