use super::*;

fn made(line: &str) -> (Value, RequestText) {
    let made = from_curl(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    (serde_json::from_str(&made.lines).unwrap(), made)
}

#[test]
fn what_is_sent() {
    use serde_json::json;
    const FORM: &str = "application/x-www-form-urlencoded";
    for (line, expected) in [
        ("curl localhost:8000/a?b=1#c", json!({"path": "/a?b=1"})),
        ("$ /usr/bin/curl -sS -X DELETE 'http://a/x y'", json!({"method": "DELETE", "path": "/x%20y"})),
        ("curl -d a=1 -d 'b=2' http://a/", json!({"path": "/", "headers": {"Content-Type": FORM}, "body": "a=1&b=2"})),
        ("curl -Gd a=1 --data-urlencode 'q=x y' 'http://a/s?z=0'", json!({"path": "/s?z=0&a=1&q=x+y"})),
        (
            "curl --json '{\"a\":[1]}' a/x",
            json!({"path": "/x", "headers": {"Content-Type": "application/json", "Accept": "application/json"}, "body": {"a": [1]}}),
        ),
        (
            "curl -HX-A:b -H 'X-A: c' -H 'Empty;' http://a",
            json!({"path": "/", "headers": {"X-A": "b, c", "Empty": ""}}),
        ),
        (
            "curl --head --compressed http://a",
            json!({"method": "HEAD", "path": "/", "headers": {"Accept-Encoding": "gzip, deflate"}}),
        ),
        (
            "curl -X PUT --data-raw '@x' -H 'content-type: text/plain' http://a",
            json!({"method": "PUT", "path": "/", "headers": {"content-type": "text/plain"}, "body": "@x"}),
        ),
        (
            "curl -A me -e http://b -o out -m5 --url http://a",
            json!({"path": "/", "headers": {"User-Agent": "me", "Referer": "http://b"}}),
        ),
        ("curl http://a/$ID", json!({"path": "/{{env:ID}}"})),
    ] {
        assert_eq!(made(line).0, expected, "{line}");
    }
}

/// As Chromium's "Copy as cURL (bash)" has it.
#[test]
fn as_a_browser_copies_it() {
    let line = "curl 'https://app.example/api/chat?api_key=k-123' \\\n  -H 'accept: */*' \\\n  -H 'accept-encoding: gzip, deflate, br, zstd' \\\n  \
        -H 'authorization: Bearer abc.def' \\\n  -b 'sid=1; theme=dark' \\\n  -H 'content-type: application/json' \\\n  \
        --data-raw $'{\"q\":\"it\\'s\\u0021\",\"client_secret\":\"s1\"}' \\\n  --insecure";
    let (request, text) = made(line);
    insta::assert_snapshot!(request, @r#"{"path":"/api/chat?api_key={{env:API_KEY}}","headers":{"accept":"*/*","accept-encoding":"gzip, deflate","authorization":"{{env:AUTHORIZATION}}","Cookie":"{{env:COOKIE}}","content-type":"application/json"},"body":{"q":"it's!","client_secret":"{{env:CLIENT_SECRET}}"}}"#);
    assert_eq!(text.origin, "https://app.example");
    insta::assert_snapshot!(text.notes.join("\n"), @r"
    -k: give --insecure to `vscale load`
    the value of api_key is not copied: set API_KEY in the environment, as it was sent
    the value of authorization is not copied: set AUTHORIZATION in the environment, as it was sent
    the value of Cookie is not copied: set COOKIE in the environment, as it was sent
    the value of client_secret is not copied: set CLIENT_SECRET in the environment, as it was sent
    ");
}

#[test]
fn secrets_are_never_copied() {
    for line in [
        "curl -u ann:hunter22 http://a/",
        "curl http://ann:hunter22@a/",
        "curl -H 'X-Api-Key: hunter22' http://a/",
        "curl -d 'user=ann&password=hunter22' http://a/",
        "curl --oauth2-bearer hunter22 http://a/",
        "curl --json '{\"deep\": [{\"apiKey\": \"hunter22\"}]}' http://a/",
    ] {
        let (_, text) = made(line);
        let encoded = BASE64_STANDARD.encode("ann:hunter22");
        assert!(!text.lines.contains("hunter22") && !text.lines.contains(&encoded), "{}", text.lines);
        assert!(text.lines.contains("{{env:") && text.notes.len() == 1, "{text:?}");
    }
    let (request, text) = made(r#"curl -H "Authorization: Bearer $TOKEN" http://a/"#);
    assert_eq!(request["headers"]["Authorization"], "Bearer {{env:TOKEN}}");
    assert!(text.notes.is_empty(), "{:?}", text.notes);
    let (_, text) = made("curl -d 'see https://u:hunter22@b/' -H 'content-type: text/plain' http://a/");
    assert!(text.notes[0].contains("still looks like a secret"), "{:?}", text.notes);
}

#[test]
fn no_secret_is_copied_whatever_stands_beside_it() {
    for line in [
        r#"curl -b "sid=hunter22secret; lang=$L" http://a/"#,
        r#"curl -H "Authorization: Bearer sk-live-hunter22$L" http://a/"#,
        "curl -d 'user=ann&pwd=hunter22' http://a/login",
        r#"curl -d '{"user":"ann","password":"hunter22"}' http://a/login"#,
        r#"curl --json '{"apiKeys":["hunter22"],"token":{"value":"hunter22"}}' http://a/"#,
        "curl -H 'X-CSRFToken: hunter22' http://a/",
        "curl -e 'https://b/x?token=hunter22' http://a/",
    ] {
        let (_, text) = made(line);
        assert!(!text.lines.contains("hunter22") && !text.notes.is_empty(), "{line}: {text:?}");
    }
    let (_, text) = made(r#"curl --json '{"otp":123456}' http://a/"#);
    assert_eq!(text.notes, ["the value of otp is a number, and copied: look at it"]);
    let (request, _) = made(r#"curl -b "sid=hunter22; lang=$L" http://a/"#);
    assert_eq!(request["headers"]["Cookie"], "{{env:COOKIE}}{{env:L}}");
    for line in
        ["curl -b hunter22 http://a", "curl -H 'Cookie sid=hunter22' http://a", "curl http://a 'http://b/?s=hunter22'"]
    {
        let error = from_curl(line).unwrap_err();
        assert!(!error.contains("hunter22"), "{error}");
    }
}

#[test]
fn a_header_that_is_given_goes_before_what_options_say() {
    let (request, _) =
        made("curl --compressed -A x -u a:b -H 'User-Agent: y' -H 'Accept-Encoding: gzip, br' http://a/");
    assert_eq!(
        (&request["headers"]["User-Agent"], &request["headers"]["Accept-Encoding"]),
        (&serde_json::json!("y"), &serde_json::json!("gzip, deflate"))
    );
    let (request, _) = made("curl -H 'X-A: b' -H 'x-a: c' -H 'Referer: c' -e d http://a/");
    assert_eq!(
        (&request["headers"]["X-A"], &request["headers"]["Referer"]),
        (&serde_json::json!("b, c"), &serde_json::json!("c"))
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    for (line, why) in [
        ("wget http://a", "does not start with `curl`"),
        ("curl", "it has no URL"),
        ("curl http://a http://b", "it has 2 URLs"),
        ("curl ftp://a", "no URL of an HTTP server"),
        ("curl -F a=b http://a", "-F: a multipart body is not made"),
        ("curl --form-string a=b http://a", "--form-string: a multipart body is not made"),
        ("curl -sT x http://a", "-T: the file is not read"),
        ("curl --config x http://a", "--config: the file is not read"),
        ("curl --ftp-port x http://a", "--ftp-port: not understood"),
        ("curl -d @file http://a", "the file is not read"),
        ("curl -b cookies.txt http://a", "the file is not read"),
        ("curl http://a -H", "-H: its value is missing"),
        ("curl http://a | jq", "only a single command"),
        ("curl -H x http://a", "-H: a header has no colon"),
        ("curl http://a/{b,c}", "stand for several"),
        ("curl 'http://a/[1-3]'", "stand for several"),
        ("curl 'http://[1-3].example/'", "stand for several"),
        ("curl 'http://a/b}'", "stand for several"),
        ("curl 'http://a/?b[]=1'", "stand for several"),
        ("curl --user=a:hunter22 http://a", "--user: not understood"),
    ] {
        let error = from_curl(line).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
    }
}

#[test]
fn brackets_and_braces_that_are_no_list_are_kept() {
    for (line, origin, path) in [
        (r"curl 'http://a/b\[0\]?ids\[\]=1&f=\{2\}'", "http://a", "/b[0]?ids[]=1&f={2}"),
        (r"curl -g 'http://a/?b[]=1&c={d}'", "http://a", "/?b[]=1&c={d}"),
        (r"curl --globoff 'http://a/?b={c,d}'", "http://a", "/?b={c,d}"),
        ("curl 'http://[::1]:80/?b=1'", "http://[::1]", "/?b=1"),
        ("curl '[::1]:81'", "http://[::1]:81", "/"),
        ("curl \"http://a/?b=${C}\"", "http://a", "/?b={{env:C}}"),
    ] {
        let (request, made) = made(line);
        assert_eq!((made.origin.as_str(), request["path"].as_str()), (origin, Some(path)), "{line}");
    }
}
