//! Tables of this room: in the state store what is truth, in the views store what is folded.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the state store: tokens, of which only the hash is kept, the key that proves them, and settings, a JSON object an
/// app.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "push",
    texts: &["CREATE TABLE push_token (
        hash {{bytes}} NOT NULL PRIMARY KEY, app BIGINT NOT NULL, expires_at BIGINT NOT NULL) {{clustered}};
        CREATE INDEX push_token_expiry ON push_token (expires_at);
        CREATE TABLE push_settings (app BIGINT NOT NULL PRIMARY KEY, settings {{text}} NOT NULL) {{clustered}};
        ",
        "CREATE TABLE push_token_key (id BIGINT NOT NULL PRIMARY KEY, secret {{text}} NOT NULL) {{clustered}};
        "],
};

/// Tables in the views store.
///
/// Devices, tasks, and brands and actions (words) are numbered by the store as they come; all else names them by number.
/// *Marks* are who reached what: see [`crate::marks`]. Counters follow from marks, in the same transaction.
pub(crate) const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "push_view",
    texts: &[
        // A task: -1 stands for what was not announced, the greatest number for no event.
        "CREATE TABLE push_task (
        id {{serial}}, app BIGINT NOT NULL, task {{text}} NOT NULL,
        created_at BIGINT NOT NULL DEFAULT -1, kind BIGINT NOT NULL DEFAULT -1, group_name {{text}} NOT NULL DEFAULT '',
        prefix_kind BIGINT NOT NULL, first_at BIGINT NOT NULL DEFAULT 9223372036854775807);
        CREATE UNIQUE INDEX push_task_name ON push_task (app, task);
        CREATE INDEX push_task_created ON push_task (app,
        (CASE WHEN created_at >= 0 THEN created_at WHEN prefix_kind >= 0 THEN first_at ELSE -1 END), id);
        CREATE INDEX push_task_group ON push_task (app, group_name, created_at, id);
        CREATE TABLE push_word (
        id {{serial}}, app BIGINT NOT NULL, word {{text}} NOT NULL);
        CREATE UNIQUE INDEX push_word_text ON push_word (app, word);
        CREATE TABLE push_device (
        id {{serial}}, app BIGINT NOT NULL, cid {{text}} NOT NULL);
        CREATE UNIQUE INDEX push_device_cid ON push_device (app, cid);
        CREATE TABLE push_registered (
        device BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, day BIGINT NOT NULL) {{clustered}};
        CREATE TABLE push_mark (
        task BIGINT NOT NULL, stage BIGINT NOT NULL, part BIGINT NOT NULL, devices {{bytes}} NOT NULL,
        PRIMARY KEY (task, stage, part)) {{clustered}};
        CREATE TABLE push_task_count (
        task BIGINT NOT NULL, brand BIGINT NOT NULL, channel BIGINT NOT NULL,
        sendable BIGINT NOT NULL, sent BIGINT NOT NULL, received BIGINT NOT NULL, displayed BIGINT NOT NULL,
        clicked BIGINT NOT NULL, PRIMARY KEY (task, brand, channel)) {{clustered}};
        CREATE TABLE push_task_day (
        task BIGINT NOT NULL, day BIGINT NOT NULL,
        sendable BIGINT NOT NULL, sent BIGINT NOT NULL, received BIGINT NOT NULL, displayed BIGINT NOT NULL,
        clicked BIGINT NOT NULL, PRIMARY KEY (task, day)) {{clustered}};
        CREATE TABLE push_task_action (
        task BIGINT NOT NULL, action BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (task, action)) {{clustered}};
        CREATE TABLE push_task_loss (
        task BIGINT NOT NULL, phase BIGINT NOT NULL, channel BIGINT NOT NULL, reason BIGINT NOT NULL, n BIGINT NOT NULL,
        PRIMARY KEY (task, phase, channel, reason)) {{clustered}};
        CREATE TABLE push_day_count (
        app BIGINT NOT NULL, day BIGINT NOT NULL, brand BIGINT NOT NULL, channel BIGINT NOT NULL,
        sendable BIGINT NOT NULL, sent BIGINT NOT NULL, received BIGINT NOT NULL, displayed BIGINT NOT NULL,
        clicked BIGINT NOT NULL, PRIMARY KEY (app, day, brand, channel)) {{clustered}};
        CREATE TABLE push_day_loss (
        app BIGINT NOT NULL, day BIGINT NOT NULL, phase BIGINT NOT NULL, channel BIGINT NOT NULL, reason BIGINT NOT NULL,
        n BIGINT NOT NULL, PRIMARY KEY (app, day, phase, channel, reason)) {{clustered}};
        CREATE TABLE push_quota_count (
        app BIGINT NOT NULL, day BIGINT NOT NULL, channel BIGINT NOT NULL, quota BIGINT NOT NULL,
        sent BIGINT NOT NULL, received BIGINT NOT NULL, PRIMARY KEY (app, day, channel, quota)) {{clustered}};
        CREATE TABLE push_user_day (
        app BIGINT NOT NULL, day BIGINT NOT NULL, registered BIGINT NOT NULL, active BIGINT NOT NULL,
        PRIMARY KEY (app, day)) {{clustered}};
        CREATE TABLE push_active (
        app BIGINT NOT NULL, day BIGINT NOT NULL, part BIGINT NOT NULL, devices {{bytes}} NOT NULL,
        PRIMARY KEY (app, day, part)) {{clustered}};
        CREATE TABLE push_online (
        app BIGINT NOT NULL, point BIGINT NOT NULL, users BIGINT NOT NULL, PRIMARY KEY (app, point)) {{clustered}};
        CREATE TABLE push_presence (
        app BIGINT NOT NULL, point BIGINT NOT NULL, part BIGINT NOT NULL, devices {{bytes}} NOT NULL,
        PRIMARY KEY (app, point, part)) {{clustered}};
        ",
        // What a report of many tasks shows is one row a task: its counters stand in its row, packed as
        // `TaskFigures` says. Of channels there are few, of brands any number: those stay rows.
        "ALTER TABLE push_task ADD COLUMN figures {{text}} NOT NULL DEFAULT '';
        UPDATE push_task SET figures = COALESCE((
        SELECT STRING_AGG(c.channel || ':' || c.sendable || ',' || c.sent || ',' || c.received || ',' || c.displayed || ','
        || c.clicked, ';' ORDER BY c.channel) FROM push_task_count c WHERE c.task = push_task.id AND c.brand = 0), '');
        DELETE FROM push_task_count WHERE brand = 0;
        ",
        // Parts are of 1,024 devices from here on: `widen` makes them of those of 256.
        // Columns have other names from then on: a server of before fails there, and does not miscount.
        "ALTER TABLE push_mark RENAME COLUMN devices TO marks;
        ALTER TABLE push_active RENAME COLUMN devices TO marks;
        ALTER TABLE push_presence RENAME COLUMN devices TO marks;
        ",
    ],
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

