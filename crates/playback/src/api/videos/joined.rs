//! What figures are joined with when they are read: the catalogue, and what counts as finished.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::web::Problem;
use reportd_protocol::playback::meaning::FinishRule;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Playback;
use crate::api::shown::title;
use crate::catalogue::{self, ListedPart};
use crate::query::Reached;

/// How many play sessions there are, and how many of them came to the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finished {
    sessions: u64,
    finished: u64,
}

impl Finished {
    pub(super) fn add(&mut self, reached: &Reached, duration_s: Option<u32>, rule: &FinishRule) {
        for (position, count) in reached.reach.furthest() {
            self.sessions += count;
            if rule.is_finished(position, duration_s) {
                self.finished += count;
            }
        }
    }

    /// 0 to 1; 0 without sessions.
    pub(super) fn rate(self) -> f64 {
        if self.sessions == 0 {
            return 0.0;
        }
        self.finished as f64 / self.sessions as f64
    }
}

/// What the catalogue says of the parts that figures are about.
pub(super) struct ListedParts(HashMap<(i64, i64), ListedPart>);

impl ListedParts {
    /// How long a part is: the catalogue knows best.
    pub(super) fn duration_s(&self, reached: &Reached) -> Option<u32> {
        let listed = self.0.get(&(reached.aid, reached.cid));
        listed
            .and_then(|listed| listed.duration_s)
            .or(reached.told_s)
    }

    /// The title of a video.
    pub(super) fn title(&self, aid: i64) -> String {
        let listed = self.0.get(&(aid, 0));
        title(aid, listed.map_or("", |part| &part.listed.title))
    }

    /// The parts of a video that were played, the most played first.
    pub(super) fn parts(&self, reached: &[Reached], rule: &FinishRule) -> Vec<ShownPlayedPart> {
        let mut parts = BTreeMap::<i64, (Finished, &Reached)>::new();
        for reached in reached {
            let (finished, _) = parts
                .entry(reached.cid)
                .or_insert((Finished::default(), reached));
            finished.add(reached, self.duration_s(reached), rule);
        }
        let mut shown: Vec<_> = parts
            .into_iter()
            .filter(|(_, (finished, _))| finished.sessions > 0)
            .map(|(cid, (finished, reached))| {
                let listed = self.0.get(&(reached.aid, cid)).map(|part| &part.listed);
                ShownPlayedPart {
                    cid,
                    page: listed.map_or(0, |listed| listed.page),
                    title: listed.map_or_else(String::new, |listed| listed.part_title.clone()),
                    duration: self.duration_s(reached),
                    plays: finished.sessions,
                    finish_rate: finished.rate(),
                }
            })
            .collect();
        shown.sort_by_key(|part| (std::cmp::Reverse(part.plays), part.cid));
        shown
    }
}

/// A part of a video that was played.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::PlayedPart)]
pub(super) struct ShownPlayedPart {
    /// The part; 0 where players did not say.
    #[schema(minimum = 0, example = 279_786)]
    cid: i64,
    /// Which part of the video it is, from 1; 0 where that is not known.
    #[schema(minimum = 0, example = 1)]
    page: i64,
    /// Its title; empty where the catalogue has none.
    title: String,
    /// How long it is, in seconds: by the catalogue, else by what players told; null where nobody knows.
    #[schema(required, example = 600)]
    duration: Option<u32>,
    /// Play sessions that began on these days.
    #[schema(minimum = 1, example = 3)]
    plays: u64,
    /// The share of them, 0 to 1, that came to the end.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    finish_rate: f64,
}

impl Playback {
    /// What the catalogue says of videos, and of the parts that play sessions reached.
    pub(super) async fn listed(
        &self,
        app: AppNo,
        aids: BTreeSet<i64>,
        reached: &[Reached],
    ) -> Result<ListedParts, Problem> {
        let videos = aids.into_iter().map(|aid| (aid, 0));
        let parts = reached.iter().map(|reached| (reached.aid, reached.cid));
        let parts: BTreeSet<(i64, i64)> = videos.chain(parts).collect();
        let read = move |tx: &mut Tx<'_>| {
            let parts: Vec<_> = parts.into_iter().collect();
            let listed = catalogue::listed(tx, app, &parts)?;
            Ok::<_, DbError>(parts.into_iter().zip(listed).collect())
        };
        Ok(ListedParts(self.directory.db().read_async(read).await?))
    }
}
