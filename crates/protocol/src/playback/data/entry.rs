//! An entry of the history, from what is known of it to what is shown.

use super::history::{HistoryItem, HistoryTarget, ListItem, Owner};
use crate::playback::bvid::bvid_of;
use crate::playback::meaning::Kid;
use crate::playback::position::Position;
use crate::playback::query::EntryPlace;
use crate::playback::report::{Business, Device};

/// What a history knows of an entry: from the viewer's beats, and from the catalogue.
#[derive(Debug, Clone, Default)]
pub struct EntryFacts {
    /// The video.
    pub aid: i64,
    /// Its newest part.
    pub cid: i64,
    /// What it is.
    pub business: Option<Business>,
    /// The season, of an episode.
    pub season_id: Option<i64>,
    /// The episode.
    pub episode_id: Option<i64>,
    /// On what it was watched.
    pub device: Option<Device>,
    /// When, in ms since 1970.
    pub view_at_ms: i64,
    /// Where the viewer is, as it reads back
    /// ([`FinishRule::read_back`](crate::playback::meaning::FinishRule::read_back)).
    pub position: Position,
    /// How long the part is, in seconds.
    pub duration_s: Option<u32>,
    /// What the catalogue says.
    pub listed: Listed,
}

/// What the catalogue says of a video and its part; all empty if it is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The title.
    pub title: String,
    /// Address of the cover.
    pub cover: String,
    /// Who made it.
    pub author_name: String,
    /// Their number.
    pub author_mid: i64,
    /// How many parts the video has.
    pub parts: i64,
    /// Which of them this is, from 1.
    pub page: i64,
    /// The title of the part.
    pub part_title: String,
}

impl EntryFacts {
    /// What the entry is.
    #[must_use]
    pub fn business(&self) -> Business {
        self.business.unwrap_or(Business::Archive)
    }

    /// Its name for a delete.
    #[must_use]
    pub fn kid(&self) -> Kid {
        Kid::of(self.business(), self.aid, self.season_id)
    }

    /// Where it stands in the history.
    #[must_use]
    pub fn place(&self) -> EntryPlace {
        EntryPlace {
            view_at_s: self.view_at_ms.div_euclid(1000),
            number: self.kid().number,
            business: self.business(),
        }
    }

    /// The title to show: a video that is not listed is `av<aid>`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.listed.title.is_empty() {
            format!("av{}", self.aid)
        } else {
            self.listed.title.clone()
        }
    }

    /// The entry of the cursor endpoint.
    #[must_use]
    pub fn item(&self) -> HistoryItem {
        let listed = &self.listed;
        HistoryItem {
            title: self.title(),
            cover: listed.cover.clone(),
            history: HistoryTarget {
                oid: self.aid,
                epid: self.episode_id.unwrap_or(0),
                bvid: bvid_of(self.aid).unwrap_or_default(),
                page: listed.page,
                cid: self.cid,
                part: listed.part_title.clone(),
                business: self.business().name().to_owned(),
                dt: self.device.map_or(0, |device| i64::from(device.number())),
            },
            videos: listed.parts,
            author_name: listed.author_name.clone(),
            author_mid: listed.author_mid,
            view_at: self.place().view_at_s,
            progress: self.position,
            show_title: listed.part_title.clone(),
            duration: self.duration_s.map_or(0, i64::from),
            kid: self.kid().number,
            ..HistoryItem::default()
        }
    }

    /// The entry of `/x/v2/history`.
    #[must_use]
    pub fn list_item(&self) -> ListItem {
        let listed = &self.listed;
        ListItem {
            aid: self.aid,
            bvid: bvid_of(self.aid).unwrap_or_default(),
            cid: self.cid,
            videos: listed.parts,
            title: self.title(),
            pic: listed.cover.clone(),
            duration: self.duration_s.map_or(0, i64::from),
            owner: Owner {
                mid: listed.author_mid,
                name: listed.author_name.clone(),
                face: String::new(),
            },
            progress: self.position,
            view_at: self.place().view_at_s,
            kid: self.kid().number,
            business: self.business().name().to_owned(),
            device: self.device.map_or(0, |device| i64::from(device.number())),
        }
    }
}
