//! Load generators that are not ours: how each is told a load, and what its outputs come to. The outputs of Locust,
//! wrk and oha here are real ones; k6's is made after its documentation.

use std::collections::BTreeMap;
use vscale::{
    load_tools::{self, Outputs},
    model::{
        Arrivals, Distribution, FailureKind, LoadModel, LoadPlan, LoadResult, LoadTool, LoadToolPlan, RequestTemplate,
        Stage, Until, WarmUp,
    },
};

const SECOND_US: u64 = 1_000_000;

fn load() -> LoadPlan {
    LoadPlan {
        until: Until::RunTime { us: 3 * SECOND_US },
        warm_up: WarmUp::Fixed { us: SECOND_US },
        ..LoadPlan::new("http://stack:8321").with_users(4, 10.0)
    }
}

fn tool(tool: LoadTool) -> LoadToolPlan {
    let script = match tool {
        LoadTool::Locust => Some("locustfile.py".to_owned()),
        LoadTool::K6 => Some("script.js".to_owned()),
        LoadTool::Wrk | LoadTool::Oha => None,
    };
    LoadToolPlan { tool, script, args: Vec::new() }
}

fn read(of: LoadTool, lines: &str, files: &[(&str, &str)]) -> Result<LoadResult, String> {
    let outputs = Outputs {
        lines: lines.lines().map(str::to_owned).collect(),
        files: files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
        started_unix_us: 1_700_000_000 * SECOND_US,
    };
    load_tools::read(&tool(of), &load(), &outputs).map_err(|error| error.to_string())
}

const LOCUST: &str = include_str!("locust.out");
const STATS: (&str, &str) = ("locust_stats.csv", include_str!("locust_stats.csv"));
const FAILURES: (&str, &str) = ("locust_failures.csv", include_str!("locust_failures.csv"));

#[test]
fn what_locust_found_is_read_as_it_was_told() {
    let result = read(LoadTool::Locust, LOCUST, &[STATS, FAILURES]).unwrap();
    assert_eq!(result.told_by, Some(LoadTool::Locust));
    assert_eq!((result.request_count(), result.failure_count()), (282, 22));
    let chat = result.requests.iter().find(|stats| stats.method == "POST").unwrap();
    assert_eq!((chat.name.as_str(), chat.requests, chat.failures), ("/v1/chat/completions", 139, 22));
    let summary = chat.summary.as_ref().unwrap();
    assert_eq!((summary.percentile_us(50.0), summary.percentile_us(99.9)), (Some(95_000), Some(120_000)));
    assert_eq!((summary.min_us, summary.max_us, summary.mean_us.round()), (513, 121_197, 82_625.0));
    // Of 282 answers fewer than ten lie beyond the 99th percentile.
    assert_eq!((result.percentile_us(95.0), result.percentile_us(99.0)), (Some(100_000), None));
    assert_eq!(result.latency().count(), 0, "percentiles become no histogram");
    assert!(result.send_lag().is_none() && result.generators.is_empty());
    let totals = result.totals;
    assert_eq!((totals.asked(), totals.never_answered(), totals.bytes_received), (None, None, None), "{totals:?}");
    let [failure] = result.failures.as_slice() else { panic!("{:?}", result.failures) };
    assert_eq!((failure.occurrences, failure.kind), (22, FailureKind::Told));
    assert!(failure.error.starts_with("HTTPError('503 "), "{}", failure.error);
    assert_eq!(failure.first_seen_unix_us, 1_795_899_336 * SECOND_US);
}

#[test]
fn locust_s_seconds_add_up_to_the_window_and_to_the_whole() {
    let result = read(LoadTool::Locust, LOCUST, &[STATS, FAILURES]).unwrap();
    let sum = |measured: &[bool]| {
        let rows = result.series.iter().filter(|row| measured.contains(&row.measured));
        rows.map(|row| row.requests).sum::<u64>()
    };
    assert_eq!(sum(&[true]), result.request_count());
    assert_eq!(sum(&[true, false]), result.totals.sent);
    let measured_us: u64 = result.series.iter().filter(|row| row.measured).map(|row| row.duration_us).sum();
    assert_eq!(measured_us, result.window.duration_us);
    let progress: Vec<_> = LOCUST.lines().filter_map(|line| load_tools::progress(LoadTool::Locust, line)).collect();
    assert_eq!(progress.len(), result.series.len());
    let borders = LOCUST.lines().filter(|line| load_tools::is_border(LoadTool::Locust, line)).count();
    assert_eq!(borders, 2, "a window begins and ends");
}

