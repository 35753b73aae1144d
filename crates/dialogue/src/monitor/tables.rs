//! Counts by app and day, and how far rows are folded into them.

use reportd_db::{Column, Merge, Table};

/// Tables in the state store.
///
/// - `dialogue_count`: `figure` is that of [`super::figure::Figure`]; `part` is what it is parted by: an `ec`, a
///   moderator, a bucket of a [`super::Spread`]; empty where it is not.
/// - `dialogue_count_mark`: up to where rows are folded: numbers of rows, and a time in ms. One row.
pub(crate) const TABLES: &str = "CREATE TABLE dialogue_count (
        app BIGINT NOT NULL, day BIGINT NOT NULL, figure BIGINT NOT NULL, part {{text}} NOT NULL, number BIGINT NOT NULL,
        PRIMARY KEY (app, day, figure, part)) {{clustered}};
        CREATE TABLE dialogue_count_mark (
        id BIGINT NOT NULL PRIMARY KEY, report BIGINT NOT NULL, audit BIGINT NOT NULL, delivery BIGINT NOT NULL);
        CREATE INDEX dialogue_delivery_done ON dialogue_delivery (done_at) WHERE done_at IS NOT NULL;
        INSERT INTO dialogue_count_mark (id, report, audit, delivery) VALUES (1, 0, 0, 0);
        ";

const fn key(name: &'static str) -> Column {
    Column {
        name,
        merge: Merge::Key,
    }
}

/// Counts that add.
pub(super) const COUNT: Table = Table {
    name: "dialogue_count",
    columns: &[
        key("app"),
        key("day"),
        key("figure"),
        key("part"),
        Column {
            name: "number",
            merge: Merge::Add,
        },
    ],
};
