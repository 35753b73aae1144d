//! Tables of this room: in the state store what is truth, in the views store what is folded.

use reportd_db::migrate::Migrations;

/// Tables in the state store: tokens, of which only the hash is kept, and settings, a JSON object an app.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "push",
    texts: &["CREATE TABLE push_token (
        hash {{bytes}} NOT NULL PRIMARY KEY, app BIGINT NOT NULL, expires_at BIGINT NOT NULL) {{clustered}};
        CREATE INDEX push_token_expiry ON push_token (expires_at);
        CREATE TABLE push_settings (app BIGINT NOT NULL PRIMARY KEY, settings {{text}} NOT NULL) {{clustered}};
        "],
};

/// Tables in the views store.
pub const VIEW_MIGRATIONS: Migrations = Migrations {
    set: "push_view",
    texts: &[],
};
