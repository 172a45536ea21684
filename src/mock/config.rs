//! How the mock behaves, as asked for.

use crate::{
    error::{Error, Result},
    model::Distribution,
};
use std::time::{Duration, Instant};

/// By default it answers at once, with the same words each time.
#[derive(Clone, Debug)]
pub struct MockConfig {
    /// From a completion's arrival, or from when it got its slot, to its answer.
    pub service_time: Distribution,
    /// Completions worked on at once; `None` for any number.
    pub slots: Option<u32>,
    /// Completions that may wait for a slot, further ones get a 503; `None` for any number.
    pub queue: Option<u32>,
    /// Share of the completions that fail at once, 0 to 1.
    pub error_rate: f64,
    /// Of those, 400 to 599.
    pub error_status: u16,
    /// When nothing is answered.
    pub stalls: Vec<Stall>,
    /// Words of a completion; `None` for the replaced mock's text and usage.
    pub tokens: Option<u32>,
    /// Least size of the body of a completion that is not streamed; its text is repeated as often as it takes.
    pub body_bytes: usize,
    /// Of streams, from the arrival to the first word; `None` for the service time.
    pub ttft: Option<Distribution>,
    /// Of streams, from one word to the next.
    pub itl: Distribution,
    /// Of service times, token times and errors.
    pub seed: u64,
    /// Whether what is at no path of its own is answered as a chat completion is, whatever its method and body.
    pub any_path: bool,
    /// What the control path takes as `Authorization: Bearer`; `None` leaves it open. Who has another one, or none, finds
    /// nothing there.
    pub control_token: Option<String>,
    /// Longest time from a request's first byte to its last; it is looked at once a second.
    pub patience: Duration,
    /// Threads that answer; `None` for one a CPU that the mock may use.
    pub threads: Option<u32>,
    /// Longest time for the answers under way once the mock is to stop.
    pub drain: Duration,
}

/// A time in which nothing is answered, as in a server that collects garbage or swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// From the first completion's arrival.
    pub after: Duration,
    /// From then on.
    pub length: Duration,
}

/// Words of a completion, at most.
pub const MAX_TOKENS: u32 = 100_000;
pub const MAX_BODY_BYTES: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

impl Default for MockConfig {
    fn default() -> Self {
        Self {
            service_time: Distribution::zero(),
            slots: None,
            queue: None,
            error_rate: 0.0,
            error_status: 503,
            stalls: Vec::new(),
            tokens: None,
            body_bytes: 0,
            ttft: None,
            itl: Distribution::zero(),
            seed: 0,
            any_path: false,
            control_token: None,
            patience: PATIENCE,
            threads: None,
            drain: Duration::from_secs(5),
        }
    }
}

impl MockConfig {
    /// # Errors
    /// [`Error::Usage`] says which number, and what is allowed.
    pub(super) fn validate(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::Usage(what));
        if self.slots == Some(0) {
            return wrong("0 slots: nothing would be answered".into());
        }
        if !(0.0..=1.0).contains(&self.error_rate) {
            return wrong(format!("an error rate of {}: use a share from 0 to 1", self.error_rate));
        }
        if !(400..=599).contains(&self.error_status) {
            return wrong(format!("an error status of {}: use 400 to 599", self.error_status));
        }
        if self.tokens.is_some_and(|tokens| !(1..=MAX_TOKENS).contains(&tokens)) {
            return wrong(format!("{} tokens: use 1 to {MAX_TOKENS}", self.tokens.unwrap_or_default()));
        }
        if self.body_bytes > MAX_BODY_BYTES {
            return wrong(format!("a body of {} bytes: use up to {MAX_BODY_BYTES}", self.body_bytes));
        }
        if self.threads == Some(0) {
            return wrong("0 threads: nothing would be answered".into());
        }
        Ok(())
    }

    /// `moment`, or the first one after it that is in no stall. Stalls are relative to `start`, and in any order.
    pub(super) fn after_stalls(&self, moment: Instant, start: Instant) -> Instant {
        let mut stalls = self.stalls.iter().map(|stall| start + stall.after..start + stall.after + stall.length);
        match stalls.find(|stall| stall.contains(&moment)) {
            Some(stall) => self.after_stalls(stall.end, start),
            None => moment,
        }
    }
}

/// `8s:2s`: after 8 s, for 2 s.
impl std::str::FromStr for Stall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| crate::units::parse_duration(text).ok();
        let parts = text.split_once(':').and_then(|(after, length)| Some((time(after)?, time(length)?)));
        let (after, length) =
            parts.ok_or_else(|| format!("`{text}` is not a stall: use 8s:2s, after what time and for how long"))?;
        Ok(Self { after, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_stall_moves_what_falls_into_it_to_its_end() {
        let moved = |stalls: &[&str]| {
            let stalls = stalls.iter().map(|text| text.parse().unwrap()).collect();
            let (config, start) = (MockConfig { stalls, ..MockConfig::default() }, Instant::now());
            [7, 8, 9, 10, 11, 12].map(|seconds| (config.after_stalls(start + seconds * S, start) - start).as_secs())
        };
        assert_eq!(moved(&[]), [7, 8, 9, 10, 11, 12]);
        assert_eq!(moved(&["8s:0s"]), [7, 8, 9, 10, 11, 12]);
        // One after the other, overlapping, one in the other: in any order.
        for (one, other, expected) in [
            ("8s:2s", "10s:1s", [7, 11, 11, 11, 11, 12]),
            ("8s:1s", "10s:1s", [7, 9, 9, 11, 11, 12]),
            ("8s:3s", "10s:2s", [7, 12, 12, 12, 12, 12]),
            ("8s:4s", "9s:1s", [7, 12, 12, 12, 12, 12]),
        ] {
            assert_eq!([moved(&[one, other]), moved(&[other, one])], [expected; 2], "{one},{other}");
        }
        assert_eq!(moved(&["10s:1s", "9s:1500ms", "8s:1s"]), [7, 11, 11, 11, 11, 12]);
        assert!("8s".parse::<Stall>().is_err() && "x:1s".parse::<Stall>().is_err());
    }

    #[test]
    fn what_makes_no_server_is_refused() {
        let default = MockConfig::default;
        assert!(default().validate().is_ok());
        for wrong in [
            MockConfig { slots: Some(0), ..default() },
            MockConfig { error_rate: 1.1, ..default() },
            MockConfig { error_status: 200, ..default() },
            MockConfig { tokens: Some(0), ..default() },
            MockConfig { body_bytes: usize::MAX, ..default() },
            MockConfig { threads: Some(0), ..default() },
        ] {
            assert!(matches!(wrong.validate(), Err(Error::Usage(_))), "{wrong:?}");
        }
    }
}
