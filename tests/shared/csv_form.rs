//! Whether a CSV file of ours has the form of Locust's: header, line ends, and kinds of cells.

use std::collections::BTreeSet;

/// Columns of ours in the history with kinds that Locust's need not have: the running median and minimum are not kept,
/// and a median is whole only where that leaves it within the extremes.
pub const HISTORY_ALSO: [(&str, &[&str]); 2] =
    [("Total Median Response Time", &["N/A", "whole", "decimal"]), ("Total Min Response Time", &["N/A", "decimal"])];

/// `ours` has the header of `theirs`, its line ends, and in each column only kinds that `theirs` has there too, or that
/// `also` takes in the column of that title.
#[track_caller]
pub fn assert_same_form(ours: &str, theirs: &str, also: &[(&str, &[&'static str])]) {
    assert_eq!(ours.split("\r\n").next(), theirs.split("\r\n").next());
    for text in [ours, theirs] {
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert!(text.ends_with("\r\n"));
    }
    let (ours, theirs) = (records(ours), records(theirs));
    for (column, title) in ours[0].iter().enumerate() {
        let kinds = |rows: &[Vec<String>]| rows[1..].iter().map(|row| kind(&row[column])).collect::<BTreeSet<_>>();
        let mut known = kinds(&theirs);
        known.extend(also.iter().filter(|(of, _)| of == title).flat_map(|(_, kinds)| *kinds));
        // A number that is written as short as it can be has six decimals now and then.
        known.extend(known.contains("decimal").then_some("six decimals"));
        assert!(kinds(&ours).is_subset(&known), "{title}: {:?}, but Locust has {known:?}", kinds(&ours));
    }
}

fn kind(cell: &str) -> &'static str {
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match cell.split_once('.') {
        _ if cell.is_empty() => "empty",
        _ if cell == "N/A" => "N/A",
        _ if cell.len() == 20 && cell.ends_with('Z') && cell.as_bytes()[10] == b'T' => "time",
        None if is_whole(cell) => "whole",
        Some((whole, decimals)) if is_whole(whole) && is_whole(decimals) && decimals.len() == 6 => "six decimals",
        Some((whole, decimals)) if is_whole(whole) && is_whole(decimals) => "decimal",
        _ => "word",
    }
}

/// Every row's cells, the header's first.
pub fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(String::from).collect()).collect()
}
