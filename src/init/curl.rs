//! A curl command line, as people write it and browsers copy it, as a request. Options that change what is sent are carried out,
//! those that do not are left out, and any other is an error: nothing is lost in silence.

use super::requests::{RequestText, Secrets, Sent, path_of};
use super::words::words;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// Options by their long and short names.
type Option_ = (&'static str, Option<char>);

/// With a value, and carried out.
const VALUES: [Option_; 14] = [
    ("header", Some('H')),
    ("request", Some('X')),
    ("data", Some('d')),
    ("data-ascii", None),
    ("data-raw", None),
    ("data-binary", None),
    ("data-urlencode", None),
    ("json", None),
    ("cookie", Some('b')),
    ("user", Some('u')),
    ("oauth2-bearer", None),
    ("user-agent", Some('A')),
    ("referer", Some('e')),
    ("url", None),
];

/// Without a value, and carried out.
const FLAGS: [Option_; 6] = [
    ("get", Some('G')),
    ("head", Some('I')),
    ("compressed", None),
    ("insecure", Some('k')),
    ("location", Some('L')),
    ("globoff", Some('g')),
];

/// They change nothing in the request itself.
const FLAGS_LEFT_OUT: [Option_; 19] = [
    ("silent", Some('s')),
    ("show-error", Some('S')),
    ("verbose", Some('v')),
    ("include", Some('i')),
    ("show-headers", None),
    ("fail", Some('f')),
    ("fail-with-body", None),
    ("no-buffer", Some('N')),
    ("progress-bar", Some('#')),
    ("no-progress-meter", None),
    ("remote-name", Some('O')),
    ("path-as-is", None),
    ("tcp-nodelay", None),
    ("ipv4", Some('4')),
    ("ipv6", Some('6')),
    ("http1.1", None),
    ("http2", None),
    ("http3", None),
    ("tlsv1.2", None),
];

/// The same with a value.
const VALUES_LEFT_OUT: [Option_; 16] = [
    ("output", Some('o')),
    ("max-time", Some('m')),
    ("connect-timeout", None),
    ("retry", None),
    ("retry-delay", None),
    ("retry-max-time", None),
    ("write-out", Some('w')),
    ("cookie-jar", Some('c')),
    ("dump-header", Some('D')),
    ("stderr", None),
    ("cacert", None),
    ("resolve", None),
    ("connect-to", None),
    ("proxy", Some('x')),
    ("noproxy", None),
    ("max-redirs", None),
];

/// What would change the request, and why it cannot be carried out.
const REFUSED: [(Option_, &str); 4] = [
    (("form", Some('F')), MULTIPART),
    (("form-string", None), MULTIPART),
    (("upload-file", Some('T')), FILE),
    (("config", Some('K')), FILE),
];
const MULTIPART: &str =
    "a multipart body is not made; copy the body as it is sent (--data-raw, with the Content-Type and its boundary)";
const FILE: &str = "the file is not read; put what is in it into the command line";

/// What the options say.
#[derive(Default)]
struct Command {
    urls: Vec<String>,
    method: Option<String>,
    headers: Vec<(String, String)>,
    /// Those of `-H`, which go before what other options say.
    given: Vec<String>,
    data: Option<String>,
    is_json: bool,
    is_get: bool,
    is_head: bool,
    /// Brackets and braces of a URL are as they stand.
    is_globbing_off: bool,
    notes: Vec<String>,
}

/// A file of one request. The error says what is not understood.
pub fn from_curl(line: &str) -> Result<RequestText, String> {
    let words = words(line.trim().trim_start_matches("$ "))?;
    let mut command = Command::default();
    let mut rest = words.iter().map(String::as_str);
    match rest.next() {
        Some(program) if program.rsplit('/').next().is_some_and(|name| name == "curl" || name == "curl.exe") => {}
        _ => return Err("it does not start with `curl`".into()),
    }
    let mut only_urls = false;
    while let Some(word) = rest.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            command.urls.push(word.to_owned());
        } else if word == "--" {
            only_urls = true;
        } else if let Some(long) = word.strip_prefix("--") {
            command.long(long, &mut rest)?;
        } else {
            command.short(&word[1..], &mut rest)?;
        }
    }
    command.request()
}

