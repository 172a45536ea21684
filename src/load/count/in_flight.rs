//! How many requests are in flight on average, by looking at each turn of an event loop: apart from what the requests
//! themselves took, so that the one can be held against the other.

use std::time::Instant;

/// Of one thread.
#[derive(Debug)]
pub struct InFlight {
    now: u32,
    /// At the last look.
    then: u32,
    looked: Instant,
    /// Requests in flight times how long they were, since the last cut.
    sum_us: f64,
}

impl InFlight {
    pub fn since(start: Instant) -> Self {
        Self { now: 0, then: 0, looked: start, sum_us: 0.0 }
    }

    #[inline]
    pub fn begin(&mut self) {
        self.now += 1;
    }

    #[inline]
    pub fn end(&mut self) {
        self.now -= 1;
    }

    /// Between two looks they are taken to come and go evenly: a look before and after each wait makes the waits exact.
    pub fn look(&mut self, at: Instant) {
        let passed_us = at.saturating_duration_since(self.looked).as_secs_f64() * 1e6;
        self.sum_us += passed_us * (f64::from(self.then) + f64::from(self.now)) / 2.0;
        (self.then, self.looked) = (self.now, self.looked.max(at));
    }

    /// What there was until a border.
    pub fn cut(&mut self, border: Instant) -> f64 {
        self.look(border);
        std::mem::take(&mut self.sum_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_request_counts_for_as_long_as_it_is_in_flight() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut in_flight = InFlight::since(start);
        in_flight.look(at(10));
        in_flight.begin();
        in_flight.begin();
        in_flight.look(at(10));
        in_flight.look(at(30));
        in_flight.end();
        in_flight.look(at(30));
        assert_eq!(in_flight.cut(at(40)), 50_000.0);
        // One begins some time between two looks.
        in_flight.begin();
        in_flight.look(at(44));
        assert_eq!(in_flight.cut(at(50)), 4_000.0 * 1.5 + 6_000.0 * 2.0);
    }
}
