//! How the store answers: no read and no change of a ticket looks at a whole table, or at all tickets of an app.
//!
//! These are the statements that are really sent.

use reportd_db::{Database, Tx};
use reportd_platform::random::SeededRandom;
use reportd_protocol::dialogue::Report;
use reportd_testbed::plans::{self, Contents, embedded_plan, filled_store};
use reportd_testbed::{Ground, StoreKind};

use crate::audit::{self, AuditListing};
use crate::callback::statements;
use crate::intake::NewReport;
use crate::query::{self, About, DeliveryListing, Listing, Place, Queue};
use crate::tickets::{self, Actor, TicketError, TicketState, Wanted};
use crate::{MIGRATIONS, events, monitor, retention, streams};

/// What the store holds. Of the tickets one in ten is open.
const CONTENTS: [Contents; 12] = [
    (
        "dialogue_ticket (app, category, state, group_id, received_at, reports, users, infos, report_id, revision, moved_at)",
        20_000,
        "1 + i % 2, 'c' || (i % 3), CASE WHEN i % 10 = 0 THEN 0 ELSE 2 END, i, i, 1, 1, 1, 'r' || i, 0, i",
    ),
    (
        "dialogue_thread (app, report_id, category, ticket)",
        20_000,
        "1 + i % 2, 'r' || i, 'c' || (i % 3), i + 1",
    ),
    (
        "dialogue_report (ticket, app, report_id, digest, uniqid, redirect, received_at, body, users, infos)",
        20_000,
        "i + 1, 1 + i % 2, 'r' || i, CAST('' AS {{bytes}}), 'u' || (i % 100), 'x', i, CAST('' AS {{bytes}}), 1, 1",
    ),
    (
        "dialogue_user (app, user_key, received_at, ticket)",
        20_000,
        "1 + i % 2, 'k' || (i % 50), i, i + 1",
    ),
    (
        "dialogue_reporter (app, uniqid, received_at, ticket)",
        20_000,
        "1 + i % 2, 'u' || (i % 100), i, i + 1",
    ),
    (
        "dialogue_verdict (ticket, revision, dialogue_result, user_result, auditor, auditor_key, judged_at, seen_reports, \
         leaves_at)",
        20_000,
        "i + 1, 1, 'ad', '{}', 'm', 'k', i, 1, i",
    ),
    (
        "dialogue_audit (at, actor, actor_key, action, app, ticket, details)",
        20_000,
        "i, 'm' || (i % 100), 'k', 'judged', 1 + i % 2, i + 1, '{}'",
    ),
    (
        "dialogue_event (at, app, category, kind, ticket)",
        20_000,
        "i + 10000000, 1 + i % 2, 'c', 'new', i + 1",
    ),
    (
        "dialogue_delivery (webhook_id, app, ticket, verdict, revision, url, host, uniqid, state, attempts, next_at, body, \
         created_at, done_at)",
        20_000,
        "'w' || i, 1 + i % 2, i + 1, i + 1, 1, 'x', 'h' || (i % 50), '', 1 + i % 2, 1, i, CAST('' AS {{bytes}}), i, i",
    ),
    (
        "dialogue_attempt (delivery, attempt, at, took_ms)",
        20_000,
        "i + 1, 1, i, 1",
    ),
    (
        "dialogue_group (app, digest, group_id, began_at)",
        20_000,
        "1 + i, CAST('' AS {{bytes}}), i, i",
    ),
    (
        "dialogue_count (app, day, figure, part, number)",
        20_000,
        "1 + i % 2, i, 1, '', 1",
    ),
];

const REPORT: &str = r#"{"uniqid":"u1","report_id":"r7","category":"c1","timestamp":1795233600,
    "users":{"k1":{},"k2":{}},"infos":[{"id":"k1","type":"text","content":"x","time":1795233000}]}"#;

/// Behind all events of the store.
const NOW_MS: i64 = 10_020_000;

fn filled(ground: &Ground, kind: StoreKind) -> Database {
    let state = filled_store(ground, kind, &[&MIGRATIONS], &CONTENTS).unwrap();
    let body = zstd::bulk::compress(b"{}", 1).unwrap();
    let compress = "UPDATE dialogue_report SET body = $1";
    state.execute(compress, &[body[..].into()]).unwrap();
    // That was none of the statements that are looked at.
    ground.open("store")
}

