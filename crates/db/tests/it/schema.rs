//! Migrations: applied once, in order, and refused where they changed.

use crate::stores::ground;
use reportd_db::DbError;
use reportd_db::migrate::Migrations;

const FIRST: &str = "CREATE TABLE a (k BIGINT NOT NULL, PRIMARY KEY (k)) {{clustered}};\n";
const SECOND: &str = "ALTER TABLE a ADD COLUMN v {{bytes}};\nCREATE INDEX a_v ON a (v);\n";

fn apply(db: &reportd_db::Database, texts: &'static [&'static str]) -> Result<(), DbError> {
    Migrations { set: "test", texts }.apply(db)
}

#[test]
fn migrations_apply_once_and_grow() {
    for store in ground().stores() {
        apply(&store.db, &[FIRST]).unwrap();
        apply(&store.db, &[FIRST, SECOND]).unwrap();
        apply(&store.db, &[FIRST, SECOND]).unwrap();
        let insert = "INSERT INTO a (k, v) VALUES ($2, $1)";
        store
            .db
            .write(|tx| tx.execute(insert, &[b"x"[..].into(), 7_i64.into()]))
            .unwrap();
        assert_eq!(
            store.db.read(|tx| tx.query_int("SELECT k FROM a", &[])),
            Ok(7),
            "{}",
            store.name
        );
    }
}

#[test]
fn a_changed_or_newer_schema_is_refused_by_name() {
    for store in ground().stores() {
        apply(&store.db, &[FIRST, SECOND]).unwrap();
        let message = |result: Result<(), DbError>| result.unwrap_err().to_string();
        assert_eq!(
            message(apply(&store.db, &[FIRST])),
            "schema test: migration 2 was made by a newer reportd: use that one"
        );
        assert_eq!(
            message(apply(&store.db, &[SECOND, SECOND])),
            "schema test: migration 1 was applied with another text"
        );
    }
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    for store in ground().stores() {
        const GOOD: &str = "CREATE TABLE c (k BIGINT);\n";
        const BROKEN: &str = "CREATE TABLE b (k BIGINT);\nCREATE NONSENSE;\n";
        let told = apply(&store.db, &[GOOD, BROKEN]);
        assert!(
            matches!(told, Err(DbError::Schema { .. })),
            "{}: {told:?}",
            store.name
        );
        assert!(
            store
                .db
                .read(|tx| tx.query("SELECT * FROM c", &[]))
                .is_err(),
            "{}",
            store.name
        );
    }
}

#[test]
fn a_panic_inside_a_transaction_leaves_the_store_usable() {
    for store in ground().stores() {
        apply(&store.db, &[FIRST]).unwrap();
        let db = store.db.clone();
        let panicked = std::thread::spawn(move || {
            db.write::<()>(|tx| {
                tx.execute("INSERT INTO a (k) VALUES (1)", &[])?;
                panic!("on purpose")
            })
        })
        .join();
        assert!(panicked.is_err());
        store
            .db
            .write(|tx| tx.execute("INSERT INTO a (k) VALUES (2)", &[]))
            .unwrap();
        assert_eq!(
            store
                .db
                .read(|tx| tx.query_int("SELECT CAST(SUM(k) AS BIGINT) FROM a", &[])),
            Ok(2),
            "{}",
            store.name
        );
    }
}
