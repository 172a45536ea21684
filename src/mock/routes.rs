//! What a request asks for.

use super::{
    answers::{self, Answer},
    completions::Api,
    config::MockConfig,
    endpoint::{Asked, Endpoint},
    request::{BadRequest, MAX_BODY_BYTES, MAX_HELD_BYTES, Request},
};
use crate::wire::read_json;
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A completion, once its service time is over.
    Completion(Form),
    /// This answer, at once.
    Ready(Answer),
    /// The window of counts, which ends with this request.
    Window,
}

/// How a completion is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub api: Api,
    /// `None` for one that comes whole.
    pub stream: Option<StreamForm>,
}

/// Server-sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamForm {
    /// In the last event.
    pub with_usage: bool,
}

/// What a request asks for, of a mock that is to behave like this.
pub fn wanted(request: &Request, config: &MockConfig) -> Wanted {
    let token = config.control_token.as_deref();
    Wanted::Ready(match &request.head.endpoint {
        Endpoint::Unknown(_) | Endpoint::WrongMethod(_) if config.any_path => return anything(request),
        Endpoint::Completion(api) => {
            return completion(*api, request.body).map_or_else(Wanted::Ready, Wanted::Completion);
        }
        Endpoint::Window(asked) if !is_known(asked, token) => unknown(&asked.line),
        Endpoint::Window(Asked { is_post: true, .. }) => return Wanted::Window,
        Endpoint::Window(_) => wrong_method("POST"),
        Endpoint::Health => Answer::ok(answers::HEALTH.as_bytes()),
        Endpoint::Models => answers::models(),
        Endpoint::Model(id) => answers::model(id),
        Endpoint::Version => answers::version(),
        Endpoint::WrongMethod(allowed) => wrong_method(allowed),
        Endpoint::Unknown(asked) => unknown(asked),
    })
}

/// As a chat completion, streamed where the body asks for that. A HEAD gets no body, and so no work is done for it.
fn anything(request: &Request) -> Wanted {
    if request.head.client.is_head {
        return Wanted::Ready(Answer::ok(answers::HEALTH.as_bytes()));
    }
    let asked = completion(Api::Chat, request.body).ok();
    Wanted::Completion(asked.unwrap_or(Form { api: Api::Chat, stream: None }))
}

/// Whether who asks at the control path has the token. The time of comparing does not tell how much of it was right.
fn is_known(asked: &Asked, token: Option<&str>) -> bool {
    let Some(token) = token else { return true };
    let given = asked.token.as_deref().unwrap_or_default();
    let differing = token.bytes().zip(given.bytes()).fold(0, |bits, (a, b)| bits | (a ^ b));
    token.len() == given.len() && differing == 0
}

fn wrong_method(allowed: &'static str) -> Answer {
    let message = format!("this URL takes {allowed} only");
    Answer { allow: Some(allowed), ..answers::error(405, &message, None, Some("method_not_supported")) }
}

fn unknown(asked: &str) -> Answer {
    answers::error(404, &format!("there is nothing at {asked}"), None, Some("unknown_url"))
}

/// The answer to bytes that are not a request.
pub fn refusal(bad: BadRequest) -> Answer {
    match bad {
        BadRequest::Malformed(why) => answers::error(400, why, None, None),
        BadRequest::HeadTooLarge => answers::error(431, "the request's head is too large", None, None),
        BadRequest::BodyTooLarge => {
            let message = format!("the request's body is larger than {} MiB", MAX_BODY_BYTES >> 20);
            answers::error(413, &message, None, None)
        }
        BadRequest::Late => answers::error(408, "the request was not complete in time", None, None),
        BadRequest::NoRoom => {
            let message = format!("requests that are not complete hold {} MiB", MAX_HELD_BYTES >> 20);
            answers::error(503, &message, None, Some("overloaded"))
        }
    }
}

