//! The catalogue of a site: titles, covers and durations of videos, in the state store.
//!
//! A row is a part of a video, by (aid, cid); that of cid 0 is the video itself. What the row of a part leaves out, the row
//! of its video tells. Nothing here is needed: a video that is not listed is shown by its aid.

mod line;
mod store;

pub(crate) use line::{BadLine, Upload};
pub(crate) use store::{ListedPart, listed, parts_of, put};

/// A part of a video as the catalogue has it; what is empty or `None` is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CataloguePart {
    pub(crate) title: String,
    pub(crate) cover: String,
    pub(crate) duration_s: Option<u32>,
    pub(crate) author_name: String,
    pub(crate) author_mid: i64,
    /// Which part of the video it is, from 1; 0 is not known.
    pub(crate) page: i64,
    pub(crate) part_title: String,
}
