//! Group commit: entries that come while a block is being written become the next one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use reportd_db::Database;
use reportd_platform::clock::Clock;

use crate::StreamNo;
use crate::block::{LARGEST_RAW_BYTES, Packer, unpack};
use crate::day_tables::DayTables;
use crate::entry::{ENTRY_HEAD_BYTES, NewEntry, put_entry};
use crate::filter::{FilterBuilder, owner_key};
use crate::fresh::{Owner, Progress};
use crate::group::{AppendError, EndOnDrop, Group};
use crate::metrics::JournalMetrics;
use crate::nodes::Peers;
use crate::store::{Block, BlockStore, JournalError, StreamEnd};
use crate::tail::Tail;
use crate::thread::Thread;

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
    /// Among several nodes: how long a node that is not heard of keeps its stream before another folds what is left in it.
    pub lease: Duration,
    /// Acknowledge and throw away: to measure what storing costs. Never for reports that matter.
    pub discard: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 8 << 20,
            tail_bytes: 32 << 20,
            linger: Duration::from_millis(4),
            lease: Duration::from_secs(10),
            discard: false,
        }
    }
}

/// Entries that waited for longer, in ms, are not appended any more.
const LONGEST_WAIT_MS: i64 = 60_000;

/// The journal of a node: appends to one stream.
pub struct Journal {
    pub(crate) store: Arc<dyn BlockStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stream: StreamNo,
    pub(crate) progress: Progress,
    pub(crate) tail: Mutex<Tail>,
    pub(crate) metrics: JournalMetrics,
    /// The store of the views, once a projector was started.
    pub(crate) views: RwLock<Option<Database>>,
    /// The other nodes on the same database; none where this one is alone.
    pub(crate) peers: Option<Peers>,
    options: Options,
    pending: Mutex<Pending>,
    arrived: Condvar,
    writer: Thread,
    /// The store refused the last block.
    refused: AtomicBool,
    /// The stream was given to another node: nothing can be appended any more.
    is_lost: AtomicBool,
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
    /// When the first of them came, in ms.
    since_ms: i64,
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
            since_ms: 0,
            awaited: 1,
            closed: false,
        }
    }
}

impl Journal {
    /// Opens the journal of the only node behind its newest block and starts its writer.
    ///
    /// # Errors
    /// [`JournalError::Option`] where `queue_bytes` is larger than a block may be; else what the store said.
    pub fn open(
        store: Arc<dyn BlockStore>,
        clock: Arc<dyn Clock>,
        options: Options,
        metrics: JournalMetrics,
    ) -> Result<Arc<Self>, JournalError> {
        Self::open_with(store, None, clock, options, metrics)
    }

    /// Opens the journal of a node among several on one database, and starts to look after the others.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_shared(
        tables: Arc<DayTables>,
        clock: Arc<dyn Clock>,
        options: Options,
        metrics: JournalMetrics,
    ) -> Result<Arc<Self>, JournalError> {
        let peers = Peers::new(Arc::clone(&tables), options.lease);
        let journal = Self::open_with(tables, Some(peers), clock, options, metrics)?;
        if let Some(peers) = &journal.peers {
            peers.start(&journal)?;
        }
        Ok(journal)
    }

    fn open_with(
        store: Arc<dyn BlockStore>,
        peers: Option<Peers>,
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
        let position = begin(store.as_ref())?;
        let packer = Packer::new()?;
        let journal = Arc::new(Self {
            store,
            clock,
            stream: position.stream,
            progress: Progress::new(position.next),
            tail: Mutex::new(Tail::new(options.tail_bytes)),
            metrics,
            views: RwLock::default(),
            peers,
            options,
            pending: Mutex::new(Pending::empty(0)),
            arrived: Condvar::new(),
            writer: Thread::default(),
            refused: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
        });
        let writer = Writer {
            journal: Arc::clone(&journal),
            packer,
            position,
            is_position_sure: true,
            company: Company::default(),
        };
        journal.writer.start("journal", move || writer.run())?;
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
        pending.min_ts_ms = pending.min_ts_ms.min(entry.span_ms.0);
        pending.max_ts_ms = pending.max_ts_ms.max(entry.span_ms.1);
        for &key in &entry.filter_keys {
            pending.filter.insert(key);
        }
        for owner in entry.owners {
            if pending.owners.insert((entry.kind, owner)) {
                pending.filter.insert(owner_key(entry.kind, owner));
            }
        }
        let index = pending.count;
        if index == 0 {
            pending.since_ms = self.clock.now_ms();
        }
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

    /// Sequence behind the newest durable entry.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.progress.acknowledged()
    }

    /// True where entries can be written: the journal is open, and the last block was written or a write that changes
    /// nothing is now. Blocks.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        if self.pending().closed || self.is_lost.load(Ordering::Relaxed) {
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
        self.writer.join("the journal's writer");
        self.store.checkpoint()
    }

    /// Among several nodes: lets go of the node's streams, so that others may take them at once. Last of all, when the
    /// journal is closed and nothing folds any more. Blocks.
    pub fn leave(&self) -> Result<(), JournalError> {
        let leave = |peers: &Peers| peers.leave(self.end());
        self.peers.as_ref().map_or(Ok(()), leave)
    }
}

/// Where the node's stream goes on; tells where its newest block is damaged.
fn begin(store: &dyn BlockStore) -> Result<StreamEnd, JournalError> {
    let end = store.begin()?;
    if let Some(newest) = store.last(end.stream)?
        && let Err(damage) = unpack(&newest, store)
    {
        // Its head still says where it ends, and appending behind it loses nothing; the fold will stop before it.
        tracing::error!(error = %damage, "the newest block of the journal is damaged");
    }
    Ok(end)
}

/// The writer thread.
struct Writer {
    journal: Arc<Journal>,
    packer: Packer,
    /// Where the next block goes.
    position: StreamEnd,
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
        let written = self
            .find_position()
            .and_then(|()| self.check_age(&pending))
            .and_then(|()| self.append(pending));
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

    /// Refuses entries that waited for too long, as those of a process that was stopped: their identities may have been
    /// pruned meanwhile, since others were told that nothing as old would still come.
    fn check_age(&self, pending: &Pending) -> Result<(), JournalError> {
        let waited_ms = self.journal.clock.now_ms() - pending.since_ms;
        if waited_ms <= LONGEST_WAIT_MS {
            return Ok(());
        }
        Err(JournalError::TooLate { waited_ms })
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
        self.position = StreamEnd {
            stream: block.stream,
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
        let position = journal.store.begin()?;
        if position.stream != journal.stream {
            // It was away for so long that its stream was given to another: only a new process can take a new one.
            self.journal.is_lost.store(true, Ordering::Relaxed);
            return Err(JournalError::TakenOver {
                stream: journal.stream,
            });
        }
        if position.next > self.position.next {
            self.position = position;
            journal.progress.acknowledge(position.next, []);
        }
        self.is_position_sure = true;
        Ok(())
    }
}
