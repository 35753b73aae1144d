//! The journal: the only truth about high-volume reports.
//!
//! A report becomes an *entry*; entries that wait together become a *block*, committed at once by one writer thread
//! ([`Journal`]). Only then are their senders answered. A [`View`] folds entries into tables; the [`Projector`] feeds
//! views with what has come, and a read first waits for what was acknowledged before it ([`Journal::fresh`]).

mod base;
mod block;
mod compare;
mod day_blocks;
mod day_files;
mod day_tables;
mod entry;
mod export;
mod filter;
mod fold;
mod fresh;
mod fresh_views;
mod group;
mod journal;
mod metrics;
mod nodes;
mod positions;
mod projector;
mod reads;
mod refold;
mod replay;
mod scan;
mod store;
mod streams;
mod tail;
mod thread;
mod view;

pub use base::{Base, DroppedDay};
pub use compare::{Difference, Rows};
pub use day_files::DayFiles;
pub use day_tables::DayTables;
pub use entry::{Entry, Kind, NewEntry, Reader, put_bytes, put_signed, put_unsigned};
pub use export::{Export, Exported, ExportedBlock};
pub use filter::{filter_key, owner_key};
pub use fresh::Lag;
pub use fresh_views::FreshViews;
pub use group::AppendError;
pub use journal::{Journal, Options};
pub use metrics::JournalMetrics;
pub use projector::{Pace, Projector, ViewStatus};
pub use reads::Ends;
pub use refold::{Goal, Refold, views_ends};
pub use replay::{Replay, Sought};
pub use scan::{Cursor, Place, Scan};
pub use store::{Block, BlockReader, BlockStore, JournalError, RawBlock, Span, StreamEnd};
pub use streams::{SHARED_MIGRATIONS, draw_views_number, serve_views, views_number};
pub use view::{Batch, MIGRATIONS, View};

/// Number of a stream: the one that a node appends to. The embedded store has stream 1.
pub type StreamNo = u32;

/// The stream of the embedded store.
pub const LOCAL_STREAM: StreamNo = 1;
