//! Tables in the state store.

use reportd_db::migrate::Migrations;

/// Tables in the state store.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "playback",
    texts: &[],
};
