//! A store in memory, whose appends a test can hold up, refuse, or let fail after they were made.

use std::sync::{Condvar, Mutex, MutexGuard};

use reportd_db::DbError;
use reportd_journal::{
    BlockReader, BlockStore, JournalError, LOCAL_STREAM, RawBlock, Span, StreamEnd, StreamNo,
};

/// What happens to an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// It is refused, and nothing is stored.
    Refuse,
    /// It is stored, and told as failed.
    Ambiguous,
    /// As before, and then the store can be neither written nor read.
    AmbiguousAndGone,
    /// The writer panics.
    Panic,
}

#[derive(Debug, Default)]
struct State {
    blocks: Vec<RawBlock>,
    is_held: bool,
    /// Appends that wait.
    waiting: usize,
    fault: Fault,
}

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    state: Mutex<State>,
    changed: Condvar,
}

fn lost() -> JournalError {
    DbError::Unavailable("the connection was lost".to_owned()).into()
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
    }

    /// Holds appends up, or lets them go on.
    pub(crate) fn hold(&self, is_held: bool) {
        self.state().is_held = is_held;
        self.changed.notify_all();
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// True where an append waits in the store.
    pub(crate) fn is_waiting(&self) -> bool {
        self.state().waiting > 0
    }

    /// Entries that are stored.
    pub(crate) fn count(&self) -> u64 {
        self.state().blocks.iter().map(|block| block.count).sum()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<RawBlock>)) {
        change(&mut self.state().blocks);
    }
}

impl BlockReader for MemoryStore {
    fn last(&self, _stream: StreamNo) -> Result<Option<RawBlock>, JournalError> {
        let state = self.state();
        if state.fault == Fault::AmbiguousAndGone {
            return Err(lost());
        }
        Ok(state.blocks.last().cloned())
    }

    fn from(
        &self,
        _stream: StreamNo,
        sequence: u64,
        _max_bytes: u64,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let state = self.state();
        let mut blocks = state.blocks.iter();
        // One at a time, so that a fold of many blocks takes many batches.
        let next = blocks.find(|block| block.first + block.count > sequence);
        Ok(next.into_iter().cloned().collect())
    }

    fn heads_before(
        &self,
        _stream: StreamNo,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let state = self.state();
        let blocks = state.blocks.iter().rev();
        Ok(blocks
            .filter(|block| block.first < sequence)
            .take(limit)
            .cloned()
            .collect())
    }

    fn heads_from(
        &self,
        _stream: StreamNo,
        sequence: u64,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<RawBlock>, JournalError> {
        let state = self.state();
        let blocks = state.blocks.iter().filter(|block| {
            block.first >= sequence
                && block.max_ts_ms >= span.from_ts_ms
                && block.min_ts_ms <= span.to_ts_ms
        });
        Ok(blocks.take(limit).cloned().collect())
    }

    fn load(&self, head: &RawBlock) -> Result<Option<RawBlock>, JournalError> {
        let state = self.state();
        let mut blocks = state.blocks.iter();
        blocks
            .find(|block| block.first == head.first)
            .map(|block| Some(block.clone()))
            .ok_or_else(lost)
    }

    fn days(&self) -> Result<Vec<i64>, JournalError> {
        Ok(Vec::new())
    }

    fn ends_of_day(&self, _day: i64) -> Result<Vec<(StreamNo, u64)>, JournalError> {
        Ok(Vec::new())
    }

    fn place_of(&self, _block: &RawBlock) -> String {
        "memory".to_owned()
    }
}

impl BlockStore for MemoryStore {
    fn begin(&self) -> Result<StreamEnd, JournalError> {
        let first = StreamEnd {
            stream: LOCAL_STREAM,
            next: 1,
            received_at_ms: 0,
        };
        let last = self.last(LOCAL_STREAM)?;
        Ok(last.map_or(first, |last| StreamEnd::of(&last)))
    }

    fn ends(&self) -> Result<Vec<StreamEnd>, JournalError> {
        Ok(vec![self.begin()?])
    }

    fn append(&self, block: &RawBlock) -> Result<(), JournalError> {
        let mut state = self.state();
        state.waiting += 1;
        state = self
            .changed
            .wait_while(state, |state| state.is_held)
            .unwrap_or_else(|poison| poison.into_inner());
        state.waiting -= 1;
        let fault = state.fault;
        assert!(fault != Fault::Panic, "the store is torn");
        if fault == Fault::Refuse {
            return Err(DbError::Unavailable("the disk is full".to_owned()).into());
        }
        if fault == Fault::AmbiguousAndGone && !state.blocks.is_empty() {
            return Err(lost());
        }
        if state
            .blocks
            .iter()
            .any(|stored| stored.first == block.first)
        {
            return Err(DbError::Conflict("it is there".to_owned()).into());
        }
        state.blocks.push(block.clone());
        if fault != Fault::None {
            return Err(lost());
        }
        Ok(())
    }

    fn drop_day(&self, _day: i64) -> Result<(), JournalError> {
        Ok(())
    }

    fn probe(&self, _now_ms: i64) -> Result<(), JournalError> {
        if self.state().fault == Fault::None {
            Ok(())
        } else {
            Err(lost())
        }
    }

    fn checkpoint(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        0
    }
}
