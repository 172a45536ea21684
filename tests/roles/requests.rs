//! What the load generator sends: mixes by weight, places filled in, statistics by name.

use super::servers::{GOOD, Server, config, for_ms, read_any, run};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use vscale::load::{find_capacity, parse_requests};
use vscale::model::{Arrivals, LoadPlan, RequestTemplate, Until, WarmUp};

/// Head and body of each request.
type Kept = Arc<Mutex<Vec<(String, String)>>>;

fn parse(name: &str, text: &str) -> Vec<RequestTemplate> {
    parse_requests(Path::new(name), text, &|_| None).unwrap().requests
}

/// A server that keeps the requests it got.
fn keeping() -> (Server, Kept) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    let server = Server::start(move |mut stream| {
        while let Some(request) = read_any(&mut stream) {
            kept.lock().unwrap().push(request);
            if stream.write_all(GOOD.as_bytes()).is_err() {
                return;
            }
        }
    });
    (server, requests)
}

#[test]
fn a_mix_by_weight_is_counted_by_name() {
    let (server, requests) = keeping();
    let text = r#"
        {"path": "/v1/models", "weight": 3, "name": "models"}
        {"path": "/v1/chat/completions", "body": {"n": 1}, "name": "chat"}
        {"path": "/v1/chat/completions", "body": {"n": 2}, "name": "chat"}"#;
    let mix = parse("mix", text);
    let until = Until::Iterations { count: 2000 };
    let result = run(&LoadPlan { requests: mix, until, threads: Some(2), ..config(server.address) });
    let by_name: BTreeMap<_, _> = result.requests.iter().map(|stats| (stats.name.as_str(), stats)).collect();
    assert_eq!(by_name.keys().copied().collect::<Vec<_>>(), ["chat", "models"]);
    let (chat, models) = (by_name["chat"], by_name["models"]);
    assert_eq!((chat.requests + models.requests, chat.failures + models.failures), (2000, 0));
    assert!((1080..1320).contains(&models.requests), "{} of 1200 expected", models.requests);
    assert_eq!((models.method.as_str(), chat.method.as_str()), ("GET", "POST"));
    let got = requests.lock().unwrap();
    let models_got = got.iter().filter(|(head, _)| head.starts_with("GET /v1/models HTTP/1.1\r\n")).count();
    assert_eq!(models_got as u64, models.requests);
    assert!(got.iter().any(|(_, body)| body == r#"{"n":1}"#) && got.iter().any(|(_, body)| body == r#"{"n":2}"#));
}

#[test]
fn no_two_requests_are_alike() {
    let (server, requests) = keeping();
    let text = r#"{"path": "/ask/{{counter}}", "body": {"id": "{{random}}", "prompt": "{{line}}"}, "name": "ask",
        "headers": {"X-Count": "{{counter}}"}, "expect": "/choices"}"#
        .replace('\n', " ");
    let config = LoadPlan {
        requests: parse("ask", &text),
        lines: vec!["plain".into(), "a \"quoted\" one".into(), "ümlaut".into()],
        until: Until::Iterations { count: 300 },
        threads: Some(2),
        ..config(server.address).with_users(4, 10.0)
    };
    let result = run(&config);
    assert_eq!((result.request_count(), result.failures.len(), result.requests.len()), (300, 0, 1));
    let (mut paths, mut ids, mut prompts) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::<String, u32>::new());
    for (head, body) in requests.lock().unwrap().iter() {
        let count = head.split(['/', ' ']).nth(3).unwrap().to_owned();
        assert!(head.contains(&format!("X-Count: {count}")), "{head}");
        paths.insert(count.parse::<u64>().unwrap());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        ids.insert(body["id"].as_str().unwrap().to_owned());
        *prompts.entry(body["prompt"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((paths.len(), ids.len()), (300, 300));
    assert_eq!(prompts.keys().map(String::as_str).collect::<Vec<_>>(), ["a \"quoted\" one", "plain", "ümlaut"]);
    assert!(prompts.values().all(|count| (95..=105).contains(count)), "{prompts:?}");
}

#[test]
fn no_step_of_a_search_repeats_what_another_sent() {
    let (server, requests) = keeping();
    let text = r#"{"path": "/ask", "body": "{{counter}} {{random}}", "expect": "any"}"#;
    let plan = LoadPlan {
        requests: parse("ask", text),
        until: for_ms(100),
        warm_up: WarmUp::Fixed { us: 0 },
        ..config(server.address).with_users(1, 1.0)
    };
    let found = find_capacity(&plan, 4, Arrivals::Poisson, &AtomicBool::new(false), &mut |_| ()).unwrap();
    assert!(found.steps.len() >= 5, "at least two searching, three at shares");
    let requests = requests.lock().unwrap();
    let (mut counters, mut randoms) = (BTreeSet::new(), BTreeSet::new());
    for (_, body) in requests.iter() {
        let (counter, random) = body.split_once(' ').unwrap();
        counters.insert(counter.to_owned());
        randoms.insert(random.to_owned());
    }
    assert_eq!((counters.len(), randoms.len()), (requests.len(), requests.len()));
}
