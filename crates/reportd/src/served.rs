//! The views that a server serves and folds: they can be replaced by rebuilt ones while it runs.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use reportd_comm::{CommMetrics, CommView, Registry};
use reportd_db::Database;
use reportd_journal::{Journal, JournalError, Pace, Projector, View, ViewStatus};
use reportd_platform::metrics::Metrics;

use crate::stores::Stores;

/// Makes the views of all rooms: each fold has views of its own, since a view remembers what it met in its store.
#[derive(Clone)]
pub(crate) struct ViewMaker {
    pub(crate) registry: Arc<Registry>,
    pub(crate) state: Database,
    pub(crate) metrics: Arc<CommMetrics>,
}

impl ViewMaker {
    /// Views whose folds count in no metric: of a rebuild, a verify, a base.
    pub(crate) fn uncounted(registry: Arc<Registry>, state: Database) -> Self {
        let metrics = Arc::new(CommMetrics::register(&Metrics::default()));
        Self {
            registry,
            state,
            metrics,
        }
    }

    pub(crate) fn views(&self) -> Vec<Box<dyn View>> {
        let comm = CommView::new(
            Arc::clone(&self.registry),
            self.state.clone(),
            Arc::clone(&self.metrics),
        );
        vec![Box::new(comm)]
    }
}

/// The served views.
pub(crate) struct Served {
    /// Their store; readers have clones of this handle, behind which the store is replaced.
    pub(crate) db: Database,
    stores: Stores,
    journal: Arc<Journal>,
    maker: ViewMaker,
    pace: Pace,
    number: Mutex<i64>,
    projector: RwLock<Option<Projector>>,
}

impl Served {
    /// Opens the views and starts to fold into them.
    pub(crate) fn start(
        stores: Stores,
        journal: Arc<Journal>,
        maker: ViewMaker,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let number = stores.views_number()?;
        let db = stores.views_numbered(number)?;
        let served = Self {
            db,
            stores,
            journal,
            maker,
            pace,
            number: Mutex::new(number),
            projector: RwLock::default(),
        };
        served.project()?;
        Ok(served)
    }

    fn project(&self) -> Result<(), JournalError> {
        let projector = Projector::start(
            Arc::clone(&self.journal),
            self.db.clone(),
            self.maker.views(),
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
        let published = self.stores.views_number()?;
        let mut number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        if *number == published {
            return Ok(());
        }
        let next = self.stores.views_numbered(published)?;
        self.stop();
        self.db.replace(next);
        *number = published;
        self.project()?;
        tracing::info!(number = published, "rebuilt views are served");
        Ok(())
    }

    /// How each view stands.
    pub(crate) fn status(&self) -> Vec<ViewStatus> {
        let projector = self
            .projector
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        projector.as_ref().map_or(Vec::new(), Projector::status)
    }

    /// Folds what is there and ends the projector. Blocks.
    pub(crate) fn stop(&self) {
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
