//! Export: the blocks that may hold reports of an app on some days, oldest first by arrival. What the reports in them are
//! is for their room to read. One block is in memory at a time.

use std::ops::ControlFlow;

use reportd_db::Database;
use reportd_platform::AppNo;
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::MOST_OFFSET_MS;

use crate::entry::{Entry, Kind};
use crate::filter::owner_key;
use crate::refold::views_ends;
use crate::replay::{Replay, Sought};
use crate::store::{Block, BlockReader, JournalError, RawBlock, Span};

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Of which kind of reports.
    pub kind: Kind,
    /// The view that folds them: what it had not folded when the export began is not in it.
    pub view: &'static str,
    /// Of which app.
    pub app: AppNo,
    /// First day of the reports, in the app's zone.
    pub from: i64,
    /// Last day.
    pub to: i64,
    /// How long before it happens, by its time, a report can arrive at most, in ms.
    pub most_ahead_ms: i64,
}

impl Exported {
    /// The first day of arrival, in UTC, on which such a report can have come; a day more for clocks that were set back.
    /// There is no last one: reports come however late, and only the span of a block tells what is not in it.
    #[must_use]
    pub fn first_arrival_day(&self) -> i64 {
        (self.from * DAY_MS - MOST_OFFSET_MS - self.most_ahead_ms).div_euclid(DAY_MS) - 1
    }

    fn span(&self) -> Span {
        Span {
            first_day: self.first_arrival_day(),
            from_ts_ms: self.from * DAY_MS - MOST_OFFSET_MS,
            to_ts_ms: (self.to + 1) * DAY_MS + MOST_OFFSET_MS,
        }
    }
}

/// A walk over the blocks.
pub struct Export<'a> {
    exported: Exported,
    store: &'a dyn BlockReader,
    replay: Replay<'a>,
    /// The head of the first block that was read.
    oldest: Option<RawBlock>,
}

impl<'a> Export<'a> {
    /// An export of what `store` holds and `views` have folded now.
    pub fn begin(
        store: &'a dyn BlockReader,
        views: &Database,
        exported: Exported,
    ) -> Result<Self, JournalError> {
        let sought = Sought {
            span: exported.span(),
            keys: vec![owner_key(exported.kind, u64::from(exported.app))],
            before: views.read(|tx| views_ends(tx, &[exported.view]))?,
        };
        Ok(Self {
            exported,
            store,
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

    /// The next block, if it may hold what is exported; breaks at the end.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where days were dropped that it began with.
    pub fn step(&mut self) -> Result<ControlFlow<(), Option<ExportedBlock>>, JournalError> {
        let Some(head) = self.replay.next_head()? else {
            self.check_oldest()?;
            return Ok(ControlFlow::Break(()));
        };
        if !self.replay.wants(&head) {
            return Ok(ControlFlow::Continue(None));
        }
        let found = ExportedBlock {
            exported: self.exported,
            block: self.replay.load(&head)?,
            place: self.store.place_of(&head),
        };
        self.oldest.get_or_insert(head);
        Ok(ControlFlow::Continue(Some(found)))
    }

    /// What a view knows of single entries is forgotten after their day is dropped, and days are dropped oldest first:
    /// where the first day that was read is still there, so was all that was read.
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
}

/// A block that may hold reports that are exported.
#[derive(Debug)]
pub struct ExportedBlock {
    exported: Exported,
    block: Block,
    place: String,
}

impl ExportedBlock {
    /// All of it.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The entries of the app, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let Exported { kind, app, .. } = self.exported;
        let entries = self.block.entries();
        entries.filter(move |entry| entry.kind == kind && entry.app == app)
    }

    /// True where a report of this day in the app's zone is exported.
    #[must_use]
    pub fn has_day(&self, day: i64) -> bool {
        (self.exported.from..=self.exported.to).contains(&day)
    }

    /// An entry of it is none of its kind.
    #[must_use]
    pub fn unreadable(&self) -> JournalError {
        JournalError::Damaged {
            place: self.place.clone(),
            stream: self.block.stream,
            first: self.block.first,
            cause: "an entry cannot be read",
        }
    }
}
