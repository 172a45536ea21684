//! Real Locust and `vscale load` against the same mock, with as many users for as many seconds: their CSV files must have
//! the same form, and each must have counted what the mock did.

#[path = "../shared/csv_form.rs"]
mod csv_form;
#[path = "../shared/programs.rs"]
mod programs;
#[path = "../shared/window.rs"]
mod window;

use csv_form::{HISTORY_ALSO, assert_same_form, records};
use programs::{Mock, load, output_of, test_tool};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use vscale::model::{BackendWindow, LoadResult};
use window::close_window;

const USERS: &str = "3";
const SECONDS: &str = "5";

/// Of Locust's rule that a median is whole only where that leaves it within the extremes, either tool may need either half.
const EITHER_MEDIAN: [(&str, &[&str]); 1] = [("Median Response Time", &["whole", "decimal"])];

#[test]
fn beside_a_server_that_answers() {
    let both = Both::run(&["--service-time", "100ms"]);
    both.assert_same_forms();
    assert_eq!(both.ours.file("exceptions"), both.locust.file("exceptions"));
    // Without a failure, both are but a header.
    assert_eq!(both.ours.file("failures"), both.locust.file("failures"));
    // How close the two are is for `make bench-load` to say, on a machine with nothing else to do; 30 a second is theory.
    for tool in [&both.ours, &both.locust] {
        let rps = tool.aggregate("Requests/s").parse::<f64>().unwrap();
        assert!(rps > 0.0 && rps < 30.0 * 1.1, "{rps} requests/s by {}", tool.name);
    }
    // The mock's answer is always of one length.
    assert_eq!(both.ours.aggregate("Average Content Size"), both.locust.aggregate("Average Content Size"));
}

#[test]
fn beside_a_server_that_fails() {
    let both = Both::run(&["--service-time", "10ms", "--error-rate", "0.2", "--error-status", "503"]);
    both.assert_same_forms();
    assert_eq!(both.ours.file("exceptions"), both.locust.file("exceptions"));
    let errors: BTreeSet<_> = both.locust.failures("Error").iter().map(|error| unwrapped(error)).collect();
    assert_eq!(both.ours.failures("Error").into_iter().collect::<BTreeSet<_>>(), errors);
    assert!(!errors.is_empty() && errors.iter().all(|error| error.starts_with("HTTP 503: ")), "{errors:?}");
    for tool in [&both.ours, &both.locust] {
        let occurrences = tool.failures("Occurrences").iter().map(|count| count.parse::<u64>().unwrap()).sum::<u64>();
        assert_eq!(occurrences.to_string(), tool.aggregate("Failure Count"), "{}", tool.name);
    }
}

/// The same load by both.
struct Both {
    ours: Tool,
    locust: Tool,
    _folder: TempDir,
}

/// One tool's files and what the mock saw of it.
struct Tool {
    name: &'static str,
    prefix: PathBuf,
}

impl Both {
    /// First Locust, then we, each against the mock alone; the counts are compared here.
    fn run(mock_flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mock = Mock::start(mock_flags);
        let tool = |name| Tool { name, prefix: folder.path().join(name) };
        let (ours, locust) = (tool("ours"), tool("locust"));

        seen_by(&mock);
        run_locust(&mock.url, &locust.prefix);
        let seen = seen_by(&mock);
        assert!(seen.arrivals > 10, "{seen:?}");
        assert_eq!(locust.counts(), [seen.arrivals, seen.errors]);

        let result: LoadResult = serde_json::from_value(run_ours(&mock.url, &ours.prefix)).unwrap();
        let seen = seen_by(&mock);
        assert_eq!([result.totals.sent, result.totals.failed], [seen.arrivals, seen.errors]);
        // What was under way at the end is answered, but not counted in the window.
        let late = result.series.iter().filter(|row| !row.measured);
        let [requests, failures] = late.fold([0, 0], |sum, row| [sum[0] + row.requests, sum[1] + row.failures]);
        assert_eq!(ours.counts(), [seen.arrivals - requests, seen.errors - failures]);
        Self { ours, locust, _folder: folder }
    }

