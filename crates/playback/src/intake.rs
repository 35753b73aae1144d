//! From a report that is in order to an entry that is durable.

mod deletes;

use reportd_db::DbError;
use reportd_journal::{AppendError, NewEntry};
use reportd_platform::apps::{App, fix_zone};
use reportd_platform::web::Problem;

pub(crate) use self::deletes::MOST_DELETES;
use crate::entry::{Record, ViewerNo};
use crate::{KIND, Playback};

/// Why an entry was not stored: try later.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// The journal takes none now.
    Journal,
    /// The state store failed.
    State(DbError),
}

impl From<DbError> for NotStored {
    fn from(error: DbError) -> Self {
        Self::State(error)
    }
}

impl From<NotStored> for Problem {
    fn from(error: NotStored) -> Self {
        match error {
            NotStored::Journal => Self::try_later(),
            NotStored::State(error) => error.into(),
        }
    }
}

impl Playback {
    /// Makes an entry durable. `Ok` means that it is in the journal, fsynced. `viewer` is the number that the record
    /// carries: reads of that viewer, and of the app, show it from then on.
    pub(crate) async fn store(
        &self,
        app: &App,
        viewer: ViewerNo,
        record: &Record<'_>,
    ) -> Result<(), NotStored> {
        if !app.zone_fixed {
            self.fix_zone(app).await?;
        }
        let now_ms = self.clock.now_ms();
        let appended = self.journal.append(|| NewEntry {
            kind: KIND,
            app: app.no,
            owners: [viewer, u64::from(app.no)],
            span_ms: (now_ms, now_ms),
            filter_keys: Vec::new(),
            payload: record.encode(),
        });
        appended.await.map(|_| ()).map_err(|error| match error {
            // No entry of this room is near that size.
            AppendError::TooLarge { .. }
            | AppendError::Full
            | AppendError::Unavailable(_)
            | AppendError::Closed => NotStored::Journal,
        })
    }

    /// From the first beat on the zone stays: its days are those of this zone.
    async fn fix_zone(&self, app: &App) -> Result<(), NotStored> {
        let app = app.clone();
        let state = self.directory.db();
        let fixed: Result<_, DbError> = state.write_async(move |tx| fix_zone(tx, &app)).await;
        let fixed = fixed?;
        self.directory.refresh().await?;
        // Else it was changed between: the next try meets the new zone.
        fixed.then_some(()).ok_or(NotStored::Journal)
    }
}
