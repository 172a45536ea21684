//! The tables of a study: its settings, the same CPUs shared in other ways, ceilings, what was predicted and what came of it, the
//! evidence behind each verdict.

use super::{
    cells::{self, or_none},
    contrast_text,
    study::moved,
    table::Table,
    verdict_text,
    workers::Workers,
};
use crate::{
    analyse::{
        Outcome, Over, Study, StudyPoint,
        verdict::decision::{Choice, Chosen, EqualCpus, Ratio},
    },
    model::{Drive, Purpose, Run, Turn},
    units::{format_bytes, format_us},
};
use std::borrow::Cow;

/// The tables of a study's first page, those that have something to show.
pub fn tables(run: &Run, study: &Study) -> Vec<Table> {
    let contrast = study.ab.as_ref().map(|contrast| contrast_text::table(contrast, &Workers::of(&run.plan)));
    let tables =
        [contrast, Some(settings(run, study)), equal_cpus(run, study), ceilings(run, study), predictions(run, study)];
    tables.into_iter().flatten().collect()
}

/// The same CPUs in all, shared by fewer or by more workers.
fn equal_cpus(run: &Run, study: &Study) -> Option<Table> {
    let workers = Workers::of(&run.plan);
    let groups = &study.decision.as_ref()?.equal_cpus;
    let title = workers.title().unwrap_or_default();
    let columns = ["CPUs in all", title, "CPUs each", "#req/s", "#of the best", "#95 %: at least"];
    let driven = groups.iter().find_map(|group| Some(drive(group.best.drive?, &workers).0));
    let mut table = Table::new("At equal total CPU", columns.into_iter().chain(driven.as_deref()));
    let mut row = |group: &EqualCpus, setting: &Choice, of_best: Option<Ratio>| {
        let point = study.points.iter().find(|point| point.point == setting.point);
        let is_best = setting.point == group.best.point;
        let share = |of: fn(&Ratio) -> f64| or_none(of_best.as_ref(), |ratio| cells::percent(of(ratio)));
        let cells = [
            cells::cores(group.cpus),
            setting.workers.to_string(),
            cells::cores(group.cpus / f64::from(setting.workers.max(1))),
            or_none(point.and_then(rps), cells::rps),
            if is_best { "the best".to_owned() } else { share(|ratio| ratio.estimate) },
            if is_best { String::new() } else { share(|ratio| ratio.low) },
        ];
        let drive = driven.as_ref().map(|_| or_none(setting.drive, |it| drive(it, &workers).1));
        table.row(cells.into_iter().chain(drive));
    };
    for group in groups {
        let all = group.others.iter().map(|other| (other.setting, other.of_best));
        let mut all: Vec<(Choice, Option<Ratio>)> = all.chain([(group.best, None)]).collect();
        all.sort_by_key(|(setting, _)| setting.workers);
        all.iter().for_each(|(setting, of_best)| row(group, setting, *of_best));
    }
    (!groups.is_empty()).then_some(table)
}

/// A row a setting, in the order of the plan.
fn settings(run: &Run, study: &Study) -> Table {
    let workers = Workers::of(&run.plan);
    let columns = [
        "CPUs",
        "#req/s",
        "#95 %",
        OF_BEST,
        SPEED_UP,
        EFFICIENCY,
        "#p50",
        "#p95",
        "#p99",
        WORKER_MEMORY,
        "limited by",
        "#valid",
    ];
    let driven = study.points.iter().find_map(|point| Some(drive(point.setting.drive?, &workers).0));
    let before = [study.ab.is_some().then_some("side"), driven.as_deref(), workers.title()].into_iter().flatten();
    let is_counted = workers == Workers::Counted;
    let is_shown = |column: &&str| match *column {
        OF_BEST => study.ab.is_none(),
        SPEED_UP | EFFICIENCY | WORKER_MEMORY => is_counted,
        _ => true,
    };
    let mut table = Table::new("Settings", before.chain(columns.into_iter().filter(is_shown)));
    let chosen = study.decision.as_ref().and_then(|decision| decision.chosen.as_ref());
    for point in &study.points {
        let all = run.visited.iter().filter(|it| it.turn() == Turn::plain(point.point)).count();
        let side = study.ab.is_some().then(|| or_none(point.setting.side, |side| side.to_string()));
        let drive = driven.as_ref().map(|_| or_none(point.setting.drive, |it| drive(it, &workers).1));
        let many = workers.title().map(|_| point.setting.workers.to_string());
        let mut row: Vec<String> = side.into_iter().chain(drive).chain(many).collect();
        row.push(or_none(point.setting.cpus, cells::cores));
        let [speed_up, efficiency] = growth_at(study, point.point);
        row.extend([
            or_none(rps(point), cells::rps),
            or_none(point.throughput_rps, |rps| format!("{}-{}", cells::rps(rps.low), cells::rps(rps.high))),
        ]);
        let of_best = || or_none(of_best(point, chosen), |ratio| format!("{:.0} %", ratio * 100.0));
        row.extend(study.ab.is_none().then(of_best));
        let growth = [speed_up, efficiency].map(|times| or_none(times, |times| format!("{times:.2}")));
        row.extend(growth.into_iter().filter(|_| is_counted));
        let latency = &point.latency;
        row.extend([latency.p50_us, latency.p95_us, latency.p99_us].map(|us| or_none(us, |us| format_us(us as f64))));
        let memory = || or_none(point.setting.worker_memory_bytes, |bytes| format_bytes(bytes as u64));
        row.extend(is_counted.then(memory));
        row.extend([verdict_text::name(point.judgement.limit.kind).to_owned(), format!("{}/{all}", point.visits)]);
        table.row(row).bad = point.visits == 0;
    }
    table
}

