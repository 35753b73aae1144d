//! Blocks, and where they are kept.

use std::sync::Arc;

use reportd_db::DbError;
use thiserror::Error;

use crate::StreamNo;
use crate::entry::{Entry, Reader, next_entry};

/// A block as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBlock {
    /// The stream that it belongs to.
    pub stream: StreamNo,
    /// Sequence of its first entry.
    pub first: u64,
    /// Number of entries.
    pub count: u64,
    /// When it was made, in ms: the time of arrival of its entries.
    pub received_at_ms: i64,
    /// Least time of a report in it, in ms.
    pub min_ts_ms: i64,
    /// Greatest time of a report in it, in ms.
    pub max_ts_ms: i64,
    /// Format of `data`.
    pub version: i64,
    /// Length of the entries before compression, in bytes.
    pub raw_bytes: u64,
    /// Over all other fields.
    pub checksum: Vec<u8>,
    /// Filter over the keys of its entries.
    pub filter: Vec<u8>,
    /// The entries, compressed. Empty where only the head was asked for.
    pub data: Vec<u8>,
}

/// A block that was checked and unpacked.
#[derive(Debug)]
pub struct Block {
    /// The stream that it belongs to.
    pub stream: StreamNo,
    /// Sequence of its first entry.
    pub first: u64,
    /// Number of entries.
    pub count: u64,
    /// Time of arrival of its entries, in ms.
    pub received_at_ms: i64,
    pub(crate) bytes: Vec<u8>,
}

impl Block {
    /// Sequence behind its last entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.count
    }

    /// Its entries in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut reader = Reader::new(&self.bytes);
        (self.first..self.end())
            .map_while(move |sequence| next_entry(&mut reader, sequence, self.received_at_ms))
    }

    /// Hides the entries from `sequence` on.
    pub(crate) fn cut_before(&mut self, sequence: u64) {
        self.count = self.count.min(sequence.saturating_sub(self.first));
    }
}

/// How far a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEnd {
    /// The stream.
    pub stream: StreamNo,
    /// Sequence behind its newest entry.
    pub next: u64,
    /// Time of arrival of that entry, in ms; 0 where there is none.
    pub received_at_ms: i64,
}

impl StreamEnd {
    pub(crate) fn empty(stream: StreamNo) -> Self {
        Self {
            stream,
            next: 1,
            received_at_ms: 0,
        }
    }

    /// The end of a stream whose newest block this is.
    pub fn of(newest: &RawBlock) -> Self {
        Self {
            stream: newest.stream,
            next: newest.first + newest.count,
            received_at_ms: newest.received_at_ms,
        }
    }
}

/// What can go wrong with the journal.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A block is not what was written. It is never passed over in silence: folding stops before it.
    #[error("journal {place}: block {first} of stream {stream} is damaged: {cause}")]
    Damaged {
        /// File or table that holds it.
        place: String,
        /// Its stream.
        stream: StreamNo,
        /// Sequence of its first entry.
        first: u64,
        /// How it was found.
        cause: &'static str,
    },
    /// Entries that should follow are not there.
    #[error("journal {place}: entries {from} to {to} of stream {stream} are missing")]
    Missing {
        /// Where they should be.
        place: String,
        /// Their stream.
        stream: StreamNo,
        /// First sequence that is missing.
        from: u64,
        /// Sequence before which they end.
        to: u64,
    },
    /// Another node took the stream over, since this one had not been heard of: it is taken back before the next block.
    #[error("journal: stream {stream} was taken over by another node")]
    TakenOver {
        /// The stream.
        stream: StreamNo,
    },
    /// Entries waited for too long before they could be appended.
    #[error("the entries waited for {waited_ms} ms: send them again")]
    TooLate {
        /// For how long, in ms.
        waited_ms: i64,
    },
    /// A fold was told to stop before its end.
    #[error("it was interrupted")]
    Interrupted,
    /// An option of the journal cannot be used.
    #[error("journal option {name}: at most {most}")]
    Option {
        /// Its name.
        name: &'static str,
        /// The greatest value that it takes.
        most: u64,
    },
    /// A file of the journal cannot be used.
    #[error("journal {place}: {cause}")]
    File {
        /// The file or folder.
        place: String,
        /// What the system said.
        cause: String,
    },
}

/// When what a forward read asks for arrived and happened: a store passes over the blocks that lie outside, the cheaper
/// the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first day of arrival, in UTC, since 1970: days before it are not looked at.
    pub first_day: i64,
    /// Least time of a report, in ms.
    pub from_ts_ms: i64,
    /// Greatest time of a report, in ms.
    pub to_ts_ms: i64,
}

/// What is read of blocks, wherever they are kept.
pub trait BlockReader: Send + Sync {
    /// The newest block of a stream, with its data.
    fn last(&self, stream: StreamNo) -> Result<Option<RawBlock>, JournalError>;
    /// Blocks of a stream, oldest first, from the one that holds `sequence` or else the first behind it: as many as
    /// fit `max_bytes` unpacked, at least one.
    fn from(
        &self,
        stream: StreamNo,
        sequence: u64,
        max_bytes: u64,
    ) -> Result<Vec<RawBlock>, JournalError>;
    /// Heads of at most `limit` blocks that begin before `sequence`, newest first. Fewer than `limit` do not mean that
    /// there are no older ones: none do.
    fn heads_before(
        &self,
        stream: StreamNo,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError>;
    /// Heads of at most `limit` blocks that begin at or behind `sequence` and lie within `span`, oldest first. Fewer than
    /// `limit` do not mean that there are no later ones: none do.
    fn heads_from(
        &self,
        stream: StreamNo,
        sequence: u64,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError>;
    /// One block with its data; `None` where its day was dropped since.
    fn load(&self, head: &RawBlock) -> Result<Option<RawBlock>, JournalError>;
    /// Days (of arrival, in UTC, since 1970) that hold blocks, oldest first.
    fn days(&self) -> Result<Vec<i64>, JournalError>;
    /// The streams that have blocks in a day, each with the sequence behind the newest of them.
    fn ends_of_day(&self, day: i64) -> Result<Vec<(StreamNo, u64)>, JournalError>;
    /// A name for people of where a block is kept.
    fn place_of(&self, block: &RawBlock) -> String;
}

/// Where blocks are kept. A node appends to one stream of its own, the same as long as it runs; where several nodes share
/// the store, it can read the streams of the others.
pub trait BlockStore: BlockReader {
    /// Takes the right to append to the node's stream, or takes it back, and tells where that stream ends.
    fn begin(&self) -> Result<StreamEnd, JournalError>;
    /// Where each stream ends that was ever appended to, the node's own among them.
    fn ends(&self) -> Result<Vec<StreamEnd>, JournalError>;
    /// Appends a block to the node's stream; it is durable when this returns `Ok`.
    fn append(&self, block: &RawBlock) -> Result<(), JournalError>;
    /// Drops a day with all its blocks. They must be sealed in a base before (see [`crate::Base`]).
    fn drop_day(&self, day: i64) -> Result<(), JournalError>;
    /// Writes something that changes nothing, and syncs it: to learn whether a store that refused works again.
    fn probe(&self, now_ms: i64) -> Result<(), JournalError>;
    /// Makes what is stored quick to open again.
    fn checkpoint(&self) -> Result<(), JournalError>;
    /// Bytes on disk.
    fn disk_bytes(&self) -> u64;
}

/// Shared so that the tail and a fold can hold it at once.
pub(crate) type SharedBlock = Arc<Block>;
