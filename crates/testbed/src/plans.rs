//! How a store answers statements: what a session has sent, and by what plan the store answers it.
//!
//! PostgreSQL tells which statements a session has prepared, so a test looks at those that are really sent, without a list
//! that somebody must keep. SQLite is asked about the same texts.

use reportd_db::migrate::Migrations;
use reportd_db::{Database, DbError, Merge, Row, Table, Tx, Value};

use crate::{Ground, StoreKind};

/// What a store is filled with: a table, how many rows, and each column of row `i`.
pub type Contents = (&'static str, u32, &'static str);

/// A store with these tables and rows, in a session that has not seen how it was filled.
///
/// # Errors
///
/// As the database fails.
pub fn filled_store(
    ground: &Ground,
    kind: StoreKind,
    migrations: &[&Migrations],
    contents: &[Contents],
) -> Result<Database, DbError> {
    let store = ground.open("store");
    for migrations in migrations {
        migrations.apply(&store)?;
    }
    let fill = |tx: &mut Tx<'_>| {
        for (table, rows, columns) in contents {
            let rows_of = "WITH RECURSIVE n (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 <";
            tx.define(&format!(
                "{rows_of} {rows}) INSERT INTO {table} SELECT {columns} FROM n;"
            ))?;
        }
        Ok(())
    };
    store.write(fill)?;
    if kind == StoreKind::Postgres {
        // As the server does by itself after a while. SQLite is never told.
        store.execute("ANALYZE", &[])?;
    }
    Ok(ground.open("store"))
}

/// A statement that was sent to PostgreSQL.
#[derive(Debug)]
pub struct Sent {
    /// Its name in the session.
    name: String,
    /// Its text.
    pub sql: String,
    /// The types of its values.
    types: Vec<String>,
}

/// What this session on PostgreSQL has prepared about tables whose names begin with `prefix` and `_`, in the order of the
/// texts.
///
/// # Errors
///
/// As the database fails.
pub fn sent(tx: &mut Tx<'_>, prefix: &str) -> Result<Vec<Sent>, DbError> {
    let sql = "SELECT name, statement, array_to_string(parameter_types::text[], ',') FROM pg_prepared_statements \
               WHERE statement LIKE $1 AND statement NOT LIKE '%LIMIT 0' ORDER BY statement";
    let told = |mut row: Row| {
        let types = row.take_text(2)?;
        let types = types.split(',').filter(|one| !one.is_empty());
        Ok(Sent {
            name: row.take_text(0)?,
            sql: row.take_text(1)?,
            types: types.map(str::to_owned).collect(),
        })
    };
    let of_tables = format!("% {prefix}\\_%");
    let rows = tx.query(sql, &[of_tables.as_str().into()])?;
    rows.into_iter().map(told).collect()
}

impl Sent {
    /// The plan that PostgreSQL keeps for it in sessions of ours: its lines. It is printed too, for people.
    ///
    /// # Errors
    ///
    /// As the database fails.
    pub fn plan(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
        let value = |of: &String| match of.as_str() {
            array if array.ends_with("[]") => format!("'{{1}}'::{array}"),
            of => format!("'1'::{of}"),
        };
        let values: Vec<String> = self.types.iter().map(value).collect();
        let values = if values.is_empty() {
            String::new()
        } else {
            format!("({})", values.join(", "))
        };
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE {}{values}", self.name);
        printed(&self.sql, tx.query(&explain, &[])?, 0)
    }
}

/// A statement that was sent to PostgreSQL, as it is sent to SQLite: they read a list of texts in other words.
#[must_use]
pub fn embedded_text(sql: &str) -> String {
    sql.replace(
        "(SELECT one.text FROM unnest(",
        "(SELECT value AS text FROM json_each(",
    )
    .replace("::text[]) AS one (text))", "))")
}

/// The plan of SQLite for a statement: its lines. It is printed too, for people.
///
/// # Errors
///
/// As the database fails.
pub fn embedded_plan(tx: &mut Tx<'_>, sql: &str) -> Result<Vec<String>, DbError> {
    let places = (1..).take_while(|place| sql.contains(&format!("${place}")));
    let values = vec![Value::Int(1); places.count()];
    let rows = tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), &values)?;
    printed(sql, rows, 3)
}

/// Prints a statement and the plan in a column: `cargo test plans -- --nocapture`.
fn printed(sql: &str, rows: Vec<Row>, column: usize) -> Result<Vec<String>, DbError> {
    let lines = rows.into_iter().map(|mut row| row.take_text(column));
    let plan = lines.collect::<Result<Vec<_>, _>>()?;
    println!("{sql}\n    {}\n", plan.join("\n    "));
    Ok(plan)
}

/// How SQLite looks for the row of a key.
///
/// # Panics
///
/// Where a column of the key is merged.
#[must_use]
pub fn find_sql(table: &Table) -> String {
    let (keys, beside) = table.columns.split_at(table.key_width());
    assert!(keys.iter().all(|column| column.merge == Merge::Key));
    let names: Vec<_> = beside.iter().map(|column| column.name).collect();
    let equal: Vec<_> = (1..)
        .zip(keys)
        .map(|(place, key)| format!("{} = ${place}", key.name))
        .collect();
    format!(
        "SELECT {} FROM {} WHERE {}",
        names.join(", "),
        table.name,
        equal.join(" AND ")
    )
}

/// Whether a plan of PostgreSQL reads a whole index: a scan of one without a condition.
#[must_use]
pub fn reads_whole_index(plan: &[String]) -> bool {
    let is_scan = |line: &&String| line.contains("Index") && line.contains(" Scan");
    let scans = plan.iter().filter(is_scan).count();
    let bound = plan.iter().filter(|line| line.contains("Index Cond:"));
    scans > bound.count()
}
