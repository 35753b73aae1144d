//! The rules of meaning are tried against a model that keeps every beat and does what the rules say,
//! word for word: in any order, over any split, with any repeat.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use reportd_protocol::playback::meaning::{
    FirstBeat, JOIN_GAP_MS, JoinedSessions, Newest, OrderKey, PartState, PlaySession, QuarterSet,
    Tally, tally_changes,
};
use reportd_protocol::playback::{Beat, PlayType, Position};

type Source = u8;
type Part = PartState<Source, u32>;

/// A beat with its key and source; `mark` is what tells it from others.
#[derive(Debug, Clone)]
struct Seen {
    key: OrderKey,
    source: Source,
    mark: u32,
    beat: Beat<'static>,
}

impl Seen {
    fn first(&self) -> FirstBeat {
        let day = self.key.received_at_ms.div_euclid(86_400_000);
        FirstBeat { key: self.key, day }
    }

    fn part(&self) -> Part {
        let register = Newest {
            key: self.key,
            value: self.mark,
        };
        Part::of_beat(self.source, self.beat.play_type, register)
    }

    fn session(&self) -> PlaySession {
        PlaySession::of_beat(self.first(), &self.beat)
    }
}

fn beat() -> impl Strategy<Value = Beat<'static>> {
    let position = prop_oneof![
        4 => (0..50_u32).prop_map(Position::At),
        1 => Just(Position::End),
    ];
    let claims = (of(0..100_u32), of(0..100_u32), 0..3);
    (select(&PlayType::ALL[..]), position, claims).prop_map(
        |(play_type, position, (real_played_s, realtime_s, has_claims))| Beat {
            play_type,
            position,
            real_played_s: real_played_s.filter(|_| has_claims == 0),
            realtime_s: realtime_s.filter(|_| has_claims == 0),
            ..Beat::default()
        },
    )
}

/// Up to 12 beats: seconds to an hour apart, some at the same time in two streams.
fn trace() -> impl Strategy<Value = Vec<Seen>> {
    let gap_ms = prop_oneof![
        3 => 0..20_000_i64,
        1 => Just(0),
        1 => JOIN_GAP_MS - 2..JOIN_GAP_MS + 3,
        1 => 0..4_000_000_i64,
    ];
    vec((gap_ms, 0..2_u64, 0..3_u8, beat()), 0..12).prop_map(|beats| {
        let mut received_at_ms = 1_763_700_000_000;
        let beats = beats.into_iter().zip(0_u32..);
        let seen = beats.map(|((gap_ms, stream, source, beat), mark)| {
            received_at_ms += gap_ms;
            let sequence = u64::from(mark);
            let key = OrderKey {
                received_at_ms,
                stream,
                sequence,
            };
            Seen {
                key,
                source,
                mark,
                beat,
            }
        });
        seen.collect()
    })
}

/// A trace in its order, and in another, with repeats, cut into batches.
fn folds() -> impl Strategy<Value = (Vec<Seen>, Vec<Vec<Seen>>)> {
    let with_repeats = trace().prop_flat_map(|trace| {
        let length = trace.len();
        let repeats = vec(0..length.max(1), 0..6);
        (Just(trace), repeats)
    });
    let shuffled = with_repeats.prop_flat_map(|(trace, repeats)| {
        let repeated = repeats.into_iter().filter_map(|place| trace.get(place));
        let all: Vec<Seen> = trace.iter().chain(repeated).cloned().collect();
        (Just(trace), Just(all).prop_shuffle(), vec(1..5_usize, 20))
    });
    shuffled.prop_map(|(trace, shuffled, lengths)| {
        let mut rest = shuffled.as_slice();
        let mut batches = Vec::new();
        for length in lengths {
            let (batch, after) = rest.split_at(length.min(rest.len()));
            batches.push(batch.to_vec());
            rest = after;
        }
        (trace, batches)
    })
}

