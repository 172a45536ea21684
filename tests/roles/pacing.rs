//! When the load generator sends: open loop, think time, stages, iterations, the drain.

use super::servers::{GOOD, Server, accounts_for_all, at_least, config, for_ms, read_request, run};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use vscale::analyse::load_findings;
use vscale::model::{Arrivals, Gate, LoadModel, LoadPlan, Stage, StopCause, Until};

fn open(rate_rps: f64, max_in_flight: u32, config: LoadPlan) -> LoadPlan {
    LoadPlan { model: LoadModel::Open { rate_rps, arrivals: Arrivals::Constant, max_in_flight }, ..config }
}

#[test]
fn an_open_loop_sends_what_is_due_and_nothing_else() {
    let server = Server::answering(GOOD);
    let config = LoadPlan { until: for_ms(1500), threads: Some(2), ..config(server.address) };
    let result = run(&open(200.0, 100, config));
    assert_eq!((result.totals.sent + result.totals.unsent.unwrap(), result.failures.len()), (300, 0));
    assert!(result.totals.sent > 150, "{:?}", result.totals);
    let stats = &result.requests[0];
    assert_eq!(stats.intended.as_ref().unwrap().count(), stats.latency.count());
    assert!(result.send_lag().unwrap().count() >= stats.requests);
    assert!(result.totals.connections_opened.unwrap() < 100, "connections are used again");
    accounts_for_all(&result);
}

#[test]
fn poisson_arrivals_are_as_many_as_the_seed_says() {
    let server = Server::answering(GOOD);
    let poisson = |seed| {
        let model = LoadModel::Open { rate_rps: 300.0, arrivals: Arrivals::Poisson, max_in_flight: 100 };
        let totals = run(&LoadPlan { model, seed, until: for_ms(700), ..config(server.address) }).totals;
        // A busy machine may not come to send the last of them.
        totals.sent + totals.unsent.unwrap()
    };
    let sent = poisson(1);
    assert_eq!(sent, poisson(1));
    assert!((150..270).contains(&sent), "{sent} of 210 expected, give or take four standard deviations");
    assert!((2..6).any(|seed| poisson(seed) != sent));
}

#[test]
fn a_stall_is_one_slow_request_by_one_clock_and_many_by_the_other() {
    let requests = AtomicU64::new(0);
    let server = Server::start(move |mut stream| {
        while read_request(&mut stream) {
            if requests.fetch_add(1, SeqCst) == 50 {
                std::thread::sleep(Duration::from_secs(1));
            }
            if stream.write_all(GOOD.as_bytes()).is_err() {
                return;
            }
        }
    });
    let config = LoadPlan { until: for_ms(2000), ..config(server.address) };
    let result = run(&open(100.0, 1, config));
    let (sent, due) = (result.latency(), result.intended());
    assert_eq!(at_least(&sent, 500), 1, "one request met the stall");
    // Due at 0.5 s to 1.5 s; those of the first half waited for longer than half a second.
    assert!((40..=150).contains(&at_least(&due, 500)), "{}", at_least(&due, 500));
    assert!(result.totals.delayed.unwrap() >= 90, "{:?}", result.totals);
    assert!(load_findings(&result).iter().any(|finding| finding.gate == Gate::Delayed));
    accounts_for_all(&result);
}

#[test]
fn what_cannot_be_sent_before_the_end_is_counted_apart() {
    let server = Server::start(|mut stream| {
        while read_request(&mut stream) {
            std::thread::sleep(Duration::from_millis(200));
            if stream.write_all(GOOD.as_bytes()).is_err() {
                return;
            }
        }
    });
    let result = run(&open(100.0, 2, LoadPlan { until: for_ms(1000), ..config(server.address) }));
    assert_eq!(result.totals.sent + result.totals.unsent.unwrap(), 100);
    assert!((2..=12).contains(&result.totals.sent), "{:?}", result.totals);
    accounts_for_all(&result);
}

