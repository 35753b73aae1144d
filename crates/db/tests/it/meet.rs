//! Stores that take each other's place, and tables that go from one into another.

use crate::stores::ground;
use reportd_db::copy::copy_table;
use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Row, Value, postgres};

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

#[test]
fn queries_that_go_together_see_one_state_and_fail_together() {
    let ground = ground();
    for (place, store) in ground.stores().into_iter().enumerate() {
        let (db, name) = (&store.db, store.name);
        let make = "CREATE TABLE n (k BIGINT NOT NULL PRIMARY KEY);\n";
        db.write(|tx| tx.define(make)).unwrap();
        let add = |k: i64| db.execute("INSERT INTO n (k) VALUES ($1)", &[k.into()]);
        let all = "SELECT k FROM n ORDER BY k";
        let count = "SELECT COUNT(*) FROM n WHERE k < $1";
        let numbers =
            |rows: &[Row]| -> Vec<i64> { rows.iter().map(|row| row.int(0).unwrap()).collect() };
        add(1).unwrap();
        add(2).unwrap();
        let told = db.read(|tx| {
            assert_eq!(tx.query_each(&[])?, Vec::<Vec<Row>>::new(), "{name}");
            let each = tx.query_each(&[(all, &[]), (count, &[2_i64.into()]), (all, &[])])?;
            Ok(each.iter().map(|rows| numbers(rows)).collect::<Vec<_>>())
        });
        assert_eq!(told.unwrap(), [vec![1, 2], vec![1], vec![1, 2]], "{name}");
        // What goes along sees what the work sees, whatever is written meanwhile, and goes once.
        for goes_with in ["query", "query_each", "nothing"] {
            let (along, own) = db
                .read_along(all, |tx| {
                    let own = match goes_with {
                        "query" => tx.query(all, &[])?,
                        "query_each" => tx
                            .query_each(&[(count, &[9_i64.into()]), (all, &[])])?
                            .remove(1),
                        _ => return Ok(Vec::new()),
                    };
                    add(i64::try_from(goes_with.len() + place).unwrap() + 90)?;
                    assert_eq!(tx.query(all, &[])?, own, "{name}");
                    Ok(own)
                })
                .unwrap();
            assert!(goes_with == "nothing" || along == own, "{name}");
            assert_eq!(numbers(&along)[..2], [1, 2], "{name}, {goes_with}");
        }
        // A query that fails fails the read, and the connection is used again.
        let told = db.read(|tx| tx.query_each(&[(all, &[]), ("SELECT k FROM nowhere", &[])]));
        assert!(
            matches!(told, Err(DbError::Statement(_))),
            "{name}: {told:?}"
        );
        let told = db.read_along("SELECT k FROM nowhere", |tx| tx.query(all, &[]));
        assert!(
            matches!(told, Err(DbError::Statement(_))),
            "{name}: {told:?}"
        );
        assert!(db.read(|tx| tx.query(all, &[])).is_ok(), "{name}");
    }
}

#[test]
fn a_query_by_itself_sees_what_is_committed_and_a_failed_one_is_alone() {
    let ground = ground();
    for store in ground.stores() {
        let (db, name) = (&store.db, store.name);
        db.execute("CREATE TABLE n (k BIGINT NOT NULL PRIMARY KEY)", &[])
            .unwrap();
        let above = |k: i64| {
            let rows = db.query("SELECT k FROM n WHERE k > $1 ORDER BY k", &[k.into()])?;
            rows.iter()
                .map(|row| row.int(0))
                .collect::<Result<Vec<_>, DbError>>()
        };
        assert_eq!(above(0).unwrap(), Vec::<i64>::new(), "{name}");
        db.execute("INSERT INTO n (k) VALUES (1), (2), (3)", &[])
            .unwrap();
        assert_eq!(above(1).unwrap(), [2, 3], "{name}");
        let failed = db.query("SELECT k FROM nowhere", &[]).unwrap_err();
        assert!(matches!(failed, DbError::Statement(_)), "{name}: {failed}");
        db.write(|tx| {
            tx.execute("DELETE FROM n WHERE k = 2", &[])?;
            assert_eq!(above(1)?, [2, 3], "{name}: not committed yet");
            Ok(())
        })
        .unwrap();
        assert_eq!(above(1).unwrap(), [3], "{name}");
    }
}

#[test]
fn texts_are_read_as_rows() {
    let ground = ground();
    let texts = ["b", "", "a'\"\\ \u{1}\u{7f}", "消息😀", "b"].map(str::to_owned);
    for store in ground.stores() {
        let (db, name) = (&store.db, store.name);
        for texts in [&texts[..], &[]] {
            let found = db.read(|tx| {
                let (of_texts, values) = (tx.texts(2), [7_i64.into(), Value::Texts(texts)]);
                let sql = format!("SELECT asked.text FROM {of_texts} AS asked WHERE $1 = 7");
                let rows = tx.query(&sql, &values)?.into_iter();
                rows.map(|mut row| row.take_text(0)).collect()
            });
            assert_eq!(found, Ok::<Vec<_>, _>(texts.to_vec()), "{name}");
        }
    }
}

#[test]
fn a_store_reads_a_table_of_another_by_its_qualifier() {
    let database = reportd_testbed::fresh_database();
    let open = |schema: Option<&str>| {
        let schema = schema.map(str::to_owned);
        let options = postgres::Options::new(&database.url);
        postgres::open(postgres::Options { schema, ..options }).unwrap()
    };
    let reader = open(Some("reader"));
    for (number, schema) in (1_i64..).zip([None, Some("other")]) {
        let store = open(schema);
        store
            .write(|tx| tx.define("CREATE TABLE one (n BIGINT);\n"))
            .unwrap();
        store
            .execute("INSERT INTO one (n) VALUES ($1)", &[number.into()])
            .unwrap();
        let sql = format!("SELECT n FROM {}one", store.qualifier().unwrap());
        assert_eq!(reader.read(|tx| tx.query_int(&sql, &[])), Ok(number));
    }
}
