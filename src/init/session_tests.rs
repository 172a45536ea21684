//! Recordings, and the scenarios that they become.

use super::*;

fn entry(method: &str, url: &str, request: Value, status: u16, answer: Value) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}, "response": {"status": status}});
    for (key, fields) in [("request", request), ("response", answer)] {
        for (name, value) in fields.as_object().unwrap() {
            entry[key][name] = value.clone();
        }
    }
    entry
}

fn header(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn har(entries: &[Value]) -> String {
    json!({"log": {"version": "1.2", "entries": entries}}).to_string()
}

fn steps(made: &RequestText) -> Vec<Value> {
    serde_json::from_str::<Value>(&made.lines).unwrap()["steps"].as_array().unwrap().clone()
}

#[test]
fn a_session_becomes_a_scenario_without_its_secrets() {
    let token = "eyJhbGciOi.abc123.def-456";
    let recorded = har(&[
        entry(
            "GET",
            "https://shop.example/",
            json!({}),
            200,
            json!({"headers": [header("Set-Cookie", "sid=s-e-c-r-e-t; Path=/")]}),
        ),
        entry(
            "POST",
            "https://shop.example/login?next=%2F",
            json!({
                "headers": [header(":authority", "shop.example"), header("Cookie", "sid=s-e-c-r-e-t"), header("content-type", "application/json"), header("If-None-Match", "x")],
                "postData": {"mimeType": "application/json", "text": r#"{"user": "ann", "password": "hunter22"}"#}
            }),
            201,
            json!({"content": {"text": json!({"data": {"access_token": token, "name": "Ann"}}).to_string()}}),
        ),
        entry("GET", "https://cdn.example/a.js", json!({}), 200, json!({})),
        entry(
            "GET",
            "https://shop.example/me",
            json!({"headers": [header("Authorization", &format!("Bearer {token}")), header("cookie", "sid=s-e-c-r-e-t")]}),
            304,
            json!({}),
        ),
    ]);
    let made = from_har(&recorded, None).unwrap();
    assert_eq!(made.origin, "https://shop.example");
    assert_eq!(
        steps(&made),
        [
            json!({"path": "/", "cookies": true}),
            json!({
                "path": "/login?next=%2F", "headers": {"content-type": "application/json"},
                "body": {"user": "ann", "password": "{{env:PASSWORD}}"}, "expect": "201",
                "capture": {"access_token": {"json": "/data/access_token"}}, "cookies": true
            }),
            json!({"path": "/me", "headers": {"Authorization": "Bearer {{access_token}}"}, "cookies": true}),
        ]
    );
    assert_eq!(
        made.notes,
        [
            "left out: requests 1 to https://cdn.example",
            "the value of password is not copied: set PASSWORD in the environment, as it was sent"
        ]
    );
}

#[test]
fn cookies_of_before_the_recording_are_the_environments() {
    let sets = json!({"headers": [header("set-cookie", "new=1")]});
    let sends = |cookies: &str| json!({"headers": [header("Cookie", cookies)]});
    let recorded = har(&[
        entry("GET", "http://a:1/1", sends("old=1"), 200, sets),
        entry("GET", "http://a:1/2", sends("old=1; new=1"), 200, json!({})),
    ]);
    let made = from_har(&recorded, None).unwrap();
    assert_eq!(
        steps(&made),
        [
            json!({"path": "/1", "headers": {"Cookie": "{{env:COOKIE}}"}}),
            json!({"path": "/2", "headers": {"Cookie": "{{env:COOKIE_2}}"}}),
        ]
    );
}

#[test]
fn what_did_not_reach_the_server_is_left_out_and_said() {
    let mut cached = entry("GET", "http://a/1", json!({}), 200, json!({}));
    cached["_fromCache"] = "disk".into();
    let recorded = har(&[
        cached,
        entry("GET", "http://a/ws", json!({}), 101, json!({})),
        entry("GET", "http://a/gone", json!({}), 0, json!({})),
        entry("GET", "data:text/css,x", json!({}), 200, json!({})),
        entry(
            "POST",
            "http://a/up",
            json!({"postData": {"mimeType": "multipart/form-data; boundary=x", "text": "x"}}),
            200,
            json!({}),
        ),
        entry("GET", "http://a:80/kept", json!({}), 200, json!({})),
    ]);
    let made = from_har(&recorded, Some("http://a")).unwrap();
    assert_eq!(steps(&made), [json!({"path": "/kept"})]);
    assert_eq!(
        made.notes,
        [
            "left out: requests 1 of data:, 1 that became WebSockets, 1 that send files (multipart), which the load generator cannot, 1 that the browser's cache answered, 1 that were not answered"
        ]
    );
    for (text, origin, why) in [
        ("{}", None, "no HAR: missing field `log`"),
        (r#"{"log": {"entries": []}}"#, None, "no request to an HTTP server is recorded in it"),
        (&recorded, Some("https://b"), "no request reached https://b; there are "),
    ] {
        let error = from_har(text, origin).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn each_browser_says_in_its_own_way_that_its_cache_answered() {
    let with = |key: &str, value: Value| {
        let mut entry = entry("GET", "http://a/cached", json!({}), 200, json!({}));
        entry[key] = value;
        entry
    };
    let asked = entry("GET", "http://a/asked", json!({}), 200, json!({}));
    let cache_after = |value: Value| with("cache", json!({ "afterRequest": value }));
    for (browser, cached, count) in [
        ("WebInspector", with("_fromCache", json!("memory")), 1),
        ("WebKit Web Inspector", with("_fetchType", json!("Disk Cache")), 1),
        ("WebKit Web Inspector", with("_fetchType", json!("Network Load")), 2),
        ("Firefox", cache_after(Value::Null), 1),
        ("Firefox", with("cache", json!({})), 2),
        ("a proxy, of its own cache", cache_after(json!({"hitCount": 1})), 2),
    ] {
        let recorded = json!({"log": {"creator": {"name": browser}, "entries": [cached, asked]}});
        assert_eq!(steps(&from_har(&recorded.to_string(), None).unwrap()).len(), count, "{recorded}");
    }
}

#[test]
fn the_first_server_is_that_of_a_request_and_null_is_nothing() {
    let post_data = json!({"mimeType": null, "text": null, "params": [{"name": "a", "value": null}]});
    let recorded = json!({"log": {"creator": null, "entries": [
        entry("GET", "data:text/css,x", json!({}), 200, json!({})),
        entry("GET", "wss://b/socket", json!({}), 101, json!({})),
        {"request": {"method": "POST", "url": "http://a/1", "headers": null, "postData": post_data},
         "response": {"status": 200, "headers": null, "content": null}, "cache": null, "_fromCache": null},
    ]}});
    let made = from_har(&recorded.to_string(), None).unwrap();
    assert_eq!((made.origin.as_str(), steps(&made)), ("http://a", vec![json!({"path": "/1", "body": "a="})]));
    assert_eq!(made.notes, ["left out: requests 1 of data:, 1 of wss:"]);
}
