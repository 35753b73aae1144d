//! What became of each verdict: when it was sent, when it was taken, when its callback came, and under which id.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use reportd_platform::clock::Clock;

/// One page for each report, by its number.
pub(super) struct Book {
    clock: Arc<dyn Clock>,
    /// Time since 1970 where the clock's monotonic time began, in µs.
    began_us: u64,
    pages: Vec<Page>,
    /// Callbacks that came again under their id.
    repeated: AtomicU64,
    /// Callbacks of a verdict that came under another id, or of no verdict.
    strange: AtomicU64,
    next_us: Mutex<Vec<u32>>,
}

/// Times in µs since the book was opened; 0 where it has not happened.
#[derive(Default)]
pub(super) struct Page {
    ticket: OnceLock<String>,
    pub(super) sent_us: AtomicU64,
    pub(super) taken_us: AtomicU64,
    pub(super) delivered_us: AtomicU64,
    webhook_id: OnceLock<Box<[u8]>>,
}

impl Book {
    pub(super) fn new(clock: Arc<dyn Clock>, pages: u64) -> Self {
        let now_us = u64::try_from(clock.now_ms()).unwrap_or_default() * 1000;
        let book = Self {
            clock,
            began_us: 0,
            pages: (0..pages).map(|_| Page::default()).collect(),
            repeated: AtomicU64::new(0),
            strange: AtomicU64::new(0),
            next_us: Mutex::default(),
        };
        let began_us = now_us.saturating_sub(book.now_us());
        Self { began_us, ..book }
    }

    pub(super) fn pages(&self) -> &[Page] {
        &self.pages
    }

    fn page(&self, number: u64) -> Option<&Page> {
        self.pages.get(usize::try_from(number).ok()?)
    }

    fn now_us(&self) -> u64 {
        let now_us = self.clock.monotonic().as_micros();
        u64::try_from(now_us).unwrap_or(u64::MAX).max(1)
    }

    /// Time since the book was opened.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    /// A report has a ticket.
    pub(super) fn filed(&self, number: u64, ticket: String) {
        if let Some(page) = self.page(number) {
            let _ = page.ticket.set(ticket);
        }
    }

    /// The ticket of a report.
    pub(super) fn ticket(&self, number: u64) -> Option<&str> {
        Some(self.page(number)?.ticket.get()?)
    }

    /// A verdict goes out; it counts from its first time.
    pub(super) fn sent(&self, number: u64) {
        note(self.page(number).map(|page| &page.sent_us), self.now_us());
    }

    /// A verdict was taken.
    pub(super) fn taken(&self, number: u64) {
        note(self.page(number).map(|page| &page.taken_us), self.now_us());
    }

    /// A ticket was handed out after so long.
    pub(super) fn next_took(&self, us: u32) {
        let next_us = self.next_us.lock();
        next_us.unwrap_or_else(PoisonError::into_inner).push(us);
    }

    /// The times that handing out took, in order.
    pub(super) fn next_us(&self) -> Vec<u32> {
        let next_us = self.next_us.lock();
        let mut next_us = next_us.unwrap_or_else(PoisonError::into_inner).clone();
        next_us.sort_unstable();
        next_us
    }

    /// A callback has come.
    pub(super) fn arrived(&self, number: Option<u64>, webhook_id: &[u8]) {
        let now_us = self.now_us();
        let page = number.and_then(|number| self.page(number));
        let Some(page) = page.filter(|page| page.sent_us.load(Ordering::SeqCst) > 0) else {
            self.strange.fetch_add(1, Ordering::SeqCst);
            return;
        };
        if page.webhook_id.set(webhook_id.into()).is_ok() {
            note(Some(&page.delivered_us), now_us);
        } else if page.webhook_id.get().is_some_and(|id| **id == *webhook_id) {
            self.repeated.fetch_add(1, Ordering::SeqCst);
        } else {
            self.strange.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::SeqCst)
    }

    pub(super) fn strange(&self) -> u64 {
        self.strange.load(Ordering::SeqCst)
    }

    /// Verdicts that were taken and whose callback has not come.
    pub(super) fn waiting(&self) -> u64 {
        let is_waiting = |page: &&Page| {
            let at = |time: &AtomicU64| time.load(Ordering::SeqCst);
            at(&page.taken_us) > 0 && at(&page.delivered_us) == 0
        };
        self.pages.iter().filter(is_waiting).count() as u64
    }

    /// Writes a line for each verdict: number, and µs since 1970 when it was sent, taken and delivered (0: never).
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let file = std::fs::File::create(path);
        let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
        let mut file = BufWriter::new(file);
        for (number, page) in self.pages.iter().enumerate() {
            let at = |time: &AtomicU64| match time.load(Ordering::SeqCst) {
                0 => 0,
                us => self.began_us + us,
            };
            let times = [&page.sent_us, &page.taken_us, &page.delivered_us].map(at);
            let [sent, taken, delivered] = times;
            writeln!(file, "{number} {sent} {taken} {delivered}")?;
        }
        Ok(file.flush()?)
    }
}

/// The first time holds.
fn note(time: Option<&AtomicU64>, now_us: u64) {
    if let Some(time) = time {
        let _ = time.compare_exchange(0, now_us, Ordering::SeqCst, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use reportd_platform::clock::SystemClock;

    use super::*;

    #[test]
    fn repeats_and_strange_callbacks_are_told_apart() {
        let book = Book::new(Arc::new(SystemClock::start()), 2);
        book.sent(0);
        book.taken(0);
        assert_eq!(book.waiting(), 1);
        for (number, id) in [(0, "a"), (0, "a"), (0, "b"), (1, "c"), (2, "d")] {
            book.arrived(Some(number), id.as_bytes());
        }
        assert_eq!((book.waiting(), book.repeated(), book.strange()), (0, 1, 3));
    }
}
