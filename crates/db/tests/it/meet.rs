//! Stores that take each other's place, and tables that go from one into another.

use crate::stores::ground;
use reportd_db::copy::copy_table;
use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError};

const SCHEMA: Migrations = Migrations {
    set: "test",
    texts: &[
        "CREATE TABLE thing (no {{serial}}, name {{text}} NOT NULL UNIQUE, data {{bytes}}, n BIGINT);\n\
         CREATE TABLE pair (a {{text}} NOT NULL, b {{bytes}} NOT NULL, n BIGINT NOT NULL, \
         PRIMARY KEY (a, b)) {{clustered}};\n\
         CREATE TABLE heap (n BIGINT);\n",
    ],
};

fn fill(db: &Database) -> Result<(), DbError> {
    db.write(|tx| {
        for n in 0..25_i64 {
            let name = format!("thing {}", n * 7 % 25);
            let data = (n % 3 > 0).then(|| vec![0, 255, u8::try_from(n).unwrap_or(0)]);
            tx.execute(
                "INSERT INTO thing (name, data, n) VALUES ($1, $2, $3)",
                &[
                    (&name).into(),
                    data.as_deref().into(),
                    (n % 4 > 0).then_some(n - 9).into(),
                ],
            )?;
            let (a, b) = (
                ["Z", "a", "ä"][usize::try_from(n % 3).unwrap_or(0)],
                [u8::try_from(n).unwrap_or(0)],
            );
            tx.execute(
                "INSERT INTO pair (a, b, n) VALUES ($1, $2, $3)",
                &[a.into(), b[..].into(), n.into()],
            )?;
        }
        tx.execute("DELETE FROM thing WHERE no = 3", &[])?;
        Ok(())
    })
}

fn contents(db: &Database) -> Vec<reportd_db::Row> {
    db.read(|tx| {
        let mut rows = tx.query("SELECT no, name, data, n FROM thing ORDER BY no", &[])?;
        rows.extend(tx.query("SELECT a, b, n FROM pair ORDER BY a, b", &[])?);
        Ok(rows)
    })
    .unwrap()
}

#[test]
fn a_table_goes_from_any_store_into_any() {
    let ground = ground();
    for source in ground.stores() {
        SCHEMA.apply(&source.db).unwrap();
        fill(&source.db).unwrap();
        for target in ground.stores() {
            SCHEMA.apply(&target.db).unwrap();
            let copied = source.db.read(|from| {
                target.db.write(|to| {
                    let mut told = Vec::new();
                    for table in ["thing", "pair"] {
                        copy_table(from, to, table, 10, &mut |rows| {
                            told.push(rows);
                            true
                        })?;
                    }
                    Ok(told)
                })
            });
            let between = format!("{} to {}", source.name, target.name);
            assert_eq!(copied.unwrap(), [10, 20, 24, 10, 20, 25], "{between}");
            assert_eq!(contents(&source.db), contents(&target.db), "{between}");
            target
                .db
                .execute("INSERT INTO thing (name) VALUES ('next')", &[])
                .unwrap();
            let no = target
                .db
                .read(|tx| tx.query_int("SELECT MAX(no) FROM thing", &[]));
            assert_eq!(no, Ok(26), "{between}");
        }
    }
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let ground = ground();
    let [one, other] = ground.stores();
    SCHEMA.apply(&one.db).unwrap();
    let copy = |table: &str| {
        let told = one.db.read(|from| {
            other
                .db
                .write(|to| copy_table(from, to, table, 10, &mut |_| true))
        });
        told.unwrap_err().to_string()
    };
    assert_eq!(
        copy("thing"),
        "statement failed: table thing: the two stores have different columns of it"
    );
    SCHEMA.apply(&other.db).unwrap();
    assert_eq!(
        copy("heap"),
        "statement failed: table heap: it has no primary key to copy it by"
    );
    fill(&one.db).unwrap();
    fill(&other.db).unwrap();
    assert!(copy("pair").starts_with("the store refused the row: 23505"));
}

#[test]
fn columns_are_told_in_the_order_of_the_table() {
    for store in ground().stores() {
        SCHEMA.apply(&store.db).unwrap();
        let names = |table: &str| store.db.read(|tx| tx.column_names(table)).unwrap();
        assert_eq!(
            names("thing"),
            ["no", "name", "data", "n"],
            "{}",
            store.name
        );
        assert!(names("nothing").is_empty(), "{}", store.name);
        let tables = store.db.read(|tx| tx.table_names()).unwrap();
        assert_eq!(
            tables,
            ["heap", "pair", "schema_migration", "thing"],
            "{}",
            store.name
        );
    }
}

#[test]
fn a_store_takes_the_place_of_another_behind_all_handles() {
    let ground = ground();
    let [file, server] = ground.stores();
    for store in [&file, &server] {
        SCHEMA.apply(&store.db).unwrap();
    }
    fill(&server.db).unwrap();
    let handle = file.db.clone();
    let count = |db: &Database| db.read(|tx| tx.query_int("SELECT COUNT(*) FROM pair", &[]));
    assert_eq!(count(&handle), Ok(0));
    let told = handle.write(|tx| {
        file.db.replace(server.db.clone());
        // This call ends where it began.
        tx.execute("INSERT INTO heap (n) VALUES (1)", &[])
    });
    assert_eq!(told, Ok(1));
    assert_eq!((count(&handle), count(&file.db)), (Ok(25), Ok(25)));
    let heap = handle.read(|tx| tx.query_int("SELECT COUNT(*) FROM heap", &[]));
    assert_eq!(heap, Ok(0));
}
