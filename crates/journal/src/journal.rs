//! Group commit: entries that come while a block is being written become the next one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reportd_platform::clock::Clock;

use crate::block::{LARGEST_RAW_BYTES, Packer, unpack};
use crate::entry::{ENTRY_HEAD_BYTES, Kind, NewEntry, put_entry};
use crate::filter::FilterBuilder;
use crate::fresh::{Lag, Owner, Progress, ViewProgress};
use crate::group::{AppendError, EndOnDrop, Group};
use crate::metrics::JournalMetrics;
use crate::store::{Block, BlockStore, JournalError};
use crate::tail::Tail;
use crate::{LOCAL_STREAM, StreamNo};

/// How a journal is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most bytes of entries that wait to be written, and so of a block; what would be more is refused. 256 MiB at most.
    pub queue_bytes: usize,
    /// Most bytes of written blocks that are kept in memory for folds.
    pub tail_bytes: usize,
    /// Under load, how long a block waits for company. When the load ends one block waits this long in vain, and those
    /// behind it do not wait.
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
    owners: HashSet<Owner, foldhash::fast::RandomState>,
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
    /// Opens the journal behind its newest block and starts its writer.
    ///
    /// # Errors
    /// [`JournalError::Option`] where `queue_bytes` is larger than a block may be; else what the store said.
    pub fn open(
        store: Arc<dyn BlockStore>,
        clock: Arc<dyn Clock>,
        options: Options,
        metrics: JournalMetrics,
    ) -> Result<Arc<Self>, JournalError> {
        if options.queue_bytes as u64 > LARGEST_RAW_BYTES {
            return Err(JournalError::Option {
                name: "queue_bytes",
                most: LARGEST_RAW_BYTES,
            });
        }
        let position = WriterPosition::at_open(store.as_ref(), LOCAL_STREAM)?;
        let packer = Packer::new()?;
        let journal = Arc::new(Self {
            store,
            clock,
            stream: LOCAL_STREAM,
            progress: Progress::new(position.next),
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
            is_position_sure: true,
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
        let (size, most) = (
            entry.payload.len() + ENTRY_HEAD_BYTES,
            self.options.queue_bytes,
        );
        if size > most {
            return Err(AppendError::TooLarge { most });
        }
        if pending.bytes.len() + size > most {
            return Err(AppendError::Full);
        }
        put_entry(&mut pending.bytes, entry);
        pending.min_ts_ms = pending.min_ts_ms.min(entry.ts_ms);
        pending.max_ts_ms = pending.max_ts_ms.max(entry.ts_ms);
        for &key in &entry.filter_keys {
            pending.filter.insert(key);
        }
        pending.owners.insert((entry.kind, entry.owner));
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

    /// Waits until all entries of `kind` and `owner` that are acknowledged now are in all views of the kind, 2 s at most.
    /// A kind that has no view is fresh at once.
    pub async fn fresh(&self, kind: Kind, owner: u64) -> Lag {
        if self.progress.wait_fresh(kind, owner).await {
            return Lag { ms: 0 };
        }
        let views = self.progress.views_of(kind);
        let lag_ms = views.iter().map(|view| self.lag_ms(view)).max();
        Lag {
            ms: lag_ms.unwrap_or(0).max(1),
        }
    }

    /// Sequence up to which every view of the kind has folded: what is behind it, no view has judged yet. Where the kind
    /// has no view, the end of the journal.
    #[must_use]
    pub fn folded_end(&self, kind: Kind) -> u64 {
        self.progress.folded_end(kind)
    }

    /// Age of the newest entry that a view has folded, in ms; 0 where it has folded all.
    pub(crate) fn lag_ms(&self, view: &ViewProgress) -> i64 {
        let folded = view.folded();
        if folded.next >= self.end() {
            0
        } else {
            (self.clock.now_ms() - folded.received_at_ms).max(0)
        }
    }

    /// Sequence behind the newest durable entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.progress.acknowledged()
    }

    /// True where entries can be written: the journal is open, and the last block was written or a write that changes
    /// nothing is now. Blocks.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        if self.pending().closed {
            return false;
        }
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
    /// Where the journal goes on; tells where its newest block is damaged.
    fn at_open(store: &dyn BlockStore, stream: StreamNo) -> Result<Self, JournalError> {
        if let Some(newest) = store.last(stream)?
            && let Err(damage) = unpack(&newest, store)
        {
            // Its head still says where it ends, and appending behind it loses nothing; the fold will stop before it.
            tracing::error!(error = %damage, "the newest block of the journal is damaged");
        }
        Self::behind_newest(store, stream)
    }

    fn behind_newest(store: &dyn BlockStore, stream: StreamNo) -> Result<Self, JournalError> {
        let Some(newest) = store.last(stream)? else {
            return Ok(Self {
                next: 1,
                received_at_ms: 0,
            });
        };
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
    /// False after a commit whose outcome was not told: it may have been made after all.
    is_position_sure: bool,
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

/// Closes the journal when its writer ends or panics, so that nobody waits for ever: the group that waits to be written is
/// ended here, the one in hand by [`EndOnDrop`].
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
        let group = EndOnDrop(Arc::clone(&pending.group));
        let started = journal.clock.monotonic();
        let written = self.find_position().and_then(|()| self.append(pending));
        self.note(written.as_ref().err());
        if written.is_err() {
            self.is_position_sure = false;
            // At once, so that a block that was stored all the same is folded; else before the next block.
            let _ = self.find_position();
        }
        group
            .0
            .finish(written.map_err(|error| AppendError::Unavailable(error.to_string())));
        let took = journal.clock.monotonic().saturating_sub(started);
        journal.metrics.commit_seconds.observe(took.as_secs_f64());
    }

    /// Makes a block of what waited, durable, and tells the projector; returns the sequence of its first entry.
    fn append(&mut self, pending: Pending) -> Result<u64, JournalError> {
        let journal = &self.journal;
        let block = Block {
            stream: journal.stream,
            first: self.position.next,
            count: pending.count,
            received_at_ms: journal.clock.now_ms().max(self.position.received_at_ms),
            bytes: pending.bytes,
        };
        let ts_range = (pending.min_ts_ms, pending.max_ts_ms);
        let packed = self
            .packer
            .pack(&block, ts_range, pending.filter.finish())?;
        journal.store.append(&packed)?;
        let (first, end) = (block.first, block.end());
        self.position = WriterPosition {
            next: end,
            received_at_ms: block.received_at_ms,
        };
        let metrics = &journal.metrics;
        metrics.commits.inc();
        metrics.entries.inc_by(block.count);
        metrics
            .bytes
            .inc_by((packed.data.len() + packed.filter.len()) as u64);
        journal
            .tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(block));
        journal.progress.acknowledge(end, pending.owners);
        Ok(first)
    }

    /// Counts a block that was refused, and logs where refusals begin and end.
    fn note(&self, refusal: Option<&JournalError>) {
        let was_refused = self
            .journal
            .refused
            .swap(refusal.is_some(), Ordering::Relaxed);
        match refusal {
            Some(error) => {
                self.journal.metrics.failed_commits.inc();
                if !was_refused {
                    tracing::warn!(%error, "the journal cannot be written: senders are told to try later");
                }
            }
            None if was_refused => tracing::info!("the journal goes on: it is written again"),
            None => {}
        }
    }

    /// Makes sure where the next block goes: after a failure the block may have been stored all the same.
    fn find_position(&mut self) -> Result<(), JournalError> {
        if self.is_position_sure {
            return Ok(());
        }
        let journal = &self.journal;
        let position = WriterPosition::behind_newest(journal.store.as_ref(), journal.stream)?;
        if position.next > self.position.next {
            self.position = position;
            journal.progress.acknowledge(position.next, []);
        }
        self.is_position_sure = true;
        Ok(())
    }
}
