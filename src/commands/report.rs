//! What is done with runs that are there: `vscale report`, `vscale schema` and `vscale gc`.

use super::{
    block_on,
    measure::{make_reports, print_table},
    print, signals,
};
use crate::{
    analyse::Analysis,
    cli::{GcArgs, ReportArgs, SchemaArgs},
    engine::{Engine, collect_garbage},
    error::{Error, Result, exit},
    report,
    store::RunFolder,
};

/// Makes the reports again from a run's folder, and prints the table.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let folder = RunFolder::open(&args.run_dir)?;
    let run = folder.load()?;
    let analysis = Analysis::of(&run);
    make_reports(&folder, &run, &analysis)?;
    print_table(&run, &analysis, &args.run_dir)?;
    Ok(exit::OK)
}

/// Prints what the keys of a run's files mean.
pub fn schema(args: &SchemaArgs) -> Result<u8> {
    let text = if args.markdown {
        report::schema::reference()
    } else {
        let schema = report::schema::json_schema(args.of);
        serde_json::to_string_pretty(&schema).map_err(|error| Error::Other(error.to_string()))?
    };
    print(text.trim_end())?;
    Ok(exit::OK)
}

/// Removes what killed runs left.
pub fn gc(args: &GcArgs) -> Result<u8> {
    let collecting = async { collect_garbage(&Engine::connect().await?, args.all).await };
    let mut stop = signals::stop()?;
    let removed = block_on(stop.or(collecting))?;
    for (run, left) in &removed {
        let outcome = if left.is_empty() { "removed".to_owned() } else { left.in_words().join(", ") };
        print(format_args!("{run}: {outcome}"))?;
    }
    if removed.is_empty() {
        print("nothing to remove")?;
    }
    let clean = removed.iter().all(|(_, left)| left.is_empty());
    Ok(if clean { exit::OK } else { exit::LEFTOVERS })
}
