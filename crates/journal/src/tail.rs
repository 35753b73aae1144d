//! The newest blocks in memory, so that folds need not read back what was just written.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::store::SharedBlock;

/// Blocks without a gap, oldest first, up to a limit of bytes.
#[derive(Debug)]
pub(crate) struct Tail {
    blocks: VecDeque<SharedBlock>,
    bytes: usize,
    most_bytes: usize,
}

impl Tail {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    pub(crate) fn push(&mut self, block: SharedBlock) {
        self.bytes += block.bytes.len();
        self.blocks.push_back(block);
        while self.bytes > self.most_bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.blocks.pop_front() {
            self.bytes -= oldest.bytes.len();
        }
    }

    /// Drops blocks that end at or before `sequence`: every view has folded them.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        while self
            .blocks
            .front()
            .is_some_and(|block| block.end() <= sequence)
        {
            self.drop_oldest();
        }
    }

    /// Blocks from `sequence` on, up to `most_bytes` and at least one; `None` where they are no longer here.
    pub(crate) fn from(&self, sequence: u64, most_bytes: usize) -> Option<Vec<SharedBlock>> {
        let start = self
            .blocks
            .iter()
            .position(|block| block.end() > sequence)?;
        if self.blocks[start].first > sequence {
            return None;
        }
        let mut bytes = 0;
        let fits = |block: &&SharedBlock| {
            let room = bytes < most_bytes;
            bytes += block.bytes.len();
            room
        };
        Some(
            self.blocks
                .range(start..)
                .take_while(fits)
                .map(Arc::clone)
                .collect(),
        )
    }
}
