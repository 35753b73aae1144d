//! Reads of the views: what a call costs depends on what it shows, never on how many reports are behind it.

mod figures;
mod history;
mod retention;
mod rows;
mod stored;
mod totals;
mod viewing;

pub(crate) use figures::{
    DayFigures, Reached, Sort, VideoFigures, reached, top_videos, video_days, video_viewers,
};
pub(crate) use history::{
    HistorySlice, Placed, StandingDelete, deletes, history_list, history_page, is_shown,
    newest_part,
};
pub(crate) use retention::part_reach;
pub(crate) use rows::list;
pub(crate) use stored::{StoredVideo, stored_videos};
pub(crate) use totals::{DayTotals, days, played_videos};
pub(crate) use viewing::viewing_curve;