/// Two sides have no best.
const OF_BEST: &str = "#of best";
/// Of workers that are counted only.
const SPEED_UP: &str = "#speed-up";
const EFFICIENCY: &str = "#efficiency";
const WORKER_MEMORY: &str = "#memory a worker";

/// A column for how settings are driven, and what stands there.
fn drive(drive: Drive, workers: &Workers) -> (Cow<'static, str>, String) {
    match drive {
        Drive::Users(users) => ("#users".into(), users.to_string()),
        Drive::UsersPerWorker(users) => (format!("#users {}", workers.each()).into(), users.to_string()),
        Drive::RateRps(rate) => ("#asked/s".into(), cells::rps(rate)),
    }
}

/// The mean of its visits, or the only one's.
pub fn rps(point: &StudyPoint) -> Option<f64> {
    let only = || point.by_block_rps.iter().flatten().copied().next();
    point.throughput_rps.map(|rps| rps.estimate).or_else(only)
}

fn of_best(point: &StudyPoint, chosen: Option<&Chosen>) -> Option<f64> {
    Some(rps(point)? / chosen?.best_rps)
}

/// Speed-up and efficiency, where the point is on a curve.
fn growth_at(study: &Study, point: usize) -> [Option<f64>; 2] {
    let on_curve = study.curves.iter().filter(|curve| curve.over == Over::Workers).find_map(|curve| {
        let place = curve.points.iter().position(|other| *other == point)?;
        Some((place, curve.curve.points.get(place)?))
    });
    match on_curve {
        Some((0, first)) if first.x.is_some() => [Some(1.0), Some(1.0)],
        Some((_, at)) => [at.speed_up, at.efficiency].map(|it| it.map(|it| it.estimate)),
        None => [None, None],
    }
}

/// What each limit alone would allow at the setting that is decided for.
fn ceilings(run: &Run, study: &Study) -> Option<Table> {
    let answer = study.answer()?;
    let setting = verdict_text::setting(&answer.setting, &Workers::of(&run.plan));
    let columns = ["ceiling", "#req/s", "#95 %", "#used", "how it is computed"];
    let mut table = Table::new(format!("Ceilings with {setting}"), columns);
    for ceiling in &answer.judgement.ceilings {
        table.row([
            verdict_text::resources(&ceiling.resources),
            cells::rps(ceiling.rps),
            or_none(ceiling.interval, |[low, high]| format!("{}-{}", cells::rps(low), cells::rps(high))),
            cells::percent(ceiling.utilisation),
            ceiling.arithmetic.clone(),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What was said before beside what came of it.
fn predictions(run: &Run, study: &Study) -> Option<Table> {
    let confirmation = study.confirmation.as_ref()?;
    let answer = study.points.iter().find(|point| point.point == confirmation.prediction.point)?;
    let workers = Workers::of(&run.plan);
    let setting = verdict_text::setting(&answer.setting, &workers);
    let columns = ["moved", "what for", "#predicted", "#observed", "#95 %", "#pairs", "outcome"];
    let mut table =
        Table::new(format!("Predicted and observed with {setting}; times the throughput as it is"), columns);
    let outcome = match confirmation.outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Refuted => "refuted",
        Outcome::CouldNotTell => "could not tell",
    };
    let prediction = &confirmation.prediction;
    let control = prediction.control.map(|control| (control, 1.0, &confirmation.control_observed));
    let rows = [(prediction.change, prediction.ratio, &confirmation.observed)].into_iter().chain(control);
    for (change, predicted, observed) in rows {
        let is_test = change.purpose == Purpose::Test;
        let row = table.row([
            moved(&change, &workers),
            if is_test { "must move it" } else { "must not move it" }.to_owned(),
            format!("{predicted:.2}"),
            or_none(observed.as_ref(), |it| format!("{:.2}", it.estimate)),
            or_none(observed.as_ref(), |it| format!("{:.2}-{:.2}", it.low, it.high)),
            or_none(observed.as_ref(), |it| it.n.to_string()),
            if is_test { outcome } else { "" }.to_owned(),
        ]);
        row.bad = is_test && confirmation.outcome == Outcome::Refuted;
    }
    Some(table)
}

/// Behind each verdict the numbers that carry it, each against its limit.
pub fn evidence(run: &Run, study: &Study) -> Option<Table> {
    let workers = Workers::of(&run.plan);
    let mut table = Table::new("Evidence behind each verdict", ["setting", "verdict", "known", "evidence"]);
    for point in &study.points {
        let judgement = &point.judgement;
        for verdict in [Some(&judgement.limit), judgement.growth.as_ref()].into_iter().flatten() {
            let known = verdict_text::confidence(verdict.confidence).trim_matches([' ', '(', ')']);
            for number in &verdict.numbers {
                table.row([
                    &verdict_text::setting(&point.setting, &workers),
                    verdict_text::name(verdict.kind),
                    known,
                    &verdict_text::number(number),
                ]);
            }
        }
    }
    (!table.rows.is_empty()).then_some(table)
}
