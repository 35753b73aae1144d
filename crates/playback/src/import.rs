//! Beats of the past, for samples: their entries carry a time of their own, which no request can give.

use std::sync::Arc;

use reportd_db::{Database, DbError};
use reportd_journal::{AppendError, Journal, NewEntry};
use reportd_platform::apps::{App, fix_zone};
use reportd_platform::random::Random;
use reportd_protocol::playback::Beat;
use thiserror::Error;

use crate::KIND;
use crate::entry::{BeatRecord, Record, source_of_login};
use crate::registry::Registry;
use crate::viewers::Viewers;

/// Takes beats of the past of one app.
pub struct Importer {
    app: App,
    journal: Arc<Journal>,
    viewers: Viewers,
}

/// Why a beat was not taken.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The state store failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The journal takes none.
    #[error(transparent)]
    Journal(#[from] AppendError),
}

impl Importer {
    /// Of an app whose zone stays as it is from now on.
    pub fn new(
        app: App,
        state: &Database,
        journal: Arc<Journal>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ImportError> {
        if !app.zone_fixed {
            state.write(|tx| fix_zone(tx, &app))?;
        }
        // What it remembers of viewers is its own: it changes none.
        let registry = Arc::new(Registry::new(Arc::new(|| Ok(None))));
        Ok(Self {
            viewers: Viewers::new(state.clone(), random, registry),
            app,
            journal,
        })
    }

    /// Makes a beat of `at_ms` durable.
    pub async fn import(&self, mid: i64, at_ms: i64, beat: Beat<'_>) -> Result<(), ImportError> {
        let identity = self.viewers.number(self.app.no, mid).await?;
        let (login, day) = (source_of_login("import"), self.app.zone.day(at_ms));
        let record = BeatRecord {
            at_ms: Some(at_ms),
            ..BeatRecord::of(&identity, login, day, beat)
        };
        let viewer = record.viewer;
        let record = Record::Beat(record);
        let entry = || NewEntry {
            kind: KIND,
            app: self.app.no,
            owners: [viewer, u64::from(self.app.no)],
            span_ms: (at_ms, at_ms),
            filter_keys: Vec::new(),
            payload: record.encode(),
        };
        self.journal.append(entry).await?;
        Ok(())
    }
}
