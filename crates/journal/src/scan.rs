//! Raw reads: entries newest first, from the blocks that may hold what is looked for.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use crate::StreamNo;
use crate::block::unpack;
use crate::filter::may_hold;
use crate::journal::Journal;
use crate::store::{Block, JournalError, RawBlock};

/// Blocks that one call unpacks at most.
const MOST_BLOCKS: usize = 64;
/// Heads of blocks that one call looks at at most.
const MOST_HEADS: usize = 4_096;
const HEADS_AT_ONCE: usize = 256;

/// A place in a stream: everything before item `item` of entry `sequence` is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The stream.
    pub stream: StreamNo,
    /// Sequence of the entry.
    pub sequence: u64,
    /// Number of items of that entry that are still to come.
    pub item: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.stream, self.sequence, self.item)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a next_cursor of an earlier reply".to_owned();
        let (stream, place) = text.split_once('.').ok_or_else(expected)?;
        let (sequence, item) = place.split_once('.').ok_or_else(expected)?;
        let number = |text: &str| text.parse().map_err(|_| expected());
        Ok(Self {
            stream: stream.parse().map_err(|_| expected())?,
            sequence: number(sequence)?,
            item: number(item)?,
        })
    }
}

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// A block is read only where it may hold all of these keys.
    pub keys: Vec<u64>,
    /// Least time of a report, in ms.
    pub from_ts_ms: Option<i64>,
    /// Greatest time of a report, in ms.
    pub to_ts_ms: Option<i64>,
    /// Where an earlier call stopped.
    pub cursor: Option<Cursor>,
    /// Entries at or after this sequence are not shown: what the views have not folded yet (see
    /// [`Journal::folded_end`]).
    pub before: Option<u64>,
}

impl Scan {
    /// Entries at or after this sequence are not shown by this call.
    fn end(&self) -> u64 {
        let cursor = self
            .cursor
            .map_or(u64::MAX, |cursor| cursor.sequence.saturating_add(1));
        cursor.min(self.before.unwrap_or(u64::MAX))
    }

    fn wants(&self, head: &RawBlock) -> bool {
        self.from_ts_ms.is_none_or(|from| head.max_ts_ms >= from)
            && self.to_ts_ms.is_none_or(|to| head.min_ts_ms <= to)
            && self.keys.iter().all(|&key| may_hold(&head.filter, key))
    }
}

impl Journal {
    /// Shows blocks to `visit`, newest first, until it breaks with the place to go on from, or a call's share of
    /// blocks is used up. Returns where to go on, `None` at the end. A block is shown without the entries that are not
    /// asked for by place; which of the others match is for `visit` to see. Blocks the thread.
    pub fn scan(
        &self,
        scan: &Scan,
        mut visit: impl FnMut(&Block) -> ControlFlow<Cursor>,
    ) -> Result<Option<Cursor>, JournalError> {
        if scan
            .cursor
            .is_some_and(|cursor| cursor.stream != self.stream)
        {
            // Of a stream that is not here nothing is left to show.
            return Ok(None);
        }
        let end = scan.end();
        let mut before = end;
        let (mut unpacked, mut looked_at) = (0, 0);
        loop {
            let heads = self
                .store
                .heads_before(self.stream, before, HEADS_AT_ONCE)?;
            if heads.is_empty() {
                return Ok(None);
            }
            for head in heads {
                let wanted = scan.wants(&head);
                if looked_at >= MOST_HEADS || (wanted && unpacked >= MOST_BLOCKS) {
                    return Ok(Some(Cursor {
                        stream: self.stream,
                        sequence: before - 1,
                        item: u64::MAX,
                    }));
                }
                looked_at += 1;
                if wanted {
                    unpacked += 1;
                    let mut block = unpack(&self.store.load(&head)?, self.store.as_ref())?;
                    block.cut_before(end);
                    if let ControlFlow::Break(cursor) = visit(&block) {
                        return Ok(Some(cursor));
                    }
                }
                before = head.first;
            }
        }
    }
}
