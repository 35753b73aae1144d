//! Users: the day on which a device registered, who was online on a day, and how many at each point of time.

use std::collections::BTreeMap;

use reportd_db::{DbError, Table, Tx, Value};
use reportd_journal::Reader;
use reportd_protocol::push::{ONLINE_STEP_MS, PRESENCE_MS};

use crate::gather::{Gathered, Presence};
use crate::marks::{Devices, PLACE_BITS, part_of};
use crate::numbers::{number, unnumbered};
use crate::schema::{ACTIVE, ONLINE, PRESENCE, REGISTERED, USER_DAY};

/// By app and day: how many more registered, and were online.
type UserDays = BTreeMap<(i64, i64), (i64, i64)>;
/// A row of devices: the app, the day or the point in ms, and the part.
type PartKey = (i64, i64, i64);

/// Folds what a batch tells of users; `numbers` are those of its devices.
pub(crate) fn fold_users(
    tx: &mut Tx<'_>,
    gathered: &Gathered<'_>,
    numbers: &[i64],
) -> Result<(), DbError> {
    let mut days = UserDays::new();
    register(tx, gathered, numbers, &mut days)?;
    let active = active_parts(&gathered.presences, numbers)?;
    for (app, day, _) in active.keys() {
        days.entry((*app, *day)).or_default();
    }
    let keys: Vec<_> = days.keys().copied().collect();
    let zeros: Vec<[Value<'_>; 4]> = (keys.iter())
        .map(|&(app, day)| [app.into(), day.into(), 0_i64.into(), 0_i64.into()])
        .collect();
    lock(tx, &USER_DAY, &zeros, &keys)?;
    mark_active(tx, &active, &mut days)?;
    let changed = days.into_iter().filter(|(_, change)| *change != (0, 0));
    let mut rows: Vec<[Value<'_>; 4]> = changed
        .map(|((app, day), (registered, active))| {
            [app.into(), day.into(), registered.into(), active.into()]
        })
        .collect();
    tx.upsert(&USER_DAY, &mut rows)?;
    fold_presence(tx, &gathered.presences, numbers)
}

/// Locks rows, in key order; those that are missing are made first.
fn lock<const N: usize>(
    tx: &mut Tx<'_>,
    table: &Table,
    zeros: &[[Value<'_>; N]],
    keys: &[(i64, i64)],
) -> Result<(), DbError> {
    tx.insert_new(table, zeros)?;
    let keys: Vec<[Value<'_>; 2]> = keys.iter().map(|&(a, b)| [a.into(), b.into()]).collect();
    tx.find_locked(table, &keys).map(|_| ())
}

/// A device registers on the day of its earliest event: an earlier one that comes later moves it.
fn register(
    tx: &mut Tx<'_>,
    gathered: &Gathered<'_>,
    numbers: &[i64],
    days: &mut UserDays,
) -> Result<(), DbError> {
    let mut told: Vec<(i64, i64, (i64, i64))> = Vec::with_capacity(gathered.registered.len());
    for (&device, &earliest) in &gathered.registered {
        let known = gathered.devices.all.get(device as usize);
        let (app, _) = known.ok_or_else(unnumbered)?;
        told.push((number(numbers, device)?, i64::from(*app), earliest));
    }
    told.sort_unstable();
    let rows: Vec<[Value<'_>; 3]> = (told.iter())
        .map(|&(device, _, (at_ms, day))| [device.into(), at_ms.into(), day.into()])
        .collect();
    let is_new = tx.insert_new(&REGISTERED, &rows)?;
    let mut known = Vec::new();
    for (told, is_new) in told.into_iter().zip(is_new) {
        if is_new {
            let (_, app, (_, day)) = told;
            days.entry((app, day)).or_default().0 += 1;
        } else {
            known.push(told);
        }
    }
    let keys: Vec<[Value<'_>; 1]> = known
        .iter()
        .map(|(device, ..)| [(*device).into()])
        .collect();
    let mut moved: Vec<[Value<'_>; 3]> = Vec::new();
    let stored = tx.find_locked(&REGISTERED, &keys)?;
    for ((device, app, (at_ms, day)), row) in known.into_iter().zip(stored) {
        let Some(row) = row else { continue };
        if at_ms < row.int(0)? {
            days.entry((app, row.int(1)?)).or_default().0 -= 1;
            days.entry((app, day)).or_default().0 += 1;
            moved.push([device.into(), at_ms.into(), day.into()]);
        }
    }
    tx.upsert(&REGISTERED, &mut moved)
}

/// Who was online, by app, day and part.
fn active_parts(
    presences: &[Presence],
    numbers: &[i64],
) -> Result<BTreeMap<PartKey, Devices>, DbError> {
    let mut parts = BTreeMap::<PartKey, Devices>::new();
    for presence in presences.iter().filter(|presence| presence.is_online) {
        let (part, place) = part_of(number(numbers, presence.device)?);
        let key = (i64::from(presence.app), presence.day, part);
        parts.entry(key).or_default().insert(place);
    }
    Ok(parts)
}

fn mark_active(
    tx: &mut Tx<'_>,
    parts: &BTreeMap<PartKey, Devices>,
    days: &mut UserDays,
) -> Result<(), DbError> {
    fold_parts(tx, &ACTIVE, parts, |key, devices, stored| {
        let known = match stored {
            Some(bytes) => Devices::read(&mut Reader::new(bytes))?,
            None => Devices::default(),
        };
        let new = devices.without(known).count();
        days.entry((key.0, key.1)).or_default().1 += new;
        let mut bytes = Vec::new();
        known.union(*devices).put(&mut bytes);
        Some((new > 0).then_some(bytes))
    })
}

/// How many devices of a part were online; `None` where these are no devices.
pub(crate) fn count_active(bytes: &[u8]) -> Option<i64> {
    Devices::read(&mut Reader::new(bytes)).map(Devices::count)
}

/// Of how many devices of a part a presence is known, and the sum of these; `None` where these are no presences.
pub(crate) fn sum_presences(bytes: &[u8]) -> Option<(i64, i64)> {
    let presences = read_presences(bytes)?;
    let count = i64::try_from(presences.len()).ok()?;
    Some((
        count,
        presences.values().map(|newest| i64::from(*newest)).sum(),
    ))
}

/// Reads the rows of parts, lets `merge` make the new ones, and writes those. `merge` tells `None` where the stored bytes
/// cannot be read, and `Some(None)` where nothing changes.
fn fold_parts<T>(
    tx: &mut Tx<'_>,
    table: &Table,
    parts: &BTreeMap<PartKey, T>,
    mut merge: impl FnMut(&PartKey, &T, Option<&[u8]>) -> Option<Option<Vec<u8>>>,
) -> Result<(), DbError> {
    let keys: Vec<[Value<'_>; 3]> = (parts.keys())
        .map(|&(app, at, part)| [app.into(), at.into(), part.into()])
        .collect();
    let mut written = Vec::new();
    for ((key, told), row) in parts.iter().zip(tx.find(table, &keys)?) {
        let stored = row.map(|mut row| row.take_bytes(0)).transpose()?;
        let merged = merge(key, told, stored.as_deref()).ok_or_else(|| {
            DbError::Corrupt(format!("table {}: a row cannot be read", table.name))
        })?;
        if let Some(bytes) = merged {
            written.push((*key, bytes));
        }
    }
    let mut rows: Vec<[Value<'_>; 4]> = (written.iter())
        .map(|((app, at, part), bytes)| {
            [
                (*app).into(),
                (*at).into(),
                (*part).into(),
                bytes[..].into(),
            ]
        })
        .collect();
    tx.upsert(table, &mut rows)
}

/// How new a presence is at a point, and what it tells: the greatest of a device wins, and of two at one time `offline`.
pub(crate) type Newest = u32;
const NEWEST_BITS: u32 = 32 - PLACE_BITS;

/// The presences of a part before a point: of each device the newest, by its place.
pub(crate) type Presences = BTreeMap<u16, Newest>;

fn is_online(newest: Newest) -> bool {
    newest.is_multiple_of(2)
}

fn fold_presence(tx: &mut Tx<'_>, presences: &[Presence], numbers: &[i64]) -> Result<(), DbError> {
    let mut parts = BTreeMap::<PartKey, Presences>::new();
    for presence in presences {
        let (part, place) = part_of(number(numbers, presence.device)?);
        for (point_ms, newest) in points(*presence) {
            let key = (i64::from(presence.app), point_ms, part);
            let known = parts.entry(key).or_default().entry(place).or_default();
            *known = (*known).max(newest);
        }
    }
    let mut keys: Vec<(i64, i64)> = parts.keys().map(|&(app, point, _)| (app, point)).collect();
    keys.dedup();
    let zeros: Vec<[Value<'_>; 3]> = (keys.iter())
        .map(|&(app, point)| [app.into(), point.into(), 0_i64.into()])
        .collect();
    lock(tx, &ONLINE, &zeros, &keys)?;
    let mut users = BTreeMap::<(i64, i64), i64>::new();
    fold_parts(tx, &PRESENCE, &parts, |key, told, stored| {
        let mut known = read_presences(stored.unwrap_or_default())?;
        let (before, mut has_changed) = (count_online(&known), false);
        for (&place, &newest) in told {
            let of_device = known.entry(place).or_default();
            has_changed |= newest > *of_device;
            *of_device = newest.max(*of_device);
        }
        *users.entry((key.0, key.1)).or_default() += count_online(&known) - before;
        Some(has_changed.then(|| put_presences(&known)))
    })?;
    let mut rows: Vec<[Value<'_>; 3]> = (users.into_iter())
        .filter(|(_, change)| *change != 0)
        .map(|((app, point), change)| [app.into(), point.into(), change.into()])
        .collect();
    tx.upsert(&ONLINE, &mut rows)
}

/// The points at which a presence matters: those behind it, nearer than 15 minutes.
fn points(presence: Presence) -> impl Iterator<Item = (i64, Newest)> {
    let (at_ms, is_online) = (presence.at_ms, presence.is_online);
    let first = at_ms.div_euclid(ONLINE_STEP_MS) + i64::from(at_ms.rem_euclid(ONLINE_STEP_MS) != 0);
    (first..)
        .map(|step| step * ONLINE_STEP_MS)
        .map_while(move |point_ms| {
            let since_ms = at_ms - (point_ms - PRESENCE_MS);
            let since = u32::try_from(since_ms).ok().filter(|&since| since > 0)?;
            Some((point_ms, since * 2 + u32::from(!is_online)))
        })
}

fn count_online(presences: &Presences) -> i64 {
    let online = presences.values().filter(|&&newest| is_online(newest));
    i64::try_from(online.count()).unwrap_or(i64::MAX)
}

/// Four bytes a device: its place, and the newest, below 2²¹ since 15 minutes have 900,000 ms.
pub(crate) fn put_presences(presences: &Presences) -> Vec<u8> {
    let words = presences.iter();
    words
        .flat_map(|(&place, &newest)| (u32::from(place) << NEWEST_BITS | newest).to_be_bytes())
        .collect()
}

pub(crate) fn read_presences(bytes: &[u8]) -> Option<Presences> {
    let mut chunks = bytes.chunks_exact(4);
    let presences = chunks.by_ref().map(|word| {
        let word = u32::from_be_bytes([word[0], word[1], word[2], word[3]]);
        let place = u16::try_from(word >> NEWEST_BITS).ok()?;
        Some((place, word & ((1 << NEWEST_BITS) - 1)))
    });
    let presences = presences.collect::<Option<_>>()?;
    chunks.remainder().is_empty().then_some(presences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(at_ms: i64, is_online: bool) -> Presence {
        Presence {
            app: 1,
            device: 0,
            at_ms,
            day: 0,
            is_online,
        }
    }

    #[test]
    fn a_presence_matters_at_the_points_of_the_fifteen_minutes_behind_it() {
        const MINUTE_MS: i64 = 60_000;
        for (at_ms, expected) in [
            (0, vec![0, 10]),
            (1, vec![10]),
            (5 * MINUTE_MS, vec![10]),
            (5 * MINUTE_MS + 1, vec![10, 20]),
            (10 * MINUTE_MS, vec![10, 20]),
            (10 * MINUTE_MS - 1, vec![10, 20]),
        ] {
            let points = points(presence(at_ms, true)).map(|(point, _)| point / MINUTE_MS);
            assert_eq!(points.collect::<Vec<_>>(), expected, "{at_ms}");
        }
    }

    #[test]
    fn the_newest_wins_and_of_two_at_one_time_offline() {
        let newest = |at_ms, is_online| points(presence(at_ms, is_online)).next().unwrap().1;
        assert!(newest(2, true) > newest(1, false));
        assert!(newest(2, false) > newest(2, true));
        assert!(is_online(newest(2, true)) && !is_online(newest(2, false)));
        let presences = Presences::from([(0, newest(600_000, false)), (1023, 3)]);
        let bytes = put_presences(&presences);
        assert_eq!(read_presences(&bytes), Some(presences));
        assert_eq!(read_presences(&bytes[1..]), None);
    }
}
