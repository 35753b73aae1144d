//! Random traces: viewers with several devices watch, delete, undo, pause and are erased, over days.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_platform::AppNo;
use reportd_protocol::playback::meaning::{DeleteScope, Kid, OrderKey};
use reportd_protocol::playback::{Beat, Device, PlayType, Position, VideoType};

use crate::entry::{BeatRecord, Record, ViewerNo};

/// An entry as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) arrived: OrderKey,
    pub(crate) record: Record<'static>,
}

pub(super) const VIEWERS: u64 = 3;
/// The number of the first viewer.
pub(super) const FIRST: ViewerNo = 1 << 40;
/// Numbers from here on belong to nobody.
const ANONYMOUS: ViewerNo = 1 << 41;
/// 2026-11-21 23:00 in Shanghai: midnight is near.
const START_MS: i64 = 1_795_273_200_000;
const MINUTE_MS: i64 = 60_000;

pub(crate) fn viewer_of(event: &Event) -> ViewerNo {
    match event.record {
        Record::Beat(BeatRecord { viewer, .. })
        | Record::Delete { viewer, .. }
        | Record::Undo { viewer, .. }
        | Record::Erase { viewer } => viewer,
    }
}

/// The last viewer is of another app.
pub(crate) fn app_of(event: &Event) -> AppNo {
    1 + AppNo::from(viewer_of(event) % ANONYMOUS % FIRST % VIEWERS == VIEWERS - 1)
}

/// The day in Shanghai.
pub(crate) fn day_of(at_ms: i64) -> i64 {
    (at_ms + 8 * 60 * MINUTE_MS).div_euclid(24 * 60 * MINUTE_MS)
}

#[derive(Debug, Clone)]
enum Deed {
    Beat {
        login: u64,
        beat: Box<Beat<'static>>,
        is_import: bool,
    },
    Delete(DeleteScope),
    Undo(Vec<prop::sample::Index>),
    Pause,
    Erase,
}

/// How long it is to the next entry, its stream and viewer, and what it is.
type Step = (i64, u64, u64, Deed);

fn step(with_imports: bool) -> impl Strategy<Value = Step> {
    let gap_ms = prop_oneof![
        2 => Just(0),
        6 => 0..40_000_i64,
        2 => 9 * MINUTE_MS..11 * MINUTE_MS,
        2 => 30 * MINUTE_MS - 2..30 * MINUTE_MS + 3,
        1 => 0..2_000 * MINUTE_MS,
    ];
    let beats = (0..2_u64, beat(), 0..5_u8);
    let beats = beats.prop_map(move |(login, beat, import)| Deed::Beat {
        login,
        beat: Box::new(beat),
        is_import: with_imports && import == 0,
    });
    let scope = prop_oneof![
        2 => Just(DeleteScope::All),
        5 => select(vec!["archive_1", "archive_2", "cheese_3", "pgc_5", "pgc_1", "pgc_6"])
            .prop_map(|kid| DeleteScope::Entry(Kid::parse(kid).unwrap())),
    ];
    let deed = prop_oneof![
        24 => beats,
        4 => scope.prop_map(Deed::Delete),
        3 => vec(any::<prop::sample::Index>(), 1..3).prop_map(Deed::Undo),
        2 => Just(Deed::Pause),
        1 => Just(Deed::Erase),
    ];
    (gap_ms, 1..3_u64, 0..VIEWERS, deed)
}

