//! From a feed that is in order to an entry that is durable.

use reportd_journal::{AppendError, NewEntry};
use reportd_platform::apps::{App, fix_zone};
use reportd_platform::web::Problem;

use crate::entry::Encoder;
use crate::{KIND, Push};

impl Push {
    /// Makes the events of a request durable. `Ok` means that they are in the journal, fsynced; a request without events
    /// leaves nothing there. What it `holds` meanwhile is dropped as the entry goes into the journal's queue: how long a
    /// commit takes is no reason to keep others out.
    ///
    /// # Errors
    /// 503: try later. 413 where the entry is larger than the journal's queue.
    pub(crate) async fn store<H>(
        &self,
        app: &App,
        entry: Encoder<'_>,
        holds: H,
    ) -> Result<(), Problem> {
        let Some(span_ms) = entry.span_ms() else {
            return Ok(());
        };
        if !app.zone_fixed {
            self.fix_zone(app).await?;
        }
        let payload = entry.finish();
        let appended = self.journal.append(|| {
            drop(holds);
            NewEntry {
                kind: KIND,
                app: app.no,
                owners: [u64::from(app.no); 2],
                span_ms,
                filter_keys: Vec::new(),
                payload,
            }
        });
        appended.await.map(|_| ()).map_err(|error| match error {
            AppendError::TooLarge { .. } => {
                Problem::too_large("the request is larger than the journal takes: send it in parts")
            }
            AppendError::Full | AppendError::Unavailable(_) | AppendError::Closed => {
                Problem::try_later()
            }
        })
    }

    /// From the first events on the zone stays: their days are those of this zone.
    async fn fix_zone(&self, app: &App) -> Result<(), Problem> {
        let app = app.clone();
        let state = self.directory.db();
        let fixed = state.write_async(move |tx| fix_zone(tx, &app)).await?;
        self.directory.refresh().await?;
        // Else it was changed between: the next try meets the new zone.
        fixed.then_some(()).ok_or_else(Problem::try_later)
    }
}
