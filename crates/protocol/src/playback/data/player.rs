//! What a player asks for: where to resume, and how many are viewing.

use serde::{Deserialize, Serialize};

use crate::playback::position::Position;

/// `data` of `/x/player/v2` and `/x/player/wbi/v2`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayerData {
    /// The video that was asked for.
    pub aid: i64,
    /// Its bvid; empty where the aid has none.
    pub bvid: String,
    /// The part that was asked for; 0 if none was.
    pub cid: i64,
    /// The viewer; 0 without a session.
    pub login_mid: i64,
    /// Where to resume, in **milliseconds**; 0 when finished, and where nothing is known.
    pub last_play_time: i64,
    /// The video's newest part; 0 where nothing is known.
    pub last_play_cid: i64,
    /// Now, in seconds since 1970.
    pub now_time: i64,
    /// How many are viewing the video.
    pub online_count: i64,
}

/// Where to resume, in milliseconds: 0 at the end. The position is as it reads back
/// ([`FinishRule::read_back`](crate::playback::meaning::FinishRule::read_back)).
#[must_use]
pub fn last_play_time_ms(position: Position) -> i64 {
    match position {
        Position::At(seconds) => i64::from(seconds) * 1000,
        Position::End => 0,
    }
}

/// `data` of `/x/player/online/total`. Numbers are texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OnlineTotal {
    /// How many are viewing the video.
    pub total: String,
    /// How many of them in browsers.
    pub count: String,
    /// Which of the two to show.
    pub show_switch: OnlineSwitch,
}

/// Which numbers to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OnlineSwitch {
    /// Show `total`.
    pub total: bool,
    /// Show `count`.
    pub count: bool,
}

impl OnlineTotal {
    /// The numbers as text, both to be shown.
    #[must_use]
    pub fn of(total: u64, count: u64) -> Self {
        Self {
            total: total.to_string(),
            count: count.to_string(),
            show_switch: OnlineSwitch {
                total: true,
                count: true,
            },
        }
    }
}