#[test]
fn a_rate_beyond_all_reach_ends_in_time_and_all_of_it_is_accounted_for() {
    let server = Server::answering(GOOD);
    for host in
        [format!("http://{}", server.address), "http://no.such.name.invalid".into(), "http://127.0.0.1:1".into()]
    {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let model = LoadModel::Open { rate_rps: 1e7, arrivals, max_in_flight: 8 };
            let config = LoadPlan { model, host: host.clone(), until: for_ms(500), ..config(server.address) };
            let result = run(&LoadPlan { threads: Some(2), drain_us: 1_000_000, ..config });
            let due = (result.totals.sent + result.totals.unsent.unwrap()) as f64;
            // A Poisson process has give or take a few times the root of 5,000,000.
            let most_apart = if arrivals == Arrivals::Constant { 0.0 } else { 15_000.0 };
            assert!((due - 5e6).abs() <= most_apart, "{host} {arrivals:?}: {due} due of 5,000,000");
            assert!(result.totals.unsent.unwrap() > 0, "{host}");
            accounts_for_all(&result);
        }
    }
}

#[test]
fn users_think() {
    let server = Server::answering(GOOD);
    let model = LoadModel::Closed { users: 2, spawn_rate_per_s: 10.0, think_time: "50ms".parse().unwrap() };
    let result = run(&LoadPlan { model, until: for_ms(1000), ..config(server.address) });
    let requests = result.request_count();
    assert!((4..=40).contains(&requests), "two users, 50 ms apart at least: {requests}");
    assert_eq!(result.requests[0].intended.as_ref().unwrap().count(), requests);
}

#[test]
fn iterations_are_exact_and_all_counted() {
    let server = Server::answering(GOOD);
    let until = Until::Iterations { count: 1001 };
    let result = run(&LoadPlan { until, threads: Some(2), ..config(server.address).with_users(5, 10.0) });
    assert_eq!((result.request_count(), result.totals.sent, result.totals.succeeded), (1001, 1001, 1001));
    assert_eq!((result.stopped_by, result.window.warm_up_us), (StopCause::Iterations, 0));
    assert_eq!(result.series.iter().map(|row| row.requests).sum::<u64>(), 1001);
    assert!(result.window.duration_us > 0 && result.throughput_rps() > 0.0);
}

#[test]
fn iterations_in_open_loop_and_when_nothing_can_be_reached() {
    let server = Server::answering(GOOD);
    let config = LoadPlan { until: Until::Iterations { count: 50 }, ..config(server.address) };
    let result = run(&open(500.0, 10, config.clone()));
    assert_eq!((result.request_count(), result.totals.unsent.unwrap()), (50, 0));
    drop(server);
    let nobody = LoadPlan { host: "http://127.0.0.1:1".into(), ..config };
    let result = run(&open(500.0, 10, nobody));
    assert_eq!((result.request_count(), result.failure_count(), result.totals.sent), (50, 50, 50));
}

#[test]
fn users_follow_the_stages() {
    let most = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&most);
    let now = AtomicU64::new(0);
    let server = Server::start(move |mut stream| {
        seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        while read_request(&mut stream) {
            std::thread::sleep(Duration::from_millis(5));
            if stream.write_all(GOOD.as_bytes()).is_err() {
                break;
            }
        }
        now.fetch_sub(1, SeqCst);
    });
    let stage = |ms: u64, target| Stage { duration_us: ms * 1000, target };
    let stages = vec![stage(800, 8.0), stage(1200, 8.0), stage(1000, 2.0), stage(1000, 2.0)];
    let result = run(&LoadPlan { stages, threads: Some(2), ..config(server.address).with_users(1, 1.0) });
    assert_eq!((result.window.warm_up_us, result.window.duration_us), (0, 4_000_000));
    assert_eq!(result.series.iter().map(|row| row.users).take(4).collect::<Vec<_>>(), [8, 8, 2, 2]);
    assert_eq!(most.load(SeqCst), 8);
    let [many, few] = [1, 3].map(|second| result.series[second].requests);
    assert!(many > few, "{many} requests by 8 users, {few} by 2");
    assert_eq!(result.failures, []);
}

#[test]
fn the_drain_is_as_long_as_asked() {
    let server = Server::start(|mut stream| while read_request(&mut stream) {});
    let began = Instant::now();
    let result = run(&LoadPlan { drain_us: 200_000, ..config(server.address) });
    assert!(began.elapsed() < Duration::from_secs(4), "the default drain lasts 5 s");
    assert_eq!(result.totals.unanswered.unwrap(), 2);
    let findings = load_findings(&result);
    let unanswered = findings.iter().find(|finding| finding.gate == Gate::Unanswered);
    assert_eq!(unanswered.and_then(|finding| finding.measured.clone()), Some(2.0.into()));
}
