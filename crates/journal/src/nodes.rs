//! What a node does beside its own reports where several share a database: it tells that it is alive, folds what nodes
//! left that are gone, and hears of readers elsewhere that wait for its stream.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use reportd_db::DbError;

use crate::StreamNo;
use crate::day_tables::DayTables;
use crate::journal::Journal;
use crate::store::JournalError;
use crate::streams::{Lease, StreamRow};
use crate::thread::Thread;

/// How often the streams are looked at: so long may a reader elsewhere wait before it is heard.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often where no other node is alive: so long may the first reader of a new one wait.
const LONE_LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// A node that is alive beats this many times while its lease lasts.
const BEATS_A_LEASE: u32 = 10;

/// The other nodes, as a journal sees them.
pub(crate) struct Peers {
    pub(crate) tables: Arc<DayTables>,
    /// How long a stream is its holder's after it was last heard of.
    pub(crate) lease: Duration,
    stopping: Mutex<bool>,
    stopped: Condvar,
    thread: Thread,
}

impl Peers {
    pub(crate) fn new(tables: Arc<DayTables>, lease: Duration) -> Self {
        Self {
            tables,
            lease,
            stopping: Mutex::default(),
            stopped: Condvar::new(),
            thread: Thread::default(),
        }
    }

    /// Starts to look at the streams.
    pub(crate) fn start(&self, journal: &Arc<Journal>) -> Result<(), JournalError> {
        let watch = Watch::new(Arc::clone(journal), Arc::clone(&self.tables), self.lease);
        self.thread.start("nodes", move || watch.run())
    }

    /// Ends the look and lets go of all streams: others may take them at once.
    pub(crate) fn leave(&self, own_end: u64) -> Result<(), JournalError> {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.notify_all();
        self.thread.join("the look at other nodes");
        for row in self.tables.look()? {
            if row.holder == self.tables.node() && Some(row.lease) != self.tables.held() {
                self.tables.streams().release(row.lease, row.next, false)?;
            }
        }
        self.tables.end(own_end)
    }

    /// Waits for the next look; false where there is none.
    fn wait(&self, interval: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopping, _) = self
            .stopped
            .wait_timeout_while(stopping, interval, |stopping| !*stopping)
            .unwrap_or_else(PoisonError::into_inner);
        !*stopping
    }
}

/// When a stream was last seen to change.
struct Seen {
    sign: (Lease, i64, u64),
    since: Duration,
}

/// The look at the streams.
struct Watch {
    journal: Arc<Journal>,
    tables: Arc<DayTables>,
    lease: Duration,
    seen: HashMap<StreamNo, Seen>,
    /// Ends up to which every view had folded a stream that this node does not fold: nothing is left in it.
    level: HashMap<StreamNo, u64>,
    last_beat: Option<Duration>,
    /// Another node is alive.
    has_company: bool,
    well: bool,
    twin_told: bool,
}

impl Watch {
    fn new(journal: Arc<Journal>, tables: Arc<DayTables>, lease: Duration) -> Self {
        Self {
            journal,
            tables,
            lease,
            seen: HashMap::new(),
            level: HashMap::new(),
            last_beat: None,
            has_company: true,
            well: true,
            twin_told: false,
        }
    }

    fn run(mut self) {
        let journal = Arc::clone(&self.journal);
        let Some(peers) = &journal.peers else { return };
        while peers.wait(self.interval()) {
            let looked = self.look();
            if let Err(error) = &looked {
                // While nobody can beat, silence says nothing: all have their whole lease again.
                self.seen.clear();
                if self.well {
                    tracing::warn!(%error, "other nodes cannot be seen; it is tried again");
                }
            }
            self.well = looked.is_ok();
        }
    }

    fn interval(&self) -> Duration {
        match self.has_company {
            true => LOOK_INTERVAL,
            false => LONE_LOOK_INTERVAL,
        }
    }

    fn look(&mut self) -> Result<(), DbError> {
        let now = self.journal.clock.monotonic();
        let beat_due = self
            .last_beat
            .is_none_or(|last| now.saturating_sub(last) >= self.lease / BEATS_A_LEASE);
        if beat_due {
            let (own, now_ms) = (self.journal.own_end(), self.journal.clock.now_ms());
            self.tables
                .streams()
                .beat(self.tables.node(), own, now_ms)?;
            self.last_beat = Some(now);
        }
        let rows = self.tables.look()?;
        // After the look: where this process was stopped meanwhile, what it missed is seen first.
        let now = self.journal.clock.monotonic();
        for row in &rows {
            self.see(row, now);
        }
        self.has_company = self.has_company(&rows, now);
        self.hear_own(&rows);
        self.journal.progress.set_leads(self.leads(&rows, now));
        let adopted = self.adopt(&rows, now)?;
        self.journal.progress.set_adopted(adopted);
        Ok(())
    }