fn beat() -> impl Strategy<Value = Beat<'static>> {
    let position = prop_oneof![
        6 => (0..300_u32).prop_map(Position::At),
        1 => Just(Position::End),
    ];
    let play_type = prop_oneof![2 => select(&PlayType::ALL[..]), 1 => Just(PlayType::Pause)];
    let claims = (of(0..200_u32), of(0..200_u32), any::<bool>());
    let kinds = (
        of(select(&VideoType::ALL[..])),
        of(select(vec![5_i64, 6])),
        of(0..3_i64),
        of(select(vec![2_i64, 3, 33])),
    );
    let place = (1..4_i64, 0..2_i64, of(0..2_u8), position, of(200..203_u32));
    (place, play_type, claims, kinds).prop_map(|(place, play_type, claims, kinds)| {
        let (aid, cid, session, position, duration_s) = place;
        let (real_played_s, realtime_s, has_claims) = claims;
        let (video_type, season_id, episode_id, device) = kinds;
        Beat {
            aid,
            cid,
            position,
            play_type,
            session: session.map(|session| Cow::Owned(format!("s{session}"))),
            duration_s,
            real_played_s: real_played_s.filter(|_| has_claims),
            realtime_s: realtime_s.filter(|_| has_claims),
            video_type,
            season_id,
            episode_id,
            device: device.and_then(Device::from_number),
            ..Beat::default()
        }
    })
}

/// Up to 24 entries in the order of their arrival.
pub(crate) fn trace(with_imports: bool) -> impl Strategy<Value = Vec<Event>> {
    vec(step(with_imports), 1..24).prop_map(|steps| {
        let (mut received_at_ms, mut ids) = (START_MS, 0);
        // By viewer: how often the history was paused, and the deletes.
        let mut pauses = [0_u64; 3];
        let mut deletes: [Vec<u64>; 3] = Default::default();
        let mut events = Vec::new();
        for (sequence, (gap_ms, stream, viewer, deed)) in (1..).zip(steps) {
            received_at_ms += gap_ms;
            let arrived = OrderKey {
                received_at_ms,
                stream,
                sequence,
            };
            let place = usize::try_from(viewer).unwrap();
            let number = FIRST * VIEWERS + viewer;
            let record = match deed {
                Deed::Beat {
                    login,
                    beat,
                    is_import,
                } => {
                    let pause = pauses[place];
                    let is_anonymous = pause % 2 == 1;
                    let drawn = ANONYMOUS * VIEWERS + pause * VIEWERS + viewer;
                    let viewer = if is_anonymous { drawn } else { number };
                    record_of(
                        viewer,
                        is_anonymous,
                        login,
                        *beat,
                        is_import,
                        received_at_ms,
                    )
                }
                Deed::Delete(scope) => {
                    ids += 1;
                    deletes[place].push(ids);
                    delete_of(number, ids, scope)
                }
                Deed::Undo(picked) => {
                    let known = &deletes[place];
                    let picked = picked.iter().filter(|_| !known.is_empty());
                    let ids = picked
                        .map(|index| known[index.index(known.len())])
                        .collect();
                    Record::Undo {
                        viewer: number,
                        ids,
                    }
                }
                Deed::Pause => {
                    pauses[place] += 1;
                    continue;
                }
                Deed::Erase => Record::Erase { viewer: number },
            };
            events.push(Event { arrived, record });
        }
        events
    })
}

pub(crate) fn delete_of(viewer: ViewerNo, id: u64, scope: DeleteScope) -> Record<'static> {
    Record::Delete {
        viewer,
        id,
        scope,
        at_ms: None,
    }
}

fn record_of(
    viewer: ViewerNo,
    is_anonymous: bool,
    login: u64,
    beat: Beat<'static>,
    is_import: bool,
    received_at_ms: i64,
) -> Record<'static> {
    // Names of play sessions are sources as logins are.
    let source = match beat.session.as_deref() {
        Some("s0") => u64::MAX,
        Some(_) => 1 << 40,
        None => 7 + login,
    };
    let at_ms = is_import.then_some(received_at_ms - 25 * MINUTE_MS);
    Record::Beat(BeatRecord {
        viewer,
        is_anonymous,
        source,
        day: day_of(at_ms.unwrap_or(received_at_ms)),
        at_ms,
        beat,
    })
}

/// Lengths of batches.
pub(crate) fn batches() -> impl Strategy<Value = Vec<usize>> {
    vec(1..8_usize, 1..6)
}