/// A new task, or an earlier event of one.
pub(crate) const TASK: Table = Table {
    name: "push_task",
    columns: &[
        key("app"),
        key("task"),
        column("prefix_kind", Merge::Payload),
        column("first_at", Merge::Least),
    ],
};

/// An announcement: the greatest created_at wins, ties by the bytes of the group's name, then by kind.
pub(crate) const ANNOUNCED: Table = Table {
    name: "push_task",
    columns: &[
        key("app"),
        key("task"),
        column("prefix_kind", Merge::Payload),
        column("created_at", Merge::Order),
        column("group_name", Merge::Order),
        column("kind", Merge::Order),
    ],
};

/// A task as the fold looks it up. Who writes marks or counters of a task locks it here.
pub(crate) const TASK_FOUND: Table = Table {
    name: "push_task",
    columns: &[
        key("app"),
        key("task"),
        column("id", Merge::Payload),
        column("figures", Merge::Payload),
    ],
};

/// Counters of a task ([`crate::figures`]), of one that was found and locked.
pub(crate) const TASK_FIGURES: Table = Table {
    name: "push_task",
    columns: &[
        key("app"),
        key("task"),
        column("prefix_kind", Merge::Payload),
        column("figures", Merge::Replace),
    ],
};

/// A word that is new.
pub(crate) const WORD: Table = Table {
    name: "push_word",
    columns: &[key("app"), key("word")],
};

/// A word's number.
pub(crate) const WORD_FOUND: Table = Table {
    name: "push_word",
    columns: &[key("app"), key("word"), column("id", Merge::Payload)],
};

/// A device that is new.
pub(crate) const DEVICE: Table = Table {
    name: "push_device",
    columns: &[key("app"), key("cid")],
};

/// A device's number.
pub(crate) const DEVICE_FOUND: Table = Table {
    name: "push_device",
    columns: &[key("app"), key("cid"), column("id", Merge::Payload)],
};

/// When a device registered, and the day of it.
pub(crate) const REGISTERED: Table = Table {
    name: "push_registered",
    columns: &[
        key("device"),
        column("at", Merge::Replace),
        column("day", Merge::Replace),
    ],
};

/// Who of a task reached what, by parts of the devices.
pub(crate) const MARK: Table = Table {
    name: "push_mark",
    columns: &[
        key("task"),
        key("stage"),
        key("part"),
        column("marks", Merge::Replace),
    ],
};

/// Counters of a task by brand of a channel; those of all brands stand in the task's row.
pub(crate) const TASK_COUNT: Table = Table {
    name: "push_task_count",
    columns: &[
        key("task"),
        key("brand"),
        key("channel"),
        add("sendable"),
        add("sent"),
        add("received"),
        add("displayed"),
        add("clicked"),
    ],
};

