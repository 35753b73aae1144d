//! Entries read back as they were written, and anything else is none.

use std::borrow::Cow;

use proptest::prelude::*;
use reportd_protocol::playback::meaning::Kid;
use reportd_protocol::playback::{
    Beat, Business, Device, MAX_SECONDS, PlayType, Position, SeasonType, VideoType,
};

use super::*;

fn positions() -> impl Strategy<Value = Position> {
    prop_oneof![
        Just(Position::End),
        (0..=MAX_SECONDS).prop_map(Position::At)
    ]
}

fn texts() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    prop_oneof![
        Just(None),
        "[0-9a-f]{32}".prop_map(|text| Some(Cow::Owned(text))),
        "[0-9A-F]{32}|.{0,8}".prop_map(|text| Some(Cow::Owned(text))),
    ]
}

fn beats() -> impl Strategy<Value = Beat<'static>> {
    let some = proptest::option::of::<proptest::strategy::BoxedStrategy<u32>>;
    let kinds = (
        proptest::sample::select(&PlayType::ALL),
        proptest::option::of(proptest::sample::select(&VideoType::ALL)),
        proptest::option::of(proptest::sample::select(&SeasonType::ALL)),
        proptest::option::of((1..=7_i64).prop_map(|number| Device::from_number(number).unwrap())),
    );
    let numbers = (1..=i64::MAX, 0..=i64::MAX, positions(), any::<u8>());
    let ids = proptest::collection::vec(proptest::option::of(0..=i64::MAX), 3);
    let seconds = proptest::collection::vec(some((0..=MAX_SECONDS).boxed()), 3);
    let places = proptest::collection::vec(proptest::option::of(positions()), 2);
    let parts = (kinds, numbers, texts(), texts(), ids, seconds, places);
    parts.prop_map(
        |(kinds, numbers, session, platform, ids, seconds, places)| Beat {
            aid: numbers.0,
            cid: numbers.1,
            position: numbers.2,
            play_type: kinds.0,
            session,
            platform,
            video_type: kinds.1,
            season_type: kinds.2,
            device: kinds.3,
            episode_id: ids[0],
            season_id: ids[1],
            duration_s: seconds[0],
            realtime_s: seconds[1],
            real_played_s: seconds[2],
            start_ts: ids[2],
            last_progress: places[0],
            max_progress: places[1],
            ignored_values: numbers.3,
        },
    )
}

proptest! {
    #[test]
    fn a_beat_reads_back_as_it_was_written(
        beat in beats(), viewer: u64, is_anonymous: bool, source: Option<u64>, day: i64, at_ms: Option<i64>,
    ) {
        let of_session = beat.session.as_deref().map(source_of_session);
        let record = Record::Beat(BeatRecord {
            viewer,
            is_anonymous,
            source: source.or(of_session).unwrap_or(7),
            day,
            at_ms,
            beat,
        });
        let bytes = record.encode();
        let read = Record::decode(&bytes);
        prop_assert_eq!(read.as_ref(), Some(&record));
        prop_assert_eq!(Record::decode(&bytes[..bytes.len() - 1]), None);
        let longer = [&bytes[..], &[0]].concat();
        prop_assert_eq!(Record::decode(&longer), None);
    }

    #[test]
    fn any_bytes_are_an_entry_or_none(bytes: Vec<u8>) {
        let _ = Record::decode(&bytes);
        let marked = [&[VERSION, 0], &bytes[..]].concat();
        let _ = Record::decode(&marked);
    }
}

#[test]
fn the_other_records_read_back_too() {
    let kid = |business, number| DeleteScope::Entry(Kid { business, number });
    let delete = |scope, at_ms| Record::Delete {
        viewer: 1 << 40,
        id: u64::MAX >> 1,
        scope,
        at_ms,
    };
    for record in [
        delete(DeleteScope::All, None),
        delete(DeleteScope::All, Some(-1)),
        delete(kid(Business::Pgc, i64::MAX), None),
        delete(kid(Business::Cheese, 1), Some(1_795_233_600_000)),
        Record::Undo {
            viewer: 5,
            ids: vec![1, u64::MAX],
        },
        Record::Erase { viewer: u64::MAX },
    ] {
        assert_eq!(Record::decode(&record.encode()), Some(record));
    }
}

#[test]
fn a_usual_beat_is_small() {
    let session = "0123456789abcdef0123456789abcdef";
    let record = |session: Option<&'static str>| {
        let beat = Beat {
            aid: 170_001,
            cid: 62_131,
            position: Position::At(600),
            session: session.map(Cow::Borrowed),
            video_type: Some(VideoType::Upload),
            device: Some(Device::WEB),
            duration_s: Some(1_800),
            realtime_s: Some(600),
            real_played_s: Some(590),
            start_ts: Some(1_795_233_000),
            ..Beat::default()
        };
        let record = BeatRecord {
            viewer: 1 << 60,
            is_anonymous: false,
            source: session.map_or(1, source_of_session),
            day: 20_778,
            at_ms: None,
            beat,
        };
        Record::Beat(record).encode().len()
    };
    assert_eq!((record(Some(session)), record(None)), (52, 44));
}
