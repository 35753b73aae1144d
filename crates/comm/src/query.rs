//! Reads of the views: what a call costs depends on what it shows, never on how many reports are behind it.

mod census;
mod pair;
mod raw;
mod series;

pub(crate) use census::census;
pub(crate) use pair::{PairRow, pair};
pub(crate) use raw::{ReportsQuery, repeats_in, reports};
pub(crate) use series::{Line, Series, SeriesQuery, Step, series};
