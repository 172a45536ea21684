//! What a person reads first of a study: which setting to run, what limits it there, how sure that is; of two that are compared,
//! how they differ. The sentences of verdicts and of the decision are [`verdict_text`]'s, those of growth `study_growth`'s.

use super::{
    axes::{self, with},
    cells::{self, NONE, counted, or_none},
    contrast_text,
    study_growth::{between, growth, last_visited, ratio, why_none},
    verdict_text,
    workers::Workers,
};
use crate::{
    analyse::{
        self, Confirmation, Contrast, Outcome, Prediction, Study, StudyPoint,
        stats::Remedy,
        verdict::{Kind, Verdict},
    },
    model::{Change, Lever, Run},
    units::format_us,
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
        if let Some(contrast) = &study.ab {
            return Self::compared(run, study, contrast);
        }
        let workers = Workers::of(&run.plan);
        let is_all = study.points.iter().all(|point| point.visits > 0);
        let mut decision = study
            .decision
            .as_ref()
            .map(|it| verdict_text::decision(it, &workers, is_all))
            .unwrap_or_default()
            .into_iter();
        let headline = decision.next();
        let besides = decision.collect::<Vec<_>>().join(" ");
        let answer = study.answer();
        let limit = answer.map(|answer| &answer.judgement.limit);
        let alone = limit.map(|limit| verdict_text::verdict(&Verdict { next: None, ..limit.clone() }).join(" "));
        let next = limit.and_then(|limit| limit.next.as_ref()).map(verdict_text::next);
        let growth: Vec<String> = study.curves.iter().map(|curve| growth(study, curve, &workers)).collect();
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

impl Answer {
    /// Of two that are compared: how they differ comes before all else.
    fn compared(run: &Run, study: &Study, contrast: &Contrast) -> Self {
        let ab = run.plan.ab.as_ref();
        let paired =
            "Both were visited one after the other in each block, in random order: what the machine did is in both.";
        // As where a variable is misspelt, or on purpose.
        let same = (ab.is_some_and(|ab| ab.containers == run.plan.containers))
            .then(|| "A and B are the same here: whatever differs is chance.".to_owned());
        let said = [
            ("same", same),
            ("latency", contrast_text::latency(contrast)),
            ("A", ab.map(|ab| ab.a.clone())),
            ("B", ab.map(|ab| ab.b.clone())),
            ("sure", Some(paired.to_owned())),
            ("visits", Some(visits(run, study))),
        ];
        let said = said.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
        Self { headline: Some(contrast_text::headline(contrast)), said }
    }
}

/// How to read the tables.
pub fn notes(run: &Run) -> Vec<String> {
    let growth = if run.plan.proves_workers() {
        "; speed-up: over the fewest workers with the same CPUs, or the same CPUs for each, and the same load; efficiency: \
         that over times the workers; 1 is linear"
    } else {
        ""
    };
    vec![
        "req/s: successful answers a second, the mean of logs over a setting's valid visits; 95 %: its interval, by \
         Student's t over visits; percentiles: of all their successes together."
            .into(),
        format!("of best: over the setting that does most{growth}."),
        "ceiling: the throughput that one limit alone would allow; predicted was said before anything was moved."
            .into(),
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
    let workers = Workers::of(&run.plan);
    if let Some(confirmation) = &study.confirmation {
        return confirmed(confirmation, &workers);
    }
    let kind = answer.judgement.limit.kind;
    if kind == Kind::Inconclusive || kind.is_invalid() {
        return "Not known: nothing was predicted, so nothing was moved.".into();
    }
    match analyse::prediction(&run.plan, answer) {
        Some(Prediction { change, ratio, .. }) => {
            let rps = answer
                .throughput_rps
                .map_or_else(String::new, |rps| format!(", {} requests/s", cells::rps(rps.estimate * ratio)));
            format!(
                "Observed, and not proved: with {} it would do {ratio:.2} times as much{rps}; the same command with \
                 --confirm tries it.",
                moved(&change, &workers)
            )
        }
        None => "Observed, and not proved: nothing that it speaks of can be moved here.".into(),
    }
}

fn confirmed(confirmation: &Confirmation, workers: &Workers) -> String {
    let Confirmation { prediction, observed, control_observed, blocks, outcome, .. } = confirmation;
    let outcome = match outcome {
        Outcome::Confirmed => "Proved: the limit was moved, and the throughput with it, as predicted",
        Outcome::Refuted => "Refuted: the limit was moved, and the throughput did not do as predicted",
        Outcome::CouldNotTell => "Could not tell: the limit was moved, and more blocks are needed to see what follows",
    };
    let observed = or_none(observed.as_ref(), ratio);
    let control = prediction.control.as_ref().map_or_else(String::new, |control| {
        let stayed = or_none(control_observed.as_ref(), ratio);
        format!(" With {}, which must change nothing: {stayed}.", moved(control, workers))
    });
    let (change, pairs) = (moved(&prediction.change, workers), counted(*blocks as u64, "pair"));
    format!(
        "{outcome}. With {change}: {:.2} times predicted, {observed} observed in {pairs} of visits.{control}",
        prediction.ratio
    )
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

/// What was not shown, and why.
pub fn gaps(run: &Run, study: &Study) -> Vec<String> {
    let workers = &Workers::of(&run.plan);
    let setting = |point: &StudyPoint| verdict_text::setting(&point.setting, workers);
    let too_few = study.points.iter().filter(|point| point.throughput_rps.is_none()).map(|point| {
        let visits = counted(point.visits as u64, "valid visit");
        format!("{}: no interval, as there is {visits} only.", setting(point))
    });
    let open = study.points.iter().filter(|point| point.judgement.limit.kind == Kind::Inconclusive).map(|point| {
        let why = verdict_text::verdict(&point.judgement.limit).join(" ");
        format!("{}: what limits it is not known. {why}", setting(point))
    });
    let no_law = study.curves.iter().filter_map(|curve| {
        let why = why_none(curve.curve.why_none?);
        Some(format!("With {}: no law is named: {why}.", with(curve, workers)))
    });
    let beyond =
        study.curves.iter().filter_map(|curve| Some((curve, last_visited(study, curve)?))).map(|(curve, last)| {
            format!("With {}: nothing is known beyond {}.", with(curve, workers), axes::at(curve.over, last.n))
        });
    let not_proved = (study.confirmation.is_none() && study.ab.is_none())
        .then(|| "Nothing was moved to prove the verdict.".to_owned());
    let placement = run.plan.placement();
    let is_shared = !placement.generator.shared_with(&placement.target).is_empty();
    let shared = is_shared.then(|| {
        "Load generator and target share CPUs: how the target scales over cores of its own is not shown.".to_owned()
    });
    too_few.chain(open).chain(no_law).chain(beyond).chain(not_proved).chain(shared).collect()
}

/// `the CPU quota x 0.67`.
pub fn moved(change: &Change, workers: &Workers) -> String {
    let what = match change.lever {
        Lever::Quota => "the CPU quota",
        Lever::Cpuset => "the CPUs",
        Lever::Workers => match workers {
            Workers::Set(variable) => variable.as_str(),
            Workers::Counted | Workers::AsTheyAre => "the workers",
        },
        Lever::Load => "the load",
        Lever::Slots => "the backend's slots",
        Lever::ServiceTime => "the backend's service time",
    };
    format!("{what} x {:.2}", change.factor)
}
