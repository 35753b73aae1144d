//! Tables of this room, all in the state store: what stands here is truth, and is written in one transaction each.

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Merge, Table};

/// Tables in the state store. Times are in ms since 1970; lists go by `(received_at, id)` of the ticket, which is why
/// tables that find tickets carry its `received_at`.
///
/// - `dialogue_thread`: the newest ticket of a report_id and category. An intake locks its row first.
/// - `dialogue_ticket`: `state` is that of [`crate::tickets::TicketState`]; `claim_until` is NULL where nobody holds it;
///   `verdict` is the one that stands, also while the ticket is open again; `upheld` is 1 where that verdict found fault;
///   `user_bytes` is what its users take in a callback.
/// - `dialogue_verdict`: its callbacks leave from `leaves_at` on; NULL where a newer one took their place before that.
/// - `dialogue_report`: immutable; `body` is the decrypted JSON as it was sent, compressed.
/// - `dialogue_delivery`: `state` 0 pending, 1 delivered, 2 dead, 3 taken back.
/// - `dialogue_audit`: append-only. `dialogue_event`: for streams on all nodes, kept for an hour.
pub const MIGRATIONS: Migrations = Migrations {
    set: "dialogue",
    texts: &["CREATE TABLE dialogue_settings (app BIGINT NOT NULL PRIMARY KEY, settings {{text}} NOT NULL) {{clustered}};
        CREATE TABLE dialogue_thread (
        app BIGINT NOT NULL, report_id {{text}} NOT NULL, ticket BIGINT NOT NULL,
        PRIMARY KEY (app, report_id)) {{clustered}};
        CREATE TABLE dialogue_ticket (
        id {{serial}}, app BIGINT NOT NULL, category {{text}} NOT NULL, state BIGINT NOT NULL, group_id BIGINT NOT NULL,
        follows BIGINT, received_at BIGINT NOT NULL, reports BIGINT NOT NULL, users BIGINT NOT NULL, infos BIGINT NOT NULL,
        report_id {{text}} NOT NULL, claimed_by {{text}}, claim_key {{text}}, claim_until BIGINT, judged_at BIGINT,
        verdict BIGINT, upheld BIGINT, revision BIGINT NOT NULL, moved_at BIGINT NOT NULL);
        CREATE INDEX dialogue_ticket_queue ON dialogue_ticket (state, received_at, id);
        CREATE INDEX dialogue_ticket_app ON dialogue_ticket (app, state, received_at, id);
        CREATE INDEX dialogue_ticket_category ON dialogue_ticket (app, category, state, received_at, id);
        CREATE INDEX dialogue_ticket_claim ON dialogue_ticket (claim_until);
        CREATE TABLE dialogue_report (
        id {{serial}}, ticket BIGINT NOT NULL, app BIGINT NOT NULL, report_id {{text}} NOT NULL, digest {{bytes}} NOT NULL,
        uniqid {{text}} NOT NULL, redirect {{text}} NOT NULL, received_at BIGINT NOT NULL, body {{bytes}} NOT NULL,
        users BIGINT NOT NULL, infos BIGINT NOT NULL);
        CREATE UNIQUE INDEX dialogue_report_content ON dialogue_report (app, report_id, digest);
        CREATE INDEX dialogue_report_ticket ON dialogue_report (ticket, id);
        CREATE TABLE dialogue_user (
        app BIGINT NOT NULL, user_key {{text}} NOT NULL, received_at BIGINT NOT NULL, ticket BIGINT NOT NULL,
        PRIMARY KEY (app, user_key, received_at, ticket)) {{clustered}};
        CREATE INDEX dialogue_user_ticket ON dialogue_user (ticket);
        CREATE TABLE dialogue_reporter (
        app BIGINT NOT NULL, uniqid {{text}} NOT NULL, received_at BIGINT NOT NULL, ticket BIGINT NOT NULL,
        PRIMARY KEY (app, uniqid, received_at, ticket)) {{clustered}};
        CREATE TABLE dialogue_group (
        app BIGINT NOT NULL, digest {{bytes}} NOT NULL, group_id BIGINT NOT NULL, began_at BIGINT NOT NULL,
        PRIMARY KEY (app, digest)) {{clustered}};
        CREATE TABLE dialogue_verdict (
        id {{serial}}, ticket BIGINT NOT NULL, revision BIGINT NOT NULL, dialogue_result {{text}} NOT NULL,
        user_result {{text}} NOT NULL, note {{text}}, auditor {{text}} NOT NULL, auditor_key {{text}} NOT NULL,
        judged_at BIGINT NOT NULL, seen_reports BIGINT NOT NULL, undone_at BIGINT);
        CREATE INDEX dialogue_verdict_ticket ON dialogue_verdict (ticket, id);
        CREATE TABLE dialogue_delivery (
        id {{serial}}, webhook_id {{text}} NOT NULL, app BIGINT NOT NULL, ticket BIGINT NOT NULL, verdict BIGINT NOT NULL,
        revision BIGINT NOT NULL, url {{text}} NOT NULL, host {{text}} NOT NULL, uniqid {{text}} NOT NULL,
        state BIGINT NOT NULL, attempts BIGINT NOT NULL, next_at BIGINT NOT NULL, leased_by {{text}},
        body {{bytes}} NOT NULL, created_at BIGINT NOT NULL, done_at BIGINT, last_status BIGINT, last_error {{text}});
        CREATE INDEX dialogue_delivery_due ON dialogue_delivery (host, next_at) WHERE state + 0 = 0;
        CREATE INDEX dialogue_delivery_state ON dialogue_delivery (state, id);
        CREATE INDEX dialogue_delivery_app ON dialogue_delivery (app, state, id);
        CREATE INDEX dialogue_delivery_ticket ON dialogue_delivery (ticket, id);
        CREATE INDEX dialogue_delivery_lease ON dialogue_delivery (leased_by) WHERE leased_by IS NOT NULL;
        CREATE TABLE dialogue_attempt (
        delivery BIGINT NOT NULL, attempt BIGINT NOT NULL, at BIGINT NOT NULL, took_ms BIGINT NOT NULL, status BIGINT,
        error {{text}}, excerpt {{bytes}}, PRIMARY KEY (delivery, attempt));
        CREATE TABLE dialogue_audit (
        id {{serial}}, at BIGINT NOT NULL, actor {{text}} NOT NULL, actor_key {{text}} NOT NULL, action {{text}} NOT NULL,
        app BIGINT NOT NULL, ticket BIGINT, details {{text}} NOT NULL);
        CREATE INDEX dialogue_audit_app ON dialogue_audit (app, id);
        CREATE INDEX dialogue_audit_ticket ON dialogue_audit (ticket, id);
        CREATE INDEX dialogue_audit_actor ON dialogue_audit (actor, id);
        CREATE TABLE dialogue_event (
        id {{serial}}, at BIGINT NOT NULL, app BIGINT NOT NULL, category {{text}} NOT NULL, kind {{text}} NOT NULL,
        ticket BIGINT NOT NULL);
        CREATE INDEX dialogue_event_at ON dialogue_event (at);
        ", crate::monitor::TABLES,
        "CREATE INDEX dialogue_group_began ON dialogue_group (began_at);
        ", LEAVES_AND_CATEGORIES],
};

/// Verdicts know when they leave (those of before by the default of `undo_seconds`), tickets what their users take in a
/// callback, and a thread is of one category.
const LEAVES_AND_CATEGORIES: &str = "ALTER TABLE dialogue_verdict ADD COLUMN leaves_at BIGINT;
        UPDATE dialogue_verdict SET leaves_at = judged_at + 60000;
        ALTER TABLE dialogue_ticket ADD COLUMN user_bytes BIGINT NOT NULL DEFAULT 0;
        UPDATE dialogue_ticket SET user_bytes = (SELECT COALESCE(SUM(OCTET_LENGTH(u.user_key) + 16), 0)
        FROM dialogue_user u WHERE u.ticket = dialogue_ticket.id);
        ALTER TABLE dialogue_thread RENAME TO dialogue_thread_of_all;
        CREATE TABLE dialogue_thread (
        app BIGINT NOT NULL, report_id {{text}} NOT NULL, category {{text}} NOT NULL, ticket BIGINT NOT NULL,
        PRIMARY KEY (app, report_id, category)) {{clustered}};
        INSERT INTO dialogue_thread (app, report_id, category, ticket)
        SELECT o.app, o.report_id, t.category, o.ticket FROM dialogue_thread_of_all o JOIN dialogue_ticket t ON t.id = o.ticket;
        DROP TABLE dialogue_thread_of_all;
        ";

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

const fn key(name: &'static str) -> Column {
    column(name, Merge::Key)
}

const fn payload(name: &'static str) -> Column {
    column(name, Merge::Payload)
}

/// A ticket as it is looked up by its number: the columns of [`crate::query::Ticket`], in their order.
pub(crate) const TICKET: Table = Table {
    name: "dialogue_ticket",
    columns: &[
        key("id"),
        payload("app"),
        payload("category"),
        payload("state"),
        payload("group_id"),
        payload("follows"),
        payload("received_at"),
        payload("reports"),
        payload("users"),
        payload("infos"),
        payload("report_id"),
        payload("claimed_by"),
        payload("claim_key"),
        payload("claim_until"),
        payload("judged_at"),
        payload("verdict"),
        payload("upheld"),
        payload("revision"),
        payload("moved_at"),
    ],
};

/// What a verdict says, as it is looked up by its number.
pub(crate) const VERDICT: Table = Table {
    name: "dialogue_verdict",
    columns: &[
        key("id"),
        payload("ticket"),
        payload("dialogue_result"),
        payload("user_result"),
        payload("auditor"),
    ],
};

/// A user of a ticket.
pub(crate) const USER: Table = Table {
    name: "dialogue_user",
    columns: &[
        key("app"),
        key("user_key"),
        key("received_at"),
        key("ticket"),
    ],
};

#[cfg(test)]
mod tests {
    use reportd_testbed::Ground;
    use reportd_testbed::StoreKind::{self, Embedded, Postgres};
    use rstest::rstest;

    use super::*;

    /// A store of before, with a ticket of a judged thread.
    const BEFORE: &str = "INSERT INTO dialogue_thread (app, report_id, ticket) VALUES (1, 'r', 7);
        INSERT INTO dialogue_ticket (id, app, category, state, group_id, received_at, reports, users, infos, report_id,
        revision, moved_at) VALUES (7, 1, 'chat', 2, 1, 1, 1, 2, 1, 'r', 1, 1);
        INSERT INTO dialogue_user (app, user_key, received_at, ticket) VALUES (1, 'ab', 1, 7);
        INSERT INTO dialogue_user (app, user_key, received_at, ticket) VALUES (1, '字', 1, 7);
        INSERT INTO dialogue_verdict (ticket, revision, dialogue_result, user_result, auditor, auditor_key, judged_at,
        seen_reports) VALUES (7, 1, 'ad', '{}', 'm', 'k', 1000, 1);
        ";

    #[rstest]
    fn what_an_earlier_version_stored_is_carried_over(
        #[values(Embedded, Postgres)] kind: StoreKind,
    ) {
        let ground = Ground::new(kind);
        let store = ground.open("store");
        let texts = MIGRATIONS.texts;
        let place = texts.iter().position(|text| *text == LEAVES_AND_CATEGORIES);
        let earlier = Migrations {
            set: MIGRATIONS.set,
            texts: &texts[..place.unwrap()],
        };
        earlier.apply(&store).unwrap();
        store.write(|tx| tx.define(BEFORE)).unwrap();
        MIGRATIONS.apply(&store).unwrap();
        let int = |sql: &str| store.read(|tx| tx.query_int(sql, &[])).unwrap();
        let thread = "SELECT ticket FROM dialogue_thread WHERE app = 1 AND report_id = 'r' AND category = 'chat'";
        assert_eq!(int(thread), 7);
        assert_eq!(int("SELECT leaves_at FROM dialogue_verdict"), 61_000);
        assert_eq!(
            int("SELECT user_bytes FROM dialogue_ticket"),
            2 + 3 + 2 * 16
        );
    }
}
