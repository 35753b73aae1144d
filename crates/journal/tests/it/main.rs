//! Tests of the journal in one process: blocks, group commit, limits, fresh reads and raw reads.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bed;
mod blocks;
mod commit;
mod fold;
mod fresh;
mod limits;
mod nodes;
mod replay;
mod retention;
mod scan;
