//! The history: a page by cursor, and the bare list.

use serde::{Deserialize, Serialize};

use super::or_default;
use crate::playback::position::Position;
use crate::playback::query::EntryPlace;
use crate::playback::report::Business;

/// `data` of `/x/web-interface/history/cursor`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryPage {
    /// Where the next page starts.
    #[serde(deserialize_with = "or_default")]
    pub cursor: PageCursor,
    /// The sorts of entries that there are.
    #[serde(deserialize_with = "or_default")]
    pub tab: Vec<HistoryTab>,
    /// The entries, the newest first; empty at the end.
    #[serde(deserialize_with = "or_default")]
    pub list: Vec<HistoryItem>,
}

impl HistoryPage {
    /// The page with these entries, each with its place. Its cursor is the last of them; at the end,
    /// where there are none, `max` is 0.
    #[must_use]
    pub fn of(list: Vec<(EntryPlace, HistoryItem)>, page_size: u32) -> Self {
        let last = list.last().map(|(place, _)| *place);
        let cursor = PageCursor {
            max: last.map_or(0, |place| place.number),
            view_at: last.map_or(0, |place| place.view_at_s),
            business: last.map_or("", |place| place.business.name()).to_owned(),
            ps: page_size,
        };
        Self {
            cursor,
            tab: vec![HistoryTab {
                kind: Business::Archive.name().to_owned(),
                name: "视频".to_owned(),
            }],
            list: list.into_iter().map(|(_, item)| item).collect(),
        }
    }
}

/// Where the next page starts: these are its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PageCursor {
    /// The number of the last entry's kid; 0 at the end.
    pub max: i64,
    /// When the last entry was viewed, in seconds since 1970.
    pub view_at: i64,
    /// What the last entry is.
    pub business: String,
    /// How many entries a page has at most.
    pub ps: u32,
}

/// A sort of entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryTab {
    /// The `type` to ask for.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people read.
    pub name: String,
}

/// An entry of the history. Every documented key is there; what nobody knows is empty or 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryItem {
    /// The title, or `av<aid>`.
    pub title: String,
    /// The title of the episode.
    pub long_title: String,
    /// Address of the cover.
    pub cover: String,
    /// Several covers; only of articles, so empty.
    #[serde(deserialize_with = "or_default")]
    pub covers: Vec<String>,
    /// Address of the page.
    pub uri: String,
    /// What was watched.
    pub history: HistoryTarget,
    /// How many parts the video has.
    pub videos: i64,
    /// Who made it.
    pub author_name: String,
    /// Address of their picture.
    pub author_face: String,
    /// Their number.
    pub author_mid: i64,
    /// When it was viewed, in seconds since 1970.
    pub view_at: i64,
    /// Where the viewer is, in seconds, or -1: finished.
    pub progress: Position,
    /// A word on the cover.
    pub badge: String,
    /// The title of the part.
    pub show_title: String,
    /// How long the part is, in seconds; 0 if nobody knows.
    pub duration: i64,
    /// The newest episode, as text.
    pub current: String,
    /// How many episodes there are.
    pub total: i64,
    /// What is new.
    pub new_desc: String,
    /// Whether a season is complete: 0 or 1.
    pub is_finish: i64,
    /// Whether the viewer has it among the favourites: 0 or 1.
    pub is_fav: i64,
    /// The number for a delete: the aid, or the season.
    pub kid: i64,
    /// The name of its tag.
    pub tag_name: String,
    /// Whether a live room is live: 0.
    pub live_status: i64,
}

/// What was watched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryTarget {
    /// The aid.
    pub oid: i64,
    /// The episode, or 0.
    pub epid: i64,
    /// The bvid; empty where the aid has none.
    pub bvid: String,
    /// Which part it is, from 1; 0 if nobody knows.
    pub page: i64,
    /// The part.
    pub cid: i64,
    /// The title of the part.
    pub part: String,
    /// `archive`, `pgc`, `cheese`.
    pub business: String,
    /// On what it was watched; 0 if nobody knows.
    pub dt: i64,
}

/// An entry of `/x/v2/history`, whose `data` is a bare array of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ListItem {
    /// The video.
    pub aid: i64,
    /// Its bvid; empty where the aid has none.
    pub bvid: String,
    /// The newest part.
    pub cid: i64,
    /// How many parts the video has.
    pub videos: i64,
    /// The title, or `av<aid>`.
    pub title: String,
    /// Address of the cover.
    pub pic: String,
    /// How long the part is, in seconds; 0 if nobody knows.
    pub duration: i64,
    /// Who made it.
    pub owner: Owner,
    /// Where the viewer is, in seconds, or -1: finished.
    pub progress: Position,
    /// When it was viewed, in seconds since 1970.
    pub view_at: i64,
    /// The number for a delete.
    pub kid: i64,
    /// `archive`, `pgc`, `cheese`.
    pub business: String,
    /// On what it was watched; 0 if nobody knows.
    pub device: i64,
}

/// Who made a video.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// Their number.
    pub mid: i64,
    /// Their name.
    pub name: String,
    /// Address of their picture.
    pub face: String,
}