/// The part of a request for a completion that is looked at. The rest need only be JSON.
#[derive(Deserialize)]
struct CompletionRequest {
    #[serde(default)]
    model: Kind,
    /// Of a chat.
    #[serde(default)]
    messages: Kind,
    /// Of a text.
    #[serde(default)]
    prompt: Kind,
    #[serde(default)]
    stream: Kind,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

fn completion(api: Api, body: &[u8]) -> Result<Form, Answer> {
    let invalid = |message: &str, param, code| answers::error(400, message, param, code);
    let wrong_type = |param: &'static str, wanted: &str, given: Kind| {
        let message = format!("`{param}` must be {wanted} and is {given}");
        invalid(&message, Some(param), Some("invalid_type"))
    };
    // Serde would read the struct from an array too.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(invalid("the request's body is not a JSON object", None, None));
    }
    let request: CompletionRequest = read_json(body, |body| serde_json::from_slice(body))
        .map_err(|error| invalid(&format!("the request's body cannot be read: {error}"), None, None))?;
    let missing = |param: &'static str| {
        invalid(&format!("`{param}` is missing"), Some(param), Some("missing_required_parameter"))
    };
    match request.model {
        Kind::Text => {}
        Kind::Null => return Err(missing("model")),
        other => return Err(wrong_type("model", "a string", other)),
    }
    let (input, given, wanted) = match api {
        Api::Chat => ("messages", request.messages, "an array"),
        Api::Text => ("prompt", request.prompt, "a string or an array"),
    };
    match (given, api) {
        (Kind::List { is_empty: false }, _) | (Kind::Text, Api::Text) => {}
        (Kind::List { is_empty: true }, _) => {
            return Err(invalid(&format!("`{input}` is empty"), Some(input), Some("empty_array")));
        }
        (Kind::Null, _) => return Err(missing(input)),
        (other, _) => return Err(wrong_type(input, wanted, other)),
    }
    let stream = match request.stream {
        Kind::Flag(true) => {
            let with_usage = request.stream_options.and_then(|options| options.include_usage).unwrap_or(false);
            Some(StreamForm { with_usage })
        }
        Kind::Flag(false) | Kind::Null => None,
        other => return Err(wrong_type("stream", "a boolean", other)),
    };
    Ok(Form { api, stream })
}

/// What kind of JSON value it is, which is all that matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Null,
    Flag(bool),
    Number,
    Text,
    List {
        is_empty: bool,
    },
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Flag(_) => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List { .. } => "an array",
            Self::Object => "an object",
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut is_empty = true;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_empty = false;
        }
        Ok(Kind::List { is_empty })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Kind::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_s_form() {
        let form = |rest: &str| {
            let body = format!("{{\"model\": \"m\", \"messages\": [{{}}]{rest}}}");
            completion(Api::Chat, body.as_bytes()).unwrap().stream
        };
        for whole in ["", r#", "stream": null"#, r#", "stream": false, "x": [{"y": 1e9}]"#] {
            assert_eq!(form(whole), None, "{whole}");
        }
        assert_eq!(form(r#", "stream": true"#), Some(StreamForm { with_usage: false }));
        let with_usage = r#", "stream": true, "stream_options": {"include_usage": true}"#;
        assert_eq!(form(with_usage), Some(StreamForm { with_usage: true }));
    }

    #[test]
    fn a_text_s_prompt() {
        let form = |prompt: &str| completion(Api::Text, format!("{{\"model\": \"m\"{prompt}}}").as_bytes());
        for good in [r#", "prompt": "a""#, r#", "prompt": ["a", "b"]"#, r#", "prompt": [1, 2]"#] {
            assert_eq!(form(good), Ok(Form { api: Api::Text, stream: None }), "{good}");
        }
        for bad in ["", r#", "prompt": 1"#, r#", "prompt": []"#, r#", "messages": [{}]"#] {
            assert_eq!(form(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_text_like_any_other() {
        let body = r#"{"model": "\ud83d", "messages": [{"content": "\ude00"}], "\ud83d": 1}"#;
        assert_eq!(completion(Api::Chat, body.as_bytes()), Ok(Form { api: Api::Chat, stream: None }));
    }

    #[test]
    fn what_is_wrong_with_a_chat_is_named() {
        for (body, param, code) in [
            ("", None, None),
            ("[]", None, None),
            ("{", None, None),
            ("{}", Some("model"), Some("missing_required_parameter")),
            (r#"{"model": 1}"#, Some("model"), Some("invalid_type")),
            (r#"{"model": "m"}"#, Some("messages"), Some("missing_required_parameter")),
            (r#"{"model": "m", "messages": "hi"}"#, Some("messages"), Some("invalid_type")),
            (r#"{"model": "m", "messages": []}"#, Some("messages"), Some("empty_array")),
            (r#"{"model": "m", "messages": [1], "stream": "yes"}"#, Some("stream"), Some("invalid_type")),
        ] {
            let answer = completion(Api::Chat, body.as_bytes()).unwrap_err();
            let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            let error = &json["error"];
            assert_eq!((answer.status, &error["type"]), (400, &"invalid_request_error".into()), "{body}");
            assert_eq!((error["param"].as_str(), error["code"].as_str()), (param, code), "{body}: {error}");
            assert!(error["message"].is_string());
        }
    }
}
