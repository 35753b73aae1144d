//! What a delete takes away from the history of a viewer.

use std::fmt;

use crate::playback::report::Business;

/// The name of an entry in the history: `archive_<aid>`, `cheese_<aid>`, `pgc_<season>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid {
    /// What it is.
    pub business: Business,
    /// The aid, or the season of an episode; at least 1.
    pub number: i64,
}

impl Kid {
    /// The name of a video's entry. An episode whose season nobody has told goes by its aid.
    #[must_use]
    pub fn of(business: Business, aid: i64, season_id: Option<i64>) -> Self {
        let season_id = season_id.filter(|_| business == Business::Pgc);
        Self {
            business,
            number: season_id.unwrap_or(aid),
        }
    }

    /// Reads a name; `None` if it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (business, number) = text.split_once('_')?;
        let is_decimal = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| *number > 0)?;
        is_decimal.then_some(Self {
            business: Business::from_name(business)?,
            number,
        })
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.business.name(), self.number)
    }
}

/// What a delete takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeleteScope {
    /// The whole history.
    All,
    /// One entry.
    Entry(Kid),
}

/// What a delete may look at to see whether it covers a video.
#[derive(Debug, Clone, Copy)]
pub struct DeletedVideo<'a> {
    /// The video.
    pub aid: i64,
    /// All seasons that reports of this viewer have named for it, a set that only grows. By the set,
    /// and not by the season of the newest beat, an entry that is deleted is gone whole, beats of
    /// clients that name no season among it.
    pub seasons: &'a [i64],
    /// Whether a report of this viewer has called it an episode: without a season it then goes by its
    /// aid.
    pub is_episode: bool,
}

impl DeleteScope {
    /// Whether the beats of a video are covered.
    #[must_use]
    pub fn covers(&self, video: &DeletedVideo<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Entry(kid) if kid.business == Business::Pgc => {
                let goes_by_aid = video.is_episode && video.seasons.is_empty();
                video.seasons.contains(&kid.number) || goes_by_aid && video.aid == kid.number
            }
            Self::Entry(kid) => video.aid == kid.number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries() {
        for (text, kid) in [
            (
                "archive_170001",
                Kid::of(Business::Archive, 170_001, Some(5)),
            ),
            ("cheese_7", Kid::of(Business::Cheese, 7, None)),
            ("pgc_5", Kid::of(Business::Pgc, 170_001, Some(5))),
            ("pgc_170001", Kid::of(Business::Pgc, 170_001, None)),
        ] {
            assert_eq!(Kid::parse(text), Some(kid));
            assert_eq!(kid.to_string(), text);
        }
        for text in [
            "",
            "archive",
            "archive_",
            "archive_0",
            "archive_-1",
            "archive_+1",
            "live_1",
            "_1",
            "archive_1_2",
            "archive_9223372036854775808",
        ] {
            assert_eq!(Kid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_episode_is_deleted_by_its_season() {
        let season = DeleteScope::Entry(Kid::parse("pgc_5").unwrap());
        let covers = |aid, seasons, is_episode| {
            season.covers(&DeletedVideo {
                aid,
                seasons,
                is_episode,
            })
        };
        assert!(covers(1, &[4, 5], true) && covers(1, &[5], false));
        assert!(covers(5, &[], true) && !covers(5, &[], false));
        assert!(!covers(5, &[4], true) && !covers(1, &[], true));
        let video = DeleteScope::Entry(Kid::parse("archive_5").unwrap());
        let episode = DeletedVideo {
            aid: 5,
            seasons: &[4],
            is_episode: true,
        };
        assert!(video.covers(&episode) && DeleteScope::All.covers(&episode));
    }
}