/// Totals of a task by day.
pub(crate) const TASK_DAY: Table = Table {
    name: "push_task_day",
    columns: &[
        key("task"),
        key("day"),
        add("sendable"),
        add("sent"),
        add("received"),
        add("displayed"),
        add("clicked"),
    ],
};

/// Actions of a task.
pub(crate) const TASK_ACTION: Table = Table {
    name: "push_task_action",
    columns: &[key("task"), key("action"), add("n")],
};

/// Losses of a task.
pub(crate) const TASK_LOSS: Table = Table {
    name: "push_task_loss",
    columns: &[
        key("task"),
        key("phase"),
        key("channel"),
        key("reason"),
        add("n"),
    ],
};

/// Counters of an app's day: channel 0 is the total; brand 0 is all of a channel, another a brand of it.
pub(crate) const DAY_COUNT: Table = Table {
    name: "push_day_count",
    columns: &[
        key("app"),
        key("day"),
        key("brand"),
        key("channel"),
        add("sendable"),
        add("sent"),
        add("received"),
        add("displayed"),
        add("clicked"),
    ],
};

/// Losses of an app's day.
pub(crate) const DAY_LOSS: Table = Table {
    name: "push_day_loss",
    columns: &[
        key("app"),
        key("day"),
        key("phase"),
        key("channel"),
        key("reason"),
        add("n"),
    ],
};

/// Use of quotas.
pub(crate) const QUOTA_COUNT: Table = Table {
    name: "push_quota_count",
    columns: &[
        key("app"),
        key("day"),
        key("channel"),
        key("quota"),
        add("sent"),
        add("received"),
    ],
};

/// Users of a day: those that registered, and those that were online. Who writes a part of [`ACTIVE`] locks its day here.
pub(crate) const USER_DAY: Table = Table {
    name: "push_user_day",
    columns: &[key("app"), key("day"), add("registered"), add("active")],
};

/// Who was online on a day, by parts of the devices.
pub(crate) const ACTIVE: Table = Table {
    name: "push_active",
    columns: &[
        key("app"),
        key("day"),
        key("part"),
        column("marks", Merge::Replace),
    ],
};

/// How many were online at a point. Who writes a part of [`PRESENCE`] locks its point here.
pub(crate) const ONLINE: Table = Table {
    name: "push_online",
    columns: &[key("app"), key("point"), add("users")],
};

/// The newest presence of devices before a point, by parts of the devices.
pub(crate) const PRESENCE: Table = Table {
    name: "push_presence",
    columns: &[
        key("app"),
        key("point"),
        key("part"),
        column("marks", Merge::Replace),
    ],
};

#[cfg(test)]
mod tests {
    use reportd_testbed::Ground;
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use rstest::rstest;

    use super::*;
    use crate::figures::TaskFigures;

    /// Counters of a store that had a row for each channel of a task.
    const OF_AN_OLDER_STORE: &str = "
        INSERT INTO push_task (app, task, prefix_kind) VALUES (1, 'counted', -1), (1, 'quiet', -1);
        INSERT INTO push_task_count SELECT id, 0, 12, 0, 8, 7, 6, 5 FROM push_task WHERE task = 'counted';
        INSERT INTO push_task_count SELECT id, 0, 0, 12345678901, 9, 7, 6, 5 FROM push_task WHERE task = 'counted';
        INSERT INTO push_task_count SELECT id, 0, 2, 0, 1, 0, 0, 0 FROM push_task WHERE task = 'counted';
        INSERT INTO push_task_count SELECT id, 7, 1, 0, 1, 0, 0, 0 FROM push_task WHERE task = 'counted';
        ";

    #[rstest]
    fn counters_of_an_older_store_stay(#[values(Embedded, Postgres)] kind: StoreKind) {
        let ground = Ground::new(kind);
        let views = ground.open("views");
        let older = Migrations {
            texts: &VIEW_MIGRATIONS.texts[..1],
            ..VIEW_MIGRATIONS
        };
        older.apply(&views).unwrap();
        views.write(|tx| tx.define(OF_AN_OLDER_STORE)).unwrap();
        VIEW_MIGRATIONS.apply(&views).unwrap();
        let found = views.read(|tx| {
            let keys = [
                [1_i64.into(), "counted".into()],
                [1_i64.into(), "quiet".into()],
            ];
            let found = tx.find(&TASK_FOUND, &keys)?.into_iter();
            let figures = found.map(|row| row.unwrap().take_text(1));
            let brands = tx.query_int(
                "SELECT CAST(SUM(brand) AS BIGINT) FROM push_task_count",
                &[],
            );
            Ok((figures.collect::<Result<Vec<_>, _>>()?, brands))
        });
        let (figures, brands) = found.unwrap();
        let counted = "0:12345678901,9,7,6,5;2:0,1,0,0,0;12:0,8,7,6,5";
        assert_eq!(figures, [counted, ""]);
        assert_eq!(TaskFigures::unpack(counted).unwrap().pack(), counted);
        assert_eq!(brands.unwrap(), 7);
    }
}