    fn assert_same_forms(&self) {
        let file = |name| (self.ours.file(name), self.locust.file(name));
        for (name, also) in [("stats", &EITHER_MEDIAN[..]), ("stats_history", &HISTORY_ALSO), ("failures", &[])] {
            let (ours, locusts) = file(name);
            assert_same_form(&ours, &locusts, also);
        }
        for tool in [&self.ours, &self.locust] {
            tool.assert_rows();
        }
    }
}

impl Tool {
    fn file(&self, name: &str) -> String {
        let path = format!("{}_{name}.csv", self.prefix.display());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The cells of one column.
    fn column(&self, file: &str, title: &str) -> Vec<String> {
        let rows = records(&self.file(file));
        let index = rows[0].iter().position(|column| column == title).unwrap();
        rows[1..].iter().map(|row| row[index].clone()).collect()
    }

    fn failures(&self, title: &str) -> Vec<String> {
        self.column("failures", title)
    }

    fn aggregate(&self, title: &str) -> String {
        self.column("stats", title).pop().unwrap()
    }

    /// Requests and failures of the aggregate.
    fn counts(&self) -> [u64; 2] {
        ["Request Count", "Failure Count"].map(|title| self.aggregate(title).parse().unwrap())
    }

    /// A row for the only request and one for all; in the history only the latter, one a second, and the last of them has
    /// the whole.
    fn assert_rows(&self) {
        assert_eq!(self.column("stats", "Type"), ["POST", ""], "{}", self.name);
        assert_eq!(self.column("stats", "Name"), ["/v1/chat/completions", "Aggregated"], "{}", self.name);
        let history = |title: &str| self.column("stats_history", title);
        let times: Vec<u64> = history("Timestamp").iter().map(|time| time.parse().unwrap()).collect();
        // Locust has a row before the first answer and some after the last.
        let seconds: usize = SECONDS.parse().unwrap();
        assert!((2..=seconds + 8).contains(&times.len()) && times.is_sorted(), "{}: {times:?}", self.name);
        assert!(history("Type").iter().all(String::is_empty), "{}", self.name);
        assert!(history("Name").iter().all(|name| name == "Aggregated"), "{}", self.name);
        assert!(history("User Count").contains(&USERS.to_owned()), "{}", self.name);
        for count in ["Request Count", "Failure Count"] {
            assert_eq!(history(&format!("Total {count}")).pop().unwrap(), self.aggregate(count), "{}", self.name);
        }
    }
}

fn run_ours(url: &str, prefix: &Path) -> Value {
    let prefix = prefix.to_str().unwrap();
    load(url, &["--users", USERS, "--run-time", SECONDS, "--warm-up", "0s", "--csv", prefix])
}

fn run_locust(url: &str, prefix: &Path) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locust/locustfile.py");
    let mut locust = test_tool("LOCUST", "locust");
    locust.arg("--locustfile").arg(file).arg("--csv").arg(prefix).args(["--host", url]);
    // Requests under way at the end are waited for, and a failed request is no failed run.
    locust.args(["--headless", "--only-summary", "--stop-timeout", "5", "--exit-code-on-error", "0"]);
    locust.args(["--users", USERS, "--spawn-rate", "10", "--run-time", SECONDS]);
    output_of(&mut locust);
}

/// Since the last call.
fn seen_by(mock: &Mock) -> BackendWindow {
    close_window(mock.url.trim_start_matches("http://"))
}

/// What stands in Locust's `CatchResponseError('...')`, a Python string.
fn unwrapped(error: &str) -> String {
    let quoted = error.strip_prefix("CatchResponseError(").and_then(|rest| rest.strip_suffix(')'));
    let quoted = quoted.unwrap_or_else(|| panic!("{error}"));
    quoted[1..quoted.len() - 1].replace("\\'", "'").replace("\\\\", "\\")
}
