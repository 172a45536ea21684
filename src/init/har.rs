//! What a browser has recorded (HAR 1.2), as far as it is read here. What is absent may also be `null`.

use super::curl::parse_url;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer};
use url::{Origin, Url};

/// A recording.
#[derive(Deserialize)]
pub(super) struct Har {
    pub log: Log,
}

#[derive(Deserialize)]
pub(super) struct Log {
    #[serde(default, deserialize_with = "or_default")]
    creator: Creator,
    pub entries: Vec<Entry>,
}

/// The program that has written it.
#[derive(Default, Deserialize)]
struct Creator {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
}

/// A request and its answer.
#[derive(Deserialize)]
pub(super) struct Entry {
    pub request: Request,
    pub response: Response,
    #[serde(default, deserialize_with = "or_default")]
    cache: Cache,
    /// Chromium: `memory` or `disk`, where the server was not asked.
    #[serde(default, rename = "_fromCache")]
    from_cache: Option<String>,
    /// Safari: `Network Load`, where it was.
    #[serde(default, rename = "_fetchType")]
    fetch_type: Option<String>,
}

#[derive(Default, Deserialize)]
struct Cache {
    /// Firefox: there, if only as `null`, where the server was not asked.
    #[serde(default, rename = "afterRequest", deserialize_with = "is_there")]
    has_after_request: bool,
}

#[derive(Deserialize)]
pub(super) struct Request {
    pub method: String,
    pub url: String,
    #[serde(default, deserialize_with = "or_default")]
    pub headers: Vec<Named>,
    #[serde(default, rename = "postData")]
    pub post_data: Option<PostData>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub name: String,
    pub value: String,
}

#[derive(Deserialize)]
pub(super) struct PostData {
    #[serde(default, rename = "mimeType", deserialize_with = "or_default")]
    pub mime_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub text: String,
    #[serde(default, deserialize_with = "or_default")]
    pub params: Vec<Param>,
}

#[derive(Deserialize)]
pub(super) struct Param {
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub value: String,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub status: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub headers: Vec<Named>,
    #[serde(default, deserialize_with = "or_default")]
    content: Content,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
}

fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn is_there<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(from).map(|_| true)
}

impl Har {
    /// The error says what is wrong with the text.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| format!("no HAR: {error}"))
    }
}

impl Log {
    /// The server of the first request that went to one.
    pub(super) fn first_origin(&self) -> Option<Origin> {
        self.entries.iter().find_map(|entry| Some(parse_url(&entry.request.url).ok()?.origin()))
    }

    pub(super) fn is_of_firefox(&self) -> bool {
        self.creator.name == "Firefox"
    }
}

impl Entry {
    /// The URL, if the server was asked. The error says why it is left out.
    pub(super) fn reached(&self, chosen: &Origin, is_of_firefox: bool) -> Result<Url, String> {
        let Ok(url) = parse_url(&self.request.url) else {
            let scheme = self.request.url.split(':').next().unwrap_or_default();
            return Err(format!("of {scheme}:"));
        };
        match self.response.status {
            _ if url.origin() != *chosen => Err(format!("to {}", url.origin().ascii_serialization())),
            _ if self.is_from_cache(is_of_firefox) => Err("that the browser's cache answered".into()),
            _ if self.request.sends_files() => {
                Err("that send files (multipart), which the load generator cannot".into())
            }
            101 => Err("that became WebSockets".into()),
            200..=599 => Ok(url),
            _ => Err("that were not answered".into()),
        }
    }

    /// Others than Firefox may tell of the cache after a request to the server.
    fn is_from_cache(&self, is_of_firefox: bool) -> bool {
        self.from_cache.is_some()
            || self.fetch_type.as_ref().is_some_and(|how| how != "Network Load")
            || is_of_firefox && self.cache.has_after_request
    }
}

impl Request {
    fn sends_files(&self) -> bool {
        self.post_data.as_ref().is_some_and(|data| data.mime_type.to_ascii_lowercase().starts_with("multipart/"))
    }
}

impl Response {
    /// The body, if it is text.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.content.text.as_ref()?;
        match self.content.encoding.as_deref() {
            Some("base64") => String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok(),
            _ => Some(text.clone()),
        }
    }
}
