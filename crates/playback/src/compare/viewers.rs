//! Comparing what is known of viewers.

use std::collections::BTreeMap;
use std::fmt::Write;

use reportd_db::{DbError, Row, Tx};
use reportd_journal::Difference;

use super::walk::{Walk, next_pair};
use crate::plays::Plays;
use crate::schema::SEEN;
use crate::seen::Seen;
use crate::watch::Watch;

const SEEN_PAGE: &str =
    "SELECT viewer, state FROM playback_seen WHERE viewer > $1 ORDER BY viewer LIMIT $2";
const WATCH_PAGE: &str = "SELECT viewer, aid, view_at, number, business, state FROM playback_watch \
                          WHERE (viewer, aid) > ($1, $2) ORDER BY viewer, aid LIMIT $3";
const PLAYS: &str = "SELECT cid, session, state FROM playback_play WHERE viewer = $1 AND aid = $2";

/// What is said of a thing, by the names of its sides.
type Said = Vec<(&'static str, String)>;

/// Compares deletes and erasures. When viewers were viewing is not compared: a store forgets it, and it is counted.
pub(super) fn compare_seen(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    let (mut left, mut right) = (Walk::<1>::new(SEEN_PAGE), Walk::<1>::new(SEEN_PAGE));
    while let Some(([viewer], a, b)) =
        next_pair((&mut left, &mut *stored), (&mut right, &mut *folded))?
    {
        let seen =
            |row: Option<Row>| row.map_or_else(|| Ok(Seen::default()), |row| read_seen(row, 1));
        let [a, b] = level(seen(a)?, seen(b)?).map(|seen| said_of_seen(&seen));
        tell_difference(&format!("playback viewer {viewer}"), &a, &b, tell);
    }
    Ok(())
}

/// Both with those deletes forgotten that are final in one of them.
fn level(mut a: Seen, mut b: Seen) -> [Seen; 2] {
    let before_ms = a.final_before_ms.max(b.final_before_ms);
    for seen in [&mut a, &mut b] {
        seen.final_before_ms = before_ms;
        if let Some(before_ms) = before_ms {
            seen.forget_final(before_ms);
        }
    }
    [a, b]
}

fn said_of_seen(seen: &Seen) -> Said {
    let mut said = Said::new();
    if seen.is_erased {
        said.push(("erased", "yes".to_owned()));
    }
    if !seen.deletes.is_empty() {
        said.push(("deletes", format!("{:?}", seen.deletes)));
    }
    if !seen.seasons.is_empty() {
        said.push(("seasons deleted", format!("{:?}", seen.seasons)));
    }
    said
}

/// Compares where viewers are in videos, on which days they watched, and their play sessions.
pub(super) fn compare_watches(
    stored: &mut Tx<'_>,
    folded: &mut Tx<'_>,
    tell: &mut dyn FnMut(Difference),
) -> Result<(), DbError> {
    let (mut left, mut right) = (Walk::<2>::new(WATCH_PAGE), Walk::<2>::new(WATCH_PAGE));
    let mut of_viewer = None;
    while let Some(([viewer, aid], a, b)) =
        next_pair((&mut left, &mut *stored), (&mut right, &mut *folded))?
    {
        let seen = match of_viewer.take().filter(|(known, _)| *known == viewer) {
            Some((_, seen)) => seen,
            None => [find_seen(stored, viewer)?, find_seen(folded, viewer)?],
        };
        let before_ms = seen[0].final_before_ms.max(seen[1].final_before_ms);
        let a = said_of_row(stored, (viewer, aid), a, (&seen[0], before_ms))?;
        let b = said_of_row(folded, (viewer, aid), b, (&seen[1], before_ms))?;
        tell_difference(&format!("playback viewer {viewer} aid {aid}"), &a, &b, tell);
        of_viewer = Some((viewer, seen));
    }
    Ok(())
}

fn find_seen(tx: &mut Tx<'_>, viewer: i64) -> Result<Seen, DbError> {
    let row = tx.find(&SEEN, &[[viewer.into()]])?.into_iter().next();
    row.flatten()
        .map_or_else(|| Ok(Seen::default()), |row| read_seen(row, 1))
}

fn read_seen(mut row: Row, column: usize) -> Result<Seen, DbError> {
    Seen::decode(&row.take_bytes(column)?).ok_or_else(unreadable)
}

fn unreadable() -> DbError {
    DbError::Corrupt("a row of a viewer cannot be read".to_owned())
}

/// What a row says, and the play sessions of its video. What is covered by deletes that are final is not said.
fn said_of_row(
    tx: &mut Tx<'_>,
    (viewer, aid): (i64, i64),
    row: Option<Row>,
    (seen, before_ms): (&Seen, Option<i64>),
) -> Result<Said, DbError> {
    let Some(mut row) = row else {
        return Ok(Said::new());
    };
    let place = (row.int(2)?, row.int(3)?, row.int(4)?);
    let mut watch = Watch::decode(&row.take_bytes(5)?).ok_or_else(unreadable)?;
    if let Some(before_ms) = before_ms {
        let cuts = seen.final_cuts(before_ms);
        if let Some(cut) = cuts.newest_for_good(&watch.as_deleted(aid)) {
            watch.drop_to(cut);
        }
    }
    let mut said = Said::new();
    let shown = match place.0 {
        0.. => format!("{place:?}"),
        _ => "none".to_owned(),
    };
    said.push(("place", shown));
    let days: Vec<i64> = watch.days.iter().collect();
    said.push(("days", format!("{days:?}")));
    if watch.is_episode || !watch.seasons.is_empty() {
        let episode = if watch.is_episode { "episode " } else { "" };
        said.push(("seasons", format!("{episode}{:?}", watch.seasons)));
    }
    if watch.registers.sources().next().is_some() {
        said.push(("registers", format!("{:?}", watch.registers)));
    }
    let mut plays = BTreeMap::new();
    let beside = if watch.has_more_plays {
        tx.query(PLAYS, &[viewer.into(), aid.into()])?
    } else {
        Vec::new()
    };
    for mut row in beside {
        let (cid, session) = (row.int(0)?, row.int(1)?);
        let read = Plays::decode(&row.take_bytes(2)?, session).ok_or_else(unreadable)?;
        plays.insert((cid, session), read);
    }
    if let Some(slot) = watch.slot {
        plays.insert((slot.cid, slot.session), slot.plays);
    }
    said.push(("plays", format!("{plays:?}")));
    Ok(said)
}

fn tell_difference(what: &str, a: &Said, b: &Said, tell: &mut dyn FnMut(Difference)) {
    if a == b {
        return;
    }
    let text = |said: &Said, other: &Said| {
        let mut text = String::new();
        for (name, value) in said.iter().filter(|side| !other.contains(side)) {
            let _ = write!(text, "{name} {value} ");
        }
        (!said.is_empty()).then(|| text.trim_end().to_owned())
    };
    tell(Difference {
        what: what.to_owned(),
        stored: text(a, b),
        folded: text(b, a),
    });
}
