//! The parts of a running server that its surfaces and commands look at.

use std::sync::Arc;

use reportd_comm::CommMetrics;
use reportd_db::Database;
use reportd_journal::{Journal, Projector};
use reportd_platform::clock::Clock;
use reportd_platform::directory::Directory;
use reportd_platform::metrics::Metrics;

/// What the commands and surfaces of a running server look at.
pub(crate) struct Running {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) state: Database,
    pub(crate) views: Database,
    pub(crate) journal: Arc<Journal>,
    pub(crate) projector: Projector,
    pub(crate) comm_metrics: Arc<CommMetrics>,
    pub(crate) directory: Arc<Directory>,
}
