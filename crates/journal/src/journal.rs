//! Group commit: entries that come while a block is being written become the next one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reportd_platform::AppNo;
use reportd_platform::clock::Clock;

use crate::block::{Packer, unpack};
use crate::entry::{Kind, NewEntry, put_entry};
use crate::filter::FilterBuilder;
use crate::fresh::{Lag, Progress};
use crate::group::{AppendError, Group};
use crate::metrics::JournalMetrics;
use crate::store::{Block, BlockStore, JournalError};
use crate::tail::Tail;
use crate::{LOCAL_STREAM, StreamNo};

/// How a journal is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most bytes of entries that wait to be written; one more is refused.
    pub queue_bytes: usize,
    /// Most bytes of written blocks that are kept in memory for folds.
    pub tail_bytes: usize,
    /// Under load, how long a block waits for company. A lone entry never waits.
    pub linger: Duration,
    /// Acknowledge and throw away: to measure what storing costs. Never for reports that matter.
    pub discard: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 8 << 20,
            tail_bytes: 32 << 20,
            linger: Duration::from_millis(4),
            discard: false,
        }
    }
}

/// The journal of a node: appends to one stream.
pub struct Journal {
    pub(crate) store: Arc<dyn BlockStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stream: StreamNo,
    pub(crate) progress: Progress,
    pub(crate) tail: Mutex<Tail>,
    pub(crate) metrics: JournalMetrics,
    options: Options,
    pending: Mutex<Pending>,
    arrived: Condvar,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The store refused the last block.
    refused: AtomicBool,
}

/// Entries that wait to be written.
struct Pending {
    bytes: Vec<u8>,
    count: u64,
    min_ts_ms: i64,
    max_ts_ms: i64,
    filter: FilterBuilder,
    owners: HashSet<(Kind, AppNo), foldhash::fast::RandomState>,
    group: Arc<Group>,
    /// The writer wakes when this many entries wait.
    awaited: u64,
    closed: bool,
}

impl Pending {
    fn empty(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            count: 0,
            min_ts_ms: i64::MAX,
            max_ts_ms: i64::MIN,
            filter: FilterBuilder::new(),
            owners: HashSet::default(),
            group: Arc::default(),
            awaited: 1,
            closed: false,
        }
    }
}

impl Journal {
    /// Opens the journal behind its newest block and starts its writer. `kinds` are those that have a view.
    pub fn open(
        store: Arc<dyn BlockStore>,
        clock: Arc<dyn Clock>,
        options: Options,
        kinds: &[Kind],
        metrics: JournalMetrics,
    ) -> Result<Arc<Self>, JournalError> {
        let position = WriterPosition::behind_newest(store.as_ref(), LOCAL_STREAM)?;
        let packer = Packer::new()?;
        let journal = Arc::new(Self {
            store,
            clock,
            stream: LOCAL_STREAM,
            progress: Progress::new(kinds, position.next),
            tail: Mutex::new(Tail::new(options.tail_bytes)),
            metrics,
            options,
            pending: Mutex::new(Pending::empty(0)),
            arrived: Condvar::new(),
            writer: Mutex::default(),
            refused: AtomicBool::new(false),
        });
        let writer = Writer {
            journal: Arc::clone(&journal),
            packer,
            position,
            company: Company::default(),
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run());
        let thread = thread.map_err(|error| JournalError::File {
            place: "thread".to_owned(),
            cause: error.to_string(),
        })?;
        *journal
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(journal)
    }

    /// Appends an entry and waits until it is durable; returns its sequence. `entry` is not called where the journal
    /// discards.
    pub async fn append(&self, entry: impl FnOnce() -> NewEntry) -> Result<u64, AppendError> {
        if self.options.discard {
            return Ok(0);
        }
        let (group, index) = self.enqueue(&entry())?;
        Ok(group.outcome().await? + index)
    }

    fn enqueue(&self, entry: &NewEntry) -> Result<(Arc<Group>, u64), AppendError> {
        let mut pending = self.pending();
        if pending.closed {
            return Err(AppendError::Closed);
        }
        if pending.bytes.len() + entry.payload.len() > self.options.queue_bytes {
            return Err(AppendError::Full);
        }
        put_entry(&mut pending.bytes, entry);
        pending.min_ts_ms = pending.min_ts_ms.min(entry.ts_ms);
        pending.max_ts_ms = pending.max_ts_ms.max(entry.ts_ms);
        for &key in &entry.filter_keys {
            pending.filter.insert(key);
        }
        pending.owners.insert((entry.kind, entry.app));
        let index = pending.count;
        pending.count += 1;
        let group = Arc::clone(&pending.group);
        let is_awaited = pending.count == pending.awaited;
        drop(pending);
        if is_awaited {
            self.arrived.notify_one();
        }
        Ok((group, index))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a read of the app and kind would show all that is acknowledged now, 2 s at most.
    pub async fn fresh(&self, kind: Kind, app: AppNo) -> Lag {
        if self.progress.wait_fresh(kind, app).await {
            return Lag { ms: 0 };
        }
        Lag {
            ms: (self.clock.now_ms() - self.progress.folded(kind).received_at_ms).max(1),
        }
    }

    /// Sequence behind the newest durable entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.progress.acknowledged()
    }

    /// True where entries can be written: the last block was, or a write that changes nothing is now. Blocks.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let well = self.options.discard || !self.refused.load(Ordering::Relaxed);
        well || self.store.probe(self.clock.now_ms()).is_ok()
    }

    /// Bytes that the journal takes on disk.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        self.store.disk_bytes()
    }

    /// Takes no more entries, writes those that wait, and ends the writer. Blocks.
    pub fn close(&self) -> Result<(), JournalError> {
        self.pending().closed = true;
        self.arrived.notify_one();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if writer.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the journal's writer had panicked");
        }
        self.store.checkpoint()
    }
}

