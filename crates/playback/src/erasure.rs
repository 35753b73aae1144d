//! Erasure: what makes the reports of a viewer nobody's.
//!
//! Entries hold a random number; which `mid` it is stands in the state store alone. An erasure drops that row and the
//! viewer's sessions, and notes the number in one transaction; then an entry tells all folds, present and future, to drop
//! the viewer's history. Where the server stops between, [`Playback::settle_erasures`] appends the entry later.
//!
//! A backup that was made before knows the number still. So the erased numbers are kept in a file of the data folder too,
//! which no restore touches, not of PostgreSQL either: [`apply_erasures`] makes the erasures again that the state store
//! does not know. Each node has those that it made, and all that were known when it started.

mod file;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use reportd_db::{Database, DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::web::Problem;

use self::file::Erased;
pub use self::file::ErasureFile;
use crate::Playback;
use crate::entry::{Record, ViewerNo};
use crate::viewers::{self, ViewerKey, stored};

/// How often it is looked for erasures of which no entry tells.
const SETTLE_INTERVAL: Duration = Duration::from_secs(30);

/// Erasures that are told of at once.
const AT_ONCE: i64 = 1_000;

impl Playback {
    /// Erases a viewer; false where nothing is known of them. When it returns nothing names the viewer any more; what is
    /// folded goes within moments.
    pub(crate) async fn erase(&self, app: &App, mid: i64) -> Result<bool, Problem> {
        let (key, now_ms) = ((app.no, mid), self.clock.now_ms());
        let erasures = Arc::clone(&self.erasures);
        let erased = self
            .directory
            .db()
            .write_async::<_, DbError>(move |tx| {
                let (identity, change) = viewers::erase(tx, key, now_ms)?;
                let viewer = identity.map(|identity| identity.viewer);
                if let Some(viewer) = viewer {
                    let erased = Erased {
                        app: app_of(key),
                        viewer,
                        at_ms: now_ms,
                    };
                    note(tx, &erased)?;
                    // Before the commit: what is in the file is erased in any case, if not now then at the next start.
                    erasures.append(&[erased]).map_err(not_written)?;
                }
                Ok((viewer, change))
            })
            .await;
        let (viewer, change) = erased?;
        self.registry.apply(&change);
        let Some(viewer) = viewer else {
            return Ok(false);
        };
        if let Err(error) = self.tell(app, viewer).await {
            tracing::warn!(
                ?error,
                "an erasure is not in the journal yet: it will be appended"
            );
        }
        Ok(true)
    }

    /// Appends the entry of an erasure, and marks that it is there.
    async fn tell(&self, app: &App, viewer: ViewerNo) -> Result<(), Problem> {
        self.store(app, viewer, &Record::Erase { viewer }).await?;
        let told = move |tx: &mut Tx<'_>| {
            let sql = "UPDATE playback_erasure SET is_told = 1 WHERE viewer = $1";
            tx.execute(sql, &[stored(viewer)?.into()])
        };
        let told: Result<_, DbError> = self.directory.db().write_async(told).await;
        told?;
        Ok(())
    }

    /// Appends the entries of erasures that have none: now, and then every half a minute until the task is aborted. An
    /// erasure of which two entries tell is no other than one of which one does.
    pub async fn settle_erasures(self) {
        loop {
            if let Err(error) = self.settle_once().await {
                tracing::debug!(?error, "erasures wait to be told of");
            }
            tokio::time::sleep(SETTLE_INTERVAL).await;
        }
    }

    /// Appends what is missing now.
    pub(crate) async fn settle_once(&self) -> Result<(), Problem> {
        let read = |tx: &mut Tx<'_>| {
            let sql = "SELECT app, viewer FROM playback_erasure WHERE is_told = 0 ORDER BY at_ms LIMIT $1";
            let rows = tx.query(sql, &[AT_ONCE.into()])?;
            rows.iter()
                .map(|row| Ok((row.uint(0)?, row.uint(1)?)))
                .collect()
        };
        let untold: Result<Vec<(u64, ViewerNo)>, DbError> =
            self.directory.db().read_async(read).await;
        for (app, viewer) in untold? {
            let app = AppNo::try_from(app).ok();
            match app.and_then(|app| self.registry.app(app)) {
                Some(known) => self.tell(&known.app, viewer).await?,
                None => tracing::debug!("an erasure of an app that is not loaded waits"),
            }
        }
        Ok(())
    }
}

const fn app_of((app, _): ViewerKey) -> AppNo {
    app
}

/// Notes an erasure in the state store: no entry tells of it yet.
fn note(tx: &mut Tx<'_>, erased: &Erased) -> Result<(), DbError> {
    let sql = "INSERT INTO playback_erasure (viewer, app, at_ms, is_told) VALUES ($1, $2, $3, 0) \
               ON CONFLICT (viewer) DO NOTHING";
    let viewer = stored(erased.viewer)?;
    tx.execute(
        sql,
        &[viewer.into(), erased.app.into(), erased.at_ms.into()],
    )?;
    Ok(())
}

fn not_written(error: std::io::Error) -> DbError {
    tracing::error!(%error, "the file of erasures cannot be written");
    DbError::Unavailable("the file of erasures cannot be written".to_owned())
}

/// Makes the erasures again that only the file knows, since the store was restored from a backup; and writes those into the
/// file that only the store knows. Before anything is served. Returns how many were made again. Blocks.
pub fn apply_erasures(state: &Database, file: &ErasureFile) -> Result<usize, DbError> {
    let in_file = file.read().map_err(not_read)?;
    let known = state.read(|tx| {
        let rows = tx.query("SELECT app, viewer, at_ms FROM playback_erasure", &[])?;
        let erased = |row: &Row| {
            Ok(Erased {
                app: app_no(row.int(0)?),
                viewer: row.uint(1)?,
                at_ms: row.int(2)?,
            })
        };
        rows.iter().map(erased).collect::<Result<Vec<_>, DbError>>()
    })?;
    let again = only_in(&in_file, &known);
    if !again.is_empty() {
        state.write(|tx| again.iter().try_for_each(|erased| erase_again(tx, erased)))?;
    }
    file.append(&only_in(&known, &in_file))
        .map_err(not_written)?;
    Ok(again.len())
}

/// Those of `these` that are not among `those`.
fn only_in(these: &[Erased], those: &[Erased]) -> Vec<Erased> {
    let those: HashSet<ViewerNo> = those.iter().map(|erased| erased.viewer).collect();
    let only = these
        .iter()
        .filter(|erased| !those.contains(&erased.viewer));
    only.copied().collect()
}

fn app_no(no: i64) -> AppNo {
    AppNo::try_from(no).unwrap_or_default()
}

fn erase_again(tx: &mut Tx<'_>, erased: &Erased) -> Result<(), DbError> {
    let sql = "SELECT app, mid FROM playback_viewer WHERE viewer = $1";
    let known = tx.query_first(sql, &[stored(erased.viewer)?.into()])?;
    if let Some(row) = known {
        viewers::erase(tx, (app_no(row.int(0)?), row.int(1)?), erased.at_ms)?;
    }
    note(tx, erased)
}

fn not_read(error: std::io::Error) -> DbError {
    DbError::Unavailable(format!("the file of erasures cannot be read: {error}"))
}