    fn see(&mut self, row: &StreamRow, now: Duration) {
        let sign = (row.lease, row.beat, row.next);
        let seen = self
            .seen
            .entry(row.lease.stream)
            .or_insert(Seen { sign, since: now });
        if seen.sign != sign {
            *seen = Seen { sign, since: now };
        }
    }

    fn is_gone(&self, row: &StreamRow, now: Duration) -> bool {
        let seen = self.seen.get(&row.lease.stream);
        seen.is_some_and(|seen| now.saturating_sub(seen.since) >= self.lease)
    }

    /// Wishes of readers elsewhere; and whether another process has this node's name.
    fn hear_own(&mut self, rows: &[StreamRow]) {
        let own = rows
            .iter()
            .find(|row| row.lease.stream == self.journal.stream);
        let Some(own) = own else { return };
        self.journal.progress.want(own.wanted);
        // What this process claims is held here before the claim can be read: a later epoch is another's.
        let held = self.tables.held();
        let is_twin = own.holder == self.tables.node()
            && held.is_some_and(|held| own.lease.epoch > held.epoch);
        if is_twin && !self.twin_told {
            tracing::error!(
                "another process uses the name of this node: its data folder was copied; give each node its own"
            );
        }
        self.twin_told = is_twin;
    }

    /// The streams of nodes that are alive, which each holds itself.
    fn alive<'r>(
        &self,
        rows: &'r [StreamRow],
        now: Duration,
    ) -> impl Iterator<Item = &'r StreamRow> {
        rows.iter().filter(move |row| {
            !row.node.is_empty() && row.holder == row.node && !self.is_gone(row, now)
        })
    }

    fn has_company(&self, rows: &[StreamRow], now: Duration) -> bool {
        let own = self.tables.node();
        self.alive(rows, now).any(|row| row.holder != own)
    }

    /// Of all nodes that are alive the one with the lowest stream leads.
    fn leads(&self, rows: &[StreamRow], now: Duration) -> bool {
        let lowest = self.alive(rows, now).next();
        lowest.is_some_and(|row| row.holder == self.tables.node())
    }

    /// Takes over what others left, lets go of what is folded to its end, and returns what is left to be folded here.
    fn adopt(
        &mut self,
        rows: &[StreamRow],
        now: Duration,
    ) -> Result<BTreeMap<StreamNo, u64>, DbError> {
        let mut adopted = BTreeMap::new();
        let mut folded = None;
        for row in rows {
            let stream = row.lease.stream;
            let is_held = row.holder == self.tables.node();
            let is_free = row.holder.is_empty();
            let known_level = self.level.get(&stream) == Some(&row.next);
            // A stream that nobody holds never changes: it is no sign that somebody is gone.
            let concerns = is_held
                || if is_free {
                    !known_level
                } else {
                    self.is_gone(row, now)
                };
            if stream == self.journal.stream || !concerns {
                continue;
            }
            if folded.is_none() {
                folded = self.journal.folded_streams()?;
            }
            // Before the projector is there nothing can be folded.
            let Some(folded) = &folded else { continue };
            let is_level = row.next <= folded.get(&stream).copied().unwrap_or(1);
            if is_level {
                self.level.insert(stream, row.next);
            }
            match (is_held, is_level) {
                (true, true) => {
                    self.tables.streams().release(row.lease, row.next, false)?;
                }
                (true, false) => {
                    adopted.insert(stream, row.next);
                }
                (false, true) if is_free => {}
                // Also where it is level: what its node still writes, stopped as it was, must not come unseen.
                (false, _) => self.take_over(row)?,
            }
        }
        Ok(adopted)
    }

    fn take_over(&self, row: &StreamRow) -> Result<(), DbError> {
        if self.tables.streams().adopt(row, self.tables.node())? {
            let (stream, node) = (row.lease.stream, &row.node);
            tracing::info!(
                stream,
                node,
                "a stream is taken over: its node is not heard of"
            );
        }
        Ok(())
    }
}
