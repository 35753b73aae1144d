//! Random operations on a store against a naive model of the merge policies.

use std::collections::BTreeMap;

use crate::stores::ground;
use proptest::prelude::*;
use reportd_db::migrate::Migrations;
use reportd_db::{Column, DbError, Merge, Table, Tx, Value};

const SCHEMA: Migrations = Migrations {
    set: "model",
    texts: &[
        "CREATE TABLE counter (a BIGINT NOT NULL, b {{text}} NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (a, b)) \
              {{clustered}};\n\
              CREATE TABLE register (k {{bytes}} NOT NULL, at BIGINT NOT NULL, tie {{bytes}} NOT NULL, \
              v {{text}} NOT NULL, PRIMARY KEY (k)) {{clustered}};\n\
              CREATE TABLE seen (k BIGINT NOT NULL, v BIGINT NOT NULL, since BIGINT NOT NULL, \
              until BIGINT NOT NULL, PRIMARY KEY (k)) {{clustered}};\n\
              CREATE TABLE span (k BIGINT NOT NULL, least BIGINT NOT NULL, greatest {{bytes}} NOT NULL, \
              n BIGINT NOT NULL, PRIMARY KEY (k)) {{clustered}};\n",
    ],
};

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

const COUNTER: Table = Table {
    name: "counter",
    columns: &[
        column("a", Merge::Key),
        column("b", Merge::Key),
        column("n", Merge::Add),
    ],
};
const REGISTER: Table = Table {
    name: "register",
    columns: &[
        column("k", Merge::Key),
        column("at", Merge::Order),
        column("tie", Merge::Order),
        column("v", Merge::Payload),
    ],
};
const SEEN: Table = Table {
    name: "seen",
    columns: &[
        column("k", Merge::Key),
        column("v", Merge::Payload),
        column("since", Merge::Least),
        column("until", Merge::Greatest),
    ],
};
const SPAN: Table = Table {
    name: "span",
    columns: &[
        column("k", Merge::Key),
        column("least", Merge::Least),
        column("greatest", Merge::Greatest),
        column("n", Merge::Add),
    ],
};

/// The same rows, read under a lock and written again.
const SPAN_READ: Table = Table {
    name: "span",
    columns: &[
        column("k", Merge::Key),
        column("least", Merge::Replace),
        column("greatest", Merge::Replace),
        column("n", Merge::Replace),
    ],
};

#[derive(Debug, Clone)]
enum Operation {
    Count(Vec<(i64, String, i64)>),
    Register(Vec<(u8, i64, u8, String)>),
    /// Rows of (key, payload, bound), to insert where they are new.
    See(Vec<(i64, i64, i64)>),
    /// The same rows, to merge.
    Touch(Vec<(i64, i64, i64)>),
    Span(Vec<(i64, i64, u8)>),
    /// Doubles `n` of these keys, and makes those that are missing.
    Double(Vec<i64>),
    Forget(i64),
    /// Fails after the operation inside it was done.
    RolledBack(Box<Operation>),
}

fn seen() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    proptest::collection::vec((0..9_i64, 0..5_i64, -5..5_i64), 0..8)
}

fn operation() -> impl Strategy<Value = Operation> {
    let word = "[a-c]{1,2}";
    let plain = prop_oneof![
        proptest::collection::vec((0..4_i64, word, 1..9_i64), 0..12).prop_map(Operation::Count),
        proptest::collection::vec((0..4_u8, 0..5_i64, 0..3_u8, word), 0..12)
            .prop_map(Operation::Register),
        seen().prop_map(Operation::See),
        seen().prop_map(Operation::Touch),
        proptest::collection::vec((0..4_i64, -5..5_i64, 0..9_u8), 0..8).prop_map(Operation::Span),
        proptest::collection::vec(0..4_i64, 0..8).prop_map(Operation::Double),
        (0..9_i64).prop_map(Operation::Forget),
    ];
    (plain, proptest::bool::weighted(0.2)).prop_map(|(operation, fails)| {
        if fails {
            Operation::RolledBack(Box::new(operation))
        } else {
            operation
        }
    })
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    counter: BTreeMap<(i64, String), i64>,
    register: BTreeMap<u8, (i64, u8, String)>,
    /// (payload, least, greatest).
    seen: BTreeMap<i64, (i64, i64, i64)>,
    span: BTreeMap<i64, (i64, u8, i64)>,
}

impl Model {
    /// Applies an operation; returns what `insert_new` should tell.
    fn apply(&mut self, operation: &Operation) -> Vec<bool> {
        match operation {
            Operation::Count(rows) => {
                for (a, b, n) in rows {
                    *self.counter.entry((*a, b.clone())).or_default() += n;
                }
            }
            Operation::Register(rows) => {
                for (k, at, tie, v) in rows {
                    let stored = self.register.get(k);
                    if stored.is_none_or(|(a, t, _)| (*at, *tie) > (*a, *t)) {
                        self.register.insert(*k, (*at, *tie, v.clone()));
                    }
                }
            }
            Operation::See(rows) => {
                return rows.iter().map(|row| self.see(row)).collect();
            }
            Operation::Touch(rows) => rows.iter().for_each(|row| {
                self.see(row);
            }),
            Operation::Span(rows) => {
                for (k, low, high) in rows {
                    let (least, greatest, n) = self.span.entry(*k).or_insert((*low, *high, 0));
                    (*least, *greatest, *n) = ((*least).min(*low), (*greatest).max(*high), *n + 1);
                }
            }
            Operation::Double(keys) => {
                let before = self.span.clone();
                for k in keys {
                    let (least, greatest, n) = before.get(k).copied().unwrap_or((*k, 0, 1));
                    self.span.insert(*k, (least, greatest, 2 * n));
                }
            }
            Operation::Forget(below) => self.seen.retain(|k, _| k >= below),
            Operation::RolledBack(_) => {}
        }
        Vec::new()
    }

