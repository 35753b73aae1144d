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

    /// Adds the newest block. Where it does not follow on the last one, those before it are dropped: there is never a
    /// gap between two blocks here.
    pub(crate) fn push(&mut self, block: SharedBlock) {
        if self
            .blocks
            .back()
            .is_some_and(|last| last.end() != block.first)
        {
            self.blocks.clear();
            self.bytes = 0;
        }
        self.bytes += size(&block);
        self.blocks.push_back(block);
        while self.bytes > self.most_bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.blocks.pop_front() {
            self.bytes -= size(&oldest);
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

    /// Blocks from `sequence` on, without a gap, up to `most_bytes` and at least one; `None` where the one that holds
    /// `sequence` is not here.
    pub(crate) fn from(&self, sequence: u64, most_bytes: usize) -> Option<Vec<SharedBlock>> {
        let start = self.blocks.partition_point(|block| block.end() <= sequence);
        if self.blocks.get(start)?.first > sequence {
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

/// What a block takes in memory: its buffer may be larger than what is in it.
fn size(block: &SharedBlock) -> usize {
    block.bytes.capacity()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LOCAL_STREAM;
    use crate::store::Block;

    fn block(first: u64, count: u64) -> SharedBlock {
        Arc::new(Block {
            stream: LOCAL_STREAM,
            first,
            count,
            received_at_ms: 0,
            bytes: vec![0; 10],
        })
    }

    fn push(tail: &mut Tail, blocks: &[(u64, u64)]) {
        for &(first, count) in blocks {
            tail.push(block(first, count));
        }
    }

    fn firsts(tail: &Tail, sequence: u64, most_bytes: usize) -> Option<Vec<u64>> {
        let blocks = tail.from(sequence, most_bytes)?;
        Some(blocks.iter().map(|block| block.first).collect())
    }

    #[test]
    fn blocks_come_from_the_one_that_holds_the_sequence() {
        let mut tail = Tail::new(1_000);
        assert_eq!(firsts(&tail, 1, 100), None);
        push(&mut tail, &[(1, 3), (4, 1), (5, 2)]);
        assert_eq!(firsts(&tail, 1, 100), Some(vec![1, 4, 5]));
        assert_eq!(firsts(&tail, 3, 11), Some(vec![1, 4]));
        assert_eq!(firsts(&tail, 7, 100), None, "it is not written yet");
        tail.forget_before(5);
        assert_eq!(firsts(&tail, 4, 100), None);
        assert_eq!(firsts(&tail, 5, 100), Some(vec![5]));
    }

    #[test]
    fn a_gap_drops_what_stands_before_it() {
        let mut tail = Tail::new(35);
        push(&mut tail, &[(1, 3), (4, 1), (7, 2)]);
        assert_eq!(firsts(&tail, 1, 100), None);
        assert_eq!(firsts(&tail, 7, 100), Some(vec![7]));
        push(&mut tail, &[(9, 1), (10, 1), (11, 1)]);
        assert_eq!(firsts(&tail, 7, 100), None, "over the limit of bytes");
        assert_eq!(firsts(&tail, 9, 100), Some(vec![9, 10, 11]));
    }
}
