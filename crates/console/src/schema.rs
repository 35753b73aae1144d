//! Tables of the console in the state store: who is logged in.

use reportd_db::migrate::Migrations;

/// Migrations of this room.
pub const MIGRATIONS: Migrations = Migrations {
    set: "console",
    texts: &[
        // A session by the hash of its secret. Times in ms.
        "CREATE TABLE console_session (
        hash {{bytes}} NOT NULL PRIMARY KEY, person {{text}} NOT NULL, created_at BIGINT NOT NULL,
        seen_at BIGINT NOT NULL) {{clustered}};
        CREATE INDEX console_session_person ON console_session (person);
        ",
    ],
};
