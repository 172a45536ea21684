//! What `vscale compare` prints, and what `vscale history --diff` does: what differs between two runs.

use super::{
    cells::{counted, or_none},
    contrast_text,
    layout::wrapped,
    table::Table,
    terminal,
    workers::Workers,
};
use crate::{
    analyse::{
        ChangeLimit,
        compare::{Comparison, Difference},
    },
    model::Plan,
    text::{plain, shortened},
};

/// Characters of a value that differs: enough to tell one image from another.
const MOST_OF_A_VALUE: usize = 30;

const SESSIONS: &str = "A and B are two sessions: what the machine did from one to the other is in their difference, and in \
                        no interval. `vscale study --ab` compares without it: both in the same \
                        blocks.";

/// Two runs beside each other, no line wider than `width`; judged by each limit. Workers are counted where both plans count them.
pub fn render(comparison: &Comparison, plans: [&Plan; 2], limits: &[ChangeLimit], width: usize) -> String {
    let contrast = &comparison.contrast;
    let of_both = plans.map(Workers::of);
    let workers = of_both.iter().find(|workers| **workers != Workers::Counted).unwrap_or(&of_both[0]);
    let mut lines = vec![format!("A: {}", plain(&comparison.a)), format!("B: {}", plain(&comparison.b))];
    let said = [Some(contrast_text::headline(contrast)), contrast_text::latency(contrast)].into_iter().flatten();
    let said = said.chain(limits.iter().map(|limit| contrast_text::verdict(contrast, limit)));
    lines.extend(said.flat_map(|sentence| wrapped(&sentence, "", width)));
    lines.push(String::new());
    lines.extend(terminal::draw_plain(&contrast_text::table(contrast, workers), width));
    if !comparison.differences.is_empty() {
        lines.push(String::new());
        lines.extend(what_differs(&comparison.differences, width));
    }
    lines.push(String::new());
    lines.extend(notes(comparison).iter().flat_map(|note| wrapped(note, "warning: ", width)));
    lines.push(String::new());
    lines.join("\n")
}

/// The keys that differ between two runs, as lines; a sentence where there are none.
pub fn what_differs(differences: &[Difference], width: usize) -> Vec<String> {
    if differences.is_empty() {
        return wrapped("Hosts, images and plans are the same, but for the points.", "", width);
    }
    let mut table = Table::new("What differs, by the keys of run.json", ["key", "A", "B"]);
    for it in differences {
        let value = |value: &Option<String>| or_none(value.as_ref(), |value| shortened(value, MOST_OF_A_VALUE));
        table.row([it.key.clone(), value(&it.a), value(&it.b)]);
    }
    terminal::draw_plain(&table, width)
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let only = |count: usize, run: &str| {
        (count > 0).then(|| {
            format!("{} of {run} cannot be compared: the other has none like it.", counted(count as u64, "point"))
        })
    };
    let notes = [only(comparison.only_in_a, "A"), only(comparison.only_in_b, "B"), Some(SESSIONS.into())];
    notes.into_iter().flatten().collect()
}
