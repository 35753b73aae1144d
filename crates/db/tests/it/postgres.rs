//! What only a server does: it goes away and comes back, and other nodes write beside this one.

use std::thread::scope;
use std::time::Duration;

use crate::stores::{ground, wait_until};
use reportd_db::migrate::Migrations;
use reportd_db::{Column, Database, DbError, Merge, Table, Value, postgres};
use reportd_testbed::{Options, Postgres, TestDatabase, fresh_database, fresh_database_with};

const SCHEMA: Migrations = Migrations {
    set: "test",
    texts: &[
        "CREATE TABLE seen (k BIGINT NOT NULL, name {{text}} NOT NULL, until BIGINT NOT NULL, \
         PRIMARY KEY (k, name)) {{clustered}};\n\
         CREATE TABLE counter (k BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL) {{clustered}};\n",
    ],
};
const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}
const SEEN: Table = Table {
    name: "seen",
    columns: &[
        column("k", Merge::Key),
        column("name", Merge::Key),
        column("until", Merge::Greatest),
    ],
};
const COUNTER: Table = Table {
    name: "counter",
    columns: &[column("k", Merge::Key), column("n", Merge::Add)],
};

fn open(database: &TestDatabase) -> Database {
    postgres::open(postgres::Options::new(&database.url)).unwrap()
}

/// Numbers that look random and are the same in each run.
fn shuffled(seed: u64, count: usize, below: i64) -> Vec<i64> {
    let mut state = seed.wrapping_mul(2) + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(seed);
        i64::try_from(state >> 40).unwrap() % below
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn a_key_is_new_once_whoever_inserts_it() {
    let ground = ground();
    for store in ground.stores() {
        SCHEMA.apply(&store.db).unwrap();
        let other = match store.name {
            "postgres" => ground.open_again(),
            _ => store.db.clone(),
        };
        let insert = |db: &Database, seed: u64| {
            let keys = shuffled(seed, 9_000, 12_000);
            let rows: Vec<_> = keys
                .iter()
                .map(|&k| [k.into(), "a".into(), Value::Int(k % 7)])
                .collect();
            let told = db.write(|tx| tx.insert_new(&SEEN, &rows)).unwrap();
            told.into_iter().filter(|is_new| *is_new).count()
        };
        let new: usize = scope(|scope| {
            let threads: Vec<_> = (0..6_u64)
                .map(|seed| {
                    let db = if seed % 2 == 0 { &store.db } else { &other };
                    scope.spawn(move || insert(db, seed))
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        let stored = store
            .db
            .read(|tx| tx.query_int("SELECT COUNT(*) FROM seen", &[]));
        assert_eq!(stored, Ok(i64::try_from(new).unwrap()), "{}", store.name);
    }
}

#[test]
fn overlapping_batches_neither_deadlock_nor_lose_a_count() {
    for store in ground().stores() {
        SCHEMA.apply(&store.db).unwrap();
        let add = |seed: u64| {
            for round in 0..10 {
                let keys = shuffled(seed * 100 + round, 400, 300);
                let mut rows: Vec<_> = keys.iter().map(|&k| [k.into(), Value::Int(1)]).collect();
                store.db.write(|tx| tx.upsert(&COUNTER, &mut rows)).unwrap();
            }
        };
        scope(|scope| {
            for seed in 0..4 {
                scope.spawn(move || add(seed));
            }
        });
        let sum = "SELECT CAST(SUM(n) AS BIGINT) FROM counter";
        let sum = store.db.read(|tx| tx.query_int(sum, &[]));
        assert_eq!(sum, Ok(4 * 10 * 400), "{}", store.name);
    }
}

#[test]
fn migrations_of_nodes_that_start_together_apply_once() {
    let database = fresh_database();
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut options = postgres::Options::new(&database.url);
                options.schema = Some("together".to_owned());
                SCHEMA.apply(&postgres::open(options).unwrap()).unwrap();
            });
        }
    });
}

