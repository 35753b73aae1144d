//! What a delete would take away, and how many there are.

use reportd_db::{DbError, Tx};
use reportd_protocol::playback::meaning::DeleteScope;

use crate::entry::ViewerNo;
use crate::viewers::stored;
use crate::{Playback, query, seen};

/// Most deletes of a viewer that may stand at once: each is looked at whenever an entry is folded.
pub(crate) const MOST_DELETES: usize = 10_000;

/// What a viewer's history says about a delete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deletable {
    /// It shows something of what is to be deleted, or may do so.
    pub(crate) is_shown: bool,
    /// How many deletes stand.
    pub(crate) deletes: usize,
}

impl Playback {
    /// Looks at what was acknowledged so far. Where not all of that could be read in time, what is to be deleted may be
    /// shown.
    pub(crate) async fn deletable(
        &self,
        viewer: ViewerNo,
        scope: DeleteScope,
    ) -> Result<Deletable, DbError> {
        let look = move |tx: &mut Tx<'_>| look(tx, viewer, scope);
        let (lag_ms, mut deletable) = self.views.read(viewer, look).await?;
        deletable.is_shown |= lag_ms > 0;
        Ok(deletable)
    }
}

fn look(tx: &mut Tx<'_>, viewer: ViewerNo, scope: DeleteScope) -> Result<Deletable, DbError> {
    let number = stored(viewer)?;
    let is_shown = match scope {
        DeleteScope::Entry(kid) => query::is_shown(tx, viewer, kid)?,
        DeleteScope::All => {
            let sql = "SELECT 1 FROM playback_watch WHERE viewer = $1 AND view_at >= 0 LIMIT 1";
            tx.query_first(sql, &[number.into()])?.is_some()
        }
    };
    let sql = "SELECT state FROM playback_seen WHERE viewer = $1";
    let deletes = match tx.query_first(sql, &[number.into()])? {
        Some(mut row) => {
            let unreadable = || DbError::Corrupt("a viewer's deletes cannot be read".to_owned());
            let state = row.take_bytes(0)?;
            let standing = seen::standing_deletes(&state).ok_or_else(unreadable)?;
            standing.len()
        }
        None => 0,
    };
    Ok(Deletable { is_shown, deletes })
}
