//! The journal: the only truth about high-volume reports.
//!
//! A report becomes an *entry*; entries that wait together become a *block*, committed at once by one writer thread
//! ([`Journal`]). Only then are their senders answered. A [`View`] folds entries into tables; the [`Projector`] feeds
//! views with what has come, and a read first waits for what was acknowledged before it ([`Journal::fresh`]).

mod block;
mod day_files;
mod entry;
mod filter;
mod fold;
mod fresh;
mod group;
mod journal;
mod metrics;
mod projector;
mod scan;
mod store;
mod tail;
mod view;

pub use day_files::DayFiles;
pub use entry::{Entry, Kind, NewEntry, Reader, put_bytes, put_signed, put_unsigned};
pub use filter::filter_key;
pub use fresh::Lag;
pub use group::AppendError;
pub use journal::{Journal, Options};
pub use metrics::JournalMetrics;
pub use projector::{Pace, Projector, ViewStatus};
pub use scan::{Cursor, Scan};
pub use store::{Block, BlockStore, JournalError, RawBlock};
pub use view::{Batch, MIGRATIONS, View};

/// Number of a stream: the one that a node appends to. The embedded store has stream 1.
pub type StreamNo = u32;

/// The stream of the embedded store.
pub const LOCAL_STREAM: StreamNo = 1;
