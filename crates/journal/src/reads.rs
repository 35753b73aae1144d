//! What readers ask of the journal: how fresh what they read is, and how far each stream is folded.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reportd_db::{Database, DbError, Row, Tx, off_async_threads, on_this_thread};

use crate::StreamNo;
use crate::entry::Kind;
use crate::filter::{may_hold, owner_key};
use crate::fold::Source;
use crate::fresh::{LONGEST_WAIT, Lag, ViewProgress};
use crate::journal::Journal;
use crate::nodes::Peers;
use crate::positions::folded_by_all;
use crate::store::{BlockReader, BlockStore, JournalError, StreamEnd};

/// Sequences by stream: entries before them are meant.
pub type Ends = BTreeMap<StreamNo, u64>;

/// How a read asks the store of the views.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Once,
    Freely,
}

impl Asks {
    async fn read<T: Send + 'static>(
        self,
        views: &Database,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        match self {
            Self::Once => views.ask(work).await,
            Self::Freely => views.read_async(work).await,
        }
    }

    async fn read_along<T: Send + 'static>(
        self,
        views: &Database,
        along: String,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(Vec<Row>, T), DbError> {
        match self {
            Self::Once => views.ask_along(along, work).await,
            Self::Freely => {
                let views = views.clone();
                on_this_thread(move || views.read_along(&along, work)).await
            }
        }
    }
}

/// What a read of views saw that waited for nothing.
enum AtOnce<T> {
    /// All that was acknowledged, by any node.
    Fresh(T),
    /// All but what stands in other streams before these ends.
    Behind(Ends),
    /// It cannot be told.
    Unknown,
}

/// How often a read looks whether another node has folded what it waits for.
const PEER_LOOK: Duration = Duration::from_millis(20);
/// Heads of blocks of another stream that a read looks at; behind more of them it waits for all.
const MOST_HEADS: usize = 2_048;
const HEADS_AT_ONCE: usize = 256;

impl Journal {
    /// Waits until all entries of `kind` and `owner` that are acknowledged now, by any node, are in all views of the kind,
    /// 2 s at most. A kind that has no view is fresh at once.
    pub async fn fresh(self: &Arc<Self>, kind: Kind, owner: u64) -> Lag {
        let (is_fresh, peers_ms) = tokio::join!(
            self.progress.wait_fresh(kind, owner),
            self.wait_for_peers(kind, owner)
        );
        if is_fresh {
            return Lag { ms: peers_ms };
        }
        let views = self.progress.views_of(kind);
        let lag_ms = views.iter().map(|view| self.lag_ms(view)).max();
        Lag {
            ms: lag_ms.unwrap_or(0).max(1).max(peers_ms),
        }
    }

    /// Reads `views`, so that it sees all entries of `kind` and `owner` that are acknowledged now, by any node: waits for
    /// them, 2 s at most. Where nodes share a database `views` are in it, and as long as nothing is to be waited for the
    /// whole read is one round trip; `work` runs again where something was.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        views: &Database,
        of: (Kind, u64),
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(Lag, T), DbError> {
        self.read_as(Asks::Freely, views, of, work).await
    }

    /// [`Self::read`] by one question: see [`Database::ask`].
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        views: &Database,
        of: (Kind, u64),
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(Lag, T), DbError> {
        self.read_as(Asks::Once, views, of, work).await
    }

    /// [`Self::ask`] of a few rows by their keys.
    pub async fn ask_briefly<T: Send + 'static>(
        self: &Arc<Self>,
        views: &Database,
        (kind, owner): (Kind, u64),
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(Lag, T), DbError> {
        if self.peers.is_some() {
            return self.ask(views, (kind, owner), work).await;
        }
        let lag = self.fresh(kind, owner).await;
        Ok((lag, views.read_briefly(work).await?))
    }

    async fn read_as<T: Send + 'static>(
        self: &Arc<Self>,
        asks: Asks,
        views: &Database,
        (kind, owner): (Kind, u64),
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(Lag, T), DbError> {
        if self.peers.is_none() || !self.progress.is_fresh(kind, owner) {
            let lag = self.fresh(kind, owner).await;
            return Ok((lag, asks.read(views, work).await?));
        }
        let work = Arc::new(work);
        let again = Arc::clone(&work);
        let at_once = self.read_at_once(asks, views, (kind, owner), move |tx| work(tx));
        let lag = match at_once.await? {
            AtOnce::Fresh(told) => return Ok((Lag { ms: 0 }, told)),
            AtOnce::Behind(needed) => Lag {
                ms: self.wait_folded(kind, needed).await,
            },
            AtOnce::Unknown => self.fresh(kind, owner).await,
        };
        Ok((lag, asks.read(views, move |tx| again(tx)).await?))
    }