    /// True where the key is new.
    fn see(&mut self, (k, v, bound): &(i64, i64, i64)) -> bool {
        let is_new = !self.seen.contains_key(k);
        let (_, since, until) = self.seen.entry(*k).or_insert((*v, *bound, *bound));
        (*since, *until) = ((*since).min(*bound), (*until).max(*bound));
        is_new
    }
}

fn seen_rows(rows: &[(i64, i64, i64)]) -> Vec<[Value<'static>; 4]> {
    rows.iter()
        .map(|&(k, v, bound)| [k.into(), v.into(), bound.into(), bound.into()])
        .collect()
}

fn run(tx: &mut Tx<'_>, operation: &Operation) -> Result<Vec<bool>, DbError> {
    match operation {
        Operation::Count(rows) => {
            let mut rows: Vec<_> = rows
                .iter()
                .map(|(a, b, n)| [(*a).into(), b.into(), (*n).into()])
                .collect();
            tx.upsert(&COUNTER, &mut rows)?;
        }
        Operation::Register(rows) => {
            let keys: Vec<_> = rows.iter().map(|(k, _, tie, _)| ([*k], [*tie])).collect();
            let mut rows: Vec<_> = (rows.iter().zip(&keys))
                .map(|((_, at, _, v), (k, tie))| {
                    [k[..].into(), (*at).into(), tie[..].into(), v.into()]
                })
                .collect();
            tx.upsert(&REGISTER, &mut rows)?;
        }
        Operation::See(rows) => return tx.insert_new(&SEEN, &seen_rows(rows)),
        Operation::Touch(rows) => tx.upsert(&SEEN, &mut seen_rows(rows))?,
        Operation::Span(rows) => {
            let highs: Vec<_> = rows.iter().map(|(_, _, high)| [*high]).collect();
            let mut rows: Vec<_> = (rows.iter().zip(&highs))
                .map(|((k, low, _), high)| {
                    [(*k).into(), (*low).into(), high[..].into(), 1_i64.into()]
                })
                .collect();
            tx.upsert(&SPAN, &mut rows)?;
        }
        Operation::Double(keys) => double(tx, keys)?,
        Operation::Forget(below) => {
            tx.execute("DELETE FROM seen WHERE k < $1", &[(*below).into()])?;
        }
        Operation::RolledBack(inner) => {
            run(tx, inner)?;
            return Err(DbError::Statement("on purpose".to_owned()));
        }
    }
    Ok(Vec::new())
}

fn double(tx: &mut Tx<'_>, keys: &[i64]) -> Result<(), DbError> {
    let sought: Vec<[Value<'_>; 1]> = keys.iter().map(|k| [(*k).into()]).collect();
    let found = tx.find_locked(&SPAN_READ, &sought)?;
    assert_eq!(found, tx.find(&SPAN_READ, &sought)?);
    let doubled: Result<Vec<_>, DbError> = (keys.iter().zip(found))
        .map(|(k, row)| match row {
            Some(mut row) => Ok((*k, row.int(0)?, row.take_bytes(1)?, 2 * row.int(2)?)),
            None => Ok((*k, *k, vec![0], 2)),
        })
        .collect();
    let doubled = doubled?;
    let mut rows: Vec<_> = (doubled.iter())
        .map(|(k, least, greatest, n)| {
            [
                (*k).into(),
                (*least).into(),
                greatest[..].into(),
                (*n).into(),
            ]
        })
        .collect();
    tx.upsert(&SPAN_READ, &mut rows)
}

fn stored(tx: &mut Tx<'_>) -> Result<Model, DbError> {
    let mut model = Model::default();
    for mut row in tx.query("SELECT a, b, n FROM counter", &[])? {
        model
            .counter
            .insert((row.int(0)?, row.take_text(1)?), row.int(2)?);
    }
    for mut row in tx.query("SELECT k, at, tie, v FROM register", &[])? {
        let key = row.take_bytes(0)?[0];
        model
            .register
            .insert(key, (row.int(1)?, row.take_bytes(2)?[0], row.take_text(3)?));
    }
    for row in tx.query("SELECT k, v, since, until FROM seen", &[])? {
        let seen = (row.int(1)?, row.int(2)?, row.int(3)?);
        model.seen.insert(row.int(0)?, seen);
    }
    for mut row in tx.query("SELECT k, least, greatest, n FROM span", &[])? {
        let span = (row.int(1)?, row.take_bytes(2)?[0], row.int(3)?);
        model.span.insert(row.int(0)?, span);
    }
    Ok(model)
}

#[test]
fn a_store_does_what_the_model_does() {
    let ground = ground();
    let cases = ProptestConfig::with_cases(64);
    proptest!(cases, |(operations in proptest::collection::vec(operation(), 1..24))| {
        for store in ground.stores() {
            SCHEMA.apply(&store.db).unwrap();
            let mut model = Model::default();
            for operation in &operations {
                // Rows of a register that tie in their order may differ in payload only by a fault of the sender:
                // the model takes the first, and so does the store.
                let told = store.db.write(|tx| run(tx, operation));
                match operation {
                    Operation::RolledBack(_) => prop_assert!(told.is_err()),
                    _ => prop_assert_eq!(told.unwrap(), model.apply(operation), "{}", store.name),
                }
                prop_assert_eq!(&store.db.read(stored).unwrap(), &model, "{}", store.name);
            }
        }
    });
}
