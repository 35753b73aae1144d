//! Reads by one question.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use reportd_db::{Database, DbError, Query, Row, Tx, Value, off_async_threads, postgres};
use reportd_testbed::{Options, Postgres};
use tokio::runtime::{Builder, Runtime};

use crate::stores::{Store, ground, wait_until};

const ALL: &str = "SELECT k FROM n ORDER BY k";

fn filled(db: &Database) {
    let make = "CREATE TABLE n (k BIGINT NOT NULL PRIMARY KEY);\n";
    db.write(|tx| tx.define(make)).unwrap();
    db.execute("INSERT INTO n (k) VALUES (7), (8)", &[])
        .unwrap();
}

/// Of one thread, on which all questions of a test are asked.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asks some queries and another one along.
fn ask(
    runtime: &Runtime,
    db: &Database,
    along: &str,
    queries: &'static [&'static str],
) -> Result<(Vec<Row>, Vec<Vec<Row>>), DbError> {
    runtime.block_on(db.ask_along(along.to_owned(), |tx| {
        let queries: Vec<Query<'_>> = queries.iter().map(|sql| (*sql, &[][..])).collect();
        let told = tx.query_each(&queries)?;
        let again = tx.query(ALL, &[]);
        assert!(matches!(again, Err(DbError::Statement(_))), "asked twice");
        Ok(told)
    }))
}

#[test]
fn a_question_is_asked_once_and_fails_as_any_other_read() {
    let (ground, runtime) = (ground(), runtime());
    let wrong = "SELECT k FROM nowhere";
    for Store { db, name } in ground.stores() {
        filled(&db);
        for queries in [&[][..], &[ALL], &[ALL, ALL]] {
            let (along, told) = ask(&runtime, &db, ALL, queries).unwrap();
            assert_eq!(along.len(), 2, "{name}");
            assert_eq!(told, vec![along; queries.len()], "{name}");
        }
        for (along, queries) in [
            (wrong, &[ALL][..]),
            (wrong, &[ALL, ALL]),
            (ALL, &["SELECT k FROM nowhere"]),
            (ALL, &[ALL, "SELECT k FROM nowhere"]),
        ] {
            let told = ask(&runtime, &db, along, queries);
            assert!(
                matches!(told, Err(DbError::Statement(_))),
                "{name}, {along}, {queries:?}: {told:?}"
            );
        }
        assert!(ask(&runtime, &db, ALL, &[ALL]).is_ok(), "{name}: as before");
    }
}

#[test]
fn every_kind_of_value_is_asked_with() {
    let (ground, runtime) = (ground(), runtime());
    for Store { db, name } in ground.stores() {
        let make = "CREATE TABLE v (k BIGINT NOT NULL, t {{text}} NOT NULL, b {{bytes}} NOT NULL, n BIGINT);\n";
        db.write(|tx| tx.define(make)).unwrap();
        let values: [Value<'_>; 4] = [
            5_i64.into(),
            "é".into(),
            (&b"\0\xff"[..]).into(),
            Value::Null,
        ];
        db.execute(
            "INSERT INTO v (k, t, b, n) VALUES ($1, $2, $3, $4)",
            &values,
        )
        .unwrap();
        let texts = ["é".to_owned(), "x".to_owned()];
        let count = move |tx: &mut Tx<'_>| {
            let sql = format!(
                "SELECT COUNT(*) FROM v CROSS JOIN {} AS asked \
                 WHERE k = $1 AND t = $2 AND b = $3 AND n IS NULL AND t = asked.text \
                 AND COALESCE(CAST($4 AS BIGINT), 1) = 1",
                tx.texts(5)
            );
            let null: [Value<'_>; 5] = [
                5_i64.into(),
                "é".into(),
                (&b"\0\xff"[..]).into(),
                Value::Null,
                Value::Texts(&texts),
            ];
            tx.query_int(&sql, &null)
        };
        let told = runtime.block_on(db.ask::<_, DbError>(count));
        assert_eq!(told, Ok(1), "{name}");
    }
}

#[test]
fn what_asks_nothing_or_something_else_is_told_so() {
    let (ground, runtime) = (ground(), runtime());
    for Store { db, name } in ground.stores() {
        filled(&db);
        let told = runtime.block_on(db.ask::<_, DbError>(|_| Ok(3)));
        assert_eq!(told, Ok(3), "{name}");
        let own = || DbError::Conflict("own".to_owned());
        let told = runtime.block_on(db.ask(move |_| Err::<(), _>(own())));
        assert_eq!(told, Err(own()), "{name}");
        let told = runtime.block_on(db.ask(|tx| tx.execute("DELETE FROM n", &[])));
        assert!(told.is_err(), "{name}: {told:?}");
        let runs = AtomicUsize::new(0);
        let another = move |tx: &mut Tx<'_>| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            tx.query(&format!("SELECT {run}"), &[])
        };
        let told = runtime.block_on(db.ask(another));
        assert_eq!(told.is_ok(), name == "sqlite", "{name}: {told:?}");
        let many = |tx: &mut Tx<'_>| tx.query_each(&[(ALL, &[][..]); 21]);
        let told = runtime.block_on(db.ask(many));
        assert!(matches!(told, Err(DbError::Statement(_))), "{name}");
        // A failure that `work` swallows is one of the answer, never of the hearing.
        let count = |tx: &mut Tx<'_>| Ok(tx.query(ALL, &[]).map_or(0, |rows| rows.len()));
        assert_eq!(
            runtime.block_on(db.ask::<_, DbError>(count)),
            Ok(2),
            "{name}"
        );
        let told = runtime.block_on(db.ask::<(), DbError>(|_| panic!("on purpose")));
        assert!(matches!(told, Err(DbError::Statement(_))), "{name}");
        assert!(ask(&runtime, &db, ALL, &[ALL]).is_ok(), "{name}: as before");
    }
}

