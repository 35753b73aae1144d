//! Moving the histograms of how far play sessions got.

use reportd_db::{DbError, Row, Tx, Value};
use reportd_protocol::playback::meaning::Tally;

use super::Part;
use crate::reach::{Counts, Reach, chunk_of};
use crate::schema::REACH;

/// In the place of the day in the rows of all days.
pub(crate) const ALL_DAYS: i64 = -1;

/// A row: app, video, day, part and chunk.
type Key = [i64; 5];

/// By how much histograms move.
#[derive(Debug, Default)]
pub(super) struct Reaches(Vec<(Key, u32, Counts)>);

/// A row, and how it moves.
type Moves<'m> = &'m [(Key, u32, Counts)];

impl Reaches {
    /// Counts a play session `by` times more.
    pub(super) fn count(&mut self, (app, aid, cid): Part, tally: &Tally, by: i64) {
        for (position, counts) in [
            (
                tally.furthest,
                Counts {
                    furthest: by,
                    left_at: 0,
                },
            ),
            (
                tally.left_at,
                Counts {
                    furthest: 0,
                    left_at: by,
                },
            ),
        ] {
            let (chunk, place) = chunk_of(position);
            for day in [tally.day, ALL_DAYS] {
                let key = [app.into(), aid, day, cid, chunk];
                self.0.push((key, place, counts));
            }
        }
    }

    /// Locks the rows that move, and writes them. Those that are missing are made; where another node has made one just
    /// now it is locked after all.
    pub(super) fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let moves = self.summed();
        let rows: Vec<Moves<'_>> = moves.chunk_by(|a, b| a.0 == b.0).collect();
        let keys: Vec<[Value<'_>; 5]> = rows.iter().map(|moves| key(moves)).collect();
        let found = tx.find_locked(&REACH, &keys)?;
        let mut missing = Vec::new();
        let mut known = Vec::new();
        for (moves, row) in rows.into_iter().zip(found) {
            let state = moved(moves, row)?;
            match state {
                (true, state) => known.push((moves, state)),
                (false, state) => missing.push((moves, state)),
            }
        }
        let is_new = tx.insert_new(&REACH, &written(&missing))?;
        let made_by_others = missing.iter().zip(is_new).filter(|(_, is_new)| !is_new);
        let made_by_others: Vec<Moves<'_>> = made_by_others.map(|((moves, _), _)| *moves).collect();
        let keys: Vec<[Value<'_>; 5]> = made_by_others.iter().map(|moves| key(moves)).collect();
        let found = tx.find_locked(&REACH, &keys)?;
        for (moves, row) in made_by_others.into_iter().zip(found) {
            known.push((moves, moved(moves, row)?.1));
        }
        tx.upsert(&REACH, &mut written(&known))
    }

    /// One move for each place, in the order of keys; none that is nothing.
    fn summed(self) -> Vec<(Key, u32, Counts)> {
        let mut moves = self.0;
        moves.sort_unstable_by_key(|(key, place, _)| (*key, *place));
        moves.dedup_by(|next, kept| {
            let is_same = (next.0, next.1) == (kept.0, kept.1);
            if is_same {
                kept.2.furthest += next.2.furthest;
                kept.2.left_at += next.2.left_at;
            }
            is_same
        });
        moves.retain(|(_, _, counts)| *counts != Counts::default());
        moves
    }
}

fn key(moves: &Moves<'_>) -> [Value<'static>; 5] {
    moves[0].0.map(Value::Int)
}

/// Whether a row was there, and what it says with these moves.
fn moved(moves: Moves<'_>, row: Option<Row>) -> Result<(bool, Vec<u8>), DbError> {
    let unreadable = || DbError::Corrupt("a row of playback_reach cannot be read".to_owned());
    let is_known = row.is_some();
    let stored = row.map(|mut row| row.take_bytes(0)).transpose()?;
    let mut reach = match stored.filter(|bytes| !bytes.is_empty()) {
        Some(bytes) => Reach::decode(&bytes).ok_or_else(unreadable)?,
        // One that has come to say nothing does not say what of.
        None => Reach::of_chunk(moves[0].0[4]),
    };
    for (_, place, by) in moves {
        reach.add(*place, *by);
    }
    Ok((is_known, reach.encode()))
}

fn written<'w>(rows: &'w [(Moves<'_>, Vec<u8>)]) -> Vec<[Value<'w>; 6]> {
    let row = |(moves, state): &'w (Moves<'_>, Vec<u8>)| {
        let [app, aid, day, cid, chunk] = moves[0].0;
        [
            app.into(),
            aid.into(),
            day.into(),
            cid.into(),
            chunk.into(),
            state[..].into(),
        ]
    };
    rows.iter().map(row).collect()
}
