//! The parts of a running server that its surfaces and commands look at.

use std::sync::Arc;

use reportd_db::Database;
use reportd_journal::Journal;
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::metrics::Metrics;

use crate::kinds::LoadedKinds;
use crate::served::Served;

/// What the commands and surfaces of a running server look at.
pub(crate) struct Running {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) state: Database,
    pub(crate) served: Arc<Served>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) kinds: LoadedKinds,
    pub(crate) directory: Arc<Directory>,
}
