//! The request that is under way on a connection, and what its answer comes to.

use super::{
    count::{Recorder, Times, body_text},
    http::{Answer, Coding, TokenStream},
    lane::Shared,
    user::User,
};
use crate::model::{BodyCheck, FailureKind};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub struct Current {
    pub request: usize,
    pub due: Instant,
    pub sent: Instant,
}

impl Current {
    #[inline]
    pub fn ended(&self, ended: Instant) -> Times {
        Times { due: self.due, sent: self.sent, ended }
    }

    /// Counts a complete answer as a success or a failure. True if the same bytes, when they come again, can pass unread.
    pub fn judge(
        &self,
        ended: Instant,
        readers: Readers,
        answer: &Answer,
        shared: &Shared,
        recorder: &mut Recorder,
    ) -> bool {
        let request = shared.requests.get(self.request);
        let (times, expect) = (self.ended(ended), &request.expect);
        let Readers { tokens, mut user, sent } = readers;
        let pass = |user: Option<&mut User>| user.map_or(Ok(()), |user| user.pass(request, sent, answer));
        let (outcome, bytes) = match tokens.filter(|_| !request.is_whole()) {
            _ if !expect.takes(answer.status) => {
                let body = answer.coding.decode(answer.body);
                let message = format!("HTTP {}: {}", answer.status, body_text(body.as_deref().unwrap_or(answer.body)));
                (Err((FailureKind::Status, message)), answer.body.len())
            }
            None => match check(&expect.body, answer).and_then(|()| pass(user.as_deref_mut())) {
                Ok(()) => {
                    recorder.success(self.request, times, answer.body.len());
                    return user.is_none();
                }
                Err(message) => (Err((FailureKind::Body, message)), answer.body.len()),
            },
            Some(_) if answer.coding != Coding::Identity => {
                let message = "the stream is compressed, which hides when its tokens came".to_owned();
                (Err((FailureKind::Body, message)), answer.body.len())
            }
            Some(tokens) => {
                tokens.feed(answer.body, ended);
                let passes = |()| pass(user.as_deref_mut()).map_err(|message| (FailureKind::Body, message));
                let outcome = tokens.outcome().and_then(passes);
                if outcome.is_ok() {
                    recorder.stream(self.request, times, tokens);
                }
                (outcome, tokens.bytes)
            }
        };
        if let Err((kind, message)) = outcome {
            let message = match user {
                Some(user) => user.anonymous(&shared.requests, message),
                None => message,
            };
            recorder.failure(self.request, ended, kind, &message, bytes);
        }
        false
    }
}

/// Who looks at an answer besides its request.
pub struct Readers<'a> {
    pub tokens: Option<&'a mut TokenStream>,
    pub user: Option<&'a mut User>,
    /// The request's bytes, if it has places to fill in.
    pub sent: &'a [u8],
}

/// The error is the failure's message.
fn check(expected: &BodyCheck, answer: &Answer) -> Result<(), String> {
    match expected {
        BodyCheck::Any => Ok(()),
        BodyCheck::NonEmpty(_) => expected.check(&answer.coding.decode(answer.body)?),
    }
}
