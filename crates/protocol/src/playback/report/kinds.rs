//! The small sets of numbers in reports. A number outside of its set is ignored, not refused (`spec
//! playback-report`), so each set can only say whether it knows one.

use serde::{Deserialize, Serialize};

/// `play_type`: what the player does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PlayType {
    /// 0, and where it is absent or unknown. A history/report is one too.
    #[default]
    Playing,
    /// 1: playing has started.
    Start,
    /// 2: paused.
    Pause,
    /// 3: playing goes on after a pause.
    Resume,
    /// 4: the player was closed, or the video has ended.
    End,
}

impl PlayType {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Playing,
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::End,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Playing => 0,
            Self::Start => 1,
            Self::Pause => 2,
            Self::Resume => 3,
            Self::End => 4,
        }
    }

    /// The one of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| i64::from(known.number()) == number)
    }

    /// Whether the viewer is at it, so that this device's position counts. A pause is the only one
    /// that says no.
    #[must_use]
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Pause)
    }

    /// Whether somebody is viewing now.
    #[must_use]
    pub const fn is_viewing(self) -> bool {
        matches!(self, Self::Playing | Self::Start | Self::Resume)
    }
}

/// `type`: what sort of video it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoType {
    /// 3: a video that a member uploaded (投稿视频).
    Upload,
    /// 4: an episode of a season (剧集).
    Episode,
    /// 10: a lesson of a course (课程).
    Lesson,
}

impl VideoType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Upload, Self::Episode, Self::Lesson];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Upload => 3,
            Self::Episode => 4,
            Self::Lesson => 10,
        }
    }

    /// The one of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| i64::from(known.number()) == number)
    }
}

/// `sub_type`: what sort of season it is. It means something for episodes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeasonType {
    /// 1: 番剧
    Anime,
    /// 2: 电影
    Film,
    /// 3: 纪录片
    Documentary,
    /// 4: 国创
    ChineseAnime,
    /// 5: 电视剧
    Series,
    /// 7: 综艺
    Variety,
}

impl SeasonType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Anime,
        Self::Film,
        Self::Documentary,
        Self::ChineseAnime,
        Self::Series,
        Self::Variety,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Anime => 1,
            Self::Film => 2,
            Self::Documentary => 3,
            Self::ChineseAnime => 4,
            Self::Series => 5,
            Self::Variety => 7,
        }
    }

    /// The one of that number.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|known| i64::from(known.number()) == number)
    }
}

/// `dt`: on what the video is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(u8);

impl Device {
    /// 2: a browser (`seed playback-report`).
    pub const WEB: Self = Self(2);

    /// The one of that number: 1, 3, 5 and 7 are phones, 2 is a browser, 4 and 6 are tablets, 33 is a
    /// television. The seed knows only 2; the others are what clients of the read endpoints expect.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        match u8::try_from(number) {
            Ok(known @ (1..=7 | 33)) => Some(Self(known)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// What an entry of the history is: the name in `business` and before the `_` of a `kid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Business {
    /// A video, also where its type is not known.
    Archive,
    /// An episode of a season.
    Pgc,
    /// A lesson of a course.
    Cheese,
}

impl Business {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Archive, Self::Pgc, Self::Cheese];

    /// What a video of this type is.
    #[must_use]
    pub const fn of(video_type: Option<VideoType>) -> Self {
        match video_type {
            None | Some(VideoType::Upload) => Self::Archive,
            Some(VideoType::Episode) => Self::Pgc,
            Some(VideoType::Lesson) => Self::Cheese,
        }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Pgc => "pgc",
            Self::Cheese => "cheese",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|business| business.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_knows_its_numbers_and_no_other() {
        let known = |knows: fn(i64) -> Option<u8>| -> Vec<u8> {
            let known = (-300..300).filter_map(|number| {
                let found = knows(number)?;
                assert_eq!(i64::from(found), number);
                Some(found)
            });
            known.collect()
        };
        let play_types = known(|number| PlayType::from_number(number).map(PlayType::number));
        assert_eq!(play_types, [0, 1, 2, 3, 4]);
        let types = known(|number| VideoType::from_number(number).map(VideoType::number));
        assert_eq!(types, [3, 4, 10]);
        let sub_types = known(|number| SeasonType::from_number(number).map(SeasonType::number));
        assert_eq!(sub_types, [1, 2, 3, 4, 5, 7]);
        let devices = known(|number| Device::from_number(number).map(Device::number));
        assert_eq!(devices, [1, 2, 3, 4, 5, 6, 7, 33]);
    }

    #[test]
    fn a_business_is_what_its_name_says() {
        for business in Business::ALL {
            assert_eq!(Business::from_name(business.name()), Some(business));
            let json = serde_json::to_string(&business).unwrap();
            assert_eq!(json, format!("\"{}\"", business.name()));
        }
        assert_eq!(Business::of(None), Business::Archive);
        assert_eq!(Business::of(Some(VideoType::Episode)), Business::Pgc);
        assert_eq!(Business::of(Some(VideoType::Lesson)), Business::Cheese);
    }
}
