//! The speed of the machine: a fixed piece of work, timed on each CPU that this process may use.

use crate::{
    error::Result,
    model::{CpuSet, SpeedReading},
    this_process::{cpus_allowed, pin_to},
};
use std::{hint::black_box, time::Instant};

/// Of so many times the least counts: what comes between can only make one longer.
const TIMES: usize = 5;
/// On a host with more CPUs, so many of them stand for all.
const MOST_CPUS: usize = 8;
/// A few milliseconds of arithmetic.
const STEPS: u64 = 2_000_000;
/// More than most second-level caches hold.
const MEMORY_WORDS: usize = 1 << 20;

/// Measures again and again on the same CPUs.
pub struct SpeedReference {
    cpus: CpuSet,
    memory: Vec<u64>,
}

impl SpeedReference {
    /// On the CPUs that this process may use now.
    ///
    /// # Errors
    /// When the kernel does not say which these are.
    pub fn new() -> Result<Self> {
        Ok(Self { cpus: cpus_allowed()?, memory: (0..MEMORY_WORDS as u64).collect() })
    }

    /// How fast the slowest of the CPUs is now.
    pub fn reading(&self) -> SpeedReading {
        let readings = some_of(&self.cpus).map(|cpu| {
            pin_to(cpu);
            (least_us(|| arithmetic(STEPS)), least_us(|| reads(&self.memory)))
        });
        let slower = |(a, b): (f64, f64), (x, y): (f64, f64)| (a.max(x), b.max(y));
        let (arithmetic_us, memory_us) = readings.fold((0.0, 0.0), slower);
        SpeedReading { arithmetic_us, memory_us }
    }
}

/// At most [`MOST_CPUS`], at equal distances.
fn some_of(cpus: &CpuSet) -> impl Iterator<Item = u32> + '_ {
    cpus.iter().step_by(cpus.len().div_ceil(MOST_CPUS).max(1))
}

fn least_us(work: impl Fn() -> u64) -> f64 {
    let time = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e6
    };
    (0..TIMES).map(time).fold(f64::INFINITY, f64::min)
}

/// Each step needs the one before, so that it cannot be done side by side or left out (Marsaglia's xorshift, 2003).
fn arithmetic(steps: u64) -> u64 {
    (0..steps).fold(black_box(88_172_645_463_325_252), |mut state: u64, _| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^ state << 17
    })
}

fn reads(memory: &[u64]) -> u64 {
    black_box(memory).iter().fold(0, |sum: u64, word| sum.wrapping_add(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_longer() {
        let [little, much] = [STEPS / 100, STEPS].map(|steps| least_us(|| arithmetic(steps)));
        assert!(much > 5.0 * little, "{little} us, {much} us");
        let speed = SpeedReference::new().expect("Linux");
        let reading = speed.reading();
        assert!(reading.arithmetic_us > 0.0 && reading.memory_us > 0.0);
    }

    #[test]
    fn a_large_host_is_looked_at_here_and_there() {
        let of = |count: u32| some_of(&(0..count).collect()).collect::<Vec<_>>();
        assert_eq!((of(2), of(64).len(), of(9)), (vec![0, 1], 8, vec![0, 2, 4, 6, 8]));
    }
}
