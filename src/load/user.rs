//! What one user knows from one request to the next: which step of a scenario comes now, the values that it has taken from
//! answers, and its cookies. Only loads that need it have users; the connection of every other one goes without.

use super::http::{Answer, Jar, Request, Requests, path_of};
use crate::{distribution::Random, units::now_unix_us};

/// Shortest value that is looked for in a failure's message.
const LEAST_BYTES: usize = 6;

#[derive(Debug)]
pub struct User {
    /// The request that it sent last.
    at: Option<usize>,
    /// Whether that one has succeeded.
    has_passed: bool,
    /// By request: whether it has ever succeeded.
    done: Vec<bool>,
    pub captured: Vec<Vec<u8>>,
    pub jar: Jar,
}

impl User {
    pub fn new(requests: &Requests) -> Self {
        Self {
            at: None,
            has_passed: false,
            done: vec![false; requests.iter().count()],
            captured: vec![Vec::new(); requests.captured().len()],
            jar: Jar::default(),
        }
    }

    /// The number of the request to send next: the scenario's next step, or one drawn by weight. After a failure the user starts
    /// over, as if it had just come.
    pub fn next(&mut self, requests: &Requests, random: &mut Random) -> usize {
        let mut next = self.at.filter(|_| self.has_passed).and_then(|at| requests.after(at));
        if self.at.is_some() && !self.has_passed {
            *self = Self::new(requests);
        }
        // Every scenario has a step that is not left out.
        let number = loop {
            let number = next.unwrap_or_else(|| requests.choose(random));
            if !(requests.get(number).once && self.done[number]) {
                break number;
            }
            next = requests.after(number);
        };
        (self.at, self.has_passed) = (Some(number), false);
        number
    }

    /// Takes from an answer that is as expected what is sent later. The error is the failure's message.
    /// `sent` are the bytes of the request.
    pub fn pass(&mut self, request: &Request, sent: &[u8], answer: &Answer) -> Result<(), String> {
        request.take(answer, &mut self.captured)?;
        if request.cookies {
            self.jar.keep(answer.head, path_of(sent), now_unix_us() as i64);
        }
        if let Some(at) = self.at {
            self.done[at] = true;
        }
        self.has_passed = true;
        Ok(())
    }

    /// A message without what only this user knows, so that failures of all users are alike, and no secret is told.
    pub fn anonymous(&self, requests: &Requests, message: String) -> String {
        let captured = requests.captured().iter().map(String::as_str).zip(self.captured.iter().map(Vec::as_slice));
        let all = captured.chain(self.jar.values().map(|value| ("cookie", value)));
        all.filter(|(_, value)| value.len() >= LEAST_BYTES).fold(message, |message, (name, value)| {
            message.replace(&*String::from_utf8_lossy(value), &format!("{{{{{name}}}}}"))
        })
    }
}
