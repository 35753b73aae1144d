//! Views: folds of the journal into tables.

use reportd_db::migrate::Migrations;
use reportd_db::{DbError, Tx};

use crate::StreamNo;
use crate::compare::Difference;
use crate::entry::{Entry, Kind};
use crate::store::{JournalError, SharedBlock};

/// Tables of this room in the views store: how far each view has folded each stream, and from which base it began.
pub const MIGRATIONS: Migrations = Migrations {
    set: "views",
    texts: &["CREATE TABLE view_position (
        view {{text}} NOT NULL, stream BIGINT NOT NULL, next BIGINT NOT NULL, received_at BIGINT NOT NULL,
        PRIMARY KEY (view, stream)) {{clustered}};
        CREATE TABLE view_base (id BIGINT NOT NULL PRIMARY KEY, day BIGINT NOT NULL);
        ",
        // Views that were replaced by rebuilt ones: nothing more is folded into them.
        "ALTER TABLE view_position ADD COLUMN closed BIGINT NOT NULL DEFAULT 0;
        "],
};

/// A fold of entries of one kind.
///
/// It is commutative and idempotent: batches may come in any order and be split anywhere, and folding the same entries
/// again into an empty store gives the same answers (design, invariant 2).
pub trait View: Send {
    /// Its name, in positions, metrics and `reportd status`.
    fn name(&self) -> &'static str;
    /// The entries that it folds.
    fn kind(&self) -> Kind;
    /// Folds a batch. All of it, and the new position, are one transaction.
    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError>;
    /// Told after the transaction of [`Self::apply`] was committed: the time to count what it did.
    fn committed(&mut self) {}
    /// Told after a transaction of [`Self::apply`] or [`Self::prune`] failed or panicked: the time to forget what was
    /// learnt from the store. Whether it was rolled back is not sure where the connection was lost.
    fn rolled_back(&mut self);
    /// Drops what no entry that is still to be folded can need. All entries that arrived before `horizon_ms` are folded.
    /// Nothing, where every entry counts however late it comes.
    fn prune(&mut self, _tx: &mut Tx<'_>, _horizon_ms: i64) -> Result<(), DbError> {
        Ok(())
    }
    /// Drops what it keeps of single entries of a stream before `sequence`: the journal holds them no longer. Nothing, where
    /// it keeps none.
    fn forget(
        &mut self,
        _tx: &mut Tx<'_>,
        _stream: StreamNo,
        _sequence: u64,
    ) -> Result<(), DbError> {
        Ok(())
    }
    /// Compares what the view says in two stores that folded the same entries, by meaning, and tells each difference.
    fn compare(
        &self,
        stored: &mut Tx<'_>,
        folded: &mut Tx<'_>,
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError>;
}

/// What has come since the last fold ended: blocks of one stream, without a gap.
#[derive(Debug)]
pub struct Batch {
    pub(crate) kind: Kind,
    pub(crate) stream: StreamNo,
    /// Entries before this sequence are folded already.
    pub(crate) from: u64,
    pub(crate) blocks: Vec<SharedBlock>,
}

impl Batch {
    /// A batch of `blocks`.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where the first of them does not hold `from`, or there is a gap between two.
    pub(crate) fn new(
        kind: Kind,
        (stream, from): (StreamNo, u64),
        blocks: Vec<SharedBlock>,
    ) -> Result<Self, JournalError> {
        let mut next = from;
        for block in &blocks {
            let follows = block.first == next || (next == from && block.first < from);
            if !follows || block.end() <= next {
                return Err(JournalError::Missing {
                    place: "memory".to_owned(),
                    stream,
                    from: next,
                    to: block.first.max(next + 1),
                });
            }
            next = block.end();
        }
        Ok(Self {
            kind,
            stream,
            from,
            blocks,
        })
    }

    /// The stream that it comes from.
    #[must_use]
    pub fn stream(&self) -> StreamNo {
        self.stream
    }

    /// Its entries of the view's kind, in order of sequence.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let entries = self.blocks.iter().flat_map(|block| block.entries());
        entries.filter(|entry| entry.kind == self.kind && entry.sequence >= self.from)
    }

    pub(crate) fn end(&self) -> u64 {
        self.blocks.last().map_or(self.from, |block| block.end())
    }

    pub(crate) fn received_at_ms(&self) -> i64 {
        self.blocks.last().map_or(0, |block| block.received_at_ms)
    }
}
