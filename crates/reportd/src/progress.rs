//! How far a long command is: one line on stderr, drawn again a few times a second, and nothing where stderr is no
//! terminal. It also carries the wish to stop, so that a command that is interrupted can tidy up.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use reportd_platform::clock::{Clock, SystemClock};

use crate::serve::stop_signal;

const DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Bytes,
    /// Entries of the journal.
    Entries,
    /// Rows of tables.
    Rows,
    /// Reports of any kind.
    Reports,
}

/// Somebody wants the command to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn want(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs blocking work that looks at its [`Stop`] now and then; SIGINT and SIGTERM ask it to stop.
pub(crate) async fn run_stoppable<T: Send + 'static>(
    work: impl FnOnce(Stop) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let (stop, signal) = (Stop::default(), stop_signal()?);
    let asked = stop.clone();
    let mut running = tokio::task::spawn_blocking(move || work(asked));
    let ended = tokio::select! {
        ended = &mut running => ended,
        () = signal => {
            stop.want();
            running.await
        }
    };
    ended.map_err(|error| anyhow!("the command stopped: {error}"))?
}

/// The progress of one step, from 0 to `total`.
pub(crate) struct Progress {
    what: &'static str,
    unit: Unit,
    total: AtomicU64,
    done: AtomicU64,
    clock: SystemClock,
    drawn: Mutex<Option<Duration>>,
    shows: bool,
    stop: Stop,
}

impl Progress {
    pub(crate) fn start(what: &'static str, unit: Unit, total: u64, stop: &Stop) -> Self {
        Self {
            what,
            unit,
            total: AtomicU64::new(total),
            done: AtomicU64::new(0),
            clock: SystemClock::start(),
            drawn: Mutex::default(),
            shows: std::io::stderr().is_terminal(),
            stop: stop.clone(),
        }
    }

    /// Shows nothing where `is_shown` does not hold.
    pub(crate) fn only_if(mut self, is_shown: bool) -> Self {
        self.shows &= is_shown;
        self
    }

    /// Counts up to `done` of a `total` that may have grown; false where the work should stop.
    pub(crate) fn reach(&self, done: u64, total: u64) -> bool {
        self.total.store(total, Ordering::Relaxed);
        let before = self.done.load(Ordering::Relaxed);
        self.advance(done.saturating_sub(before))
    }

    /// Counts `by` more; false where the work should stop.
    pub(crate) fn advance(&self, by: u64) -> bool {
        let done = self.done.fetch_add(by, Ordering::Relaxed) + by;
        if self.shows {
            let now = self.clock.monotonic();
            let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
            if drawn.is_none_or(|at| now.saturating_sub(at) >= DRAW_INTERVAL) {
                *drawn = Some(now);
                // Where nobody can see it, the work goes on.
                let _ = write!(std::io::stderr(), "\r\x1b[K{}", self.line(done, now));
            }
        }
        !self.stop.is_wanted()
    }

    fn line(&self, done: u64, after: Duration) -> String {
        let total = self.total.load(Ordering::Relaxed);
        let done = done.min(total);
        let percent = done.saturating_mul(100) / total.max(1);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
        let per_second = done.saturating_mul(1000) / after_ms;
        let left = match (total - done).checked_div(per_second) {
            Some(seconds) => format!("{}:{:02} left", seconds / 60, seconds % 60),
            None => String::new(),
        };
        let (done, total) = (self.amount(done), self.amount(total));
        let rate = self.amount(per_second);
        format!(
            "{} {percent} %  {done} of {total}  {rate}/s  {left}",
            self.what
        )
    }

    fn amount(&self, count: u64) -> String {
        match self.unit {
            Unit::Bytes => size_text(count),
            Unit::Entries => format!("{count} entries"),
            Unit::Rows => format!("{count} rows"),
            Unit::Reports => format!("{count} reports"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// A number of bytes for people.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let fitting = units.into_iter().find(|(_, bits)| bytes >> bits > 0);
    fitting.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, bits)| {
            let tenths = (bytes >> (bits - 10)) * 10 / 1024;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_share_rate_and_rest() {
        let progress = Progress::start("backup", Unit::Bytes, 300 << 20, &Stop::default());
        for (done, seconds, line) in [
            (0, 1, "backup 0 %  0 bytes of 300.0 MiB  0 bytes/s  "),
            (
                100 << 20,
                2,
                "backup 33 %  100.0 MiB of 300.0 MiB  50.0 MiB/s  0:04 left",
            ),
            (
                400 << 20,
                300,
                "backup 100 %  300.0 MiB of 300.0 MiB  1.0 MiB/s  0:00 left",
            ),
        ] {
            assert_eq!(progress.line(done, Duration::from_secs(seconds)), line);
        }
        assert_eq!(size_text(1_536), "1.5 KiB");
        assert_eq!(size_text(3 << 40), "3072.0 GiB");
        assert!(progress.advance(1));
        progress.stop.want();
        assert!(!progress.advance(1));
    }
}
