//! A limit on the completions worked on at once in all threads. Further ones wait in the order in which they came.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The reply that asks for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub thread: usize,
    /// Of the connection, in its thread.
    pub key: usize,
    pub reply: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// It will get a slot later.
    Queued,
    /// There is no slot, and no room to wait either.
    Full,
}

#[derive(Debug)]
pub struct Slots {
    state: Mutex<State>,
    /// Most that may wait.
    queue: usize,
}

#[derive(Debug)]
struct State {
    free: u32,
    waiting: VecDeque<Ticket>,
}

impl Slots {
    /// At most `queue` may wait; `None` for any number.
    pub fn new(slots: u32, queue: Option<u32>) -> Self {
        let state = Mutex::new(State { free: slots, waiting: VecDeque::new() });
        Self { state, queue: queue.map_or(usize::MAX, |queue| queue as usize) }
    }

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

    /// Who waits no longer leaves its place. If it has a slot by now, it will be told so, and must give that back.
    pub fn leave(&self, ticket: Ticket) {
        let mut state = self.state();
        if let Some(at) = state.waiting.iter().position(|waiting| *waiting == ticket) {
            state.waiting.remove(at);
        }
    }

    /// Gives a slot back, and returns who gets it. If that one has left in the meantime, it must give the slot back in turn.
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

    #[test]
    fn who_leaves_keeps_no_place() {
        let slots = Slots::new(1, Some(2));
        let [a, b, c, d] = [0, 1, 2, 3].map(|key| Ticket { thread: 0, key, reply: 0 });
        for ticket in [a, b, c] {
            slots.take(ticket);
        }
        slots.leave(b);
        assert_eq!((slots.take(d), slots.give_back()), (Admission::Queued, Some(c)));
        // It has a slot already.
        slots.leave(c);
        assert_eq!((slots.give_back(), slots.give_back()), (Some(d), None));
    }
}
