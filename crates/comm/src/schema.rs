//! Tables of this room: in the state store what is truth, in the views store what is folded.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the state store: the registry of operations, and rejected requests.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "comm",
    texts: &["CREATE TABLE comm_operation (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, definition TEXT NOT NULL, in_force BIGINT NOT NULL,
        used BIGINT NOT NULL, PRIMARY KEY (app, oper_id)) {{clustered}};
        CREATE TABLE comm_rejection (
        id {{serial}}, app BIGINT NOT NULL, hash {{bytes}} NOT NULL, ts BIGINT, at BIGINT NOT NULL,
        ret BIGINT NOT NULL, msg TEXT NOT NULL, body {{bytes}} NOT NULL, size BIGINT NOT NULL, count BIGINT NOT NULL);
        CREATE UNIQUE INDEX comm_rejection_hash ON comm_rejection (app, hash);
        CREATE INDEX comm_rejection_ts ON comm_rejection (app, ts);
        CREATE INDEX comm_rejection_size ON comm_rejection (app, id, size);
        "],
};

/// Tables in the views store.
pub const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "comm_view",
    texts: &["CREATE TABLE comm_identity (
        app BIGINT NOT NULL, ts BIGINT NOT NULL, hash {{bytes}} NOT NULL, keep_until BIGINT NOT NULL,
        PRIMARY KEY (app, ts, hash)) {{clustered}};
        CREATE TABLE comm_repeat (
        stream BIGINT NOT NULL, sequence BIGINT NOT NULL, PRIMARY KEY (stream, sequence)) {{clustered}};
        CREATE TABLE comm_dimension (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, field BIGINT NOT NULL,
        PRIMARY KEY (app, oper_id, field)) {{clustered}};
        CREATE TABLE comm_hour (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, field BIGINT NOT NULL, at BIGINT NOT NULL, value TEXT NOT NULL,
        n BIGINT NOT NULL, PRIMARY KEY (app, oper_id, field, at, value)) {{clustered}};
        CREATE TABLE comm_day (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, field BIGINT NOT NULL, at BIGINT NOT NULL, value TEXT NOT NULL,
        n BIGINT NOT NULL, PRIMARY KEY (app, oper_id, field, at, value)) {{clustered}};
        CREATE TABLE comm_census (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, day BIGINT NOT NULL, gid BIGINT NOT NULL,
        ts BIGINT NOT NULL, hash {{bytes}} NOT NULL, item BIGINT NOT NULL, subscriptions BIGINT NOT NULL,
        PRIMARY KEY (app, oper_id, day, gid)) {{clustered}};
        "],
};

const fn key(name: &'static str) -> Column {
    Column {
        name,
        merge: Merge::Key,
    }
}

const fn order(name: &'static str) -> Column {
    Column {
        name,
        merge: Merge::Order,
    }
}

/// Identities of requests that were counted: the first copy wins.
///
/// The app stands before the time, so that each app's identities can be dropped by its own window with one range;
/// inserts still go to the end of their app's range.
pub(crate) const IDENTITY: Table = Table {
    name: "comm_identity",
    columns: &[
        key("app"),
        key("ts"),
        key("hash"),
        Column {
            name: "keep_until",
            merge: Merge::Payload,
        },
    ],
};

/// Entries that were dropped as repeats: raw reads skip them.
pub(crate) const REPEAT: Table = Table {
    name: "comm_repeat",
    columns: &[key("stream"), key("sequence")],
};

/// Which (app, operation, field) have counts; field 0 is the total.
pub(crate) const DIMENSION: Table = Table {
    name: "comm_dimension",
    columns: &[key("app"), key("oper_id"), key("field")],
};

const COUNT_COLUMNS: &[Column] = &[
    key("app"),
    key("oper_id"),
    key("field"),
    key("at"),
    key("value"),
    Column {
        name: "n",
        merge: Merge::Add,
    },
];

/// Counts by local hour.
pub(crate) const HOUR: Table = Table {
    name: "comm_hour",
    columns: COUNT_COLUMNS,
};

/// Counts by day.
pub(crate) const DAY: Table = Table {
    name: "comm_day",
    columns: COUNT_COLUMNS,
};

/// The census: per day and group the newest (ts, hash, item) wins.
pub(crate) const CENSUS: Table = Table {
    name: "comm_census",
    columns: &[
        key("app"),
        key("oper_id"),
        key("day"),
        key("gid"),
        order("ts"),
        order("hash"),
        order("item"),
        Column {
            name: "subscriptions",
            merge: Merge::Payload,
        },
    ],
};
