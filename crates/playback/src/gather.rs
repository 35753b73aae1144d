//! What a batch tells, taken apart: by viewer, and beats by the rows that they touch.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_db::DbError;
use reportd_journal::Batch;
use reportd_platform::AppNo;
use reportd_protocol::playback::meaning::{FirstBeat, OrderKey, PlaySession};
use reportd_protocol::playback::{PlayType, Position, VideoType};

use crate::entry::{BeatRecord, Record, ViewerNo};
use crate::plays::UNNAMED;
use crate::seen::{Delete, INTERVAL_MS, Made, SeenNews};
use crate::watch::facts::Facts;

/// A beat.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) app: AppNo,
    pub(crate) viewer: ViewerNo,
    /// The viewer has no history.
    pub(crate) is_anonymous: bool,
    pub(crate) aid: i64,
    pub(crate) cid: i64,
    /// Its play session: the hash of its name, or [`UNNAMED`].
    pub(crate) session: i64,
    pub(crate) source: u64,
    pub(crate) play_type: PlayType,
    pub(crate) is_episode: bool,
    pub(crate) facts: Facts,
    /// The play session of this one beat: its key and day are in it.
    pub(crate) play: PlaySession,
}

impl Told {
    pub(crate) const fn key(&self) -> OrderKey {
        self.play.first.key
    }

    pub(crate) const fn day(&self) -> i64 {
        self.play.first.day
    }

    pub(crate) const fn video(&self) -> (ViewerNo, i64) {
        (self.viewer, self.aid)
    }

    pub(crate) const fn slot(&self) -> (i64, i64) {
        (self.cid, self.session)
    }
}

/// What is told of a viewer as a whole.
#[derive(Debug, Clone)]
pub(crate) struct ToldViewer {
    pub(crate) viewer: ViewerNo,
    pub(crate) app: AppNo,
    pub(crate) news: SeenNews,
}

/// What a batch tells, in the order of keys.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// By viewer, video, part, play session and key.
    pub(crate) beats: Vec<Told>,
    pub(crate) viewers: Vec<ToldViewer>,
}

/// Gathers what entries tell.
#[derive(Default)]
pub(crate) struct Gathering {
    beats: Vec<Told>,
    viewers: HashMap<ViewerNo, ToldViewer, RandomState>,
}

impl Gathered {
    /// Takes a batch apart.
    pub(crate) fn of(batch: &Batch) -> Result<Self, DbError> {
        let mut gathering = Gathering::default();
        let stream = u64::from(batch.stream());
        for entry in batch.entries() {
            let sequence = entry.sequence;
            let unreadable =
                || DbError::Corrupt(format!("entry {sequence} of kind playback cannot be read"));
            let record = Record::decode(entry.payload).ok_or_else(unreadable)?;
            let arrived = OrderKey {
                received_at_ms: entry.received_at_ms,
                stream,
                sequence,
            };
            gathering.add(entry.app, arrived, &record);
        }
        Ok(gathering.finish())
    }
}

impl Gathering {
    /// Adds what an entry tells that arrived so.
    pub(crate) fn add(&mut self, app: AppNo, arrived: OrderKey, record: &Record<'_>) {
        match record {
            Record::Beat(beat) => self.add_beat(app, arrived, beat),
            Record::Delete {
                viewer,
                id,
                scope,
                at_ms,
            } => {
                let made = Made {
                    key: at(arrived, *at_ms),
                    scope: *scope,
                    arrived_at_ms: arrived.received_at_ms,
                };
                let delete = Delete {
                    made: Some(made),
                    undone_at_ms: None,
                };
                self.news(app, *viewer).deletes.push((*id, delete));
            }
            Record::Undo { viewer, ids } => {
                let undo = Delete {
                    made: None,
                    undone_at_ms: Some(arrived.received_at_ms),
                };
                let undone = ids.iter().map(|id| (*id, undo));
                self.news(app, *viewer).deletes.extend(undone);
            }
            Record::Erase { viewer } => self.news(app, *viewer).is_erased = true,
        }
    }

    fn add_beat(&mut self, app: AppNo, arrived: OrderKey, record: &BeatRecord<'_>) {
        let beat = &record.beat;
        let key = at(arrived, record.at_ms);
        let news = self.news(app, record.viewer);
        // Whether it is finished otherwise depends on a duration that may be told later.
        if beat.play_type.is_viewing() && beat.position != Position::End {
            let interval = key.received_at_ms.div_euclid(INTERVAL_MS);
            let told = (interval, record.at_ms.is_some());
            if !news.intervals.contains(&told) {
                news.intervals.push(told);
            }
        }
        let first = FirstBeat {
            key,
            day: record.day,
        };
        let named = beat.session.is_some();
        self.beats.push(Told {
            app,
            viewer: record.viewer,
            is_anonymous: record.is_anonymous,
            aid: beat.aid,
            cid: beat.cid,
            session: if named {
                record.source.cast_signed()
            } else {
                UNNAMED
            },
            source: record.source,
            play_type: beat.play_type,
            is_episode: beat.video_type == Some(VideoType::Episode),
            facts: Facts::of(beat),
            play: PlaySession::of_beat(first, beat),
        });
    }

    fn news(&mut self, app: AppNo, viewer: ViewerNo) -> &mut SeenNews {
        let told = self.viewers.entry(viewer).or_insert_with(|| ToldViewer {
            viewer,
            app,
            news: SeenNews::default(),
        });
        &mut told.news
    }

    pub(crate) fn finish(self) -> Gathered {
        let (mut beats, viewers) = (self.beats, self.viewers.into_values());
        let mut viewers: Vec<_> = viewers.collect();
        beats.sort_unstable_by_key(|told| (told.video(), told.slot(), told.key()));
        viewers.sort_unstable_by_key(|told| told.viewer);
        Gathered { beats, viewers }
    }
}

/// The order key of an entry: an import says itself when it was.
fn at(arrived: OrderKey, at_ms: Option<i64>) -> OrderKey {
    OrderKey {
        received_at_ms: at_ms.unwrap_or(arrived.received_at_ms),
        ..arrived
    }
}