fn actor() -> Actor {
    Actor {
        name: "m1".to_owned(),
        key: "k".to_owned(),
        apps: None,
        categories: None,
        is_lead: true,
    }
}

/// Every list, and all that is read of a ticket.
fn read_all(tx: &mut Tx<'_>) -> Result<(), TicketError> {
    let about = |about| (Some(1), None, Some(about));
    for (app, categories, about) in [
        (None, None, None),
        (Some(1), None, None),
        (Some(1), Some(vec!["c1".to_owned()]), None),
        about(About::User("k0".to_owned())),
        about(About::Reporter("u0".to_owned())),
    ] {
        for is_newest_first in [false, true] {
            let after = Some(Place {
                received_at_ms: 10_000,
                id: 10_001,
            });
            let listing = Listing {
                apps: app.map(|app| vec![app]),
                categories: categories.clone(),
                states: vec![TicketState::Open],
                about: about.clone(),
                is_newest_first,
                after,
                limit: 50,
                ..Listing::default()
            };
            assert!(!query::list(tx, &listing)?.tickets.is_empty());
        }
    }
    let queues = [Queue::All, Queue::App(1), Queue::Category(1, "c1")];
    assert!(query::counts(tx, &queues)?.oldest_open_at_ms.is_some());
    assert_eq!(query::held(tx, &queues, &actor())?, 0);
    assert!(!query::waiting_by_category(tx, &queues)?.is_empty());
    let ticket = tickets::find(tx, &actor(), 1)?;
    let whole = query::whole(tx, ticket)?;
    assert!(!whole.users.is_empty() && !whole.reporters.is_empty());
    assert!(!query::of_report_id(tx, 1, "r4", NOW_MS)?.is_empty());
    let listing = |app: Option<u32>, ticket, actor: Option<&str>| AuditListing {
        apps: app.map(|app| vec![app]),
        ticket,
        actor: actor.map(str::to_owned),
        before: None,
        limit: 50,
    };
    for listing in [
        listing(None, None, None),
        listing(Some(1), None, None),
        listing(None, Some(7), None),
        listing(None, None, Some("m7")),
    ] {
        assert!(!audit::list(tx, &listing)?.is_empty());
    }
    Ok(())
}

/// What streams, figures and lists of callbacks read.
fn watch_all(tx: &mut Tx<'_>) -> Result<(), TicketError> {
    for (app, state, ticket) in [
        (None, None, None),
        (Some(1), Some(1), None),
        (None, Some(2), None),
        (Some(1), None, Some(1)),
    ] {
        let listing = DeliveryListing {
            apps: app.map(|app| vec![app]),
            state,
            ticket,
            before: Some(15_000),
            limit: 50,
        };
        assert!(!query::deliveries(tx, &listing)?.is_empty());
    }
    let limited = Actor {
        categories: Some(vec!["c1".to_owned()]),
        ..actor()
    };
    let listing = DeliveryListing {
        limit: 50,
        ..DeliveryListing::default()
    };
    let (found, next) = query::deliveries_of(tx, &limited, &listing)?;
    assert!(found.len() == 50 && next.is_some());
    assert!(query::delivery(tx, 7)?.is_some() && !query::attempts(tx, 7)?.is_empty());
    let (newest, oldest) = streams::bounds(tx)?;
    assert!(
        !streams::events_after(tx, (newest + oldest) / 2)?
            .0
            .is_empty()
    );
    Ok(monitor::read_all(tx)?)
}

/// What moderators and reports change, but verdicts.
fn change_all(tx: &mut Tx<'_>) -> Result<(), TicketError> {
    let report = Report::read(REPORT).unwrap();
    let random = SeededRandom::new(1);
    for digest in [[1; 32], [2; 32]] {
        let new = NewReport::new(2, &report, (REPORT, digest), "x", &random, NOW_MS)?;
        new.store(tx)?;
    }
    let actor = actor();
    for (app, category, after) in [
        (None, None, None),
        (Some(1), None, Some(1)),
        (Some(1), Some("c1"), Some(1)),
    ] {
        let mut wanted = Wanted {
            app,
            category: category.map(str::to_owned),
            is_newest_first: true,
            after,
        };
        let newest = tickets::next(tx, &actor, &wanted, NOW_MS)?.unwrap();
        tickets::release(tx, &actor, newest.id, NOW_MS)?;
        wanted.is_newest_first = false;
        let ticket = tickets::next(tx, &actor, &wanted, NOW_MS)?.unwrap();
        tickets::claim(tx, &actor, ticket.id, NOW_MS)?;
        audit::note_sight(tx, &actor, &ticket, NOW_MS)?;
        tickets::release(tx, &actor, ticket.id, NOW_MS)?;
        tickets::claim(tx, &actor, ticket.id, NOW_MS - tickets::CLAIM_MS)?;
    }
    tickets::reopen(tx, &actor, 2, "why", NOW_MS)?;
    assert_eq!(tickets::end_expired_claims(tx, NOW_MS)?, 3);
    events::prune(tx, NOW_MS)?;
    Ok(())
}

