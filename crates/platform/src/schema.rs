//! Tables of the state store: apps, credentials, API keys, people, shared rate limits. Low volume, each commit durable.

use reportd_db::migrate::Migrations;

/// Migrations of this room.
pub const MIGRATIONS: Migrations = Migrations {
    set: "platform",
    texts: &[
        "CREATE TABLE app (
        no {{serial}}, id {{text}} NOT NULL UNIQUE, name {{text}} NOT NULL, zone {{text}} NOT NULL,
        zone_fixed BIGINT NOT NULL, disabled BIGINT NOT NULL, created_at BIGINT NOT NULL);
        CREATE TABLE app_setting (
        app BIGINT NOT NULL, name {{text}} NOT NULL, value {{text}} NOT NULL, PRIMARY KEY (app, name)) {{clustered}};
        CREATE TABLE credential (
        no {{serial}}, app BIGINT NOT NULL, kind {{text}} NOT NULL, hash {{bytes}}, sealed {{bytes}},
        created_at BIGINT NOT NULL, expires_at BIGINT);
        CREATE INDEX credential_app ON credential (app);
        CREATE UNIQUE INDEX credential_hash ON credential (kind, hash);
        CREATE TABLE api_key (
        no {{serial}}, name {{text}} NOT NULL UNIQUE, role {{text}} NOT NULL, app BIGINT, hash {{bytes}} NOT NULL,
        created_at BIGINT NOT NULL, revoked_at BIGINT);
        CREATE TABLE directory_version (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL);
        INSERT INTO directory_version (id, version) VALUES (1, 1);
        ",
        // When each bucket of a rate limit that several nodes share is full again, in microseconds.
        "CREATE TABLE rate_bucket (
        name {{text}} NOT NULL, bucket {{text}} NOT NULL, full_at BIGINT NOT NULL, PRIMARY KEY (name, bucket)) {{clustered}};
        ",
        // The only categories of tickets that a key may touch, a JSON list; NULL for all.
        "ALTER TABLE api_key ADD COLUMN categories {{text}};
        ",
        // A person of the console. apps: numbers of the only apps, categories: names of the only ones, each a JSON list;
        // NULL for all. generation: raised with each new password and each disabling, which ends the person's sessions.
        "CREATE TABLE person (
        name {{text}} NOT NULL PRIMARY KEY, role {{text}} NOT NULL, apps {{text}}, categories {{text}},
        password {{text}} NOT NULL, must_change BIGINT NOT NULL, generation BIGINT NOT NULL, created_at BIGINT NOT NULL,
        disabled_at BIGINT) {{clustered}};
        ",
    ],
};