#[test]
fn a_server_that_went_away_is_used_again_when_it_is_back() {
    let mut server = Postgres::start(Options::default()).unwrap();
    let db = postgres::open(postgres::Options::new(server.url())).unwrap();
    SCHEMA.apply(&db).unwrap();
    let write = || {
        db.execute(
            "INSERT INTO counter (k, n) VALUES ((SELECT COUNT(*) FROM counter), 1)",
            &[],
        )
    };
    let count = || db.read(|tx| tx.query_int("SELECT COUNT(*) FROM counter", &[]));
    write().unwrap();
    let mut in_transaction = Ok(());
    let told = db.write(|tx| {
        tx.execute("INSERT INTO counter (k, n) VALUES (-1, 1)", &[])?;
        server.stop_at_once().unwrap();
        in_transaction = tx
            .execute("INSERT INTO counter (k, n) VALUES (-2, 1)", &[])
            .map(drop);
        Ok(())
    });
    assert!(
        matches!(in_transaction, Err(DbError::Unavailable(_))),
        "{in_transaction:?}"
    );
    assert_eq!(told, in_transaction);
    for told in [write().map(drop), count().map(drop)] {
        assert!(matches!(told, Err(DbError::Unavailable(_))), "{told:?}");
    }
    server.start_again().unwrap();
    assert_eq!(count(), Ok(1));
    // Connections that were idle all along are found closed, and replaced before anything is sent on them.
    server.start_again().unwrap();
    assert_eq!(write(), Ok(1));
    server.start_again().unwrap();
    db.write(|tx| tx.execute("UPDATE counter SET n = 2", &[]))
        .unwrap();
    assert_eq!(count(), Ok(2));
}

#[test]
fn a_commit_after_a_failure_that_was_swallowed_is_refused() {
    let database = fresh_database();
    let db = open(&database);
    SCHEMA.apply(&db).unwrap();
    let told = db.write(|tx| {
        tx.execute("INSERT INTO counter (k, n) VALUES (1, 1)", &[])?;
        let taken = tx.execute("INSERT INTO counter (k, n) VALUES (1, 2)", &[]);
        assert!(matches!(taken, Err(DbError::Conflict(_))), "{taken:?}");
        let _ = tx.execute("INSERT INTO counter (k, n) VALUES (2, 2)", &[]);
        Ok(())
    });
    assert!(matches!(told, Err(DbError::Conflict(_))), "{told:?}");
    let count = db.read(|tx| tx.query_int("SELECT COUNT(*) FROM counter", &[]));
    assert_eq!(count, Ok(0));
}

#[test]
fn no_error_tells_a_value_or_the_password() {
    let database = fresh_database();
    let db = open(&database);
    db.execute(
        "CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT CHECK (n < 9))",
        &[],
    )
    .unwrap();
    let insert =
        |k: &str, n: Value<'_>| db.execute("INSERT INTO t (k, n) VALUES ($1, $2)", &[k.into(), n]);
    insert("geheim", 1_i64.into()).unwrap();
    let url = database.url.replacen("postgres@", "nobody_here:geheim@", 1);
    let refused = [
        insert("geheim", 1_i64.into()).unwrap_err(),
        insert("geheim2", 99_i64.into()).unwrap_err(),
        insert("x", "geheim".into()).unwrap_err(),
        postgres::open(postgres::Options::new(url)).err().unwrap(),
    ];
    for (error, start) in refused.iter().zip([
        "the store refused the row: 23505 duplicate key value",
        "the store refused the row: 23514 new row for relation",
        "statement failed: error serializing parameter 1: text is bound, and the parameter is int8",
        "the store is unavailable: PostgreSQL: 28000 role \"nobody_here\"",
    ]) {
        let told = error.to_string();
        assert!(
            told.starts_with(start) && !told.contains("geheim"),
            "{told}"
        );
    }
}

#[test]
fn a_schema_holds_its_tables_alone() {
    let database = fresh_database();
    let [one, other] = ["one", "other"].map(|name| {
        let mut options = postgres::Options::new(&database.url);
        options.schema = Some(name.to_owned());
        let db = postgres::open(options).unwrap();
        SCHEMA.apply(&db).unwrap();
        db
    });
    one.execute("INSERT INTO counter (k, n) VALUES (1, 1)", &[])
        .unwrap();
    let names = |db: &Database| db.read(|tx| tx.table_names()).unwrap();
    assert_eq!(names(&one), ["counter", "schema_migration", "seen"]);
    assert_eq!(names(&one), names(&other));
    let count = |db: &Database| {
        db.read(|tx| tx.query_int("SELECT COUNT(*) FROM counter", &[]))
            .unwrap()
    };
    assert_eq!((count(&one), count(&other)), (1, 0));
    assert!(names(&open(&database)).is_empty());
    assert!(one.disk_bytes() > other.disk_bytes() && other.disk_bytes() > 0);
}

