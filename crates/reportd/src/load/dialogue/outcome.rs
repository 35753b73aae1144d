//! What a run of verdicts came to.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use super::book::{Book, Page};
use crate::load::sender::Seen;
use crate::load::summary::at_share;
use crate::output::print_line;
use crate::text_table::text_table;

/// What a run of verdicts came to. The percentiles without a name are those of verdict to delivered.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    seconds: f64,
    /// Verdicts that were taken.
    verdicts: u64,
    verdicts_per_second: f64,
    /// Verdicts whose callback came.
    delivered: u64,
    /// Verdicts that were taken and whose callback did not come.
    lost: u64,
    /// Callbacks that came again under their webhook-id.
    repeated: u64,
    /// Callbacks under a second webhook-id, or of no verdict.
    strange: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// From the verdict's sending to its acknowledgement.
    taken: Percentiles,
    /// How long tickets/next took, where tickets were taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Percentiles>,
    errors: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

impl Percentiles {
    fn of(in_order_us: &[u32]) -> Self {
        let at = |share| at_share(in_order_us, share);
        Self {
            p50_ms: at(500),
            p95_ms: at(950),
            p99_ms: at(990),
        }
    }
}

impl Outcome {
    pub(super) fn new(seen: Seen, book: &Book, took: Duration) -> Self {
        let delivered_us = after_sending(book, |page| page.delivered_us.load(Ordering::SeqCst));
        let taken_us = after_sending(book, |page| page.taken_us.load(Ordering::SeqCst));
        let delivered = Percentiles::of(&delivered_us);
        let verdicts = taken_us.len() as u64;
        let seconds = took.as_secs_f64();
        let next_us = book.next_us();
        Self {
            seconds,
            verdicts,
            verdicts_per_second: f64::from(u32::try_from(verdicts).unwrap_or(u32::MAX)) / seconds,
            delivered: delivered_us.len() as u64,
            lost: book.waiting(),
            repeated: book.repeated(),
            strange: book.strange(),
            p50_ms: delivered.p50_ms,
            p95_ms: delivered.p95_ms,
            p99_ms: delivered.p99_ms,
            max_ms: at_share(&delivered_us, 1000),
            taken: Percentiles::of(&taken_us),
            next: (!next_us.is_empty()).then(|| Percentiles::of(&next_us)),
            errors: seen.errors,
        }
    }

    /// Prints it; a run that brought nothing is an error.
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            print_line(serde_json::to_string(self)?)?;
        } else {
            print_line(text_table(["verdicts", ""], &self.rows()))?;
        }
        if self.verdicts == 0 {
            bail!("no verdict was taken");
        }
        Ok(())
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let count = |name: &str, count: u64| [name.to_owned(), count.to_string()];
        let latency = |name: &str, ms: f64| [name.to_owned(), format!("{ms:.2} ms")];
        let mut rows = vec![
            count("taken", self.verdicts),
            [
                "taken/s".to_owned(),
                format!("{:.0}", self.verdicts_per_second),
            ],
            count("delivered", self.delivered),
            count("lost", self.lost),
            count("repeated", self.repeated),
            count("strange", self.strange),
            latency("verdict to delivered, p50", self.p50_ms),
            latency("p95", self.p95_ms),
            latency("p99", self.p99_ms),
            latency("max", self.max_ms),
            latency("verdict to taken, p50", self.taken.p50_ms),
            latency("p95", self.taken.p95_ms),
            latency("p99", self.taken.p99_ms),
        ];
        if let Some(next) = &self.next {
            rows.push(latency("tickets/next, p50", next.p50_ms));
            rows.push(latency("p99", next.p99_ms));
        }
        let errors = self.errors.iter();
        rows.extend(errors.map(|(error, times)| count(error, *times)));
        rows
    }
}

/// The times from sending on, in order.
fn after_sending(book: &Book, at: impl Fn(&Page) -> u64) -> Vec<u32> {
    let after = |page: &Page| {
        let sent_us = page.sent_us.load(Ordering::SeqCst);
        let us = at(page).checked_sub(sent_us).filter(|_| sent_us > 0)?;
        Some(u32::try_from(us).unwrap_or(u32::MAX))
    };
    let mut times: Vec<_> = book.pages().iter().filter_map(after).collect();
    times.sort_unstable();
    times
}
