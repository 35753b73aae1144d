//! Export: the raw reports of some days, oldest first, however many there are.

use std::ops::ControlFlow;

use reportd_db::Database;
use reportd_journal::{
    BlockReader, JournalError, RawBlock, Replay, Sought, Span, owner_key, views_ends,
};
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;

use crate::entry::Decoder;
use crate::query::{MOST_OFFSET_MS, repeats_in};
use crate::raw_report::RawReport;
use crate::settings::MOST_AHEAD_MS;
use crate::view::VIEW;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Of which app.
    pub app: AppNo,
    /// First day of `ts`, in the app's zone.
    pub from: i64,
    /// Last day.
    pub to: i64,
}

impl Exported {
    /// The first day of arrival, in UTC, on which such a report can have come. A report is never accepted more than the
    /// greatest `comm.max_ahead` before it happens, also where it is replayed; a day more for clocks that were set back.
    #[must_use]
    pub fn first_arrival_day(&self) -> i64 {
        (self.from * DAY_MS - MOST_OFFSET_MS - MOST_AHEAD_MS).div_euclid(DAY_MS) - 1
    }

    fn span(&self) -> Span {
        Span {
            first_day: self.first_arrival_day(),
            from_ts_ms: self.from * DAY_MS - MOST_OFFSET_MS,
            to_ts_ms: (self.to + 1) * DAY_MS + MOST_OFFSET_MS,
        }
    }

    fn has_day(&self, day: i64) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

/// Raw reports that count, oldest first by arrival: the pages of the API, turned round. What the views had not folded when
/// it began is not in it. One block is in memory at a time.
pub struct Export<'a> {
    exported: Exported,
    store: &'a dyn BlockReader,
    views: &'a Database,
    replay: Replay<'a>,
    /// The head of the first block that was read.
    oldest: Option<RawBlock>,
}

impl<'a> Export<'a> {
    /// An export of what `store` holds and `views` have folded now.
    pub fn begin(
        store: &'a dyn BlockReader,
        views: &'a Database,
        exported: Exported,
    ) -> Result<Self, JournalError> {
        let sought = Sought {
            span: exported.span(),
            keys: vec![owner_key(crate::KIND, u64::from(exported.app))],
            before: views.read(|tx| views_ends(tx, &[VIEW]))?,
        };
        Ok(Self {
            exported,
            store,
            views,
            replay: Replay::begin(store, sought)?,
            oldest: None,
        })
    }

    /// Journal entries that are passed in the end.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.replay.total()
    }

    /// Journal entries that were passed so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.replay.passed()
    }

    /// Shows the reports of the next block, if it has some, to `visit`; breaks at the end.
    pub fn step<E: From<JournalError>>(
        &mut self,
        visit: &mut dyn FnMut(&RawReport<'_>) -> Result<(), E>,
    ) -> Result<ControlFlow<()>, E> {
        let Some(head) = self.replay.next_head()? else {
            self.check_oldest()?;
            return Ok(ControlFlow::Break(()));
        };
        if self.replay.wants(&head) {
            self.visit_block(&head, visit)?;
            self.oldest.get_or_insert(head);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn visit_block<E: From<JournalError>>(
        &self,
        head: &RawBlock,
        visit: &mut dyn FnMut(&RawReport<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let block = self.replay.load(head)?;
        let entries = block
            .entries()
            .filter(|entry| entry.kind == crate::KIND && entry.app == self.exported.app);
        let mut repeats = None;
        for entry in entries {
            let unreadable = || self.unreadable(head);
            let decoder = Decoder::new(entry.payload).ok_or_else(unreadable)?;
            if !self.exported.has_day(decoder.head.day()) {
                continue;
            }
            let repeats = match &repeats {
                Some(repeats) => repeats,
                None => repeats.insert(repeats_in(self.views, &block).map_err(JournalError::from)?),
            };
            if repeats.contains(&entry.sequence) {
                continue;
            }
            let mut items = Vec::new();
            decoder
                .items(|_, item| items.push(item))
                .ok_or_else(unreadable)?;
            for item in items {
                visit(&RawReport {
                    received_at_ms: entry.received_at_ms,
                    ts_ms: decoder.head.ts_ms,
                    item,
                })?;
            }
        }
        Ok(())
    }

    /// Which entries of a day are repeats is forgotten after the day is dropped, and days are dropped oldest first: where
    /// the first day that was read is still there, so was all that was read.
    fn check_oldest(&self) -> Result<(), JournalError> {
        let Some(oldest) = &self.oldest else {
            return Ok(());
        };
        let day = oldest.received_at_ms.div_euclid(DAY_MS);
        if self.store.days()?.contains(&day) {
            return Ok(());
        }
        Err(JournalError::Missing {
            place: self.store.place_of(oldest),
            stream: oldest.stream,
            from: oldest.first,
            to: oldest.first + oldest.count,
        })
    }

    fn unreadable(&self, head: &RawBlock) -> JournalError {
        JournalError::Damaged {
            place: self.store.place_of(head),
            stream: head.stream,
            first: head.first,
            cause: "an entry of kind comm cannot be read",
        }
    }
}
