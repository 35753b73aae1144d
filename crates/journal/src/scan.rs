//! Raw reads: entries newest first, from the blocks that may hold what is looked for.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use crate::StreamNo;
use crate::block::unpack;
use crate::filter::may_hold;
use crate::journal::Journal;
use crate::reads::Ends;
use crate::store::{Block, BlockReader, JournalError, RawBlock};

/// Blocks that one call unpacks at most.
const MOST_BLOCKS: usize = 64;
/// Heads of blocks that one call looks at at most.
const MOST_HEADS: usize = 4_096;
const HEADS_AT_ONCE: usize = 256;
/// Streams in a cursor at most: a text from outside must not name more work than there is.
const MOST_STREAMS: usize = 1_024;

/// A place in a stream: everything before item `item` of entry `sequence` is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub stream: StreamNo,
    /// Sequence of the entry.
    pub sequence: u64,
    /// Number of items of that entry that are still to come.
    pub item: u64,
}

/// Where a raw read goes on: a place in each stream that has something left. Of a stream that is not named nothing is
/// left: it is used up, or began later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    places: Vec<Place>,
}

impl Cursor {
    /// The place in a stream.
    #[must_use]
    pub fn place(&self, stream: StreamNo) -> Option<Place> {
        let place = self.places.iter().find(|place| place.stream == stream);
        place.copied()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.places.iter().enumerate() {
            let between = if index == 0 { "" } else { "_" };
            write!(f, "{between}{}.{}", place.stream, place.sequence)?;
            if place.item != u64::MAX {
                write!(f, ".{}", place.item)?;
            }
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a next_cursor of an earlier reply".to_owned();
        let number = |text: &str| text.parse().map_err(|_| expected());
        let place = |text: &str| {
            let (stream, place) = text.split_once('.').ok_or_else(expected)?;
            let (sequence, item) = match place.split_once('.') {
                Some((sequence, item)) => (sequence, number(item)?),
                None => (place, u64::MAX),
            };
            Ok(Place {
                stream: stream.parse().map_err(|_| expected())?,
                sequence: number(sequence)?,
                item,
            })
        };
        let places = text.split('_').take(MOST_STREAMS).map(place);
        Ok(Self {
            places: places.collect::<Result<_, String>>()?,
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
    /// Entries at or after these sequences are not shown, nor streams that are not named: what the views have not folded
    /// yet (see [`Journal::folded_ends`]).
    pub before: Ends,
}

impl Scan {
    /// Entries of a stream at or after this sequence are not shown by this call.
    fn end(&self, stream: StreamNo) -> u64 {
        let cursor = match &self.cursor {
            Some(cursor) => cursor
                .place(stream)
                .map_or(0, |place| place.sequence.saturating_add(1)),
            None => u64::MAX,
        };
        cursor.min(self.before.get(&stream).copied().unwrap_or(0))
    }

    fn wants(&self, head: &RawBlock) -> bool {
        self.from_ts_ms.is_none_or(|from| head.max_ts_ms >= from)
            && self.to_ts_ms.is_none_or(|to| head.min_ts_ms <= to)
            && self.keys.iter().all(|&key| may_hold(&head.filter, key))
    }
}

/// The blocks of a stream, newest first.
struct Heads<'a> {
    store: &'a dyn BlockReader,
    stream: StreamNo,
    /// Entries at or after this are not shown.
    end: u64,
    /// What begins before this was not looked at yet.
    before: u64,
    fetched: VecDeque<RawBlock>,
    /// Where the entry is cut that stands last before `before`.
    item: u64,
}

impl<'a> Heads<'a> {
    fn new(store: &'a dyn BlockReader, scan: &Scan, stream: StreamNo) -> Self {
        let end = scan.end(stream);
        let cursor = scan.cursor.as_ref();
        let item = cursor
            .and_then(|cursor| cursor.place(stream))
            .map_or(u64::MAX, |place| place.item);
        Self {
            store,
            stream,
            end,
            before: end,
            fetched: VecDeque::new(),
            item,
        }
    }

    /// The newest head that is left.
    fn peek(&mut self) -> Result<Option<&RawBlock>, JournalError> {
        if self.fetched.is_empty() && self.before > 0 {
            let heads = self
                .store
                .heads_before(self.stream, self.before, HEADS_AT_ONCE)?;
            self.fetched = heads.into();
            if self.fetched.is_empty() {
                self.before = 0;
            }
        }
        Ok(self.fetched.front())
    }

    fn pass(&mut self) -> Option<RawBlock> {
        let head = self.fetched.pop_front()?;
        self.before = head.first;
        self.item = u64::MAX;
        Some(head)
    }

    /// The day of the last head was dropped meanwhile, and all before it with it.
    fn end_here(&mut self) {
        self.fetched.clear();
        self.before = 0;
    }

    /// Where a later call goes on; `None` where nothing is left.
    fn place(&self) -> Option<Place> {
        (self.before > 0).then(|| Place {
            stream: self.stream,
            sequence: self.before - 1,
            item: self.item,
        })
    }
}

impl Journal {
    /// Shows blocks to `visit`, newest first by arrival, until it breaks with the place in that block to go on from, or a
    /// call's share of blocks is used up. Returns where to go on, `None` at the end. A block is shown without the entries
    /// that are not asked for by place; which of the others match is for `visit` to see. Blocks the thread.
    pub fn scan(
        &self,
        scan: &Scan,
        mut visit: impl FnMut(&Block) -> ControlFlow<Place>,
    ) -> Result<Option<Cursor>, JournalError> {
        let store = self.store.as_ref();
        let streams = scan.before.keys();
        let mut streams: Vec<_> = streams.map(|&of| Heads::new(store, scan, of)).collect();
        let (mut unpacked, mut looked_at) = (0, 0);
        while let Some(newest) = newest(&mut streams)? {
            let stream = &mut streams[newest];
            let Some(head) = stream.peek()? else { continue };
            let wanted = scan.wants(head);
            if looked_at >= MOST_HEADS || (wanted && unpacked >= MOST_BLOCKS) {
                return Ok(cursor(&streams, None));
            }
            looked_at += 1;
            let Some(head) = stream.pass() else { continue };
            if wanted {
                unpacked += 1;
                let Some(raw) = store.load(&head)? else {
                    stream.end_here();
                    continue;
                };
                let mut block = unpack(&raw, store)?;
                block.cut_before(stream.end);
                if let ControlFlow::Break(place) = visit(&block) {
                    return Ok(cursor(&streams, Some(place)));
                }
            }
        }
        Ok(None)
    }
}

/// The stream whose newest block that is left is the newest of all.
fn newest(streams: &mut [Heads<'_>]) -> Result<Option<usize>, JournalError> {
    let mut newest = None;
    for (index, heads) in streams.iter_mut().enumerate() {
        if let Some(head) = heads.peek()? {
            let at = (head.received_at_ms, Reverse(index));
            newest = newest.max(Some(at));
        }
    }
    Ok(newest.map(|(_, Reverse(index))| index))
}

/// Where to go on: in the stream of `stopped` there, in the others before what was passed.
fn cursor(streams: &[Heads<'_>], stopped: Option<Place>) -> Option<Cursor> {
    let place = |heads: &Heads<'_>| match stopped {
        Some(stopped) if stopped.stream == heads.stream => Some(stopped),
        _ => heads.place(),
    };
    let places: Vec<_> = streams.iter().filter_map(place).collect();
    (!places.is_empty()).then_some(Cursor { places })
}
