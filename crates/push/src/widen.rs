//! The tables in a store of views. Of an older one parts are of 256 devices: four of them become one of 1,024.

use reportd_db::{Database, DbError, Row, Table, Tx, Value};
use reportd_journal::Reader;

use crate::marks::{Devices, Marks};
use crate::schema::{ACTIVE, MARK, PRESENCE, VIEW_MIGRATIONS};
use crate::users::{Presences, put_presences};

/// The number of the text behind which parts are widened.
const WIDE_PARTS: i64 = 3;
/// Devices of a part before.
const NARROW_DEVICES: u16 = 256;
/// Parts that become one.
const NARROW_PARTS: i64 = 4;
/// Rows that are read at once.
const ROWS: i64 = if cfg!(test) { 7 } else { 4_096 };

/// Makes the tables in a store of views, and brings those of an older store along.
///
/// # Errors
/// Those of [`reportd_db::migrate::Migrations::apply`]; [`DbError::Corrupt`] where a row of an older store cannot be read.
pub fn migrate_views(views: &Database) -> Result<(), DbError> {
    VIEW_MIGRATIONS.apply_with(views, |tx, number| match number {
        WIDE_PARTS => widen(tx),
        _ => Ok(()),
    })
}

/// Widens the parts of all tables that have some.
fn widen(tx: &mut Tx<'_>) -> Result<(), DbError> {
    widen_table(tx, &MARK, |rows| {
        let mut all = Marks::default();
        for (first, bytes) in rows {
            let marks = Marks::decode_with(bytes, |reader| read_narrow(reader, *first))?;
            for (deed, devices) in marks.iter() {
                all.add(deed, devices);
            }
        }
        Some(all.encode())
    })?;
    widen_table(tx, &ACTIVE, |rows| {
        let mut all = Devices::default();
        for (first, bytes) in rows {
            all = all.union(read_narrow(&mut Reader::new(bytes), *first)?);
        }
        let mut bytes = Vec::new();
        all.put(&mut bytes);
        Some(bytes)
    })?;
    widen_table(tx, &PRESENCE, |rows| {
        let mut all = Presences::new();
        for (first, bytes) in rows {
            for word in bytes.chunks(4) {
                let &[place, a, b, c] = word else { return None };
                all.insert(first + u16::from(place), u32::from_be_bytes([0, a, b, c]));
            }
        }
        Some(put_presences(&all))
    })
}

/// The devices of a narrow part: 0 for all, 255 and 32 bytes for many, else how many and the place of each.
fn read_narrow(reader: &mut Reader<'_>, first: u16) -> Option<Devices> {
    let mut devices = Devices::default();
    match reader.byte()? {
        0 => (0..NARROW_DEVICES).for_each(|place| devices.insert(first + place)),
        255 => {
            for (byte, eight) in (0_u16..).step_by(8).zip(reader.exact(32)?) {
                let set = (0..8).filter(|bit| eight >> bit & 1 != 0);
                set.for_each(|bit| devices.insert(first + byte + bit));
            }
        }
        count => {
            let places = reader.exact(count.into())?.iter();
            places.for_each(|place| devices.insert(first + u16::from(*place)));
        }
    }
    Some(devices)
}

/// Where a row stands: what it is about, and its part.
type Key = [i64; 3];
/// Rows that become one: the place of their first device, and what they hold.
type Narrow = Vec<(u16, Vec<u8>)>;

/// Makes one row of all that become one, in the order of their keys. No row that is written stands behind one that is still
/// to be read: the number of a wide part is not above those of its narrow ones.
fn widen_table(
    tx: &mut Tx<'_>,
    table: &Table,
    join: impl Fn(&Narrow) -> Option<Vec<u8>>,
) -> Result<(), DbError> {
    let name = table.name;
    let corrupt = || DbError::Corrupt(format!("table {name}: a row cannot be read"));
    let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    let (all, keys) = (names.join(", "), names[..3].join(", "));
    // With a number in the text PostgreSQL knows that few rows are asked for, and takes them from the index.
    let read = format!(
        "SELECT {all} FROM {name} WHERE ({keys}) > ($1, $2, $3) ORDER BY {keys} LIMIT {ROWS}"
    );
    let delete =
        format!("DELETE FROM {name} WHERE ({keys}) > ($1, $2, $3) AND ({keys}) <= ($4, $5, $6)");
    let mut after: Key = [i64::MIN; 3];
    let mut open: Option<(Key, Narrow)> = None;
    loop {
        let [about, more, part] = after.map(Value::from);
        let rows = tx.query(&read, &[about, more, part])?;
        let mut wide = Vec::new();
        let Some(last) = rows.last().map(key).transpose()? else {
            wide.extend(open.take());
            return write(tx, table, &wide, &join, corrupt);
        };
        let [last_about, last_more, last_part] = last.map(Value::from);
        tx.execute(
            &delete,
            &[about, more, part, last_about, last_more, last_part],
        )?;
        for mut row in rows {
            let [about, more, part] = key(&row)?;
            let of = [about, more, part.div_euclid(NARROW_PARTS)];
            let first = u16::try_from(part.rem_euclid(NARROW_PARTS)).map_err(|_| corrupt())?;
            let narrow = (first * NARROW_DEVICES, row.take_bytes(3)?);
            match &mut open {
                Some((known, rows)) if *known == of => rows.push(narrow),
                _ => wide.extend(open.replace((of, vec![narrow]))),
            }
        }
        write(tx, table, &wide, &join, corrupt)?;
        after = last;
    }
}

fn key(row: &Row) -> Result<Key, DbError> {
    Ok([row.int(0)?, row.int(1)?, row.int(2)?])
}

