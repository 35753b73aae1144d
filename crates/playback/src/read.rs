//! What the read endpoints answer.
//!
//! A read of a viewer first waits for all that was acknowledged of that viewer; how many are viewing now is as new as the
//! last fold, and is not waited for. What the catalogue says is joined when it is read: a title that changes is changed in
//! every history.

mod history;
mod player;

use reportd_db::{DbError, Tx};

pub(crate) use self::history::entry_facts;
use crate::entry::ViewerNo;
use crate::{KIND, Playback};

/// The body of a success.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// How far what it shows lags, in ms: 0 where it is fresh. It goes into the header `reportd-lag-ms`.
    pub(crate) lag_ms: i64,
}

impl Playback {
    /// Reads the views once all that was acknowledged of a viewer is folded. Returns how far the read lags, in ms.
    pub(crate) async fn read_viewer<T: Send + 'static>(
        &self,
        viewer: ViewerNo,
        read: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(i64, T), DbError> {
        let read = self.journal.read(&self.views, (KIND, viewer), read);
        let (lag, told) = read.await?;
        Ok((lag.ms, told))
    }
}
