//! What reports mean (`spec playback-report`, What a report means), as far as no store is needed.
//!
//! Each type here is a state with a `merge` that is commutative, associative and idempotent: it gives
//! the same for any order of reports, any split over nodes and any repeat. What is shown
//! ([`PlaySession::watched_s`] …) is derived from the state when it is read. The properties are tried
//! in `tests/playback_meaning.rs`, against a model that keeps every beat and does what the rules say,
//! word for word; those of positions and deletes where they are stored, in `crates/playback`.
//!
//! | rule | state |
//! |---|---|
//! | position, newest part | [`PartState`] of (viewer, aid), whose sources are a part and a source |
//! | delete, clear, undo | what a [`DeleteScope`] covers |
//! | play session with a `session` | [`PlaySession`] of (viewer, aid, cid, session) |
//! | play session without | [`JoinedSessions`] of (viewer, aid, cid) |
//! | plays, watched seconds, retention | sums of [`Tally`], moved by [`tally_changes`]; [`Retention`] |
//! | viewing now | [`Newest`] of a viewer, read by [`LastBeat`] |
//! | finished | [`FinishRule`], when read |

mod deletes;
mod finish;
mod joined;
mod now;
mod order;
mod part;
mod play;
mod quarters;
mod retention;

pub use deletes::{DeleteScope, DeletedVideo, Kid};
pub use finish::FinishRule;
pub use joined::{JOIN_GAP_MS, JoinedSessions, tally_changes};
pub use now::{LastBeat, VIEWING_WINDOW_MS};
pub use order::{Newest, OrderKey};
pub use part::PartState;
pub use play::{FirstBeat, PlaySession, PlayedClaim, Tally};
pub use quarters::{QUARTER_MS, QuarterSet};
pub use retention::Retention;
