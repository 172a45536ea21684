//! What all worker processes share: a file in memory that is locked, and in which every thread says how many connections it has.

use rustix::fs::{FlockOperation, MemfdFlags, fcntl_lock, memfd_create};
use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    sync::{Mutex, MutexGuard, PoisonError},
};

const COUNT_BYTES: usize = size_of::<u32>();

/// One thread of one worker is a seat.
///
/// The lock is a record lock (fcntl(2)): the kernel releases it when its process ends, however it ends. It excludes processes
/// only, so a mutex keeps apart the threads of one.
#[derive(Debug)]
pub struct Board {
    /// A count a seat, 32 bits each.
    file: File,
    in_process: Mutex<()>,
    weights: Vec<f64>,
}

/// The lock is held until it is dropped.
pub struct Held<'a> {
    file: &'a File,
    _in_process: MutexGuard<'a, ()>,
}

/// An empty board for so many seats.
pub fn create(seats: usize) -> io::Result<OwnedFd> {
    let file = File::from(memfd_create("vscale-app", MemfdFlags::CLOEXEC)?);
    file.set_len((seats * COUNT_BYTES) as u64)?;
    Ok(file.into())
}

impl Board {
    /// The one of this file; `weights` are the shares of the connections that the seats are to get.
    pub fn open(file: OwnedFd, weights: Vec<f64>) -> Self {
        Self { file: file.into(), in_process: Mutex::default(), weights }
    }

    /// Waits for the lock.
    pub fn lock(&self) -> io::Result<Held<'_>> {
        let in_process = self.in_process.lock().unwrap_or_else(PoisonError::into_inner);
        rustix::io::retry_on_intr(|| fcntl_lock(&self.file, FlockOperation::LockExclusive))?;
        Ok(Held { file: &self.file, _in_process: in_process })
    }

    /// Says how many connections a seat has.
    pub fn publish(&self, seat: usize, connections: usize) -> io::Result<()> {
        self.file.write_all_at(&(connections as u32).to_ne_bytes(), (seat * COUNT_BYTES) as u64)
    }

    /// Whether the next connection is for this seat.
    pub fn is_turn_of(&self, seat: usize) -> io::Result<bool> {
        let mut bytes = vec![0; self.weights.len() * COUNT_BYTES];
        self.file.read_exact_at(&mut bytes, 0)?;
        let counts = bytes.chunks_exact(COUNT_BYTES).map(|four| four.try_into().map_or(0, u32::from_ne_bytes));
        Ok(next(counts, &self.weights) == Some(seat))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // It fails for no lock that is held.
        let _ = fcntl_lock(self.file, FlockOperation::Unlock);
    }
}

/// The seat that is furthest from its share: the one with the fewest connections for its weight, were it given one more
/// (V. D'Hondt, *Système pratique et raisonné de représentation proportionnelle*, 1882); of equal ones the first.
fn next(counts: impl Iterator<Item = u32>, weights: &[f64]) -> Option<usize> {
    let loads = counts.zip(weights).map(|(count, weight)| (f64::from(count) + 1.0) / weight);
    let open = loads.enumerate().filter(|(_, load)| load.is_finite());
    open.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(seat, _)| seat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// Connections of each seat after so many came.
    fn seated(connections: usize, weights: &[f64]) -> Vec<u32> {
        let mut counts = vec![0; weights.len()];
        for _ in 0..connections {
            let seat = next(counts.iter().copied(), weights).unwrap();
            counts[seat] += 1;
        }
        counts
    }

    #[test]
    fn connections_are_divided_by_weight() {
        assert_eq!(seated(8, &[1.0; 4]), [2, 2, 2, 2]);
        assert_eq!(seated(9, &[1.0; 4]), [3, 2, 2, 2]);
        assert_eq!(seated(10, &[0.8, 0.1, 0.1]), [8, 1, 1]);
        assert_eq!(seated(5, &[0.0, 1.0]), [0, 5], "a seat of no weight gets none");
        assert_eq!(next([0, 0].into_iter(), &[0.0, 0.0]), None);
    }

    #[test]
    fn counts_are_read_by_whoever_opens_the_same_file() {
        let file = create(2).unwrap();
        let [one, other] = [file.try_clone().unwrap(), file].map(|file| Board::open(file, vec![1.0; 2]));
        assert!(one.is_turn_of(0).unwrap());
        one.publish(0, 3).unwrap();
        assert!(other.is_turn_of(1).unwrap() && !other.is_turn_of(0).unwrap());
    }

    #[test]
    fn the_lock_keeps_threads_apart() {
        let board = Board::open(create(1).unwrap(), vec![1.0]);
        let total = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let _held = board.lock().unwrap();
                        // What others add between the two is lost.
                        let read = total.load(Relaxed);
                        std::thread::yield_now();
                        total.store(read + 1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 800);
    }
}
