//! Tables of this room: in the state store what is truth, in the views store what is folded.

mod state;
mod views;

pub use self::state::STATE_MIGRATIONS;
pub(crate) use self::state::{VIEWER, VIEWER_BY_NUMBER};
pub use self::views::VIEW_MIGRATIONS;
pub(crate) use self::views::{
    DAY, LENGTH, LENGTH_TOLD, PART, PLAY, REACH, RECENT, SEASON, SEEN, VIEWERS, VIEWING, WATCH,
};
