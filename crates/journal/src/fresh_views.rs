//! The views of a kind as readers have them: with all that was acknowledged before.

use std::sync::Arc;

use reportd_db::{Database, DbError, Tx};

use crate::entry::Kind;
use crate::journal::Journal;

/// The views of a kind, for reads that show all that was acknowledged before them. Cheap to clone.
#[derive(Clone)]
pub struct FreshViews {
    journal: Arc<Journal>,
    store: Database,
    kind: Kind,
}

impl FreshViews {
    /// Those of a kind whose entries are in `journal` and whose views are in `store`.
    #[must_use]
    pub fn new(journal: &Arc<Journal>, store: &Database, kind: Kind) -> Self {
        Self {
            journal: Arc::clone(journal),
            store: store.clone(),
            kind,
        }
    }

    /// Waits for what is acknowledged of an owner, an app or whoever else entries have as such, then reads the views.
    /// Returns how far the read lags, in ms: 0 where it is fresh. `work` may run twice: see [`Journal::read`].
    pub async fn read<T: Send + 'static>(
        &self,
        owner: impl Into<u64>,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(i64, T), DbError> {
        let of = (self.kind, owner.into());
        let (lag, told) = self.journal.read(&self.store, of, work).await?;
        Ok((lag.ms, told))
    }

    /// [`Self::read`] by one question: see [`Database::ask`].
    pub async fn ask<T: Send + 'static>(
        &self,
        owner: impl Into<u64>,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(i64, T), DbError> {
        let of = (self.kind, owner.into());
        let (lag, told) = self.journal.ask(&self.store, of, work).await?;
        Ok((lag.ms, told))
    }

    /// [`Self::ask`] of a few rows by their keys.
    pub async fn ask_briefly<T: Send + 'static>(
        &self,
        owner: impl Into<u64>,
        work: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<(i64, T), DbError> {
        let of = (self.kind, owner.into());
        let (lag, told) = self.journal.ask_briefly(&self.store, of, work).await?;
        Ok((lag.ms, told))
    }

    /// Their store, for reads that wait for nothing.
    #[must_use]
    pub fn store(&self) -> &Database {
        &self.store
    }
}
