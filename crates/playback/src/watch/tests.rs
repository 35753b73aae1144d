//! The bytes of rows of videos, and of the play sessions in them.

use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::playback::meaning::{
    FirstBeat, JoinedSessions, Newest, OrderKey, PlaySession,
};
use reportd_protocol::playback::{Beat, Business, Device, PlayType, Position};

use super::facts::Facts;
use super::{MOST_SEASONS, MOST_SOURCES, Slot, Source, Watch};
use crate::plays::{Plays, UNNAMED};
use crate::seen::runs::Runs;

fn key() -> impl Strategy<Value = OrderKey> {
    (0..4_000_000_i64, 0..3_u64, 0..100_u64).prop_map(|(later_ms, stream, sequence)| OrderKey {
        received_at_ms: 1_795_273_200_000 + later_ms,
        stream,
        sequence,
    })
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![Just(Position::End), (0..1_000_u32).prop_map(Position::At)]
}

fn facts() -> impl Strategy<Value = Facts> {
    let device = of(select(vec![1_i64, 7, 33]));
    let ids = (of(any::<i64>()), of(0..9_i64));
    let known = (
        position(),
        of(any::<u32>()),
        device,
        select(&Business::ALL[..]),
        ids,
    );
    known.prop_map(
        |(position, duration_s, device, business, (season_id, episode_id))| Facts {
            position,
            duration_s,
            device: device.and_then(Device::from_number),
            business,
            season_id,
            episode_id,
        },
    )
}

fn beats() -> impl Strategy<Value = Vec<PlaySession>> {
    let claims = (of(0..90_u32), of(0..90_u32), 0..3_u8);
    let beat = (
        key(),
        -1..2_i64,
        position(),
        select(&PlayType::ALL[..]),
        claims,
    );
    let beat = beat.prop_map(|(key, zone, position, play_type, (played, open, has))| {
        let beat = Beat {
            position,
            play_type,
            real_played_s: played.filter(|_| has == 0),
            realtime_s: open.filter(|_| has == 0),
            ..Beat::default()
        };
        let day = key.received_at_ms / 86_400_000 + zone;
        PlaySession::of_beat(FirstBeat { key, day }, &beat)
    });
    vec(beat, 1..6)
}

fn slot() -> impl Strategy<Value = Slot> {
    (
        0..3_i64,
        prop_oneof![Just(UNNAMED), 1..4_i64, Just(i64::MIN)],
        beats(),
    )
        .prop_map(|(cid, session, beats)| {
            let mut plays = Plays::none(session);
            plays.add(beats.iter());
            Slot {
                cid,
                session,
                plays,
            }
        })
}

fn watch() -> impl Strategy<Value = Watch> {
    let source = (0..3_i64, prop_oneof![0..4_u64, Just(1 << 63)]);
    let beat = (source, select(&PlayType::ALL[..]), key(), facts());
    let plays = (of(slot()), any::<bool>());
    let known = (
        btree_set(0..9_i64, 0..4),
        btree_set(any::<i64>(), 0..4),
        any::<bool>(),
    );
    (known, vec(beat, 0..6), of(key()), plays).prop_map(
        |((days, seasons, is_episode), beats, cut, (slot, has_more_plays))| {
            let mut watch = Watch {
                seasons: seasons.into_iter().collect(),
                is_episode,
                slot,
                has_more_plays,
                ..Watch::default()
            };
            for day in days {
                watch.days.insert(20_000 + day);
            }
            for (source, play_type, key, value) in beats {
                watch.take(source, play_type, Newest { key, value });
            }
            watch.set_cut(cut);
            watch
        },
    )
}

proptest! {
    #[test]
    fn a_row_reads_back(watch in watch()) {
        let bytes = watch.encode();
        prop_assert_eq!(Watch::decode(&bytes), Some(watch));
        for end in 0..bytes.len() {
            prop_assert_eq!(Watch::decode(&bytes[..end]), None);
        }
        let longer = [&bytes[..], &[0]].concat();
        prop_assert_eq!(Watch::decode(&longer), None);
    }

    #[test]
    fn play_sessions_of_a_row_of_their_own_read_back(slot in slot()) {
        let bytes = slot.plays.encode();
        prop_assert_eq!(Plays::decode(&bytes, slot.session), Some(slot.plays));
        for end in 0..bytes.len() {
            prop_assert_eq!(Plays::decode(&bytes[..end], slot.session), None);
        }
    }

    #[test]
    fn any_bytes_are_a_row_or_none(bytes in vec(any::<u8>(), 0..60)) {
        if let Some(watch) = Watch::decode(&bytes) {
            prop_assert_eq!(Watch::decode(&watch.encode()), Some(watch));
        }
    }
}

