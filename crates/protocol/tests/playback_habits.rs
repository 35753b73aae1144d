//! Traces of known client habits, kept as data, from the bytes to the plays that they are. Where the viewer is in the end
//! is tried with the server (`forms::habits_of_clients_read_back_as_they_should`).

use std::collections::BTreeMap;

use reportd_protocol::playback::meaning::{FirstBeat, JoinedSessions, OrderKey, PlaySession};
use reportd_protocol::playback::{Beat, Form, Sent};
use serde::Deserialize;

/// All beats of a trace are of one viewer and one part.
#[derive(Deserialize)]
struct Habit {
    name: String,
    endpoint: String,
    /// Seconds from the start, which begins a quarter-minute, and the body.
    beats: Vec<(i64, String)>,
    /// Watched seconds, furthest and last position of each play session, sorted.
    plays: Vec<(i64, i64, i64)>,
}

const START_S: i64 = 1_763_700_000;

#[derive(Default)]
struct Meaning {
    named: BTreeMap<String, PlaySession>,
    unnamed: JoinedSessions,
}

impl Meaning {
    fn take(&mut self, key: OrderKey, beat: &Beat<'_>) {
        let session = PlaySession::of_beat(FirstBeat { key, day: 0 }, beat);
        let Some(name) = &beat.session else {
            self.unnamed.merge(JoinedSessions::join([session]));
            return;
        };
        match self.named.get_mut(name.as_ref()) {
            Some(known) => known.merge(&session),
            None => {
                self.named.insert(name.to_string(), session);
            }
        }
    }
}

fn take(habit: &Habit, meaning: &mut Meaning, place: usize) {
    let (at_s, body) = &habit.beats[place];
    let form = Form::read(&Sent {
        body: body.as_bytes(),
        ..Sent::default()
    });
    let form = form.unwrap_or_else(|refusal| panic!("{}: {refusal}", habit.name));
    let beat = match habit.endpoint.as_str() {
        "history" => Beat::history_report(&form),
        _ => Beat::heartbeat(&form),
    };
    let beat = beat.unwrap_or_else(|refusal| panic!("{}: {refusal}", habit.name));
    let key = OrderKey {
        received_at_ms: (START_S + at_s) * 1000,
        stream: 1,
        sequence: place as u64,
    };
    meaning.take(key, &beat);
}

#[test]
fn habits_of_clients_mean_what_they_should_in_any_order() {
    for line in include_str!("data/playback/habits.jsonl").lines() {
        let habit: Habit = serde_json::from_str(line).unwrap();
        let places = 0..habit.beats.len();
        let orders: [Vec<usize>; 3] = [
            places.clone().collect(),
            places.clone().rev().collect(),
            places.clone().chain(places.rev()).collect(),
        ];
        for order in orders {
            let mut meaning = Meaning::default();
            for place in order {
                take(&habit, &mut meaning, place);
            }
            let sessions = meaning.named.values().chain(meaning.unnamed.iter());
            let tallies = sessions.map(PlaySession::tally);
            let mut plays: Vec<_> = tallies
                .map(|tally| (tally.watched_s, tally.furthest.wire(), tally.left_at.wire()))
                .collect();
            plays.sort_unstable();
            assert_eq!(plays, habit.plays, "{}", habit.name);
        }
    }
}
