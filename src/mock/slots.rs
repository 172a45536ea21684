//! A limit on the completions that are worked on at once, over all threads; those beyond it wait in order of arrival.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Who asks for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The thread that has the connection.
    pub thread: usize,
    /// The connection.
    pub key: usize,
    /// Which of its replies.
    pub reply: u32,
}

/// What becomes of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is a slot.
    Granted,
    /// There will be one.
    Queued,
    /// There is no room to wait either.
    Full,
}

/// The slots.
#[derive(Debug)]
pub struct Slots {
    state: Mutex<State>,
    /// Most that wait.
    queue: usize,
}

#[derive(Debug)]
struct State {
    free: u32,
    waiting: VecDeque<Ticket>,
}

impl Slots {
    /// So many, for which so many may wait (`None`: all).
    pub fn new(slots: u32, queue: Option<u32>) -> Self {
        let state = Mutex::new(State { free: slots, waiting: VecDeque::new() });
        Self { state, queue: queue.map_or(usize::MAX, |queue| queue as usize) }
    }

    /// Asks for a slot.
    pub fn take(&self, ticket: Ticket) -> Admission {
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            Admission::Granted
        } else if state.waiting.len() < self.queue {
            state.waiting.push_back(ticket);
            Admission::Queued
        } else {
            Admission::Full
        }
    }

    /// Gives a slot back: to whom it goes, if anyone waits. Who has left meanwhile gives it back in turn.
    #[must_use]
    pub fn give_back(&self) -> Option<Ticket> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.free += u32::from(next.is_none());
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_go_round_in_order() {
        let slots = Slots::new(2, Some(1));
        let [a, b, c, d] = [0, 1, 2, 3].map(|key| Ticket { thread: 0, key, reply: 0 });
        assert_eq!([a, b, c, d].map(|ticket| slots.take(ticket)), {
            use Admission::{Full, Granted, Queued};
            [Granted, Granted, Queued, Full]
        });
        assert_eq!((slots.give_back(), slots.give_back()), (Some(c), None));
        assert_eq!(slots.take(d), Admission::Granted);
    }
}
