//! What deletes take away, looked up by video.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;
use reportd_protocol::playback::Business;
use reportd_protocol::playback::meaning::{DeleteScope, DeletedVideo, Kid, OrderKey};

use super::Made;

type Newest = HashMap<i64, OrderKey, RandomState>;

/// The newest deletes by what they cover; as [`DeleteScope::covers`] says, without a look at each of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cuts {
    all: Option<OrderKey>,
    videos: Newest,
    /// By season, or for an episode without one by its aid.
    seasons: Newest,
}

/// Whether a name is that of a season.
pub(crate) fn is_season(kid: Kid) -> bool {
    kid.business == Business::Pgc
}

impl Cuts {
    pub(super) fn of(standing: impl Iterator<Item = Made>) -> Self {
        let mut cuts = Self::default();
        for made in standing {
            match made.scope {
                DeleteScope::All => cuts.all = cuts.all.max(Some(made.key)),
                DeleteScope::Entry(kid) if is_season(kid) => cuts.add_season(kid.number, made.key),
                DeleteScope::Entry(kid) => add(&mut cuts.videos, kid.number, made.key),
            }
        }
        cuts
    }

    pub(super) fn add_season(&mut self, season: i64, key: OrderKey) {
        add(&mut self.seasons, season, key);
    }

    /// The newest delete that covers a video.
    pub(crate) fn newest_covering(&self, video: &DeletedVideo<'_>) -> Option<OrderKey> {
        let by_aid = self.seasons.get(&video.aid).copied();
        let goes_by_aid = video.is_episode && video.seasons.is_empty();
        self.newest_for_good(video)
            .max(by_aid.filter(|_| goes_by_aid))
    }

    /// The newest delete that covers a video whatever else will be known of it: a season may still be named for an
    /// episode that goes by its aid.
    pub(crate) fn newest_for_good(&self, video: &DeletedVideo<'_>) -> Option<OrderKey> {
        let of_video = self.videos.get(&video.aid).copied();
        let seasons = video.seasons.iter();
        let of_season = seasons.filter_map(|season| self.seasons.get(season)).max();
        self.all.max(of_video).max(of_season.copied())
    }

    /// Whether all is covered.
    pub(crate) const fn covers_all(&self) -> bool {
        self.all.is_some()
    }

    /// Videos that are covered by themselves.
    pub(crate) fn videos(&self) -> impl Iterator<Item = i64> {
        self.videos.keys().copied()
    }

    /// Seasons that are covered.
    pub(crate) fn seasons(&self) -> impl Iterator<Item = i64> {
        self.seasons.keys().copied()
    }
}

fn add(newest: &mut Newest, number: i64, key: OrderKey) {
    match newest.entry(number) {
        Entry::Occupied(mut known) => {
            let newest = key.max(*known.get());
            known.insert(newest);
        }
        Entry::Vacant(entry) => {
            entry.insert(key);
        }
    }
}
