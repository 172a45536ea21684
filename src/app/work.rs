//! What a request costs: CPU time, the lock, sleep and memory, in this order.

use super::{board::Board, config::AppConfig};
use crate::{
    distribution::{Random, random, uniform},
    model::Distribution,
    units::now_unix_us,
};
use nix::time::{ClockId, clock_gettime};
use std::{hint::black_box, io, thread::sleep, time::Duration};

/// Steps of arithmetic between two looks at the clock: some 3 us, of which a look takes a tenth.
const STEPS: u32 = 3_000;

/// How long a hog's turns are together with its rests.
const HOG_PERIOD: Duration = Duration::from_millis(10);

/// Works on the requests of one thread.
pub struct Work<'a> {
    config: &'a AppConfig,
    board: &'a Board,
    random: Random,
    /// CPU time of every request besides what is drawn for it.
    mode: Duration,
    /// By how much CPU time and sleep grow with the number of workers.
    factor: f64,
    uses_lock: bool,
    kept: Vec<Vec<u8>>,
}

impl<'a> Work<'a> {
    /// Of the thread with this seat.
    pub fn new(config: &'a AppConfig, board: &'a Board, seat: usize) -> Self {
        Self {
            config,
            board,
            random: random(config.seed, seat as u64),
            mode: mode(config),
            factor: config.usl.factor(config.workers),
            uses_lock: !(config.lock.is_zero() && config.lock_sleep.is_zero()),
            kept: Vec::new(),
        }
    }

    /// Whether this request is one of those that fail.
    pub fn fails(&mut self) -> bool {
        self.config.error_rate > 0.0 && uniform(&mut self.random) < self.config.error_rate
    }

    /// Works on a request until it is done, or has only the backend left to call.
    ///
    /// # Errors
    /// When the kernel refuses the clock or the lock.
    pub fn on_request(&mut self) -> io::Result<()> {
        let config = self.config;
        let is_cpu_s_turn = config.alternate.map(|period| is_first_half(now_unix_us(), period));
        if is_cpu_s_turn != Some(false) {
            let drawn = self.draw(&config.cpu) + self.mode;
            spin(drawn.mul_f64(self.factor))?;
        }
        if is_cpu_s_turn != Some(true) {
            self.under_lock()?;
            let drawn = self.draw(&config.sleep);
            rest(drawn.mul_f64(self.factor));
        }
        if config.memory_growth_bytes > 0 {
            // Not zeros: those would be pages that nobody has touched.
            self.kept.push(vec![1; config.memory_growth_bytes]);
        }
        Ok(())
    }

    fn under_lock(&mut self) -> io::Result<()> {
        if self.uses_lock {
            let (busy, idle) = (self.draw(&self.config.lock), self.draw(&self.config.lock_sleep));
            let _held = self.board.lock()?;
            spin(busy)?;
            rest(idle);
        }
        Ok(())
    }

    fn draw(&mut self, distribution: &Distribution) -> Duration {
        distribution.sample(&mut self.random)
    }
}

/// The CPU time that every request of this start costs besides: the same for each worker.
pub fn mode(config: &AppConfig) -> Duration {
    // A stream of its own, which no seat has.
    config.modes.sample(&mut random(config.seed, u64::MAX))
}

/// Uses so much of a CPU besides, for ever.
///
/// # Errors
/// When the kernel refuses the clock.
pub fn hog(cores: f64) -> io::Result<()> {
    loop {
        spin(HOG_PERIOD.mul_f64(cores))?;
        rest(HOG_PERIOD.mul_f64(1.0 - cores));
    }
}

/// Uses so much CPU time of this thread: preemption and throttling make it take longer, and not less work.
fn spin(time: Duration) -> io::Result<()> {
    if time.is_zero() {
        return Ok(());
    }
    let end = thread_cpu_time()? + time;
    let mut state = 1_u64;
    while thread_cpu_time()? < end {
        for _ in 0..STEPS {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
    }
    Ok(())
}

/// Not called with zero, which would give the CPU away.
fn rest(time: Duration) {
    if !time.is_zero() {
        sleep(time);
    }
}

fn thread_cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// All processes have the same clock, so all are in the same half.
fn is_first_half(unix_us: u64, half: Duration) -> bool {
    (u128::from(unix_us) / half.as_micros().max(1)).is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::board;

    fn board() -> Board {
        Board::open(board::create(1).unwrap(), vec![1.0])
    }

    #[test]
    fn a_spin_uses_what_is_asked_and_little_more() {
        let before = thread_cpu_time().unwrap();
        (0..50).for_each(|_| spin(Duration::from_millis(1)).unwrap());
        let used = thread_cpu_time().unwrap() - before;
        assert!(used >= Duration::from_millis(50) && used < Duration::from_micros(52_500), "{used:?}");
    }

    #[test]
    fn cost_grows_by_the_law_and_sleep_costs_no_cpu() {
        let usl = "1,0".parse().unwrap();
        let ms = |text: &str| text.parse::<Distribution>().unwrap();
        let config = AppConfig { workers: 3, cpu: ms("2ms"), sleep: ms("1ms"), usl, ..AppConfig::default() };
        let (board, before, begun) = (board(), thread_cpu_time().unwrap(), std::time::Instant::now());
        let mut work = Work::new(&config, &board, 0);
        (0..10).for_each(|_| work.on_request().unwrap());
        let used = thread_cpu_time().unwrap() - before;
        assert!(used >= Duration::from_millis(60) && used < Duration::from_millis(66), "{used:?}");
        assert!(begun.elapsed() >= Duration::from_millis(90));
    }

    #[test]
    fn halves_take_turns() {
        let half = Duration::from_millis(500);
        assert_eq!(
            [0, 499_999, 500_000, 999_999, 1_000_000].map(|us| is_first_half(us, half)),
            [true, true, false, false, true]
        );
    }

    #[test]
    fn a_start_has_one_mode() {
        let modes: Distribution = "50% 2ms, 50% 3ms".parse().unwrap();
        let of = |seed| mode(&AppConfig { modes: modes.clone(), seed, ..AppConfig::default() });
        let fast = (0..1000).filter(|&seed| of(seed) == Duration::from_millis(2)).count();
        assert!((430..=570).contains(&fast), "{fast} of 1000");
        assert_eq!(of(1), of(1));
    }

    #[test]
    fn memory_is_kept_and_errors_come_as_often_as_asked() {
        let config = AppConfig { memory_growth_bytes: 1000, error_rate: 0.1, ..AppConfig::default() };
        let board = board();
        let mut work = Work::new(&config, &board, 0);
        (0..5).for_each(|_| work.on_request().unwrap());
        assert_eq!(work.kept.iter().map(Vec::len).sum::<usize>(), 5000);
        let failed = (0..10_000).filter(|_| work.fails()).count();
        assert!((900..=1100).contains(&failed), "{failed} of 10,000");
    }
}