/// Where the next block goes.
#[derive(Debug, Clone, Copy)]
struct WriterPosition {
    next: u64,
    received_at_ms: i64,
}

impl WriterPosition {
    fn behind_newest(store: &dyn BlockStore, stream: StreamNo) -> Result<Self, JournalError> {
        let Some(newest) = store.last(stream)? else {
            return Ok(Self {
                next: 1,
                received_at_ms: 0,
            });
        };
        if let Err(damage) = unpack(&newest, store) {
            // Its head still says where it ends, and appending behind it loses nothing; the fold will stop before it.
            tracing::error!(error = %damage, "the newest block of the journal is damaged");
        }
        Ok(Self {
            next: newest.first + newest.count,
            received_at_ms: newest.received_at_ms,
        })
    }
}

/// The writer thread.
struct Writer {
    journal: Arc<Journal>,
    packer: Packer,
    position: WriterPosition,
    company: Company,
}

/// How many entries a block waits for. Larger blocks cost less an entry; but senders that all wait for their answers
/// send nothing more, and waiting for more than there are would only delay them. So the number grows as long as it
/// comes together in time, and where it does not, it falls to what came and stays there for a while.
#[derive(Debug, Default)]
struct Company {
    awaited: u64,
    blocks_until_growth: u32,
}

impl Company {
    /// Fewer entries than this did not come under load.
    const LEAST: u64 = 8;
    const BLOCKS_WITHOUT_GROWTH: u32 = 8;

    fn is_expected(&self) -> bool {
        self.awaited >= Self::LEAST
    }

    fn learn(&mut self, came: u64, timed_out: bool) {
        if timed_out {
            *self = Self {
                awaited: came,
                blocks_until_growth: Self::BLOCKS_WITHOUT_GROWTH,
            };
        } else if self.blocks_until_growth > 0 && self.is_expected() {
            self.blocks_until_growth -= 1;
        } else {
            self.awaited = came + came / 4;
        }
    }
}

/// Ends the groups of a writer that panics, so that nobody waits for ever.
struct CloseOnExit(Arc<Journal>);

impl Drop for CloseOnExit {
    fn drop(&mut self) {
        let mut pending = self.0.pending();
        pending.closed = true;
        pending.group.finish(Err(AppendError::Closed));
    }
}

impl Writer {
    fn run(mut self) {
        let _close = CloseOnExit(Arc::clone(&self.journal));
        while let Some(group) = self.next_group() {
            self.write(group);
        }
    }

    /// Waits for entries and takes all that wait; `None` where the journal is closed and empty.
    fn next_group(&mut self) -> Option<Pending> {
        let journal = &self.journal;
        let mut timed_out = false;
        let mut pending = journal
            .arrived
            .wait_while(journal.pending(), |pending| {
                pending.count == 0 && !pending.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if pending.count == 0 {
            return None;
        }
        if self.company.is_expected() && !pending.closed {
            pending.awaited = self.company.awaited;
            let (waited, timeout) = journal
                .arrived
                .wait_timeout_while(pending, journal.options.linger, |pending| {
                    pending.count < pending.awaited && !pending.closed
                })
                .unwrap_or_else(PoisonError::into_inner);
            pending = waited;
            timed_out = timeout.timed_out();
        }
        self.company.learn(pending.count, timed_out);
        let next = Pending {
            closed: pending.closed,
            ..Pending::empty(pending.bytes.len())
        };
        Some(std::mem::replace(&mut *pending, next))
    }

    fn write(&mut self, pending: Pending) {
        let journal = Arc::clone(&self.journal);
        let started = journal.clock.monotonic();
        let Pending {
            bytes,
            count,
            min_ts_ms,
            max_ts_ms,
            filter,
            owners,
            group,
            ..
        } = pending;
        let block = Block {
            stream: journal.stream,
            first: self.position.next,
            count,
            received_at_ms: journal.clock.now_ms().max(self.position.received_at_ms),
            bytes,
        };
        let metrics = &journal.metrics;
        let committed = self.commit(&block, (min_ts_ms, max_ts_ms), filter.finish());
        journal.refused.store(committed.is_err(), Ordering::Relaxed);
        match committed {
            Ok(packed_bytes) => {
                self.position = WriterPosition {
                    next: block.end(),
                    received_at_ms: block.received_at_ms,
                };
                metrics.commits.inc();
                metrics.entries.inc_by(count);
                metrics.bytes.inc_by(packed_bytes);
                let (first, end) = (block.first, block.end());
                journal
                    .tail
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Arc::new(block));
                journal.progress.acknowledge(end, owners);
                group.finish(Ok(first));
            }
            Err(error) => {
                tracing::warn!(%error, entries = count, "a block was not written: its senders are told to try later");
                metrics.failed_commits.inc();
                group.finish(Err(AppendError::Unavailable(error.to_string())));
                self.find_position();
            }
        }
        metrics
            .commit_seconds
            .observe((journal.clock.monotonic() - started).as_secs_f64());
    }

    fn commit(
        &mut self,
        block: &Block,
        ts_range: (i64, i64),
        filter: Vec<u8>,
    ) -> Result<u64, JournalError> {
        let packed = self.packer.pack(block, ts_range, filter)?;
        self.journal.store.append(&packed)?;
        Ok((packed.data.len() + packed.filter.len()) as u64)
    }

    /// After a failure: a commit whose outcome was not told may have been made after all.
    fn find_position(&mut self) {
        if let Ok(position) =
            WriterPosition::behind_newest(self.journal.store.as_ref(), self.journal.stream)
            && position.next > self.position.next
        {
            self.position = position;
            self.journal.progress.acknowledge(position.next, []);
        }
    }
}
