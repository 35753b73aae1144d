//! Fresh reads: a read shows all that was acknowledged before it began (spec operating, Fresh reads).
//!
//! For each kind and owner (an app, say) the journal remembers the end of the newest block that holds an entry of theirs.
//! A read waits until all views of the kind have folded up to that end, and never for what came later.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::StreamNo;
use crate::entry::Kind;

/// How long a read waits before it answers with what stands.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Owners whose newest block is remembered.
const MOST_HEADS: usize = 50_000;

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
    heads: Mutex<Heads>,
    views: Mutex<Vec<Arc<ViewProgress>>>,
    bell: Mutex<Bell>,
    rung: Condvar,
    /// Readers that wait for the projector now.
    hurried: AtomicUsize,
    /// Readers on other nodes wait until all before this is folded.
    wanted: AtomicU64,
    /// Streams of other nodes that this one folds for them, and where each ends.
    adopted: Mutex<BTreeMap<StreamNo, u64>>,
    /// Of all nodes this one does what is to be done once, such as pruning.
    leads: AtomicBool,
}

/// How far one view is.
pub(crate) struct ViewProgress {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    folded: watch::Sender<Folded>,
    /// Why it does not go on.
    stuck: Mutex<Option<String>>,
}

impl ViewProgress {
    pub(crate) fn folded(&self) -> Folded {
        *self.folded.borrow()
    }

    pub(crate) fn set_folded(&self, folded: Folded) {
        self.folded.send_replace(folded);
    }

    pub(crate) fn stuck(&self) -> Option<String> {
        lock(&self.stuck).clone()
    }

    /// Notes why the view does not go on, `None` where it does; returns true where that is new.
    pub(crate) fn set_stuck(&self, why: Option<String>) -> bool {
        let mut stuck = lock(&self.stuck);
        let is_new = *stuck != why;
        *stuck = why;
        is_new
    }
}

/// Who owns an entry: its kind, and the number that the kind chose.
pub(crate) type Owner = (Kind, u64);

/// Sequences behind the newest blocks that hold entries of an owner.
struct Heads {
    known: HashMap<Owner, u64, foldhash::fast::RandomState>,
    /// Entries of an owner that is not known are before this, or folded: at first what was there at the start.
    others: u64,
}

impl Heads {
    fn of(&self, owner: Owner) -> u64 {
        self.known.get(&owner).copied().unwrap_or(self.others)
    }

    /// Drops the heads of what is folded; where too many are left, they all become one.
    fn shrink(&mut self, folded_end: impl Fn(Kind) -> u64) {
        let others = self.others;
        self.known
            .retain(|&(kind, _), end| *end > folded_end(kind).max(others));
        if self.known.len() > MOST_HEADS / 2 {
            self.others = self.known.values().copied().max().unwrap_or(others);
            self.known.clear();
        }
    }
}

#[derive(Debug, Default)]
struct Bell {
    stop: bool,
}

impl Progress {
    pub(crate) fn new(at_start: u64) -> Self {
        Self {
            acknowledged: AtomicU64::new(at_start),
            heads: Mutex::new(Heads {
                known: HashMap::default(),
                others: at_start,
            }),
            views: Mutex::default(),
            bell: Mutex::default(),
            rung: Condvar::new(),
            hurried: AtomicUsize::new(0),
            wanted: AtomicU64::new(0),
            adopted: Mutex::default(),
            leads: AtomicBool::new(true),
        }
    }

    /// A reader on another node waits until all before `wanted` is folded.
    pub(crate) fn want(&self, wanted: u64) {
        if self.wanted.fetch_max(wanted, Ordering::AcqRel) < wanted {
            self.ring();
        }
    }

    /// Streams of other nodes that this one folds for them, and where each ends.
    pub(crate) fn adopted(&self) -> BTreeMap<StreamNo, u64> {
        lock(&self.adopted).clone()
    }

    pub(crate) fn set_adopted(&self, ends: BTreeMap<StreamNo, u64>) {
        let is_new = {
            let mut adopted = lock(&self.adopted);
            let is_new = *adopted != ends;
            *adopted = ends;
            is_new
        };
        if is_new {
            self.ring();
        }
    }