#[test]
fn texts_are_in_the_order_of_their_bytes_whatever_the_locale() {
    let database = fresh_database_with("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
    let db = open(&database);
    SCHEMA.apply(&db).unwrap();
    let names = ["Z", "a", "ä", "a-b", "ab", "B"];
    let rows = names.map(|name| [Value::Int(1), name.into(), Value::Int(0)]);
    db.write(|tx| tx.insert_new(&SEEN, &rows)).unwrap();
    let mut rows = db
        .read(|tx| tx.query("SELECT name FROM seen ORDER BY name", &[]))
        .unwrap();
    let told: Vec<_> = rows
        .iter_mut()
        .map(|row| row.take_text(0).unwrap())
        .collect();
    assert_eq!(told, ["B", "Z", "a", "a-b", "ab", "ä"]);
}

#[test]
fn a_transaction_that_stands_still_is_ended_and_holds_no_lock() {
    let database = fresh_database();
    let db = open(&database);
    SCHEMA.apply(&db).unwrap();
    db.execute("INSERT INTO counter (k, n) VALUES (1, 1)", &[])
        .unwrap();
    let add = "UPDATE counter SET n = n + 1 WHERE k = 1";
    let told = db.write(|tx| {
        tx.execute(add, &[])?;
        let sessions = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
        wait_until("the session is ended", || {
            db.execute(add, &[]).is_ok() && db.read(|tx| tx.query_int(sessions, &[])) == Ok(0)
        });
        tx.execute(add, &[])
    });
    assert!(matches!(told, Err(DbError::Unavailable(_))), "{told:?}");
}

#[test]
fn a_statement_that_takes_too_long_is_ended() {
    let database = fresh_database();
    let mut options = postgres::Options::new(&database.url);
    options.statement_timeout = Duration::from_millis(50);
    options.connections = 1;
    let db = postgres::open(options).unwrap();
    let told = db.execute("SELECT pg_sleep(60)", &[]);
    assert!(matches!(told, Err(DbError::Unavailable(_))), "{told:?}");
    assert_eq!(db.read(|tx| tx.query_int("SELECT 1", &[])), Ok(1));
}

#[test]
fn a_socket_and_a_table_that_changed_behind_a_statement_will_do() {
    let server = Postgres::start(Options::default()).unwrap();
    let port = server
        .url()
        .rsplit(':')
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let folder = server.socket_folder().display();
    let url = format!("postgresql:///postgres?host={folder}&port={port}&user=postgres");
    let db = postgres::open(postgres::Options::new(url)).unwrap();
    db.execute("CREATE TABLE t (k BIGINT)", &[]).unwrap();
    let all = || db.read(|tx| tx.query("SELECT * FROM t", &[]));
    assert_eq!(all().unwrap().len(), 0);
    db.execute("ALTER TABLE t ADD COLUMN v BIGINT", &[])
        .unwrap();
    wait_until("the statement is prepared again", || all().is_ok());
}

#[test]
fn an_encrypted_connection_asks_for_a_certificate_that_is_trusted() {
    let file = |name: &str| format!("{}/tests/it/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let options = Options {
        tls: Some((file("server.pem").into(), file("server.key").into())),
        ..Options::default()
    };
    let server = Postgres::start(options).unwrap();
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let trusted = format!("sslmode=verify-full&sslrootcert={}", file("authority.pem"));
    let db = postgres::open(postgres::Options::new(format!("{by_name}?{trusted}"))).unwrap();
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(db.read(|tx| tx.query_int(is_encrypted, &[])), Ok(1));
    let rows = vec!["x".repeat(100_000); 50];
    let lengths = db.write(|tx| {
        tx.define("CREATE TABLE large (k BIGINT NOT NULL, v {{text}} NOT NULL)")?;
        for row in &rows {
            tx.execute("INSERT INTO large (k, v) VALUES (1, $1)", &[row.into()])?;
        }
        tx.query("SELECT v FROM large", &[])
    });
    assert_eq!(lengths.unwrap().len(), 50);
    for url in [
        format!("{by_name}?sslmode=require"),
        format!("{}?{trusted}", server.url()),
    ] {
        let told = postgres::open(postgres::Options::new(&url)).err().unwrap();
        let expected = "the store is unavailable: PostgreSQL: error performing TLS handshake: invalid peer certificate";
        assert!(told.to_string().starts_with(expected), "{url}: {told}");
    }
    let plain = Postgres::start(Options::default()).unwrap();
    let url = format!("{}?sslmode=require", plain.url());
    let told = postgres::open(postgres::Options::new(url)).err().unwrap();
    assert!(matches!(told, DbError::Unavailable(_)), "{told}");
}