#[test]
fn what_a_locustfile_prints_is_not_taken_for_ours() {
    let noise = "vscale is nice\nvscale {\"row\": 7}\n{\"row\": {}}\n";
    let result = read(LoadTool::Locust, &format!("{noise}{LOCUST}"), &[STATS, FAILURES]).unwrap();
    assert_eq!(result.request_count(), 282);
}

#[test]
fn what_is_missing_of_locust_s_outputs_is_named() {
    let before_the_end: String = LOCUST.lines().filter(|line| !line.contains("window")).collect::<Vec<_>>().join("\n");
    let broken = ("locust_stats.csv", STATS.1.replace("Request Count", "Requests"));
    let not_a_number = ("locust_stats.csv", STATS.1.replace(",139,", ",many,"));
    for (error, expected) in [
        (read(LoadTool::Locust, &before_the_end, &[STATS, FAILURES]), "it ended before its window did"),
        (read(LoadTool::Locust, LOCUST, &[FAILURES]), "locust_stats.csv was not written"),
        (
            read(LoadTool::Locust, LOCUST, &[(broken.0, &broken.1), FAILURES]),
            "locust_stats.csv: no column `Request Count`",
        ),
        (
            read(LoadTool::Locust, LOCUST, &[(not_a_number.0, &not_a_number.1), FAILURES]),
            "locust_stats.csv: `many` under `Request Count` is no count",
        ),
    ] {
        assert_eq!(error.unwrap_err(), format!("what locust wrote cannot be read: {expected}"));
    }
}

#[test]
fn what_wrk_counted_is_read_as_it_is() {
    let result = read(LoadTool::Wrk, include_str!("wrk.out"), &[]).unwrap();
    assert_eq!((result.request_count(), result.failure_count(), result.window.duration_us), (150, 22, 3_017_952));
    assert_eq!(result.percentile_us(50.0), Some(90_262));
    assert_eq!(result.percentile_us(95.0), None, "fewer than ten of 150 lie beyond it");
    assert!(result.series.is_empty() && result.latency().count() == 0);
    let error = read(LoadTool::Wrk, "unable to connect to stack:8321 Connection refused", &[]).unwrap_err();
    assert_eq!(error, "what wrk wrote cannot be read: it printed no summary");
}

#[test]
fn what_oha_counted_is_read_as_it_is() {
    let text = include_str!("oha.json");
    assert!(!text.ends_with('\n'), "its last line has no end");
    let result = read(LoadTool::Oha, text, &[]).unwrap();
    // Four were under way at its end.
    assert_eq!((result.request_count(), result.failure_count(), result.window.duration_us), (155, 23, 3_001_565));
    let [failure] = result.failures.as_slice() else { panic!("{:?}", result.failures) };
    assert_eq!((failure.error.as_str(), failure.occurrences, failure.kind), ("HTTP 503", 23, FailureKind::Status));
    assert_eq!(
        (result.percentile_us(50.0), result.percentile_us(95.0)),
        (Some(90_236), None),
        "too few beyond the 95th"
    );
    let told = result.summary.unwrap();
    assert_eq!((told.min_us, told.max_us, told.percentile_us(99.9)), (74, 96_490, Some(96_490)));
    let cut = &text[..text.len() - 1];
    let error = read(LoadTool::Oha, cut, &[]).unwrap_err();
    assert!(error.starts_with("what oha wrote cannot be read: EOF"), "{error}");
}

