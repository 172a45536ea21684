//! How often the verdict was right, for a terminal.

use super::{cells, layout::wrapped, table::Table, terminal::draw_plain};
use crate::calibrate::{CaseResult, Matrix, Outcome};
use serde::Serialize;

/// One case in a line.
pub fn line(case: &CaseResult) -> String {
    let verdict = case.verdict.map_or_else(|| "none".to_owned(), name);
    let took = cells::duration(case.took_us);
    let error = case.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
    format!("{}: {}: {verdict}, in {took}{error}", case.name, case.outcome)
}

/// The matrix and what it says, no line wider than `width`.
pub fn render(matrix: &Matrix, width: usize) -> String {
    let mut lines = draw_plain(&table(matrix), width);
    lines.push(String::new());
    for sentence in sentences(matrix) {
        lines.extend(wrapped(&sentence, "", width));
    }
    lines.join("\n")
}

fn table(matrix: &Matrix) -> Table {
    let title = format!("Verdicts on targets of known limits, seed {}", matrix.seed);
    let columns =
        ["case", "truth", "binds", "verdict", "confidence", "outcome", "#estimated", "#predicted", "#observed", "test"];
    let mut table = Table::new(title, columns);
    for case in &matrix.cases {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let ratio = |ratio: f64| format!("{ratio:.2}x");
        let truth = case.truth.iter().copied().map(name).collect::<Vec<_>>().join(" or ");
        let growth = case.growth.map_or_else(String::new, |growth| format!(", {}", name(growth)));
        let estimated = case.estimated.and_then(|it| Some(format!("{:.3}", it.found_rps? / it.programmed_rps)));
        let row = table.row([
            case.name.clone(),
            truth,
            or_dash(case.binds.map(|binds| if binds { "yes".into() } else { "no".into() })),
            or_dash(case.verdict.map(|verdict| name(verdict) + &growth)),
            or_dash(case.confidence.map(name)),
            case.outcome.to_string(),
            or_dash(estimated),
            or_dash(case.predicted.map(ratio)),
            or_dash(case.observed.map(ratio)),
            or_dash(case.confirmation.map(name)),
        ]);
        row.bad = matches!(case.outcome, Outcome::Wrong | Outcome::ConfidentWrong);
    }
    table
}

fn sentences(matrix: &Matrix) -> Vec<String> {
    let count = |outcome| matrix.count(outcome);
    let mut sentences = vec![format!(
        "{} of {} right, {} inconclusive, {} wrong, {} wrong with confidence; {} did not bind here, {} were spoiled by the host.",
        count(Outcome::Right),
        matrix.counted(),
        count(Outcome::Inconclusive),
        count(Outcome::Wrong),
        count(Outcome::ConfidentWrong),
        count(Outcome::Excluded),
        count(Outcome::Spoiled),
    )];
    sentences.extend(matrix.confident_wrong_below().map(|rate| {
        format!("None of {} wrong with confidence: its rate is below {:.1} % (95 %).", matrix.counted(), rate * 100.0)
    }));
    let goal = if matrix.is_met() { "met" } else { "missed" };
    sentences.push(format!("The goal (none wrong with confidence, nine of ten right) is {goal}."));
    sentences
}

/// As it stands in JSON.
fn name(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
