//! Tables in the views store.
//!
//! The row of a viewer in `playback_seen` is the lock of all rows of that viewer: a fold takes it before it reads or
//! writes `playback_watch`, `playback_season` and `playback_play`. A row of `playback_reach` is locked by itself.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the views store. Entries of the history are the rows of `playback_watch` with `view_at >= 0`: a query that
/// says so, with these words, has an index in the order of pages; one for lessons and episodes alone says
/// `business <> 0` too.
pub const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "playback_view",
    texts: &["CREATE TABLE playback_seen (
        viewer BIGINT NOT NULL PRIMARY KEY, due BIGINT NOT NULL, state {{bytes}} NOT NULL) {{clustered}};
        CREATE INDEX playback_seen_due ON playback_seen (due) WHERE due >= 0;
        CREATE TABLE playback_watch (
        viewer BIGINT NOT NULL, aid BIGINT NOT NULL,
        view_at BIGINT NOT NULL, number BIGINT NOT NULL, business BIGINT NOT NULL, state {{bytes}} NOT NULL,
        PRIMARY KEY (viewer, aid)) {{clustered}};
        CREATE INDEX playback_place ON playback_watch (viewer, view_at, number, business) WHERE view_at >= 0;
        CREATE INDEX playback_place_of_business ON playback_watch (viewer, business, view_at, number)
        WHERE view_at >= 0 AND business <> 0;
        CREATE TABLE playback_season (
        viewer BIGINT NOT NULL, season BIGINT NOT NULL, aid BIGINT NOT NULL,
        PRIMARY KEY (viewer, season, aid)) {{clustered}};
        CREATE TABLE playback_play (
        viewer BIGINT NOT NULL, aid BIGINT NOT NULL, cid BIGINT NOT NULL, session BIGINT NOT NULL,
        state {{bytes}} NOT NULL, PRIMARY KEY (viewer, aid, cid, session)) {{clustered}};
        CREATE TABLE playback_reach (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, day BIGINT NOT NULL, cid BIGINT NOT NULL, chunk BIGINT NOT NULL,
        state {{bytes}} NOT NULL, PRIMARY KEY (app, aid, day, cid, chunk)) {{clustered}};
        CREATE TABLE playback_day (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, day BIGINT NOT NULL, plays BIGINT NOT NULL, watched_s BIGINT NOT NULL,
        PRIMARY KEY (app, aid, day)) {{clustered}};
        CREATE INDEX playback_day_videos ON playback_day (app, day, aid);
        CREATE TABLE playback_viewers (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, day BIGINT NOT NULL, previous BIGINT NOT NULL, n BIGINT NOT NULL,
        PRIMARY KEY (app, aid, day, previous)) {{clustered}};
        CREATE INDEX playback_viewers_videos ON playback_viewers (app, day, previous, aid);
        CREATE TABLE playback_viewing (
        app BIGINT NOT NULL, interval_no BIGINT NOT NULL, viewers BIGINT NOT NULL,
        PRIMARY KEY (app, interval_no)) {{clustered}};
        CREATE TABLE playback_length (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, cid BIGINT NOT NULL,
        at_ms BIGINT NOT NULL, stream BIGINT NOT NULL, sequence BIGINT NOT NULL, duration_s BIGINT NOT NULL,
        PRIMARY KEY (app, aid, cid)) {{clustered}};
        CREATE TABLE playback_recent (
        stream BIGINT NOT NULL, sequence BIGINT NOT NULL, at_ms BIGINT NOT NULL, state {{bytes}} NOT NULL,
        PRIMARY KEY (stream, sequence)) {{clustered}};
        CREATE INDEX playback_recent_at ON playback_recent (stream, at_ms);
        ",
        // Who made up parts made every read of the video dear: reads look at the most played ones, part by part. What is
        // folded already is counted by part when the views are rebuilt.
        "CREATE TABLE playback_part (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, cid BIGINT NOT NULL, plays BIGINT NOT NULL,
        PRIMARY KEY (app, aid, cid)) {{clustered}};
        CREATE INDEX playback_part_plays ON playback_part (app, aid, plays DESC, cid);
        CREATE TABLE playback_reach_by_part (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, day BIGINT NOT NULL, cid BIGINT NOT NULL, chunk BIGINT NOT NULL,
        state {{bytes}} NOT NULL, PRIMARY KEY (app, aid, cid, day, chunk)) {{clustered}};
        INSERT INTO playback_reach_by_part (app, aid, day, cid, chunk, state)
        SELECT app, aid, day, cid, chunk, state FROM playback_reach;
        DROP TABLE playback_reach;
        ALTER TABLE playback_reach_by_part RENAME TO playback_reach;
        "],
};

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