#[test]
fn k6_s_summary_is_read_in_its_units() {
    let summary = ("summary.json", include_str!("k6_summary.json"));
    let result = read(LoadTool::K6, "", &[summary]).unwrap();
    assert_eq!((result.request_count(), result.failure_count()), (130, 13));
    assert!((result.throughput_rps() - 43.25 * 0.9).abs() < 0.01, "{}", result.throughput_rps());
    assert_eq!(result.percentile_us(90.0), Some(95_125));
    let told = result.summary.unwrap();
    assert_eq!((told.min_us, told.max_us, told.percentile_us(99.0)), (90_200, 131_250, Some(120_500)));
    let without = ("summary.json", r#"{"metrics": {"http_reqs": {"count": 1}}}"#);
    let error = read(LoadTool::K6, "", &[without]).unwrap_err();
    assert_eq!(error, "what k6 wrote cannot be read: summary.json: no `rate` of `http_reqs`");
}

#[test]
fn each_is_told_users_times_and_whom_to_load() {
    let commands: BTreeMap<&str, String> =
        LoadTool::ALL.into_iter().map(|one| (one.name(), load_tools::command(&tool(one), &load()).join(" "))).collect();
    insta::assert_debug_snapshot!(commands);
}

#[test]
fn a_warm_up_of_its_own_is_a_run_of_its_own_where_the_tool_has_none() {
    assert_eq!(load_tools::warm_up(&tool(LoadTool::Locust), &load()), None);
    for one in [LoadTool::K6, LoadTool::Wrk, LoadTool::Oha] {
        let command = load_tools::warm_up(&tool(one), &load()).unwrap().join(" ");
        assert!(command.contains("1s") || command.contains("1000ms"), "{command}");
        let cold = LoadPlan { warm_up: WarmUp::Fixed { us: 0 }, ..load() };
        assert_eq!(load_tools::warm_up(&tool(one), &cold), None);
    }
}

#[test]
fn what_cannot_be_told_is_refused_by_name() {
    let think_time: Distribution = "10ms".parse().unwrap();
    let open = |arrivals| LoadModel::Open { rate_rps: 9.0, arrivals, max_in_flight: 7 };
    let filled = RequestTemplate { body: "{{counter}}".into(), ..RequestTemplate::default() };
    let stages = vec![Stage { duration_us: 1, target: 1.0 }];
    let closed = LoadModel::Closed { users: 4, spawn_rate_per_s: 1.0, think_time };
    for (one, load, expected) in [
        (LoadTool::Locust, LoadPlan { stages, ..load() }, "locust: stages are for our own load generator"),
        (LoadTool::Wrk, LoadPlan { until: Until::Iterations { count: 5 }, ..load() }, "wrk: it needs a run time"),
        (LoadTool::Oha, LoadPlan { stream: true, ..load() }, "oha: streams are timed by our own"),
        (LoadTool::Wrk, LoadPlan { model: closed, ..load() }, "wrk: think times are for our own"),
        (LoadTool::Locust, LoadPlan { model: open(Arrivals::Constant), ..load() }, "locust: it sends in closed loop"),
        (LoadTool::Oha, LoadPlan { model: open(Arrivals::Poisson), ..load() }, "oha: its rate is constant"),
        (LoadTool::Wrk, LoadPlan { requests: vec![filled.clone()], ..load() }, "wrk: it fills in no `{{...}}`"),
        (LoadTool::Locust, LoadPlan { requests: vec![filled], ..load() }, "locust: its locustfile says what is sent"),
    ] {
        let error = load_tools::check(&tool(one), &load).unwrap_err().to_string();
        assert!(error.starts_with(&format!("x-vscale.generator: {expected}")), "{error}");
    }
    let taken = LoadToolPlan { args: vec!["--processes=4".into()], ..tool(LoadTool::Locust) };
    let error = load_tools::check(&taken, &load()).unwrap_err().to_string();
    assert!(error.contains("`--processes=4` in `args`"), "{error}");
    let open = LoadPlan { model: open(Arrivals::Constant), ..load() };
    assert!(load_tools::check(&tool(LoadTool::Oha), &open).is_ok());
    assert!(load_tools::command(&tool(LoadTool::Oha), &open).join(" ").contains("-c 7 -q 9"));
}

#[test]
fn a_request_becomes_a_script_of_wrk_s_whatever_is_in_it() {
    let body = "{\"a\": \"\u{fc} \\\"\n\"}]]";
    let request =
        RequestTemplate { body: body.into(), headers: vec![("X-Y".into(), "z".into())], ..RequestTemplate::default() };
    let load = LoadPlan { requests: vec![request], ..load() };
    let files = load_tools::files(&tool(LoadTool::Wrk), &load, None);
    let [(path, script)] = files.as_slice() else { panic!("{files:?}") };
    let script = std::str::from_utf8(script).unwrap();
    assert_eq!(path, "vscale/vscale.lua");
    let body = r#"wrk.body = "{\034a\034: \034\195\188 \092\034\010\034}]]""#;
    assert!(script.contains(body), "{script}");
    assert!(script.contains(r#"wrk.headers["X-Y"] = "z""#) && script.contains(r#"wrk.headers["Content-Type"]"#));
    let with_script = LoadToolPlan { script: Some("mine.lua".into()), ..tool(LoadTool::Wrk) };
    let files = load_tools::files(&with_script, &load, Some(b"function init() end"));
    assert_eq!(
        files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["vscale/vscale.lua", "vscale/mine.lua"]
    );
    assert!(files[0].1.starts_with(b"dofile(\"/vscale/mine.lua\")"));
}
