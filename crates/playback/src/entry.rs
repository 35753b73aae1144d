//! The entry of one report in the journal.
//!
//! A beat takes some 50 bytes: viewers and play sessions are random, so that no compression makes them smaller. What is
//! there is told by a set of bits, numbers are varints, and a `session` of 32 hexadecimal digits takes 16 bytes.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use reportd_platform::secret::SecretHash;
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

/// The source of beats of a player's own `session`.
pub(crate) fn source_of_session(session: &str) -> u64 {
    number_of("playback session ", session)
}

/// The source of beats that name no `session`: the login session, by its id and never by a secret of it.
pub(crate) fn source_of_login(login: &str) -> u64 {
    number_of("playback login ", login)
}

/// The first bytes of a hash.
fn number_of(domain: &str, text: &str) -> u64 {
    let SecretHash([a, b, c, d, e, f, g, h, ..]) = SecretHash::of(&[domain, text].concat());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

const VERSION: u8 = 1;

/// Second byte of an entry.
mod tag {
    pub(super) const BEAT: u8 = 0;
    pub(super) const DELETE: u8 = 1;
    pub(super) const UNDO: u8 = 2;
    pub(super) const ERASE: u8 = 3;
}

/// What a beat has: three bytes behind its viewer.
///
/// Bits 0 to 2 are the play type, 3 and 4 the video type (from 1, in the order of [`VideoType::ALL`]), 5 to 7 the season
/// type (0 where there is none).
///
/// [`VideoType::ALL`]: reportd_protocol::playback::VideoType::ALL
mod has {
    pub(super) const VIDEO_TYPE_AT: u32 = 3;
    pub(super) const SEASON_TYPE_AT: u32 = 5;
    pub(super) const ANONYMOUS: u32 = 1 << 8;
    /// The source; else it is that of the session.
    pub(super) const SOURCE: u32 = 1 << 9;
    pub(super) const AT: u32 = 1 << 10;
    pub(super) const SESSION_TEXT: u32 = 1 << 11;
    /// A session of 32 lower-case hexadecimal digits.
    pub(super) const SESSION_HEX: u32 = 1 << 12;
    pub(super) const PLATFORM: u32 = 1 << 13;
    pub(super) const DEVICE: u32 = 1 << 14;
    pub(super) const EPISODE: u32 = 1 << 15;
    pub(super) const SEASON: u32 = 1 << 16;
    pub(super) const DURATION: u32 = 1 << 17;
    pub(super) const REALTIME: u32 = 1 << 18;
    pub(super) const REAL_PLAYED: u32 = 1 << 19;
    pub(super) const START_TS: u32 = 1 << 20;
    pub(super) const LAST: u32 = 1 << 21;
    pub(super) const MAX: u32 = 1 << 22;
    pub(super) const IGNORED: u32 = 1 << 23;
}

/// Bytes of a session of hexadecimal digits.
const SESSION_BYTES: usize = 16;

/// What a delete takes away.
mod scope {
    pub(super) const ALL: u8 = 0;
    pub(super) const ENTRY: u8 = 1;
    /// Added where a time of its own is there.
    pub(super) const AT: u8 = 2;
}