fn write(
    tx: &mut Tx<'_>,
    table: &Table,
    wide: &[(Key, Narrow)],
    join: impl Fn(&Narrow) -> Option<Vec<u8>>,
    corrupt: impl Fn() -> DbError,
) -> Result<(), DbError> {
    let mut written = Vec::new();
    for (key, rows) in wide {
        written.push((key.map(Value::from), join(rows).ok_or_else(&corrupt)?));
    }
    let mut rows: Vec<[Value<'_>; 4]> = (written.iter())
        .map(|([about, more, part], bytes)| [*about, *more, *part, bytes[..].into()])
        .collect();
    tx.upsert(table, &mut rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reportd_db::migrate::Migrations;
    use reportd_testbed::Ground;
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use rstest::rstest;

    use super::*;
    use crate::marks::{Deed, PART_DEVICES};
    use crate::users::read_presences;

    /// What a row is about, and a device.
    type Known = BTreeSet<(i64, i64, i64)>;

    /// The places of a narrow part that have a device: some are full, some hold many, most few.
    fn places(about: i64, part: i64) -> Vec<u8> {
        let rarity = match (about + part) % 7 {
            0 => 1,
            1 => 3,
            2 => 255,
            _ => 61,
        };
        let number = |place: u8| ((about * 31 + part * 17 + i64::from(place)) * 2_654_435_761) >> 7;
        (0..=u8::MAX)
            .filter(|place| number(*place) % rarity == 0)
            .collect()
    }

    fn put_narrow(places: &[u8]) -> Vec<u8> {
        let mut bitmap = [0_u8; 32];
        for place in places {
            bitmap[usize::from(place / 8)] |= 1 << (place % 8);
        }
        match u8::try_from(places.len()) {
            Err(_) => vec![0],
            Ok(count) if count < 32 => [&[count], places].concat(),
            Ok(_) => [&[255], &bitmap[..]].concat(),
        }
    }

    /// Fills a table of an older store.
    fn fill(views: &Database, table: &Table, abouts: i64, put: impl Fn(&[u8]) -> Vec<u8>) -> Known {
        let mut known = Known::new();
        let mut written = Vec::new();
        for about in 1..=abouts {
            for part in (0..300).filter(|part| (about + part) % 5 != 0) {
                let places = places(about, part);
                if places.is_empty() {
                    continue;
                }
                known.extend(
                    places
                        .iter()
                        .map(|place| (about, 7, part * 256 + i64::from(*place))),
                );
                written.push((about, part, put(&places)));
            }
        }
        let insert = format!("INSERT INTO {} VALUES ($1, 7, $2, $3)", table.name);
        let write = |tx: &mut Tx<'_>| {
            for (about, part, bytes) in &written {
                tx.execute(
                    &insert,
                    &[(*about).into(), (*part).into(), bytes[..].into()],
                )?;
            }
            Ok(())
        };
        views.write(write).unwrap();
        known
    }

    fn read(views: &Database, table: &Table, places: impl Fn(&[u8]) -> Vec<u16>) -> Known {
        let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
        let mut known = Known::new();
        for mut row in views.query(&sql, &[]).unwrap() {
            let [about, more, part] = key(&row).unwrap();
            for place in places(&row.take_bytes(3).unwrap()) {
                known.insert((about, more, part * PART_DEVICES + i64::from(place)));
            }
        }
        known
    }

    #[rstest]
    fn what_an_older_store_knows_of_devices_stays(#[values(Embedded, Postgres)] kind: StoreKind) {
        let ground = Ground::new(kind);
        let views = ground.open("views");
        let texts = &VIEW_MIGRATIONS.texts[..2];
        let older = Migrations {
            texts,
            ..VIEW_MIGRATIONS
        };
        older.apply(&views).unwrap();
        // Parts that become one come in several reads, too; a row of marks has two deeds.
        let deeds = |places: &[u8]| {
            let (all, one) = (put_narrow(places), put_narrow(&places[..1]));
            [&[40, 9][..], &all, &[2, 8], &one].concat()
        };
        let marked = fill(&views, &MARK, 3, deeds);
        let active = fill(&views, &ACTIVE, 2, put_narrow);
        let seen = fill(&views, &PRESENCE, 2, |places| {
            places
                .iter()
                .flat_map(|place| [*place, 0x1b, 0, 3])
                .collect()
        });
        migrate_views(&views).unwrap();
        let places = |devices: Devices| devices.places().collect::<Vec<_>>();
        let of_marks = |bytes: &[u8]| {
            let marks = Marks::decode(bytes).unwrap();
            let deeds: Vec<_> = marks.iter().map(|(deed, _)| deed).collect();
            assert_eq!(
                deeds,
                [Deed { day: 20, what: 9 }, Deed { day: 21, what: 8 }]
            );
            places(marks.of(|_| true))
        };
        assert!(read(&views, &MARK, of_marks) == marked, "marks");
        let of_active = |bytes: &[u8]| places(Devices::read(&mut Reader::new(bytes)).unwrap());
        assert!(read(&views, &ACTIVE, of_active) == active, "active");
        let of_presences = |bytes: &[u8]| {
            let presences = read_presences(bytes).unwrap().into_iter();
            presences
                .map(|(place, newest)| {
                    assert_eq!(newest, 0x1b_0003);
                    place
                })
                .collect()
        };
        assert!(read(&views, &PRESENCE, of_presences) == seen, "presences");
        let rows = views.query("SELECT COUNT(*) FROM push_mark", &[]).unwrap();
        assert_eq!(rows[0].int(0), Ok(3 * 75));
    }
}
