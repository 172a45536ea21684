//! What a person reads first of a study: which setting to run, what limits it there, how sure that is, how throughput grows;
//! then its tables. The sentences of verdicts and of the decision are [`verdict_text`]'s.

use super::{
    cells::{self, NONE, counted, or_none},
    table::Table,
    verdict_text,
};
use crate::{
    analyse::{
        self, Confirmation, Outcome, Prediction, Study, StudyCurve, StudyPoint, With,
        fit::{Candidate, Curve, CurvePoint, Law, WhyNone},
        stats::{Interval, Remedy},
        verdict::{Kind, Verdict, decision::Chosen},
    },
    model::{Change, Lever, Purpose, Run, Turn},
    units::{format_bytes, format_us},
};

/// The answer, before any table.
pub struct Answer {
    /// Which setting to run; absent where nothing valid was measured.
    pub headline: Option<String>,
    /// What that rests on: (name, sentences), in reading order.
    pub said: Vec<(&'static str, String)>,
}

impl Answer {
    /// Of a study of `run`.
    pub fn of(run: &Run, study: &Study) -> Self {
        let mut decision = study.decision.as_ref().map(verdict_text::decision).unwrap_or_default().into_iter();
        let headline = decision.next();
        let besides = decision.collect::<Vec<_>>().join(" ");
        let answer = study.answer();
        let limit = answer.map(|answer| &answer.judgement.limit);
        let alone = limit.map(|limit| verdict_text::verdict(&Verdict { next: None, ..limit.clone() }).join(" "));
        let next = limit.and_then(|limit| limit.next.as_ref()).map(verdict_text::next);
        let growth: Vec<String> = study.curves.iter().map(growth).collect();
        let rules = study.rules_of_thumb.iter().flatten().map(verdict_text::rule_of_thumb);
        let rules = rules.collect::<Vec<_>>().join(" ");
        let said = [
            ("there", answer.map(there)),
            ("choice", Some(besides)),
            ("limit", alone),
            ("next", next),
            ("sure", answer.map(|answer| sureness(run, study, answer))),
            ("growth", Some(growth.join(" "))),
            ("rules", Some(rules)),
            ("visits", Some(visits(run, study))),
        ];
        let said = said.into_iter().filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
        Self { headline, said: said.collect() }
    }
}

/// How to read the tables.
pub fn notes() -> [String; 4] {
    [
        "req/s: successful answers a second, the mean of logs over a setting's valid visits; 95 %: its interval, by \
         Student's t over visits; percentiles: of all their successes together."
            .into(),
        "of best: over the setting that does most; speed-up: over the fewest workers with the same CPUs, or the same CPUs \
         for each; efficiency: that over times the workers; 1 is linear."
            .into(),
        "ceiling: the throughput that one limit alone would allow; predicted was said before anything was moved.".into(),
        format!("{NONE}: not measured, too few visits, or fewer than ten answers beyond that percentile."),
    ]
}

/// `402 requests/s (95 %: 396 to 408) over 5 visits, p50 18.1 ms, p99 31.0 ms.`
fn there(point: &StudyPoint) -> String {
    let visits = counted(point.visits as u64, "valid visit");
    let throughput = match &point.throughput_rps {
        Some(rps) => format!("{} requests/s{} over {visits}", cells::rps(rps.estimate), between(rps, cells::rps)),
        None => format!("{visits}: no interval below two"),
    };
    let latencies = [("p50", point.latency.p50_us), ("p99", point.latency.p99_us)];
    let latencies = latencies.into_iter().filter_map(|(name, us)| Some(format!(", {name} {}", format_us(us? as f64))));
    format!("{throughput}{}.", latencies.collect::<String>())
}

/// Proved, refuted, predicted or only seen.
fn sureness(run: &Run, study: &Study, answer: &StudyPoint) -> String {
    if let Some(confirmation) = &study.confirmation {
        return confirmed(confirmation);
    }
    let kind = answer.judgement.limit.kind;
    if kind == Kind::Inconclusive || kind.is_invalid() {
        return "Not known: nothing was predicted, so nothing was moved.".into();
    }
    match analyse::prediction(&run.plan, study) {
        Some(Prediction { change, ratio, .. }) => {
            let rps = answer
                .throughput_rps
                .map_or_else(String::new, |rps| format!(", {} requests/s", cells::rps(rps.estimate * ratio)));
            format!(
                "Observed, and not proved: with {} it would do {ratio:.2} times as much{rps}; the same command with \
                 --confirm tries it.",
                moved(&change)
            )
        }
        None => "Observed, and not proved: nothing that it speaks of can be moved here.".into(),
    }
}

fn confirmed(confirmation: &Confirmation) -> String {
    let Confirmation { prediction, observed, control_observed, blocks, outcome } = confirmation;
    let outcome = match outcome {
        Outcome::Confirmed => "Proved: the limit was moved, and the throughput with it, as predicted",
        Outcome::Refuted => "Refuted: the limit was moved, and the throughput did not do as predicted",
        Outcome::CouldNotTell => "Could not tell: the limit was moved, and more blocks are needed to see what follows",
    };
    let observed = or_none(observed.as_ref(), ratio);
    let control = prediction.control.as_ref().map_or_else(String::new, |control| {
        let stayed = or_none(control_observed.as_ref(), ratio);
        format!(" With {}, which must change nothing: {stayed}.", moved(control))
    });
    let (change, pairs) = (moved(&prediction.change), counted(*blocks as u64, "pair"));
    format!(
        "{outcome}. With {change}: {:.2} times predicted, {observed} observed in {pairs} of visits.{control}",
        prediction.ratio
    )
}

/// `With 0.20 CPUs a worker: linear up to 4 workers. Not known beyond.`
fn growth(of: &StudyCurve) -> String {
    let curve = &of.curve;
    let Some(last) = curve.points.last() else { return String::new() };
    let parts = [Some(shape(curve, last)), law(curve), Some(format!("not known beyond {}", workers(last.n)))];
    format!("With {}: {}.", with(of.with), parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// What holds without a law.
fn shape(curve: &Curve, last: &CurvePoint) -> String {
    if let Some(fall) = curve.contrast.filter(|_| curve.is_retrograde()) {
        return format!("falls: {} do {} of what {} do", workers(fall.last), ratio(&fall.ratio), workers(fall.best));
    }
    match (curve.linear_to, &last.efficiency) {
        (Some(to), _) if to >= last.n => format!("linear up to {}, each efficiency within 5 % of 1", workers(to)),
        (Some(to), Some(efficiency)) => {
            format!("linear up to {}; efficiency {} at {}", workers(to), ratio(efficiency), workers(last.n))
        }
        (None, Some(efficiency)) => format!("efficiency {} at {}", ratio(efficiency), workers(last.n)),
        (_, None) => "too few blocks for an interval".into(),
    }
}

/// The law that is believed, or why none is.
fn law(curve: &Curve) -> Option<String> {
    let why = curve.why_none.map(|why| why_none(why).to_owned());
    curve.fit().map(fitted).or(why)
}

/// Why no law is named.
pub fn why_none(why: WhyNone) -> &'static str {
    match why {
        WhyNone::TooFewBlocks => "no law is fitted to fewer than 3 blocks",
        WhyNone::TooFewPoints => "too few settings to tell one law from another",
        WhyNone::NoneFits => "no law fits",
    }
}

/// A law with its parameters.
pub fn fitted(candidate: &Candidate) -> String {
    let share =
        |interval: &Interval| format!("{:.3}{}", interval.estimate, between(interval, |value| format!("{value:.3}")));
    let rps =
        |interval: &Interval| format!("{} requests/s{}", cells::rps(interval.estimate), between(interval, cells::rps));
    let parameters = [
        candidate.lambda.as_ref().map(|lambda| format!("{} a worker alone", rps(lambda))),
        candidate.sigma.as_ref().map(|sigma| format!("serialised share {}", share(sigma))),
        candidate.kappa.as_ref().map(|kappa| format!("cost of agreeing {}", share(kappa))),
        candidate.ceiling.as_ref().map(|ceiling| format!("ceiling {}", rps(ceiling))),
        candidate.peak.as_ref().map(|peak| {
            format!("most at {:.1} workers{}", peak.estimate, between(peak, |workers| format!("{workers:.1}")))
        }),
    ];
    let parameters: Vec<String> = parameters.into_iter().flatten().collect();
    format!("{} fits: {}", law_name(candidate.fitted.law), parameters.join(", "))
}

/// As it is known.
pub fn law_name(law: Law) -> &'static str {
    match law {
        Law::Linear => "a line",
        Law::Amdahl => "Amdahl's law",
        Law::Hinge => "a line up to a ceiling",
        Law::Usl => "the universal scalability law",
    }
}

fn visits(run: &Run, study: &Study) -> String {
    let (blocks, settings) = (counted(study.blocks as u64, "block"), counted(study.points.len() as u64, "setting"));
    let visits = counted(run.visited.len() as u64, "visit");
    let others = run.visited.iter().filter(|visited| visited.change.is_some()).count();
    let others = match others {
        0 => String::new(),
        some => format!(", {some} of them to check or to prove"),
    };
    let spoiled = match study.spoiled_ratio {
        0.0 => "the host spoiled none".to_owned(),
        ratio => format!("the host spoiled {} of them, which do not count", cells::percent(ratio)),
    };
    let scatter = study.answer().and_then(scatter).unwrap_or_default();
    format!("{blocks} of {settings}, {visits}{others}; {spoiled}.{scatter}")
}

/// Where the spread comes from, and what would narrow the interval.
fn scatter(point: &StudyPoint) -> Option<String> {
    let spread = point.spread.as_ref()?;
    let remedy = match spread.remedy {
        Remedy::LongerWindows => "longer windows",
        Remedy::MoreBlocks => "more blocks",
    };
    let [visit, window] = [spread.visit, spread.window].map(cells::percent);
    Some(format!(
        " One start differs from another by {visit}, and the noise of the seconds adds {window}: {remedy} would narrow the \
         interval most."
    ))
}

/// The three tables of a study's first page, those that have something to show.
pub fn tables(run: &Run, study: &Study) -> Vec<Table> {
    [Some(settings(run, study)), ceilings(study), predictions(study)].into_iter().flatten().collect()
}

/// A row a setting, in the order of the plan.
fn settings(run: &Run, study: &Study) -> Table {
    let columns = [
        "workers",
        "CPUs",
        "#req/s",
        "#95 %",
        "#of best",
        "#speed-up",
        "#efficiency",
        "#p50",
        "#p95",
        "#p99",
        "#memory a worker",
        "limited by",
        "#valid",
    ];
    let mut table = Table::new("Settings", columns);
    let chosen = study.decision.as_ref().and_then(|decision| decision.chosen.as_ref());
    for point in &study.points {
        let all = run.visited.iter().filter(|it| it.turn() == Turn::plain(point.point)).count();
        let mut row = vec![point.setting.workers.to_string(), or_none(point.setting.cpus, cells::cores)];
        let [speed_up, efficiency] = growth_at(study, point.point);
        row.extend([
            or_none(rps(point), cells::rps),
            or_none(point.throughput_rps, |rps| format!("{}-{}", cells::rps(rps.low), cells::rps(rps.high))),
            or_none(of_best(point, chosen), |ratio| format!("{:.0} %", ratio * 100.0)),
            or_none(speed_up, |times| format!("{times:.2}")),
            or_none(efficiency, |ratio| format!("{ratio:.2}")),
        ]);
        let latency = &point.latency;
        row.extend([latency.p50_us, latency.p95_us, latency.p99_us].map(|us| or_none(us, |us| format_us(us as f64))));
        row.extend([
            or_none(point.setting.worker_memory_bytes, |bytes| format_bytes(bytes as u64)),
            verdict_text::name(point.judgement.limit.kind).to_owned(),
            format!("{}/{all}", point.visits),
        ]);
        table.row(row).bad = point.visits == 0;
    }
    table
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
    let on_curve = study.curves.iter().find_map(|curve| {
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
fn ceilings(study: &Study) -> Option<Table> {
    let answer = study.answer()?;
    let setting = verdict_text::setting(&answer.setting);
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
fn predictions(study: &Study) -> Option<Table> {
    let confirmation = study.confirmation.as_ref()?;
    let answer = study.points.iter().find(|point| point.point == confirmation.prediction.point)?;
    let setting = verdict_text::setting(&answer.setting);
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
            moved(&change),
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
pub fn evidence(study: &Study) -> Option<Table> {
    let mut table = Table::new("Evidence behind each verdict", ["workers", "CPUs", "verdict", "known", "evidence"]);
    for point in &study.points {
        let judgement = &point.judgement;
        for verdict in [Some(&judgement.limit), judgement.growth.as_ref()].into_iter().flatten() {
            let known = verdict_text::confidence(verdict.confidence).trim_matches([' ', '(', ')']);
            for number in &verdict.numbers {
                table.row([
                    &point.setting.workers.to_string(),
                    &or_none(point.setting.cpus, cells::cores),
                    verdict_text::name(verdict.kind),
                    known,
                    &verdict_text::number(number),
                ]);
            }
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// What was not shown, and why.
pub fn gaps(run: &Run, study: &Study) -> Vec<String> {
    let too_few = study.points.iter().filter(|point| point.throughput_rps.is_none()).map(|point| {
        let visits = counted(point.visits as u64, "valid visit");
        format!("{}: no interval, as there is {visits} only.", verdict_text::setting(&point.setting))
    });
    let open = study.points.iter().filter(|point| point.judgement.limit.kind == Kind::Inconclusive).map(|point| {
        let why = verdict_text::verdict(&point.judgement.limit).join(" ");
        format!("{}: what limits it is not known. {why}", verdict_text::setting(&point.setting))
    });
    let no_law = study.curves.iter().filter_map(|curve| {
        let why = why_none(curve.curve.why_none?);
        Some(format!("With {}: no law is named: {why}.", with(curve.with)))
    });
    let beyond = study
        .curves
        .iter()
        .filter_map(|curve| Some((curve, curve.curve.points.last()?)))
        .map(|(curve, last)| format!("With {}: nothing is known beyond {}.", with(curve.with), workers(last.n)));
    let not_proved = study.confirmation.is_none().then(|| "Nothing was moved to prove the verdict.".to_owned());
    let placement = run.plan.placement();
    let is_shared = !placement.generator.shared_with(&placement.target).is_empty();
    let shared = is_shared.then(|| {
        "Load generator and target share CPUs: how the target scales over cores of its own is not shown.".to_owned()
    });
    too_few.chain(open).chain(no_law).chain(beyond).chain(not_proved).chain(shared).collect()
}

/// `the CPU quota x 0.67`.
fn moved(change: &Change) -> String {
    let what = match change.lever {
        Lever::Quota => "the CPU quota",
        Lever::Cpuset => "the CPUs",
        Lever::Workers => "the workers",
        Lever::Load => "the load",
        Lever::Slots => "the backend's slots",
        Lever::ServiceTime => "the backend's service time",
    };
    format!("{what} x {:.2}", change.factor)
}

/// What the points of a curve have in common.
pub fn with(with: With) -> String {
    match with {
        With::CpusPerWorker(cpus) => format!("{} CPUs a worker", cells::cores(cpus)),
        With::Cpus(cpus) => format!("{} CPUs in all", cells::cores(cpus)),
        With::CpusetCpus(cpus) => format!("{} and no quota", counted(cpus as u64, "CPU")),
    }
}

fn workers(count: f64) -> String {
    counted(count as u64, "worker")
}

/// `0.98 (95 %: 0.97 to 0.99)`.
fn ratio(of: &Interval) -> String {
    let text = |value: f64| format!("{value:.2}");
    format!("{}{}", text(of.estimate), between(of, text))
}

/// ` (95 %: 396 to 408)`.
fn between(of: &Interval, text: impl Fn(f64) -> String) -> String {
    format!(" (95 %: {} to {})", text(of.low), text(of.high))
}