const fn key(name: &'static str) -> Column {
    column(name, Merge::Key)
}

const fn add(name: &'static str) -> Column {
    column(name, Merge::Add)
}

const fn replaced(name: &'static str) -> Column {
    column(name, Merge::Replace)
}

/// What is known of a viewer as a whole ([`crate::seen`]). `due`: when the oldest delete arrived that can still be
/// undone, -1 where there is none.
pub(crate) const SEEN: Table = Table {
    name: "playback_seen",
    columns: &[key("viewer"), replaced("due"), replaced("state")],
};

/// Where a viewer is in a video ([`crate::watch`]). `view_at`, in seconds, `number` and `business` are the place of the
/// entry in the history; `view_at` is -1 where it has none.
pub(crate) const WATCH: Table = Table {
    name: "playback_watch",
    columns: &[
        key("viewer"),
        key("aid"),
        replaced("view_at"),
        replaced("number"),
        replaced("business"),
        replaced("state"),
    ],
};

/// For which videos a viewer's reports have named a season.
pub(crate) const SEASON: Table = Table {
    name: "playback_season",
    columns: &[key("viewer"), key("season"), key("aid")],
};

/// Play sessions of a viewer ([`crate::plays`]), but the one that the row of the video holds: what stands here of that
/// one is of old. `session` is 0 for those without a name, which are all in one row.
pub(crate) const PLAY: Table = Table {
    name: "playback_play",
    columns: &[
        key("viewer"),
        key("aid"),
        key("cid"),
        key("session"),
        replaced("state"),
    ],
};

/// How far play sessions got ([`crate::reach`]), by the day of their first beat; day -1 is all days.
pub(crate) const REACH: Table = Table {
    name: "playback_reach",
    columns: &[
        key("app"),
        key("aid"),
        key("day"),
        key("cid"),
        key("chunk"),
        replaced("state"),
    ],
};

/// Plays and watched seconds by the day of the first beat.
pub(crate) const DAY: Table = Table {
    name: "playback_day",
    columns: &[
        key("app"),
        key("aid"),
        key("day"),
        add("plays"),
        add("watched_s"),
    ],
};

/// Plays of each part of a video, of all days: by them reads find the most played parts, and look at no others.
pub(crate) const PART: Table = Table {
    name: "playback_part",
    columns: &[key("app"), key("aid"), key("cid"), add("plays")],
};

/// How many viewers watched a video on `day`, and before it last on `previous`, -1 for never: those that were distinct
/// from one day to another are the sum over the days between of those whose previous day was before.
pub(crate) const VIEWERS: Table = Table {
    name: "playback_viewers",
    columns: &[
        key("app"),
        key("aid"),
        key("day"),
        key("previous"),
        add("n"),
    ],
};

/// How many viewers were viewing in an interval ([`crate::seen::INTERVAL_MS`]) since 1970.
pub(crate) const VIEWING: Table = Table {
    name: "playback_viewing",
    columns: &[key("app"), key("interval_no"), add("viewers")],
};

/// How long a part is, as the newest report said that told it.
pub(crate) const LENGTH: Table = Table {
    name: "playback_length",
    columns: &[
        key("app"),
        key("aid"),
        key("cid"),
        column("at_ms", Merge::Order),
        column("stream", Merge::Order),
        column("sequence", Merge::Order),
        column("duration_s", Merge::Payload),
    ],
};

/// The same as it is read: the length alone.
pub(crate) const LENGTH_TOLD: Table = Table {
    name: "playback_length",
    columns: &[
        key("app"),
        key("aid"),
        key("cid"),
        column("duration_s", Merge::Payload),
    ],
};

/// The newest beats of a batch ([`crate::recent`]), by the first entry of it.
pub(crate) const RECENT: Table = Table {
    name: "playback_recent",
    columns: &[
        key("stream"),
        key("sequence"),
        replaced("at_ms"),
        replaced("state"),
    ],
};