/// What is deleted because it is old.
fn drop_all(tx: &mut Tx<'_>) -> Result<(), TicketError> {
    Ok(retention::drop_all(tx)?)
}

/// What deliveries go through, and what a newer verdict changes of the older ones.
fn send_all(tx: &mut Tx<'_>) -> Result<(), TicketError> {
    statements::change_all(tx, NOW_MS)?;
    Ok(tickets::replace(tx, 3, 1)?)
}

/// Looks at the plan of each statement that this session has sent.
fn check_postgres(tx: &mut Tx<'_>, least: usize) -> Result<(), TicketError> {
    let all = plans::sent(tx, "dialogue")?;
    assert!(all.len() >= least, "{} statements are not all", all.len());
    for sent in &all {
        let plan = sent.plan(tx)?;
        let has = |what: &str| plan.iter().any(|line| line.contains(what));
        // The marks are one row.
        let is_scan =
            |line: &String| line.contains("Seq Scan on dialogue_") && !line.ends_with("_mark");
        assert!(!plan.iter().any(is_scan), "{}: {plan:#?}", sent.sql);
        // An app's rows are many: a search has to go on from there, or end at a limit without sorting them.
        let is_wide = plan.iter().any(|line| line.ends_with("Cond: (app = $1)"));
        assert!(!is_wide || !has("Sort"), "{}: {plan:#?}", sent.sql);
    }
    Ok(())
}

fn check_embedded(tx: &mut Tx<'_>, sqls: &[String]) -> Result<(), TicketError> {
    for sql in sqls {
        let plan = embedded_plan(tx, sql)?;
        for line in &plan {
            // What a subquery has found is read as it is, and the whole audit trail by its number up to a limit.
            let is_found = ["SCAN counted", "SCAN r", "SCAN (subquery-1)"].contains(&line.as_str());
            let is_scan = line.starts_with("SCAN") && !is_found;
            assert!(!is_scan, "{sql}: {plan:#?}");
            let is_wide = line.ends_with("(app=?)") || line.ends_with("(state=?)");
            let sorts = plan
                .iter()
                .any(|line| line.contains("TEMP B-TREE FOR ORDER BY"));
            assert!(!is_wide || !sorts, "{sql}: {plan:#?}");
        }
    }
    Ok(())
}

/// What a fresh session on PostgreSQL sends in the course of `work`.
fn texts(work: impl Fn(&mut Tx<'_>) -> Result<(), TicketError>, least: usize) -> Vec<String> {
    let ground = Ground::new(StoreKind::Postgres);
    let state = filled(&ground, StoreKind::Postgres);
    let texts = state.try_write(|tx| {
        work(tx)?;
        check_postgres(tx, least)?;
        Ok::<_, TicketError>(
            plans::sent(tx, "dialogue")?
                .into_iter()
                .map(|sent| sent.sql)
                .collect::<Vec<_>>(),
        )
    });
    // Where many keys are looked for, PostgreSQL has a text of its own.
    let mut texts = texts.unwrap();
    texts.retain(|sql| !sql.contains("unnest"));
    texts
}

#[test]
fn both_stores_answer_by_index_alone() {
    let mut sqls = texts(read_all, 18);
    sqls.extend(texts(change_all, 20));
    sqls.extend(texts(watch_all, 12));
    sqls.extend(texts(drop_all, 14));
    sqls.extend(texts(send_all, 12));
    let ground = Ground::new(StoreKind::Embedded);
    let state = filled(&ground, StoreKind::Embedded);
    state.try_write(|tx| check_embedded(tx, &sqls)).unwrap();
}