/// Waits for whoever holds the lock.
fn wait_for_lock(tx: &mut Tx<'_>) -> Result<usize, DbError> {
    let rows = tx.query("SELECT 1 FROM pg_advisory_xact_lock_shared(77)", &[])?;
    Ok(rows.len())
}

/// Holds the lock until it is told to let go, on the only connection that it has opened.
#[derive(Clone)]
struct Holder(Database);

impl Holder {
    fn new(db: Database) -> Self {
        let holder = Self(db);
        holder.hold();
        holder
    }

    fn hold(&self) {
        let lock = "SELECT 1 FROM pg_advisory_lock(77)";
        self.0.query(lock, &[]).unwrap();
    }

    fn let_go(&self) {
        let unlock = "SELECT CAST(pg_advisory_unlock(77) AS INT)";
        let rows = self.0.query(unlock, &[]).unwrap();
        assert_eq!(rows[0].int(0), Ok(1), "it was held");
    }

    /// How many wait for it.
    fn waiting(&self) -> i64 {
        let waiting = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND NOT granted";
        self.0.query(waiting, &[]).unwrap()[0].int(0).unwrap()
    }
}

#[test]
fn no_thread_waits_and_more_callers_than_connections_take_turns() {
    let (ground, runtime) = (ground(), runtime());
    let [_, Store { db, .. }] = ground.stores();
    let holder = Holder::new(ground.open_again());
    let runs = Arc::new(AtomicUsize::new(0));
    let asks = (0..20).map(|_| {
        let runs = Arc::clone(&runs);
        db.ask::<_, DbError>(move |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            wait_for_lock(tx)
        })
    });
    // It begins when the asks have given their only thread back.
    let let_go = off_async_threads(move || {
        holder.let_go();
        Ok::<_, DbError>(())
    });
    let (told, gone) = runtime.block_on(async { tokio::join!(biased; join_all(asks), let_go) });
    assert_eq!((told, gone), (vec![Ok(1); 20], Ok(())));
    assert_eq!(runs.load(Ordering::Relaxed), 40, "each heard, then told");
}

#[test]
fn one_that_is_given_up_keeps_its_place_until_the_server_is_done_with_it() {
    let (ground, runtime) = (ground(), runtime());
    let [_, Store { db, .. }] = ground.stores();
    filled(&db);
    let holder = Holder::new(ground.open_again());
    for given_up in 1..=6 {
        let (asked, watch) = (db.clone(), holder.clone());
        runtime.block_on(async move {
            let asks = tokio::spawn(async move { asked.ask::<_, DbError>(wait_for_lock).await });
            // Two is all the connections that there are.
            let is_waiting = off_async_threads(move || {
                wait_until("it waits", || watch.waiting() == 2.min(given_up));
                Ok::<_, DbError>(())
            });
            is_waiting.await.unwrap();
            asks.abort();
            assert!(asks.await.unwrap_err().is_cancelled());
        });
    }
    assert_eq!(holder.waiting(), 2, "no further connection was made");
    holder.let_go();
    assert!(ask(&runtime, &db, ALL, &[ALL, ALL]).is_ok());
}

#[test]
fn a_server_that_went_away_is_asked_again_when_it_is_back() {
    let runtime = runtime();
    let mut server = Postgres::start(Options::default()).unwrap();
    let mut options = postgres::Options::new(server.url());
    options.asking = 2;
    let db = postgres::open(options).unwrap();
    filled(&db);
    assert!(ask(&runtime, &db, ALL, &[ALL]).is_ok());
    // A connection that was idle is found closed, and the question is asked on a new one.
    server.start_again().unwrap();
    assert!(ask(&runtime, &db, ALL, &[ALL]).is_ok());
    server.stop_at_once().unwrap();
    let told = ask(&runtime, &db, ALL, &[ALL]);
    assert!(matches!(told, Err(DbError::Unavailable(_))), "{told:?}");
    server.start_again().unwrap();
    assert!(ask(&runtime, &db, ALL, &[ALL, ALL]).is_ok());
}
