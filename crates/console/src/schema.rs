//! Tables of the console in the state store: who is logged in.

use reportd_db::migrate::Migrations;

/// Migrations of this room.
pub const MIGRATIONS: Migrations = Migrations {
    set: "console",
    texts: &[
        // A session by the hash of its secret; it ends with the generation of its person. Times in ms.
        "CREATE TABLE console_session (
        hash {{bytes}} NOT NULL PRIMARY KEY, person {{text}} NOT NULL, generation BIGINT NOT NULL,
        created_at BIGINT NOT NULL, seen_at BIGINT NOT NULL) {{clustered}};
        ",
    ],
};