    /// Reads `views` together with how far they are of the streams of other nodes: at the least so far, as the read sees them.
    async fn read_at_once<T: Send + 'static>(
        self: &Arc<Self>,
        asks: Asks,
        views: &Database,
        (kind, owner): (Kind, u64),
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<AtOnce<T>, DbError> {
        let folding = self.progress.views_of(kind);
        let names: Vec<_> = folding.iter().map(|view| view.name).collect();
        let Some(peers) = self.peers.as_ref().filter(|_| !names.is_empty()) else {
            return Ok(AtOnce::Unknown);
        };
        let Some(newest) = peers.tables.newest_days() else {
            return Ok(AtOnce::Unknown);
        };
        let sql = newest.ahead_sql(peers.tables.qualifier(), self.stream, &names);
        let seen = match asks.read_along(views, sql, work).await {
            Ok((rows, told)) => newest.ahead(&rows)?.map(|ahead| (ahead, told)),
            Err(error) if error.is_transient() => return Err(error),
            // A day was dropped. Where it was the read itself that failed, it will fail again.
            Err(_) => None,
        };
        let Some((ahead, told)) = seen else {
            peers.tables.forget_newest_days(&newest);
            return Ok(AtOnce::Unknown);
        };
        if ahead.is_empty() {
            return Ok(AtOnce::Fresh(told));
        }
        let journal = Arc::clone(self);
        let needed = off_async_threads(move || match &journal.peers {
            Some(peers) => call_for(peers, &ahead, owner_key(kind, owner)),
            None => Ok(Ends::new()),
        });
        Ok(match needed.await {
            Ok(needed) if needed.is_empty() => AtOnce::Fresh(told),
            Ok(needed) => AtOnce::Behind(needed),
            // Where blocks cannot be looked at, it is as if it were not known.
            Err(_) => AtOnce::Unknown,
        })
    }

    /// Waits for what other nodes acknowledged; returns the lag in ms, 0 where all is folded.
    async fn wait_for_peers(self: &Arc<Self>, kind: Kind, owner: u64) -> i64 {
        if self.peers.is_none() || self.views_store().is_none() {
            return 0;
        }
        let journal = Arc::clone(self);
        let needed = off_async_threads(move || journal.call_peers(kind, owner));
        // Where the store cannot be asked the read itself will fail, or is not known to be fresh.
        let Ok(Ok(needed)) = tokio::time::timeout(LONGEST_WAIT, needed).await else {
            return 1;
        };
        self.wait_folded(kind, needed).await
    }

    /// Waits until the views of a kind have folded other streams that far; returns the lag in ms, 0 where they have.
    async fn wait_folded(self: &Arc<Self>, kind: Kind, needed: Ends) -> i64 {
        if needed.is_empty() {
            return 0;
        }
        let began = self.clock.now_ms();
        let folded = async {
            loop {
                tokio::time::sleep(PEER_LOOK).await;
                let (journal, needed) = (Arc::clone(self), needed.clone());
                let are_folded = move || journal.are_folded(kind, &needed);
                if let Ok(true) = off_async_threads(are_folded).await {
                    return;
                }
            }
        };
        match tokio::time::timeout(LONGEST_WAIT, folded).await {
            Ok(()) => 0,
            Err(_) => (self.clock.now_ms() - began).max(1),
        }
    }

    /// Where other streams hold entries of the owner that are not folded yet: asks their nodes to fold, and tells up to
    /// where. Blocks.
    fn call_peers(&self, kind: Kind, owner: u64) -> Result<Ends, JournalError> {
        let Some(peers) = &self.peers else {
            return Ok(Ends::new());
        };
        let ends = peers.tables.ends()?;
        let folded = self.folded_by_views(kind)?;
        let others = ends.into_iter().filter(|end| end.stream != self.stream);
        let ahead = others.filter_map(|end| {
            let folded = folded.get(&end.stream).copied().unwrap_or(1);
            (folded < end.next).then_some((end, folded))
        });
        call_for(peers, &ahead.collect::<Vec<_>>(), owner_key(kind, owner))
    }

    fn are_folded(&self, kind: Kind, needed: &Ends) -> Result<bool, JournalError> {
        let folded = self.folded_by_views(kind)?;
        Ok(needed
            .iter()
            .all(|(stream, to)| folded.get(stream).is_some_and(|at| at >= to)))
    }