impl Command {
    fn long<'a>(&mut self, name: &str, rest: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        let is_in = |options: &[Option_]| options.iter().any(|(long, _)| *long == name);
        if is_in(&FLAGS) {
            return self.flag(name);
        }
        if is_in(&FLAGS_LEFT_OUT) {
            return Ok(());
        }
        if !is_in(&VALUES) && !is_in(&VALUES_LEFT_OUT) {
            // What is behind `=`, which curl does not take, may be a secret.
            let name = name.split('=').next().unwrap_or(name);
            return Err(format!("--{name}: {}", why_not(|(long, _)| long == name)));
        }
        let value = rest.next().ok_or_else(|| format!("--{name}: its value is missing"))?;
        if is_in(&VALUES) { self.value(name, value) } else { Ok(()) }
    }

    /// One or several letters; what follows the letter of an option with a value is that value.
    fn short<'a>(&mut self, letters: &str, rest: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let long =
                |options: &[Option_]| options.iter().find(|(_, short)| *short == Some(letter)).map(|(long, _)| *long);
            if let Some(name) = long(&FLAGS) {
                self.flag(name)?;
            } else if let Some(name) = long(&VALUES).or(long(&VALUES_LEFT_OUT)) {
                let value = &letters[at + letter.len_utf8()..];
                let value = if value.is_empty() { rest.next() } else { Some(value) };
                let value = value.ok_or_else(|| format!("-{letter}: its value is missing"))?;
                return if long(&VALUES).is_some() { self.value(name, value) } else { Ok(()) };
            } else if long(&FLAGS_LEFT_OUT).is_none() {
                return Err(format!("-{letter}: {}", why_not(|(_, short)| short == Some(letter))));
            }
        }
        Ok(())
    }

    fn flag(&mut self, name: &str) -> Result<(), String> {
        match name {
            "get" => self.is_get = true,
            "head" => self.is_head = true,
            "globoff" => self.is_globbing_off = true,
            "compressed" => self.header("Accept-Encoding", "gzip, deflate"),
            "insecure" => self.notes.push("-k: give --insecure to `vscale load`".into()),
            _ => self.notes.push("-L: redirections are not followed; each is a request of its own".into()),
        }
        Ok(())
    }

    fn value(&mut self, name: &str, value: &str) -> Result<(), String> {
        let is_file = value.starts_with('@');
        if is_file && !["data-raw", "url", "cookie", "user"].contains(&name) {
            return Err(format!("--{name}: the file is not read; put what is in it into the command line"));
        }
        match name {
            "url" => self.urls.push(value.to_owned()),
            "request" => self.method = Some(value.to_owned()),
            "header" => self.header_line(value)?,
            "user-agent" => self.header("User-Agent", value),
            "referer" => self.header("Referer", value),
            "cookie" if value.contains('=') => self.header("Cookie", value),
            "cookie" => return Err("-b: the file is not read; give the cookies as name=value".into()),
            "user" => self.header("Authorization", &format!("Basic {}", BASE64_STANDARD.encode(value))),
            "oauth2-bearer" => self.header("Authorization", &format!("Bearer {value}")),
            "data-urlencode" => self.add_data(&url_encoded(value)?),
            "json" => {
                self.is_json = true;
                // Pieces of one document.
                self.data.get_or_insert_default().push_str(value);
            }
            _ => self.add_data(value),
        }
        Ok(())
    }

    /// `Name: value`; `Name;` for an empty one, `Name:` for none.
    fn header_line(&mut self, line: &str) -> Result<(), String> {
        match line.split_once(':') {
            Some((name, value)) if value.trim().is_empty() => {
                self.notes.push(format!("-H '{name}:': the header cannot be left out where vscale sends it itself"));
            }
            Some((name, value)) => self.given(name.trim(), value.trim()),
            None => match line.strip_suffix(';') {
                Some(name) => self.given(name.trim(), ""),
                None => return Err("-H: a header has no colon".into()),
            },
        }
        Ok(())
    }

    fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.eq_ignore_ascii_case(name))
    }

    fn header(&mut self, name: &str, value: &str) {
        if !self.is_given(name) {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    fn given(&mut self, name: &str, value: &str) {
        if !self.is_given(name) {
            self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
            self.given.push(name.to_owned());
        }
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn add_data(&mut self, piece: &str) {
        match &mut self.data {
            Some(data) => data.extend(["&", piece]),
            None => self.data = Some(piece.to_owned()),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    fn request(mut self) -> Result<RequestText, String> {
        let url = match &self.urls[..] {
            [url] => url.clone(),
            [] => return Err("it has no URL".into()),
            several => return Err(format!("it has {} URLs, which are several requests", several.len())),
        };
        let mut url = parse_url(&if self.is_globbing_off { url } else { unglobbed(&url)? })?;
        if self.is_get
            && let Some(data) = self.data.take()
        {
            let query = url.query().map_or(data.clone(), |query| format!("{query}&{data}"));
            url.set_query(Some(&query));
        }
        if !url.username().is_empty() && !self.has("authorization") {
            let user = format!("{}:{}", url.username(), url.password().unwrap_or_default());
            self.header("Authorization", &format!("Basic {}", BASE64_STANDARD.encode(user)));
        }
        if self.is_json {
            for name in ["Content-Type", "Accept"] {
                if !self.has(name) {
                    self.header(name, "application/json");
                }
            }
        } else if self.data.is_some() && !self.has("content-type") {
            self.header("Content-Type", "application/x-www-form-urlencoded");
        }
        let otherwise = match &self.data {
            _ if self.is_head => "HEAD",
            Some(_) => "POST",
            None => "GET",
        };
        let sent = Sent {
            method: self.method.unwrap_or_else(|| otherwise.into()),
            path: path_of(&url),
            headers: self.headers,
            body: self.data.unwrap_or_default(),
            status: None,
        };
        let mut secrets = Secrets::default();
        let request = Value::from(sent.step(&mut secrets));
        let notes = self.notes.into_iter().chain(secrets.notes(&request)).collect();
        Ok(RequestText { origin: url.origin().ascii_serialization(), lines: format!("{request}\n"), notes })
    }
}

/// Why an option is not carried out.
fn why_not(is_it: impl Fn(Option_) -> bool) -> &'static str {
    let refused = REFUSED.iter().find(|(option, _)| is_it(*option));
    refused.map_or("not understood; leave it out, if it does not matter", |(_, why)| why)
}

/// Without the backslashes that keep curl from taking brackets and braces for a list of URLs; browsers copy them so. The
/// brackets of an IPv6 address are none, and neither are the names in double braces.
fn unglobbed(url: &str) -> Result<String, String> {
    let (mut plain, mut rest) = (String::new(), url);
    while let Some(at) = rest.find(['\\', '[', ']', '{', '}']) {
        plain += &rest[..at];
        rest = &rest[at..];
        let is_authority = plain.is_empty() || plain.ends_with("://") || plain.ends_with('@');
        let kept = match rest.as_bytes() {
            [b'\\', b'[' | b']' | b'{' | b'}', ..] => {
                rest = &rest[1..];
                1
            }
            [b'\\', ..] => 1,
            [b'{', b'{', ..] if rest.contains("}}") => rest.find("}}").unwrap_or_default() + "}}".len(),
            [b'[', ..] if is_authority && is_ipv6(rest) => rest.find(']').unwrap_or_default() + "]".len(),
            _ => {
                let several = "brackets and braces in a URL stand for several; give one, or -g where they are meant so";
                return Err(several.into());
            }
        };
        plain += &rest[..kept];
        rest = &rest[kept..];
    }
    Ok(plain + rest)
}

fn is_ipv6(bracket: &str) -> bool {
    bracket.split_once(']').is_some_and(|(address, _)| address.contains(':'))
}

/// As curl guesses: HTTP where no scheme is given.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match Url::parse(&whole) {
        Ok(url) if url.has_host() && ["http", "https"].contains(&url.scheme()) => Ok(url),
        Ok(_) => Err(format!("`{text}` is no URL of an HTTP server")),
        Err(error) => Err(format!("`{text}` is no URL: {error}")),
    }
}

/// `content`, `=content` or `name=content`.
fn url_encoded(value: &str) -> Result<String, String> {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match value.split_once('=') {
        None if value.contains('@') => Err("--data-urlencode: the file is not read".into()),
        None => Ok(encoded(value)),
        Some(("", content)) => Ok(encoded(content)),
        Some((name, content)) => Ok(format!("{name}={}", encoded(content))),
    }
}

#[cfg(test)]
#[path = "curl_tests.rs"]
mod tests;
