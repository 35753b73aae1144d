//! Changes to who a viewer is: pauses of the history, and erasure. All nodes hear of them.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::changes::touch;

use super::{ViewerIdentity, ViewerKey, Viewers, draw_number, find, no_randomness, stored};
use crate::registry::Change;
use crate::sessions;

impl Viewers {
    /// Pauses the history of a viewer, or lets it go on. Each pause draws a number of its own, which entries carry while
    /// it lasts.
    pub(crate) async fn set_paused(
        &self,
        app: AppNo,
        mid: i64,
        is_paused: bool,
        now_ms: i64,
    ) -> Result<(), DbError> {
        let key = (app, mid);
        // Not from memory: on another node it may have changed a moment ago.
        let known = self
            .state
            .read_async::<_, DbError>(move |tx| find(tx, key))
            .await?;
        let was_paused = known.is_some_and(|known| known.paused.is_some());
        if was_paused == is_paused {
            return Ok(());
        }
        if known.is_none() {
            self.number(app, mid).await?;
        }
        let draw = || stored(draw_number(&*self.random).map_err(no_randomness)?);
        let (number, salt) = (draw()?, draw()?);
        let set = move |tx: &mut Tx<'_>| {
            touch(tx)?;
            // A pause that another node was quicker with stays as it is.
            if is_paused {
                let sql = "UPDATE playback_viewer SET paused = $3, paused_salt = $4 \
                           WHERE app = $1 AND mid = $2 AND paused IS NULL";
                tx.execute(sql, &[app.into(), mid.into(), number.into(), salt.into()])?;
            } else {
                let sql = "UPDATE playback_viewer SET paused = NULL, paused_salt = 0 \
                           WHERE app = $1 AND mid = $2";
                tx.execute(sql, &[app.into(), mid.into()])?;
            }
            let change = Change::viewer(key);
            change.note(tx, now_ms)?;
            Ok::<_, DbError>(change)
        };
        let change = self.state.write_async(set).await?;
        self.registry.apply(&change);
        Ok(())
    }
}

/// Takes a viewer's number and sessions out of the store; none where there is no number. The change is to be applied
/// when the transaction has been committed ([`crate::Registry`]); what is to be told of the erasure goes into the same
/// one.
pub(crate) fn erase(
    tx: &mut Tx<'_>,
    viewer: ViewerKey,
    now_ms: i64,
) -> Result<(Option<ViewerIdentity>, Change), DbError> {
    touch(tx)?;
    let (app, mid) = viewer;
    let mut change = Change::viewer(viewer);
    change.sessions = sessions::end_all(tx, viewer)?;
    change.note(tx, now_ms)?;
    let identity = find(tx, viewer)?;
    let sql = "DELETE FROM playback_viewer WHERE app = $1 AND mid = $2";
    tx.execute(sql, &[app.into(), mid.into()])?;
    Ok((identity, change))
}
