//! `vscale compare` and `vscale history`: runs that are there already, beside each other.

use super::{print, width};
use crate::{
    analyse::{
        compare::{Comparison, differences},
        stats::Judgement,
    },
    cli::{CompareArgs, HistoryArgs},
    error::{Error, Result, exit},
    model::Run,
    report::{
        compare_text,
        history_text::{self, Entry, Told},
    },
    store::{self, RunFolder},
};
use std::path::Path;

/// Prints the second run beside the first; what it ends with is told by `--fail-if`.
pub fn compare(args: &CompareArgs) -> Result<u8> {
    let (a, b) = (load(&args.a)?, load(&args.b)?);
    let comparison = Comparison::of(&a, &b).ok_or_else(|| nothing_in_common(args))?;
    if args.json {
        let json = serde_json::to_string_pretty(&comparison);
        print(json.map_err(|error| Error::Other(format!("writing JSON: {error}")))?)?;
    } else {
        print(compare_text::render(&comparison, [&a.plan, &b.plan], &args.fail_if, width()).trim_end())?;
    }
    Ok(exit::of_several(args.fail_if.iter().map(|limit| status(comparison.contrast.judge(limit)))))
}

/// What a judgement ends a command with.
pub(super) fn status(judgement: Judgement) -> u8 {
    match judgement {
        Judgement::NotWorse => exit::OK,
        Judgement::Worse => exit::THRESHOLD,
        Judgement::Inconclusive => exit::INCONCLUSIVE,
    }
}

fn load(dir: &Path) -> Result<Run> {
    RunFolder::open(dir)?.load()
}

fn nothing_in_common(args: &CompareArgs) -> Error {
    Error::Usage(format!(
        "{} and {} have no point in common: nothing of the same workers, limits and load was visited in both",
        args.a.display(),
        args.b.display()
    ))
}

/// Lists the runs of a results folder, or says what differs between two of them.
pub fn history(args: &HistoryArgs) -> Result<u8> {
    if let [a, b] = &args.diff[..] {
        let [a, b] = [a, b].map(|id| store::run(&args.results, id)?.load());
        print(compare_text::what_differs(&differences(&a?, &b?), width()).join("\n"))?;
        return Ok(exit::OK);
    }
    let entries: Vec<Entry> = store::runs(&args.results)?.iter().map(entry).collect();
    if entries.is_empty() {
        print(format_args!("no runs in {}", args.results.display()))?;
    } else {
        print(history_text::render(entries, width()))?;
    }
    Ok(exit::OK)
}

/// A run that cannot be read is listed, too.
fn entry(folder: &RunFolder) -> Entry {
    let read = folder.load().map(|run| Told::of(&run)).map_err(|error| error.to_string());
    Entry { id: folder.name(), read }
}
