//! Forward reads: the blocks that may hold what is looked for, oldest first by arrival, of all streams side by side. For
//! reads of any length: a few heads of each stream are in memory at a time, and one block.
//!
//! The order is that of [`crate::Journal::scan`], turned round.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::StreamNo;
use crate::block::unpack;
use crate::filter::may_hold;
use crate::reads::Ends;
use crate::store::{Block, BlockReader, JournalError, RawBlock, Span};

const HEADS_AT_ONCE: usize = 64;

/// What a forward read looks for.
#[derive(Debug, Clone)]
pub struct Sought {
    /// When it arrived and happened.
    pub span: Span,
    /// A block is wanted only where it may hold all of these keys.
    pub keys: Vec<u64>,
    /// Where each stream ends, as far as this read goes. A stream that is not named is not read.
    pub before: Ends,
}

/// A forward read.
pub struct Replay<'a> {
    store: &'a dyn BlockReader,
    sought: Sought,
    streams: Vec<Heads>,
}

impl<'a> Replay<'a> {
    /// A read of what `store` holds now.
    pub fn begin(store: &'a dyn BlockReader, sought: Sought) -> Result<Self, JournalError> {
        let streams = sought.before.iter();
        let streams = streams.map(|(&stream, &end)| Heads::begin(store, &sought, stream, end));
        let streams = streams.collect::<Result<_, _>>()?;
        Ok(Self {
            store,
            sought,
            streams,
        })
    }

    /// Entries from the first day of the span on: so many are passed in the end.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.streams
            .iter()
            .map(|heads| heads.end - heads.begin)
            .sum()
    }

    /// Entries that were passed so far.
    #[must_use]
    pub fn passed(&self) -> u64 {
        let passed = |heads: &Heads| heads.next.min(heads.end).saturating_sub(heads.begin);
        self.streams.iter().map(passed).sum()
    }

    /// The head of the next block that lies within the span; `None` at the end.
    pub fn next_head(&mut self) -> Result<Option<RawBlock>, JournalError> {
        let mut oldest = None;
        for (index, heads) in self.streams.iter_mut().enumerate() {
            if let Some(head) = heads.peek(self.store, &self.sought.span)? {
                let at = (head.received_at_ms, Reverse(index));
                oldest = Some(oldest.map_or(at, |oldest| at.min(oldest)));
            }
        }
        Ok(oldest.and_then(|(_, Reverse(index))| self.streams[index].pass()))
    }

    /// True where the block may hold what is looked for.
    #[must_use]
    pub fn wants(&self, head: &RawBlock) -> bool {
        let keys = &self.sought.keys;
        keys.iter().all(|&key| may_hold(&head.filter, key))
    }

    /// The block of a head, checked, without the entries behind the end of its stream.
    ///
    /// # Errors
    /// [`JournalError::Missing`] where its day was dropped since.
    pub fn load(&self, head: &RawBlock) -> Result<Block, JournalError> {
        let missing = || JournalError::Missing {
            place: self.store.place_of(head),
            stream: head.stream,
            from: head.first,
            to: head.first + head.count,
        };
        let raw = self.store.load(head)?.ok_or_else(missing)?;
        let mut block = unpack(&raw, self.store)?;
        let end = self.sought.before.get(&head.stream);
        block.cut_before(end.copied().unwrap_or(0));
        Ok(block)
    }
}

/// The heads of a stream.
struct Heads {
    stream: StreamNo,
    /// Where the read began.
    begin: u64,
    /// What begins before this was passed.
    next: u64,
    /// Entries at or behind this are not read.
    end: u64,
    fetched: VecDeque<RawBlock>,
}

impl Heads {
    fn begin(
        store: &dyn BlockReader,
        sought: &Sought,
        stream: StreamNo,
        end: u64,
    ) -> Result<Self, JournalError> {
        let any_time = Span {
            from_ts_ms: i64::MIN,
            to_ts_ms: i64::MAX,
            ..sought.span
        };
        let first = store.heads_from(stream, 0, &any_time, 1)?;
        let begin = first.first().map_or(end, |first| first.first).min(end);
        Ok(Self {
            stream,
            begin,
            next: begin,
            end,
            fetched: VecDeque::new(),
        })
    }

    /// The oldest head that is left.
    fn peek(
        &mut self,
        store: &dyn BlockReader,
        span: &Span,
    ) -> Result<Option<&RawBlock>, JournalError> {
        if self.fetched.is_empty() && self.next < self.end {
            let mut heads = store.heads_from(self.stream, self.next, span, HEADS_AT_ONCE)?;
            heads.retain(|head| head.first < self.end);
            self.fetched = heads.into();
            if self.fetched.is_empty() {
                self.next = self.end;
            }
        }
        Ok(self.fetched.front())
    }

    fn pass(&mut self) -> Option<RawBlock> {
        let head = self.fetched.pop_front()?;
        self.next = head.first + head.count;
        Some(head)
    }
}