fn newest(at_s: i64, position: u32) -> Newest<Facts> {
    let key = OrderKey {
        received_at_ms: 1_795_273_200_000 + at_s * 1000,
        stream: 1,
        sequence: at_s.unsigned_abs(),
    };
    let beat = Beat {
        position: Position::At(position),
        duration_s: Some(600),
        device: Some(Device::WEB),
        ..Beat::default()
    };
    Newest {
        key,
        value: Facts::of(&beat),
    }
}

#[test]
fn a_row_of_one_device_and_play_session_is_small() {
    let mut watch = Watch::default();
    watch.days.insert(20_778);
    let source: Source = (1_176_840, 1 << 60);
    let mut plays = Plays::none(1 << 60);
    for at_s in [0, 15, 30] {
        let beat = newest(at_s, 300);
        watch.take(source, PlayType::Playing, beat);
        let told = Beat {
            position: beat.value.position,
            real_played_s: Some(30),
            ..Beat::default()
        };
        let first = FirstBeat {
            key: beat.key,
            day: 20_778,
        };
        plays.add([PlaySession::of_beat(first, &told)].iter());
    }
    watch.slot = Some(Slot {
        cid: source.0,
        session: 1 << 60,
        plays,
    });
    assert_eq!(watch.encode().len(), 43);
}

/// Whoever pauses on forty devices has thirty-two registers, the same in any order, and stands at the newest of those
/// where the active one is not among them.
#[test]
fn registers_are_bounded_in_any_order() {
    let beat = |source: u64| {
        let at_s = i64::try_from(source).unwrap();
        let play_type = if source == 0 {
            PlayType::Playing
        } else {
            PlayType::Pause
        };
        (
            (1, source),
            play_type,
            newest(at_s, 100 + u32::try_from(source).unwrap()),
        )
    };
    let forwards: Vec<_> = (0..40).map(beat).collect();
    let backwards: Vec<_> = (0..40).rev().map(beat).collect();
    let folded = |beats: Vec<(Source, PlayType, Newest<Facts>)>| {
        let mut watch = Watch::default();
        for (source, play_type, beat) in beats {
            watch.take(source, play_type, beat);
        }
        watch
    };
    let watch = folded(forwards);
    assert_eq!(watch.registers.sources().count(), MOST_SOURCES);
    assert_eq!(folded(backwards), watch);
    assert_eq!(watch.place(9).0, 1_795_273_200 + 39);
    let three = folded((0..3).map(beat).collect());
    assert_eq!(three.place(9).0, 1_795_273_200, "the active one");
}

#[test]
fn seasons_are_bounded_in_any_order() {
    let named = |seasons: &mut dyn Iterator<Item = i64>| {
        let mut watch = Watch::default();
        for season in seasons {
            assert!(watch.name_season(season), "{season}");
        }
        watch.seasons
    };
    let seasons = named(&mut (0..20));
    assert_eq!(seasons.len(), MOST_SEASONS);
    assert_eq!(named(&mut (0..20).rev()), seasons);
    let mut watch = Watch {
        seasons,
        ..Watch::default()
    };
    assert!(!watch.name_season(3));
}

#[test]
fn what_is_dropped_for_good_is_what_a_cut_hides() {
    let mut watch = Watch::default();
    watch.take((1, 1), PlayType::Playing, newest(10, 5));
    watch.take((1, 2), PlayType::Pause, newest(20, 6));
    let cut = newest(10, 0).key;
    watch.set_cut(Some(cut));
    let hidden = watch.place(9);
    assert_eq!(hidden.0, 1_795_273_220, "the pause is newer");
    watch.drop_to(cut);
    watch.set_cut(Some(cut));
    assert_eq!((watch.place(9), watch.cut), (hidden, None));
    watch.set_cut(Some(newest(20, 0).key));
    assert_eq!(watch.place(9), super::NO_PLACE);
    assert!(super::shown(9, &watch.encode()).is_none());
    let joined = Plays::Joined(JoinedSessions::default());
    assert_eq!(Plays::none(UNNAMED), joined);
    assert_eq!(watch.days, Runs::default());
}