/// Merges single beats into batches, and batches into one state.
fn fold<T: Default>(
    batches: &[Vec<Seen>],
    of: impl Fn(&Seen) -> T,
    merge: impl Fn(&mut T, T),
) -> T {
    let mut whole = T::default();
    for batch in batches {
        let mut state = T::default();
        for seen in batch {
            merge(&mut state, of(seen));
        }
        merge(&mut whole, state);
    }
    whole
}

/// The sessions of beats that carry no `session`: lists of neighbours at most 30 minutes apart.
fn model_sessions(trace: &[Seen]) -> Vec<Vec<&Seen>> {
    let mut sorted: Vec<&Seen> = trace.iter().collect();
    sorted.sort_by_key(|seen| seen.key);
    let mut sessions: Vec<Vec<&Seen>> = Vec::new();
    for seen in sorted {
        let last = sessions.last_mut().filter(|session| {
            let before = session[session.len() - 1];
            seen.key.received_at_ms - before.key.received_at_ms <= 1_800_000
        });
        match last {
            Some(session) => session.push(seen),
            None => sessions.push(vec![seen]),
        }
    }
    sessions
}

fn model_tally(session: &[&Seen]) -> Tally {
    let (first, last) = (session[0], session[session.len() - 1]);
    let greatest = |field: fn(&Beat<'static>) -> Option<u32>| {
        let values = session.iter().filter_map(|seen| field(&seen.beat));
        values.max().map(i64::from)
    };
    let claim = greatest(|beat| beat.real_played_s).or(greatest(|beat| beat.realtime_s));
    let open_s = (last.key.received_at_ms - first.key.received_at_ms) / 1000;
    let active = session
        .iter()
        .filter(|seen| seen.beat.play_type != PlayType::Pause);
    let quarters: BTreeSet<i64> = active
        .map(|seen| seen.key.received_at_ms / 15_000)
        .collect();
    Tally {
        day: first.first().day,
        watched_s: match claim {
            Some(claim) => claim.min(open_s + 15),
            None => quarters.iter().map(|_| 15).sum(),
        },
        furthest: session
            .iter()
            .map(|seen| seen.beat.position)
            .max()
            .unwrap_or_default(),
        left_at: last.beat.position,
    }
}

fn sorted(tallies: impl Iterator<Item = Tally>) -> Vec<Tally> {
    let mut tallies: Vec<_> = tallies.collect();
    tallies.sort_unstable();
    tallies
}