    /// How far the views of a kind have folded each stream, as their store says. Blocks.
    fn folded_by_views(&self, kind: Kind) -> Result<Ends, DbError> {
        let views = self.progress.views_of(kind);
        let names: Vec<_> = views.iter().map(|view| view.name).collect();
        self.views_store().map_or(Ok(Ends::new()), |db| {
            db.read(|tx| folded_by_all(tx, &names))
        })
    }

    /// How far all views have folded each stream; none before a projector was started. Blocks.
    pub(crate) fn folded_streams(&self) -> Result<Option<Ends>, DbError> {
        let names = self.progress.view_names();
        self.views_store()
            .map(|db| db.read(|tx| folded_by_all(tx, &names)))
            .transpose()
    }

    /// The sequences, by stream, up to which every view of the kind has folded: what is behind them, no view has judged
    /// yet. Where the kind has no view, the end of the node's stream. Blocks.
    pub fn folded_ends(&self, kind: Kind) -> Result<Ends, JournalError> {
        let mut ends = match &self.peers {
            Some(_) => self.folded_by_views(kind)?,
            None => Ends::new(),
        };
        ends.insert(self.stream, self.progress.folded_end(kind));
        Ok(ends)
    }

    /// True where of all nodes this one does what is to be done once.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.progress.leads()
    }

    /// Where blocks are kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn BlockStore> {
        &self.store
    }

    /// Where each stream ends. Blocks.
    pub(crate) fn ends(&self) -> Result<Ends, JournalError> {
        let mut ends = match &self.peers {
            Some(peers) => ends_of(peers.tables.as_ref())?,
            None => Ends::new(),
        };
        ends.insert(self.stream, self.end());
        Ok(ends)
    }

    /// Where the node's own stream ends, as the store says. Blocks.
    pub(crate) fn stored_end(&self) -> Result<u64, JournalError> {
        Ok(ends_of(self.store.as_ref())?
            .get(&self.stream)
            .map_or(0, |end| *end))
    }

    /// The node's own stream, and where it ends.
    pub(crate) fn own_end(&self) -> (StreamNo, u64) {
        (self.stream, self.end())
    }

    /// The streams that this node folds, and where each ends.
    pub(crate) fn ends_to_fold(&self) -> Ends {
        let mut ends = self.progress.adopted();
        ends.insert(self.stream, self.end());
        ends
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            store: self.store.as_ref(),
            tail: Some((self.stream, &self.tail)),
            now_ms: self.clock.now_ms(),
        }
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

    /// The store that views are folded into from now on.
    pub(crate) fn set_views(&self, db: &Database) {
        *self.views.write().unwrap_or_else(PoisonError::into_inner) = Some(db.clone());
    }

    fn views_store(&self) -> Option<Database> {
        self.views
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Where each stream of a store ends.
pub(crate) fn ends_of(store: &dyn BlockStore) -> Result<Ends, JournalError> {
    let ends = store.ends()?;
    Ok(ends.into_iter().map(|end| (end.stream, end.next)).collect())
}

/// Which of the streams that end ahead of what is folded hold entries of `key` there: asks their nodes to fold, and tells
/// up to where.
fn call_for(peers: &Peers, ahead: &[(StreamEnd, u64)], key: u64) -> Result<Ends, JournalError> {
    let mut needed = Ends::new();
    for (end, folded) in ahead {
        if let Some(to) = last_of_owner(peers, end, *folded, key)? {
            peers.tables.streams().wish(end.stream, to)?;
            needed.insert(end.stream, to);
        }
    }
    Ok(needed)
}

/// The end of the newest block of a stream, of those that hold entries at or behind `from`, that may hold `key`.
fn last_of_owner(
    peers: &Peers,
    end: &StreamEnd,
    from: u64,
    key: u64,
) -> Result<Option<u64>, JournalError> {
    let (mut before, mut looked_at) = (end.next, 0);
    while looked_at < MOST_HEADS {
        let heads = peers
            .tables
            .heads_before(end.stream, before, HEADS_AT_ONCE)?;
        if heads.is_empty() {
            return Ok(None);
        }
        looked_at += heads.len();
        for head in heads {
            let head_end = head.first + head.count;
            if head_end <= from {
                return Ok(None);
            }
            if may_hold(&head.filter, key) {
                return Ok(Some(head_end));
            }
            before = head.first;
        }
    }
    Ok(Some(end.next))
}
