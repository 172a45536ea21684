//! A bound on what all connections of a thread keep together of messages that are not complete.

#[derive(Debug)]
pub struct Allowance {
    held: usize,
    most: usize,
}

impl Allowance {
    /// At most this many bytes.
    pub fn new(most: usize) -> Self {
        Self { held: 0, most }
    }

    /// Changes what a connection holds from `held` to `now` bytes. False if all together now hold too much.
    #[inline]
    pub fn hold(&mut self, held: &mut usize, now: usize) -> bool {
        self.held = self.held - *held + now;
        *held = now;
        self.held <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together() {
        let (mut all, mut a, mut b) = (Allowance::new(10), 0, 0);
        assert!(all.hold(&mut a, 6) && all.hold(&mut b, 4) && !all.hold(&mut b, 5));
        assert!(all.hold(&mut a, 0) && all.hold(&mut b, 10));
        assert_eq!((a, b), (0, 10));
    }
}