proptest! {
    #[test]
    fn a_part_reads_back_as_it_was_kept((_, batches) in folds()) {
        let state = fold(&batches, Seen::part, Part::merge);
        let kept = Part::from_parts(
            state.active().copied(),
            state.sources().map(|(source, beat)| (*source, *beat)),
        );
        prop_assert_eq!(kept, state);
    }

    #[test]
    fn what_is_kept_of_a_part_is_one_state_whatever_the_order((trace, batches) in folds()) {
        let in_order = fold(&[trace], Seen::part, Part::merge);
        prop_assert_eq!(fold(&batches, Seen::part, Part::merge), in_order);
    }

    #[test]
    fn play_sessions_without_a_name_are_joined_as_the_rule_says((trace, batches) in folds()) {
        let of = |seen: &Seen| JoinedSessions::join([seen.session()]);
        let joined = fold(&batches, of, JoinedSessions::merge);
        let expected = model_sessions(&trace);
        let found = sorted(joined.iter().map(PlaySession::tally));
        prop_assert_eq!(found, sorted(expected.iter().map(|session| model_tally(session))));
        for pair in joined.iter().collect::<Vec<_>>().windows(2) {
            prop_assert!(pair[1].first_ms() - pair[0].last_ms() > JOIN_GAP_MS);
        }
        prop_assert_eq!(&fold(&[trace], of, JoinedSessions::merge), &joined);
        let mut twice = joined.clone();
        twice.merge(joined.clone());
        prop_assert_eq!(twice, joined);
    }

    #[test]
    fn a_named_play_session_is_one_whatever_the_gaps((trace, batches) in folds()) {
        let merge = |state: &mut Option<PlaySession>, other: Option<PlaySession>| match (state, other) {
            (Some(state), Some(other)) => state.merge(&other),
            (state, Some(other)) => *state = Some(other),
            (_, None) => {}
        };
        let session = fold(&batches, |seen| Some(seen.session()), merge);
        let mut all: Vec<&Seen> = trace.iter().collect();
        all.sort_by_key(|seen| seen.key);
        let expected = (!all.is_empty()).then(|| model_tally(&all));
        prop_assert_eq!(session.map(|session| session.tally()), expected);
    }

    /// As a view folds: it moves the counts by the difference.
    #[test]
    fn counts_moved_by_differences_are_those_of_all_sessions((trace, batches) in folds()) {
        let mut stored: Vec<PlaySession> = Vec::new();
        let mut counts: BTreeMap<Tally, i64> = BTreeMap::new();
        for batch in &batches {
            let news = JoinedSessions::join(batch.iter().map(Seen::session));
            let mut after = JoinedSessions::join(stored.iter().cloned());
            after.merge(news);
            for (tally, difference) in tally_changes(&stored, after.iter()) {
                *counts.entry(tally).or_default() += difference;
            }
            stored = after.iter().cloned().collect();
        }
        let mut expected: BTreeMap<Tally, i64> = BTreeMap::new();
        for session in model_sessions(&trace) {
            *expected.entry(model_tally(&session)).or_default() += 1;
        }
        counts.retain(|_, count| *count != 0);
        prop_assert_eq!(counts, expected);
    }

    #[test]
    fn quarters_unite_and_survive_bytes(times_ms in vec(0..3_000_000_i64, 0..40), split in 0..40_usize) {
        let set = |times_ms: &[i64]| {
            let mut set = QuarterSet::default();
            for time_ms in times_ms {
                set.merge(&QuarterSet::of_time(*time_ms));
            }
            set
        };
        let (left, right) = times_ms.split_at(split.min(times_ms.len()));
        let mut united = set(right);
        united.merge(&set(left));
        let quarters: BTreeSet<i64> = times_ms.iter().map(|time_ms| time_ms / 15_000).collect();
        prop_assert_eq!(united.count(), quarters.len() as u64);
        prop_assert_eq!(&QuarterSet::from_bytes(&united.to_bytes()), &Some(united));
    }

    #[test]
    fn any_bytes_are_a_set_or_none(bytes in vec(any::<u8>(), 0..40)) {
        if let Some(set) = QuarterSet::from_bytes(&bytes) {
            prop_assert_eq!(QuarterSet::from_bytes(&set.to_bytes()), Some(set));
        }
    }
}

fn seen(at_s: i64, source: Source, play_type: u8, mark: u32) -> Seen {
    Seen {
        key: OrderKey {
            received_at_ms: at_s * 1000,
            stream: 1,
            sequence: u64::from(mark),
        },
        source,
        mark,
        beat: Beat {
            play_type: PlayType::from_number(i64::from(play_type)).unwrap_or_default(),
            position: Position::At(mark),
            ..Beat::default()
        },
    }
}

#[test]
fn a_thousand_sources_cost_one_row_and_one_for_each_paused_since() {
    let mut trace: Vec<Seen> = (0..1000_u32)
        .map(|mark| {
            seen(
                i64::from(mark),
                (mark % 251) as Source,
                (mark % 2) as u8 * 2,
                mark,
            )
        })
        .collect();
    trace.push(seen(2000, 255, 0, 1));
    trace.push(seen(2001, 254, 2, 2));
    let state = fold(&[trace], Seen::part, Part::merge);
    assert_eq!(state.sources().count(), 2);
}

#[test]
fn a_late_beat_joins_two_plays_into_one() {
    let [early, late] = [0, 3000].map(|at_s| seen(at_s, 1, 0, 0).session());
    let two = JoinedSessions::join([early, late]);
    assert_eq!(two.iter().count(), 2);
    let mut one = two.clone();
    one.merge(JoinedSessions::join([seen(1500, 1, 0, 0).session()]));
    let changes = tally_changes(two.iter(), one.iter());
    let plays: i64 = changes.iter().map(|(_, difference)| difference).sum();
    assert_eq!(plays, -1);
}
