//! The numbers that stand for viewers, and whether their history is paused: in the state store, and in memory for every
//! request.

mod desk;
mod pause;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use reportd_db::{Database, DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::random::{NoRandomness, Random};

use self::desk::Desk;
use crate::entry::ViewerNo;
use crate::registry::Registry;
use crate::schema::{VIEWER, VIEWER_BY_NUMBER};

pub(crate) use pause::erase;

/// Who a viewer is: the app, and the `mid` there.
pub(crate) type ViewerKey = (AppNo, i64);

/// The least number of a viewer: apps have lesser ones, so that no owner of entries is taken for another.
const LEAST_NUMBER: u64 = 1 << 32;

/// What stands for a viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ViewerIdentity {
    /// The number in entries and views.
    pub(crate) viewer: ViewerNo,
    /// While the history is paused, the number that entries carry in place of it.
    pub(crate) paused: Option<ViewerNo>,
    /// Hides sources in the entries that are made now; each number has its own, which is gone when the number is.
    pub(crate) salt: u64,
}

/// The numbers of viewers.
pub struct Viewers {
    state: Database,
    random: Arc<dyn Random>,
    registry: Arc<Registry>,
    desk: Arc<Desk>,
}

impl Viewers {
    /// Over the state store; what was looked up is kept in `registry`, which hears of changes.
    #[must_use]
    pub fn new(state: Database, random: Arc<dyn Random>, registry: Arc<Registry>) -> Self {
        let desk = Desk::new(state.clone(), Arc::clone(&random), Arc::clone(&registry));
        Self {
            state,
            random,
            registry,
            desk: Arc::new(desk),
        }
    }

    /// What stands for a viewer; a number is drawn where there is none.
    pub(crate) async fn number(&self, app: AppNo, mid: i64) -> Result<ViewerIdentity, DbError> {
        if let Some(known) = self.registry.viewers.get(&(app, mid)) {
            return Ok(known);
        }
        self.desk.ask((app, mid)).await
    }

    /// What stands for a viewer; none where nothing was ever reported.
    pub(crate) async fn find(
        &self,
        app: AppNo,
        mid: i64,
    ) -> Result<Option<ViewerIdentity>, DbError> {
        if let Some(known) = self.registry.viewers.get(&(app, mid)) {
            return Ok(Some(known));
        }
        let ticket = self.registry.viewers.ticket();
        let find = move |tx: &mut Tx<'_>| find(tx, (app, mid));
        let found = self.state.read_briefly(find).await?;
        if let Some(found) = found {
            self.registry.viewers.put(ticket, (app, mid), found);
        }
        Ok(found)
    }
}

/// Whom numbers stand for. Those that were erased are left out, and so are those of paused histories.
pub(crate) fn mids(
    tx: &mut Tx<'_>,
    viewers: &[ViewerNo],
) -> Result<HashMap<ViewerNo, i64>, DbError> {
    let keys = viewers.iter().map(|&viewer| Ok([stored(viewer)?.into()]));
    let keys = keys.collect::<Result<Vec<_>, DbError>>()?;
    let rows = tx.find(&VIEWER_BY_NUMBER, &keys)?;
    let found = viewers.iter().zip(rows);
    found
        .filter_map(|(viewer, row)| row.map(|row| Ok((*viewer, row.int(0)?))))
        .collect()
}

/// What stands for a viewer in the store.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    (app, mid): ViewerKey,
) -> Result<Option<ViewerIdentity>, DbError> {
    let rows = tx.find(&VIEWER, &[[app.into(), mid.into()]])?;
    let row = rows.into_iter().next().flatten();
    row.map(|row| identity(&row)).transpose()
}

fn identity(row: &Row) -> Result<ViewerIdentity, DbError> {
    let paused = row.opt_int(1)?.map(|_| row.uint(1)).transpose()?;
    let salt = if paused.is_some() { 3 } else { 2 };
    Ok(ViewerIdentity {
        viewer: row.uint(0)?,
        paused,
        salt: row.uint(salt)?,
    })
}

/// A number as it stands in the store.
pub(crate) fn stored(viewer: ViewerNo) -> Result<i64, DbError> {
    let message = "the number of a viewer is out of range";
    i64::try_from(viewer).map_err(|_| DbError::Statement(message.to_owned()))
}

/// Draws a number that stands for a viewer.
pub(crate) fn draw_number(random: &dyn Random) -> Result<ViewerNo, NoRandomness> {
    loop {
        let mut bytes = [0; 8];
        random.fill(&mut bytes)?;
        let drawn = u64::from_be_bytes(bytes) >> 1;
        if drawn >= LEAST_NUMBER {
            return Ok(drawn);
        }
    }
}

/// That nothing was drawn is the system's fault, and may pass.
fn no_randomness(error: NoRandomness) -> DbError {
    tracing::error!(%error, "a number cannot be drawn");
    DbError::Unavailable("the system gives no random bytes".to_owned())
}
