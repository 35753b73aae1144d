//! What several calls show: entries of a history and deletes.

use reportd_protocol::playback::meaning::{DeleteScope, OrderKey};
use reportd_protocol::playback::{EntryFacts, EntryPlace, bvid_of};
use serde::Serialize;
use utoipa::ToSchema;

/// The title of a video: one that is not listed is `av<aid>`.
pub(super) fn title(aid: i64, listed: &str) -> String {
    if listed.is_empty() {
        return format!("av{aid}");
    }
    listed.to_owned()
}

/// An entry of a viewer's history.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = playback::Entry)]
pub(super) struct ShownEntry {
    /// Its name for a delete.
    #[schema(example = "archive_170001")]
    kid: String,
    /// `archive`, `pgc` or `cheese`.
    #[schema(example = "archive")]
    business: &'static str,
    /// The video.
    #[schema(minimum = 1, example = 170_001)]
    aid: i64,
    /// The same as a text; empty where there is none.
    #[schema(example = "BV17x411w7KC")]
    bvid: String,
    /// The newest part.
    #[schema(minimum = 0, example = 279_786)]
    cid: i64,
    /// The season of an episode.
    #[schema(required, example = 5)]
    season_id: Option<i64>,
    /// The episode.
    #[schema(required, example = 7)]
    episode_id: Option<i64>,
    /// As the catalogue has it, else `av<aid>`.
    #[schema(example = "av170001")]
    title: String,
    /// When it was viewed, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_233_600_000_i64)]
    view_at: i64,
    /// Where the viewer is, in seconds; -1 is the end.
    #[schema(minimum = -1, example = 61)]
    progress: i64,
    /// How long the part is, in seconds; null where nobody knows.
    #[schema(required, minimum = 1, example = 600)]
    duration: Option<u32>,
    /// The number of the device; null where nobody knows.
    #[schema(required, example = 2)]
    device: Option<u8>,
}

impl ShownEntry {
    pub(super) fn new(place: &EntryPlace, facts: &EntryFacts) -> Self {
        Self {
            kid: format!("{}_{}", place.business.name(), place.number),
            business: place.business.name(),
            aid: facts.aid,
            bvid: bvid_of(facts.aid).unwrap_or_default(),
            cid: facts.cid,
            season_id: facts.season_id,
            episode_id: facts.episode_id,
            title: facts.title(),
            view_at: facts.view_at_ms,
            progress: facts.position.wire(),
            duration: facts.duration_s,
            device: facts.device.map(|device| device.number()),
        }
    }
}

/// What a viewer has deleted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = playback::Delete)]
pub(super) struct ShownDelete {
    /// Its id, for an undo. A text: it has up to 63 bits.
    #[schema(pattern = r"^\d{1,19}$", example = "4611686018427387904")]
    id: String,
    /// When, in ms since 1970.
    #[schema(minimum = 0, example = 1_795_233_600_000_i64)]
    at: i64,
    /// The entry, or `all`.
    #[schema(example = "archive_170001")]
    kid: String,
    /// It was undone.
    is_undone: bool,
}

impl ShownDelete {
    pub(super) fn new((id, key, scope, is_undone): &(u64, OrderKey, DeleteScope, bool)) -> Self {
        Self {
            id: id.to_string(),
            at: key.received_at_ms,
            kid: match scope {
                DeleteScope::All => "all".to_owned(),
                DeleteScope::Entry(kid) => kid.to_string(),
            },
            is_undone: *is_undone,
        }
    }
}
