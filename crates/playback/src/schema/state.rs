//! Tables in the state store.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the state store: who a viewer is, sessions (only hashes of their secrets), and what an app has set.
///
/// `playback_change` tells all nodes what to drop from memory: `version` is that of the directory which the change has
/// raised, so that versions grow in the order of commits; rows up to `playback_revision.version` have been removed.
///
/// `playback_revoked_token.expires_at` is when the token ends; the greatest number where nobody told.
///
/// `playback_viewer.salt` hides sources in the entries of `viewer`, `paused_salt` in those of `paused`
/// ([`crate::entry::BeatRecord::of`]); 0 in rows from before there were salts.
pub const STATE_MIGRATIONS: Migrations = Migrations {
    set: "playback",
    texts: &["CREATE TABLE playback_viewer (
        app BIGINT NOT NULL, mid BIGINT NOT NULL, viewer BIGINT NOT NULL, paused BIGINT,
        PRIMARY KEY (app, mid)) {{clustered}};
        CREATE UNIQUE INDEX playback_viewer_number ON playback_viewer (viewer);
        CREATE TABLE playback_session (
        id {{serial}}, app BIGINT NOT NULL, mid BIGINT NOT NULL,
        sessdata_hash {{bytes}} NOT NULL, key_hash {{bytes}} NOT NULL, csrf_hash {{bytes}} NOT NULL,
        created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, label {{text}} NOT NULL);
        CREATE UNIQUE INDEX playback_session_sessdata ON playback_session (sessdata_hash);
        CREATE UNIQUE INDEX playback_session_access_key ON playback_session (key_hash);
        CREATE INDEX playback_session_viewer ON playback_session (app, mid, id);
        CREATE INDEX playback_session_expiry ON playback_session (expires_at);
        CREATE TABLE playback_session_key (
        no {{serial}}, app BIGINT NOT NULL, kid {{text}} NOT NULL, algorithm {{text}} NOT NULL,
        sealed {{bytes}}, public_key {{text}}, created_at BIGINT NOT NULL);
        CREATE INDEX playback_session_key_app ON playback_session_key (app, no);
        CREATE TABLE playback_revoked_token (
        hash {{bytes}} NOT NULL PRIMARY KEY, revoked_at BIGINT NOT NULL) {{clustered}};
        CREATE TABLE playback_change (
        version BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, what BIGINT NOT NULL,
        app BIGINT NOT NULL, mid BIGINT NOT NULL, hashes {{bytes}} NOT NULL) {{clustered}};
        CREATE TABLE playback_revision (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL);
        INSERT INTO playback_revision (id, version) VALUES (1, 0);
        CREATE TABLE playback_settings (
        app BIGINT NOT NULL PRIMARY KEY, settings {{text}} NOT NULL) {{clustered}};
        CREATE TABLE playback_catalogue (
        app BIGINT NOT NULL, aid BIGINT NOT NULL, cid BIGINT NOT NULL, title {{text}} NOT NULL, cover {{text}} NOT NULL,
        duration_s BIGINT, author_name {{text}} NOT NULL, author_mid BIGINT NOT NULL, page BIGINT NOT NULL,
        part_title {{text}} NOT NULL, PRIMARY KEY (app, aid, cid)) {{clustered}};
        CREATE TABLE playback_erasure (
        viewer BIGINT NOT NULL PRIMARY KEY, app BIGINT NOT NULL, at_ms BIGINT NOT NULL, is_told BIGINT NOT NULL) {{clustered}};
        CREATE INDEX playback_erasure_untold ON playback_erasure (at_ms) WHERE is_told = 0;
        ",
        "ALTER TABLE playback_viewer ADD COLUMN salt BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE playback_viewer ADD COLUMN paused_salt BIGINT NOT NULL DEFAULT 0;
        ",
        "ALTER TABLE playback_revoked_token ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 9223372036854775807;
        CREATE INDEX playback_revoked_token_expiry ON playback_revoked_token (expires_at);
        "],
};

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

/// A viewer by app and mid.
pub(crate) const VIEWER: Table = Table {
    name: "playback_viewer",
    columns: &[
        column("app", Merge::Key),
        column("mid", Merge::Key),
        column("viewer", Merge::Payload),
        column("paused", Merge::Payload),
        column("salt", Merge::Payload),
        column("paused_salt", Merge::Payload),
    ],
};

/// A viewer by number.
pub(crate) const VIEWER_BY_NUMBER: Table = Table {
    name: "playback_viewer",
    columns: &[column("viewer", Merge::Key), column("mid", Merge::Payload)],
};
