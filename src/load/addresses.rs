//! A server's addresses as one thread sees them: which to connect to next, and which to leave alone for a while.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A name has no more; further ones are not used.
pub const MAX_ADDRESSES: usize = 64;

/// How long an address that could not be connected to is only the last resort.
const AVOIDED_FOR: Duration = Duration::from_secs(10);

/// An attempt to connect is given up for the next address after this time at most. Long enough for a lost SYN, which Linux
/// sends again after 1 s.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections take turns, so that all addresses get their share.
#[derive(Debug)]
pub struct Addresses {
    list: Vec<Address>,
    turn: usize,
}

#[derive(Debug)]
struct Address {
    at: SocketAddr,
    avoided_until: Option<Instant>,
    opened: u64,
}

/// The addresses that were tried for one connection, a bit each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried(u64);

impl Addresses {
    /// The first connection goes to the address of that turn.
    pub fn new(addresses: &[SocketAddr], turn: usize) -> Self {
        let addresses = addresses.iter().take(MAX_ADDRESSES);
        Self { list: addresses.map(|&at| Address { at, avoided_until: None, opened: 0 }).collect(), turn }
    }

    pub fn at(&self, index: usize) -> SocketAddr {
        self.list[index].at
    }

    /// The next address to try, those to be avoided last; `None` when all were tried.
    pub fn next(&mut self, tried: &mut Tried, now: Instant) -> Option<usize> {
        let count = self.list.len();
        let turn = self.turn;
        let mut left = (0..count).map(|step| (turn + step) % count).filter(|index| tried.0 & (1 << index) == 0);
        let is_good = |&index: &usize| self.list[index].avoided_until.is_none_or(|until| until <= now);
        let index = left.clone().find(is_good).or_else(|| left.next())?;
        tried.0 |= 1 << index;
        self.turn = (index + 1) % count;
        Some(index)
    }

    /// How long to try one of them, of all the time that there is for a request; `None` for as long as that, where no other
    /// is left.
    pub fn patience(&self, tried: Tried, timeout: Duration) -> Option<Duration> {
        let count = self.list.len() as u32;
        (tried.0.count_ones() < count).then(|| PATIENCE.min(timeout / count))
    }

    pub fn connected(&mut self, index: usize) {
        self.list[index].opened += 1;
        self.list[index].avoided_until = None;
    }

    pub fn failed(&mut self, index: usize, now: Instant) {
        self.list[index].avoided_until = Some(now + AVOIDED_FOR);
    }

    /// Connections established, address by address.
    pub fn opened(&self) -> impl Iterator<Item = u64> {
        self.list.iter().map(|address| address.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u16) -> Addresses {
        let list: Vec<SocketAddr> = (1..=count).map(|port| ([127, 0, 0, 1], port).into()).collect();
        Addresses::new(&list, 0)
    }

    fn order(addresses: &mut Addresses, now: Instant) -> Vec<usize> {
        let mut tried = Tried::default();
        std::iter::from_fn(|| addresses.next(&mut tried, now)).collect()
    }

    #[test]
    fn connections_take_turns() {
        let (mut addresses, now) = (of(3), Instant::now());
        let first = |addresses: &mut Addresses| addresses.next(&mut Tried::default(), now).unwrap();
        assert_eq!([(); 5].map(|()| first(&mut addresses)), [0, 1, 2, 0, 1]);
        assert_eq!(order(&mut addresses, now), [2, 0, 1], "each once, from its own on");
        assert!(order(&mut of(0), now).is_empty());
        assert_eq!(order(&mut of(100), now).len(), MAX_ADDRESSES);
    }

    #[test]
    fn one_that_fails_is_the_last_resort_until_it_may_be_well_again() {
        let (mut addresses, now) = (of(3), Instant::now());
        addresses.failed(0, now);
        assert_eq!(order(&mut addresses, now), [1, 2, 0]);
        addresses.failed(1, now);
        addresses.failed(2, now);
        assert_eq!(order(&mut addresses, now).len(), 3, "none is lost");
        addresses.connected(2);
        assert_eq!(order(&mut addresses, now)[0], 2);
        let later = now + AVOIDED_FOR;
        addresses.turn = 0;
        assert_eq!(order(&mut addresses, later), [0, 1, 2]);
        assert_eq!(addresses.opened().collect::<Vec<_>>(), [0, 0, 1]);
    }

    #[test]
    fn the_last_one_has_all_the_time() {
        let (mut addresses, now, mut tried) = (of(2), Instant::now(), Tried::default());
        addresses.next(&mut tried, now);
        assert_eq!(addresses.patience(tried, Duration::from_secs(60)), Some(PATIENCE));
        assert_eq!(addresses.patience(tried, Duration::from_secs(1)), Some(Duration::from_millis(500)));
        addresses.next(&mut tried, now);
        assert_eq!(addresses.patience(tried, Duration::from_secs(60)), None);
    }
}
