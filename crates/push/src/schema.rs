//! Tables of this room: in the state store what is truth, in the views store what is folded.

use reportd_db::migrate::Migrations;

/// Tables in the state store: tokens and settings.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "push",
    texts: &[],
};

/// Tables in the views store.
pub const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "push_view",
    texts: &[],
};
