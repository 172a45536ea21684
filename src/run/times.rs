//! When counters are read during a load: at equal distances, and at both ends of the counted window.

use crate::model::{LoadPlan, LoadProgress};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};

/// A row of a load's series that is not cut short.
const ROW: Duration = Duration::from_secs(1);

/// One moment after the other, without making up for what was missed; from the window's start on as of there, and at its end
/// besides.
pub(super) struct Times {
    period: Duration,
    interval: Interval,
    window: watch::Receiver<Option<WindowTimes>>,
    /// Where the window ends between two of them.
    odd_end: Option<Instant>,
}

impl Times {
    /// From now on; the window is told when it is known.
    pub(super) fn every(period: Duration, window: &watch::Receiver<Option<WindowTimes>>) -> Self {
        let mut interval = interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { period, interval, window: window.clone(), odd_end: None }
    }

    /// Waits for the next. Can be dropped and called again.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interval.tick() => return,
                () = until(self.odd_end) => {
                    self.odd_end = None;
                    return;
                }
                Ok(()) = self.window.changed() => {
                    let told = *self.window.borrow_and_update();
                    if let Some(window) = told {
                        self.interval.reset_at(window.start);
                        self.odd_end = window.odd_end(self.period);
                    }
                }
            }
        }
    }
}

/// For ever where there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// When the counted window starts and how long it is, by our own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowTimes {
    start: Instant,
    /// `None` where that is not known before.
    length: Option<Duration>,
}

impl WindowTimes {
    /// Once a row of the load's series tells, which has just ended.
    pub(super) fn told_by(plan: &LoadPlan, row: &LoadProgress, now: Instant) -> Option<Self> {
        let start_us = window_start_us(row)?;
        let load_start = now.checked_sub(Duration::from_micros(row.elapsed_us)).unwrap_or(now);
        let start = load_start + Duration::from_micros(start_us);
        Some(Self { start, length: plan.window_us().map(Duration::from_micros) })
    }

    /// Where it ends between two moments of a period from its start on.
    fn odd_end(&self, period: Duration) -> Option<Instant> {
        let is_odd = |length: &Duration| !length.as_micros().is_multiple_of(period.as_micros());
        self.length.filter(is_odd).and_then(|length| self.start.checked_add(length))
    }
}

/// When the window starts, since the first request, if a row tells: one that is counted starts with it or later, and one
/// that is not ends with it where it is cut short.
fn window_start_us(row: &LoadProgress) -> Option<u64> {
    match row.measuring {
        true => Some(row.elapsed_us - row.duration_us),
        false => (u128::from(row.duration_us) < ROW.as_micros()).then_some(row.elapsed_us),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Histogram, Until};

    const MS: u64 = 1_000;

    fn row(elapsed_us: u64, duration_us: u64, measuring: bool) -> LoadProgress {
        LoadProgress {
            elapsed_us,
            measuring,
            users: 1,
            start_unix_us: 0,
            duration_us,
            throughput_rps: 0.0,
            failures_rps: 0.0,
            latency: Histogram::new(),
        }
    }

    /// How many milliseconds after this row's end the window starts and, if that is between two samples, ends.
    fn told(plan: &LoadPlan, row: &LoadProgress) -> Option<(i64, Option<i64>)> {
        let before = Instant::now();
        let now = before + Duration::from_secs(100);
        let after_ms = |moment: Instant| (moment - before).as_millis() as i64 - 100_000;
        WindowTimes::told_by(plan, row, now).map(|window| (after_ms(window.start), window.odd_end(ROW).map(after_ms)))
    }

    #[test]
    fn a_window_of_a_steady_load_starts_where_a_row_is_cut_short() {
        let plan = LoadPlan::new("http://a");
        assert_eq!(told(&plan, &row(1000 * MS, 1000 * MS, false)), None);
        assert_eq!(told(&plan, &row(1400 * MS, 400 * MS, false)), Some((0, None)));
        assert_eq!(told(&plan, &row(3000 * MS, 1000 * MS, true)), Some((-1000, None)), "the cut was on the second");
        let odd = LoadPlan { until: Until::RunTime { us: 2_500 * MS }, ..plan };
        assert_eq!(told(&odd, &row(1400 * MS, 400 * MS, false)), Some((0, Some(2500))));
    }

    #[tokio::test]
    async fn from_a_window_s_start_on_counters_are_read_at_its_own_borders() {
        const PERIOD: Duration = Duration::from_millis(100);
        let (told, window) = watch::channel(None);
        let begin = Instant::now();
        let mut times = Times::every(PERIOD, &window);
        times.next().await;
        sleep_until(begin + Duration::from_millis(30)).await;
        // It has begun 10 ms ago.
        let start = begin + Duration::from_millis(20);
        told.send_replace(Some(WindowTimes { start, length: Some(Duration::from_millis(250)) }));
        let mut at = Vec::new();
        for _ in 0..5 {
            times.next().await;
            at.push(begin.elapsed().as_millis());
        }
        // On a busy machine later, and never earlier: 30 at once, then 120, 220, its end at 270, and 320.
        let earliest = [30, 120, 220, 270, 320];
        assert!(at.iter().zip(earliest).all(|(at, earliest)| *at >= earliest), "{at:?}");
    }
}
