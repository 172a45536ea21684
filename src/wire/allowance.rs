//! A bound on what all connections of a process keep together of messages that are not complete.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Shared by all threads: a share each would refuse what the whole has room for.
#[derive(Debug)]
pub struct Allowance {
    held: AtomicUsize,
    most: usize,
}

impl Allowance {
    /// At most this many bytes.
    pub fn new(most: usize) -> Self {
        Self { held: AtomicUsize::new(0), most }
    }

    /// Changes what a connection holds from `held` to `now` bytes. False if all together now hold too much.
    #[inline]
    pub fn hold(&self, held: &mut usize, now: usize) -> bool {
        // Of a message that comes in one piece nothing is ever held: no thread disturbs another for it.
        if *held == now {
            return true;
        }
        // Wraps where it is less, as the sum then does.
        let more = now.wrapping_sub(*held);
        *held = now;
        self.held.fetch_add(more, Relaxed).wrapping_add(more) <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together() {
        let (all, mut a, mut b) = (Allowance::new(10), 0, 0);
        assert!(all.hold(&mut a, 6) && all.hold(&mut b, 4) && !all.hold(&mut b, 5));
        assert!(all.hold(&mut a, 0) && all.hold(&mut b, 10));
        assert_eq!((a, b), (0, 10));
        assert!(all.hold(&mut a, 0) && !all.hold(&mut a, 1));
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let all = Allowance::new(usize::MAX);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut held = 0;
                    (0..10_000).for_each(|step| assert!(all.hold(&mut held, step % 7)));
                    all.hold(&mut held, 0);
                });
            }
        });
        assert_eq!(all.held.into_inner(), 0);
    }
}