    pub(crate) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    pub(crate) fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    pub(crate) fn view_names(&self) -> Vec<&'static str> {
        lock(&self.views).iter().map(|view| view.name).collect()
    }

    /// Sequence up to which every view that goes on has folded the node's own stream.
    fn folded_by_all(&self) -> u64 {
        let views = lock(&self.views);
        // One that is stuck is not brought on by haste.
        let well = views.iter().filter(|view| view.stuck().is_none());
        let folded = well.map(|view| view.folded().next).min();
        folded.unwrap_or(u64::MAX)
    }

    fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire) > 0
            || self.wanted.load(Ordering::Acquire) > self.folded_by_all()
    }

    /// Notes a durable block that ends before `end` and holds entries of `owners`. Before they are answered.
    pub(crate) fn acknowledge(&self, end: u64, owners: impl IntoIterator<Item = Owner>) {
        let mut heads = lock(&self.heads);
        heads
            .known
            .extend(owners.into_iter().map(|owner| (owner, end)));
        if heads.known.len() > MOST_HEADS {
            heads.shrink(|kind| self.folded_end(kind));
        }
        drop(heads);
        self.acknowledged.store(end, Ordering::Release);
        self.ring();
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Takes a view up. One of its name from before goes on as this one: readers that wait for it are told.
    pub(crate) fn register(
        &self,
        name: &'static str,
        kind: Kind,
        folded: Folded,
    ) -> Arc<ViewProgress> {
        let mut views = lock(&self.views);
        if let Some(view) = views.iter().find(|view| view.name == name) {
            view.set_folded(folded);
            view.set_stuck(None);
            return Arc::clone(view);
        }
        let view = Arc::new(ViewProgress {
            name,
            kind,
            folded: watch::Sender::new(folded),
            stuck: Mutex::default(),
        });
        views.push(Arc::clone(&view));
        view
    }

    /// The views of a kind.
    pub(crate) fn views_of(&self, kind: Kind) -> Vec<Arc<ViewProgress>> {
        let views = lock(&self.views);
        views
            .iter()
            .filter(|view| view.kind == kind)
            .map(Arc::clone)
            .collect()
    }

    /// Sequence up to which every view of the kind has folded; where it has none, behind the newest entry.
    pub(crate) fn folded_end(&self, kind: Kind) -> u64 {
        let views = self.views_of(kind);
        let folded = views.iter().map(|view| view.folded().next).min();
        folded.unwrap_or_else(|| self.acknowledged())
    }

    /// The views of the kind that have not folded all entries of the kind and owner that are acknowledged now, and where
    /// those end.
    fn behind(&self, kind: Kind, owner: u64) -> (Vec<Arc<ViewProgress>>, u64) {
        let mut behind = self.views_of(kind);
        let needed = lock(&self.heads).of((kind, owner));
        behind.retain(|view| view.folded().next < needed);
        (behind, needed)
    }

    /// True where all entries of the kind and owner that are acknowledged now are in all views of the kind.
    pub(crate) fn is_fresh(&self, kind: Kind, owner: u64) -> bool {
        self.behind(kind, owner).0.is_empty()
    }

    /// Waits until all entries of the kind and owner that are acknowledged now are in all views of the kind, 2 s at
    /// most. Returns false where they are not.
    pub(crate) async fn wait_fresh(&self, kind: Kind, owner: u64) -> bool {
        let (behind, needed) = self.behind(kind, owner);
        if behind.is_empty() {
            return true;
        }
        let _hurry = Hurry::raise(self);
        let all = async {
            for view in &behind {
                let mut folded = view.folded.subscribe();
                // The sender lives as long as `behind`: waiting does not fail.
                let _ = folded.wait_for(|folded| folded.next >= needed).await;
            }
        };
        tokio::time::timeout(LONGEST_WAIT, all).await.is_ok()
    }

    fn bell(&self) -> MutexGuard<'_, Bell> {
        lock(&self.bell)
    }

    fn ring(&self) {
        // Taking the lock orders this after the projector's look at its condition: a ring is never missed.
        drop(self.bell());
        self.rung.notify_all();
    }

    /// A projector begins; one before it may have been stopped.
    pub(crate) fn start(&self) {
        self.bell().stop = false;
    }

    /// Ends the projector's waits.
    pub(crate) fn stop(&self) {
        self.bell().stop = true;
        self.rung.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.bell().stop
    }

    /// Lets the projector sleep while it `is_level`, for `at_most`.
    pub(crate) fn sleep_while(&self, at_most: Duration, mut is_level: impl FnMut() -> bool) {
        let bell = self.bell();
        let _ = self
            .rung
            .wait_timeout_while(bell, at_most, |bell| !bell.stop && is_level())
            .unwrap_or_else(PoisonError::into_inner);
    }

    /// Lets the projector rest for `pause`, unless a reader waits.
    pub(crate) fn rest(&self, pause: Duration) {
        self.sleep_while(pause, || !self.is_hurried());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind(1);

    #[test]
    fn heads_stay_few_and_no_read_is_answered_too_early() {
        let progress = Progress::new(1);
        let view = progress.register("view", KIND, Folded::default());
        let head = |owner| lock(&progress.heads).of((KIND, owner));
        let acknowledge = |owners: std::ops::Range<u64>| {
            for owner in owners {
                progress.acknowledge(owner + 2, [(KIND, owner)]);
            }
        };
        let most = MOST_HEADS as u64;
        acknowledge(0..most);
        assert_eq!(head(7), 9, "each is known for itself");
        view.set_folded(Folded {
            next: most - 8,
            received_at_ms: 0,
        });
        acknowledge(most..most + 1);
        assert_eq!(lock(&progress.heads).known.len(), 10, "what is folded goes");
        assert_eq!((head(7), head(most)), (1, most + 2));
        acknowledge(most + 1..3 * most);
        let known = lock(&progress.heads).known.len();
        assert!(
            known <= MOST_HEADS,
            "nothing is folded, and {known} are known"
        );
        for owner in most..3 * most {
            assert!(
                head(owner) >= owner + 2,
                "a read of {owner} waits long enough"
            );
        }
    }
}
