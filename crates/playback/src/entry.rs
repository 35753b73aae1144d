//! The entry of one report in the journal.
//!
//! A beat takes some 50 bytes: viewers and play sessions are random, so that no compression makes them smaller. What is
//! there is told by a set of bits, numbers are varints, and a `session` of 32 hexadecimal digits takes 16 bytes.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use reportd_platform::secret::{SecretHash, hex};
use reportd_protocol::playback::Beat;
use reportd_protocol::playback::meaning::DeleteScope;

use crate::viewers::ViewerIdentity;

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
    /// From where it comes: a hash of the `session`, else of the login session.
    pub(crate) source: u64,
    /// The day of the report in the app's zone, in days since 1970.
    pub(crate) day: i64,
    /// When, in ms, of an import; else when the entry was received.
    pub(crate) at_ms: Option<i64>,
    pub(crate) beat: Beat<'a>,
}

impl<'a> BeatRecord<'a> {
    /// The record of a beat that counts now: under the viewer's number, or while the history is paused under that of the
    /// pause.
    ///
    /// What a player or a login is known by stays the same across a pause and an erasure, and would tell whose the rows of
    /// another number are. So it is hashed with the salt of the number, as the player's `session` is: who has only the
    /// entries cannot guess it, and when the number is gone nobody can. `start_ts`, by which no rule goes, tells as much,
    /// and is left out.
    pub(crate) fn of(identity: &ViewerIdentity, login: u64, day: i64, beat: Beat<'a>) -> Self {
        let viewer = identity.paused.unwrap_or(identity.viewer);
        let salt = format!("{} {viewer}", identity.salt);
        let session = (beat.session.as_deref()).map(|session| {
            let hash = SecretHash::of(&format!("playback session {salt} {session}"));
            hex(&hash.0[..SESSION_BYTES])
        });
        let source = match &session {
            Some(session) => source_of_session(session),
            None => number_of("playback source ", &format!("{salt} {login}")),
        };
        Self {
            viewer,
            is_anonymous: identity.paused.is_some(),
            source,
            day,
            at_ms: None,
            beat: Beat {
                session: session.map(Into::into),
                start_ts: None,
                ..beat
            },
        }
    }
}

/// The source of beats of a `session`, as the entry names it.
pub(crate) fn source_of_session(session: &str) -> u64 {
    number_of("playback session ", session)
}

/// A login session, from which beats come that name no `session`: by its id, and never by a secret of it.
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
