//! Fresh reads: a read shows all that was acknowledged before it began (spec operating, Fresh reads).
//!
//! For each app and kind the journal remembers the end of the newest block that holds an entry of theirs. A read waits
//! until the fold has reached that end, and never for what came later.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reportd_platform::AppNo;
use tokio::sync::watch;

use crate::entry::Kind;

/// How long a read waits before it answers with what stands.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How far what was read lags behind what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Age of the newest folded block, in ms; 0 where the read is fresh.
    pub ms: i64,
}

/// How far a view has folded the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Folded {
    /// All entries before this sequence are in the view.
    pub(crate) next: u64,
    /// Time of arrival of the newest of them, in ms.
    pub(crate) received_at_ms: i64,
}

/// What the writer, the projector and readers tell each other.
pub(crate) struct Progress {
    /// Sequence behind the newest acknowledged entry.
    acknowledged: AtomicU64,
    /// Sequence behind the newest block that holds entries of an app and kind, since the start of this process.
    heads: Mutex<HashMap<(Kind, AppNo), u64, foldhash::fast::RandomState>>,
    /// What was acknowledged before the start: of any app and kind, as far as is known.
    at_start: u64,
    folded: HashMap<Kind, watch::Sender<Folded>>,
    bell: Mutex<Bell>,
    rung: Condvar,
    /// Readers that wait for the projector now.
    hurried: AtomicUsize,
}

#[derive(Debug, Default)]
struct Bell {
    stop: bool,
}

impl Progress {
    pub(crate) fn new(kinds: &[Kind], at_start: u64) -> Self {
        Self {
            acknowledged: AtomicU64::new(at_start),
            heads: Mutex::default(),
            at_start,
            folded: kinds
                .iter()
                .map(|&kind| (kind, watch::Sender::new(Folded::default())))
                .collect(),
            bell: Mutex::default(),
            rung: Condvar::new(),
            hurried: AtomicUsize::new(0),
        }
    }

    /// Notes a durable block that ends before `end` and holds entries of `owners`. Before they are answered.
    pub(crate) fn acknowledge(&self, end: u64, owners: impl IntoIterator<Item = (Kind, AppNo)>) {
        let mut heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        for owner in owners {
            heads.insert(owner, end);
        }
        drop(heads);
        self.acknowledged.store(end, Ordering::Release);
        self.ring();
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    pub(crate) fn folded(&self, kind: Kind) -> Folded {
        self.folded
            .get(&kind)
            .map_or_else(Folded::default, |sender| *sender.borrow())
    }

    pub(crate) fn set_folded(&self, kind: Kind, folded: Folded) {
        if let Some(sender) = self.folded.get(&kind) {
            sender.send_replace(folded);
        }
    }

    /// Waits until all entries of the app and kind that are acknowledged now are folded, 2 s at most.
    /// Returns false where they are not.
    pub(crate) async fn wait_fresh(&self, kind: Kind, app: AppNo) -> bool {
        let Some(sender) = self.folded.get(&kind) else {
            return true;
        };
        let head = self
            .heads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(kind, app))
            .copied();
        let needed = head.unwrap_or(self.at_start);
        if sender.borrow().next >= needed {
            return true;
        }
        let _hurry = Hurry::raise(self);
        let mut folded = sender.subscribe();
        let reached = folded.wait_for(|folded| folded.next >= needed);
        tokio::time::timeout(LONGEST_WAIT, reached)
            .await
            .is_ok_and(|reached| reached.is_ok())
    }

    fn bell(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Taking the lock orders this after the projector's look at its condition: a ring is never missed.
        drop(self.bell());
        self.rung.notify_all();
    }

    /// Ends the projector's waits.
    pub(crate) fn stop(&self) {
        self.bell().stop = true;
        self.rung.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.bell().stop
    }

    /// Lets the projector sleep until something is acknowledged behind `next`, for `at_most`.
    pub(crate) fn sleep_until_behind(&self, next: u64, at_most: Duration) {
        self.sleep(at_most, || self.acknowledged() <= next);
    }

    /// Lets the projector rest for `pause`, unless a reader waits.
    pub(crate) fn rest(&self, pause: Duration) {
        self.sleep(pause, || self.hurried.load(Ordering::Acquire) == 0);
    }

    fn sleep(&self, at_most: Duration, mut asleep: impl FnMut() -> bool) {
        let bell = self.bell();
        let _ = self
            .rung
            .wait_timeout_while(bell, at_most, |bell| !bell.stop && asleep())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// While it lives the projector does not rest.
struct Hurry<'a> {
    progress: &'a Progress,
}

impl<'a> Hurry<'a> {
    fn raise(progress: &'a Progress) -> Self {
        progress.hurried.fetch_add(1, Ordering::AcqRel);
        progress.ring();
        Self { progress }
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.progress.hurried.fetch_sub(1, Ordering::AcqRel);
    }
}
