//! Tables of this room: in the state store what is truth, in the views store what is folded.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the state store: the registry of operations, and rejected requests.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "comm",
    texts: &[
        "CREATE TABLE comm_operation (
        app BIGINT NOT NULL, oper_id BIGINT NOT NULL, definition {{text}} NOT NULL, in_force BIGINT NOT NULL,
        used BIGINT NOT NULL, PRIMARY KEY (app, oper_id)) {{clustered}};
        CREATE TABLE comm_rejection (
        id {{serial}}, app BIGINT NOT NULL, hash {{bytes}} NOT NULL, ts BIGINT, at BIGINT NOT NULL,
        ret BIGINT NOT NULL, msg {{text}} NOT NULL, body {{bytes}} NOT NULL, size BIGINT NOT NULL, count BIGINT NOT NULL);
        CREATE UNIQUE INDEX comm_rejection_hash ON comm_rejection (app, hash);
        CREATE INDEX comm_rejection_at ON comm_rejection (at);
        CREATE INDEX comm_rejection_ts ON comm_rejection (app, ts);
        CREATE INDEX comm_rejection_size ON comm_rejection (app, at, id, size);
        ",
        // Until when a replay has a row for itself, in ms.
        "ALTER TABLE comm_rejection ADD COLUMN claimed_until BIGINT NOT NULL DEFAULT 0;
        CREATE TABLE comm_rejection_lock (id BIGINT NOT NULL PRIMARY KEY);
        INSERT INTO comm_rejection_lock (id) VALUES (1);
        ",
    ],
};

/// Tables in the views store.
pub const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "comm_view",
    texts: &["CREATE TABLE comm_identity (
        app BIGINT NOT NULL, ts BIGINT NOT NULL, hash {{bytes}} NOT NULL, keep_until BIGINT NOT NULL,
        PRIMARY KEY (app, ts, hash)) {{clustered}};
        CREATE TABLE comm_repeat (
        stream BIGINT NOT NULL, sequence BIGINT NOT NULL, PRIMARY KEY (stream, sequence)) {{clustered}};
        CREATE TABLE comm_series (
        id {{serial}}, app BIGINT NOT NULL, oper_id BIGINT NOT NULL, field BIGINT NOT NULL);
        CREATE UNIQUE INDEX comm_series_key ON comm_series (app, oper_id, field);
        CREATE TABLE comm_count (
        series BIGINT NOT NULL, day BIGINT NOT NULL, value {{text}} NOT NULL, n BIGINT NOT NULL,
        h0 BIGINT NOT NULL DEFAULT 0, h1 BIGINT NOT NULL DEFAULT 0, h2 BIGINT NOT NULL DEFAULT 0, h3 BIGINT NOT NULL DEFAULT 0, h4 BIGINT NOT NULL DEFAULT 0,
        h5 BIGINT NOT NULL DEFAULT 0, h6 BIGINT NOT NULL DEFAULT 0, h7 BIGINT NOT NULL DEFAULT 0, h8 BIGINT NOT NULL DEFAULT 0, h9 BIGINT NOT NULL DEFAULT 0,
        h10 BIGINT NOT NULL DEFAULT 0, h11 BIGINT NOT NULL DEFAULT 0, h12 BIGINT NOT NULL DEFAULT 0, h13 BIGINT NOT NULL DEFAULT 0, h14 BIGINT NOT NULL DEFAULT 0,
        h15 BIGINT NOT NULL DEFAULT 0, h16 BIGINT NOT NULL DEFAULT 0, h17 BIGINT NOT NULL DEFAULT 0, h18 BIGINT NOT NULL DEFAULT 0, h19 BIGINT NOT NULL DEFAULT 0,
        h20 BIGINT NOT NULL DEFAULT 0, h21 BIGINT NOT NULL DEFAULT 0, h22 BIGINT NOT NULL DEFAULT 0, h23 BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (series, day, value)) {{clustered}};
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

/// Identities of requests that were counted: the first copy wins, and an identity is kept as long as any copy asks.
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
            merge: Merge::Greatest,
        },
    ],
};

/// Entries that were dropped as repeats: raw reads skip them.
pub(crate) const REPEAT: Table = Table {
    name: "comm_repeat",
    columns: &[key("stream"), key("sequence")],
};

const fn add(name: &'static str) -> Column {
    Column {
        name,
        merge: Merge::Add,
    }
}

const fn hour(name: &'static str) -> [Column; 5] {
    [key("series"), key("day"), key("value"), add("n"), add(name)]
}

static HOURS: [[Column; 5]; 24] = [
    hour("h0"),
    hour("h1"),
    hour("h2"),
    hour("h3"),
    hour("h4"),
    hour("h5"),
    hour("h6"),
    hour("h7"),
    hour("h8"),
    hour("h9"),
    hour("h10"),
    hour("h11"),
    hour("h12"),
    hour("h13"),
    hour("h14"),
    hour("h15"),
    hour("h16"),
    hour("h17"),
    hour("h18"),
    hour("h19"),
    hour("h20"),
    hour("h21"),
    hour("h22"),
    hour("h23"),
];

/// Counts of a value of a series on a day, as seen by one of its local hours: the day's count and that hour's. A series
/// is an app, an operation and a field (`comm_series`; field 0 is the total, its only value the empty text). Hours stand
/// beside the day in one row, because a row to merge costs far more than a number in it.
pub(crate) static COUNT: [Table; 24] = {
    let mut tables = [Table {
        name: "comm_count",
        columns: &[],
    }; 24];
    let mut at = 0;
    while at < 24 {
        tables[at].columns = &HOURS[at];
        at += 1;
    }
    tables
};

/// The same with all hours.
pub(crate) static COUNT_ALL_HOURS: Table = Table {
    name: "comm_count",
    columns: &ALL_HOURS,
};

static ALL_HOURS: [Column; 28] = {
    let mut columns = [add("n"); 28];
    let mut at = 0;
    while at < 24 {
        columns[at + 4] = HOURS[at][4];
        at += 1;
    }
    columns[0] = key("series");
    columns[1] = key("day");
    columns[2] = key("value");
    columns
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
