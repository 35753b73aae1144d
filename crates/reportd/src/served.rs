//! The views that a server serves and folds: they can be replaced by rebuilt ones while it runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::bail;
use reportd_db::{Database, DbError, Tx};
use reportd_journal::{Goal, Journal, JournalError, Pace, Projector, Refold, View, ViewStatus};
use reportd_platform::clock::Clock;

use crate::data_folder::DataFolder;
use crate::kinds::LoadedKinds;
use crate::rebuild::rebuild;
use crate::refold::Step;
use crate::stores::Stores;

/// Nodes that change over fold into the same views: so often one may find that another was quicker.
const MOST_CONFLICTS: u32 = 20;

/// The served views.
pub(crate) struct Served {
    /// Their store; readers have clones of this handle, behind which the store is replaced.
    pub(crate) db: Database,
    stores: Stores,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    kinds: LoadedKinds,
    pace: Pace,
    number: Mutex<i64>,
    projector: RwLock<Option<Projector>>,
    rebuilding: Mutex<()>,
    /// The server stops: nothing new is begun, and what runs ends soon.
    closed: AtomicBool,
}

impl Served {
    /// Opens the views and starts to fold into them.
    pub(crate) fn start(
        stores: Stores,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
        kinds: LoadedKinds,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let number = stores.views_number()?;
        let db = stores.views_numbered(number)?;
        let served = Self {
            db,
            stores,
            journal,
            clock,
            kinds,
            pace,
            number: Mutex::new(number),
            projector: RwLock::default(),
            rebuilding: Mutex::default(),
            closed: AtomicBool::default(),
        };
        served.stores.drop_older_views(number)?;
        served.project()?;
        Ok(served)
    }

    fn project(&self) -> Result<(), JournalError> {
        let projector = Projector::start(
            Arc::clone(&self.journal),
            self.db.clone(),
            self.kinds.views(),
            self.pace,
        )?;
        *self
            .projector
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(projector);
        Ok(())
    }

    /// Serves the views that a rebuild has published, where it has. Blocks.
    pub(crate) fn follow(&self) -> anyhow::Result<()> {
        let mut number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        // Behind the lock: whoever waited for it would go back to views that were replaced meanwhile.
        let published = self.stores.views_number()?;
        if self.is_closed() {
            return Ok(());
        }
        if *number == published {
            // A projector that could not be started then is started now.
            return match self.is_projecting() {
                true => Ok(()),
                false => Ok(self.project()?),
            };
        }
        let next = self.stores.views_numbered(published)?;
        if let Err(error) = self.bring_level(&next, Refold::goal_of) {
            // Where the old views are gone already there is nothing to wait for; else a read may be behind for a moment.
            tracing::warn!(%error, "rebuilt views could not be brought level before they are served");
        }
        self.stop();
        // A read that was told to be fresh by the old views may find the new ones behind the handle: from here on no node
        // folds into the old ones, and the new ones have all that those ever told.
        let closed = self.bring_level(&next, |refold, tx| refold.goal_of_closed(tx));
        if let Err(error) = closed {
            tracing::warn!(%error, "rebuilt views may be behind those that they replace for a moment");
        }
        self.db.replace(next);
        *number = published;
        self.project()?;
        self.stores.drop_older_views(published)?;
        tracing::info!(number = published, "rebuilt views are served");
        Ok(())
    }

    fn is_projecting(&self) -> bool {
        let projector = self.projector.read();
        projector.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Folds into `next` whatever the served views have folded, of all streams: their nodes may do the same meanwhile.
    fn bring_level(
        &self,
        next: &Database,
        goal: impl FnOnce(&Refold, &mut Tx<'_>) -> Result<Goal, DbError>,
    ) -> anyhow::Result<()> {
        let mut refold = Refold::new(
            Arc::clone(self.journal.store()),
            Arc::clone(&self.clock),
            next.clone(),
            self.uncounted_views(),
        );
        let goal = self.db.write(|tx| goal(&refold, tx))?;
        for _ in 0..MOST_CONFLICTS {
            match refold.fold_to(&goal, &mut |_| !self.is_closed()) {
                Err(JournalError::Db(DbError::Conflict(_))) => {}
                told => return Ok(told?),
            }
        }
        bail!("other nodes fold into the rebuilt views all the time")
    }

    /// Rebuilds the views and serves them. One at a time: a second call is refused. Blocks.
    pub(crate) fn rebuild(
        &self,
        clock: &Arc<dyn Clock>,
        tell: &mut dyn FnMut(Step) -> bool,
    ) -> anyhow::Result<Option<i64>> {
        let Ok(_turn) = self.rebuilding.try_lock() else {
            bail!("a rebuild is running already");
        };
        let mut tell = |step| tell(step) && !self.is_closed();
        let sealed = rebuild(&self.stores, clock, &self.kinds.uncounted(), &mut tell)?;
        self.follow()?;
        Ok(sealed)
    }

    /// The base of the journal.
    pub(crate) fn base(&self) -> anyhow::Result<Database> {
        Ok(self.stores.base()?)
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &DataFolder {
        &self.stores.folder
    }

    /// The views, whose folds count in no metric.
    pub(crate) fn uncounted_views(&self) -> Vec<Box<dyn View>> {
        self.kinds.uncounted().views()
    }

    /// How each view stands.
    pub(crate) fn status(&self) -> Vec<ViewStatus> {
        let projector = self
            .projector
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        projector.as_ref().map_or(Vec::new(), Projector::status)
    }

    /// True once the server stops.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Ends a rebuild and a change over that run, folds what is there, and ends the projector. Blocks.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let _rebuilt = self.rebuilding.lock();
        let _followed = self.number.lock();
        self.stop();
    }

    /// Folds what is there and ends the projector. Blocks.
    fn stop(&self) {
        let projector = self
            .projector
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(projector) = projector {
            projector.stop();
        }
    }
}
