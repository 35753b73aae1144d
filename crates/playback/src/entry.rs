//! The entry of one report in the journal.

use reportd_protocol::playback::Beat;
use reportd_protocol::playback::meaning::DeleteScope;

/// The number that stands for a viewer in entries and views: random, at least 2^32, below 2^63.
pub(crate) type ViewerNo = u64;

/// What an entry tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// A report.
    Beat(BeatRecord<'a>),
    /// A viewer deletes an entry of the history, or all.
    Delete {
        viewer: ViewerNo,
        id: u64,
        scope: DeleteScope,
        /// When, in ms, of an import; else when the entry was received.
        at_ms: Option<i64>,
    },
    /// Deletes are undone.
    Undo { viewer: ViewerNo, ids: Vec<u64> },
    /// The viewer's history is erased for good.
    Erase { viewer: ViewerNo },
}

/// A report of a viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BeatRecord<'a> {
    pub(crate) viewer: ViewerNo,
    /// The number was drawn when the viewer paused the history: it belongs to nobody.
    pub(crate) is_anonymous: bool,
    /// From where it comes: a hash of the `session` field, else of the login session.
    pub(crate) source: u64,
    /// The day of the report in the app's zone, in days since 1970.
    pub(crate) day: i64,
    /// When, in ms, of an import; else when the entry was received.
    pub(crate) at_ms: Option<i64>,
    pub(crate) beat: Beat<'a>,
}
