//! Verdicts: what they say, whom they are sent to, undone and given again.

use reportd_dialogue::callback::Senders;
use reportd_dialogue::tickets::{Judgement, TicketError, TicketState};
use reportd_platform::credentials::CredentialKind;
use reportd_protocol::dialogue::Verdict;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{App, NOON_MS, ONE, World, judgement, lead, moderator, report, with};

/// The callbacks of an app that are in the outbox: url, state, revision and what they say.
fn outbox(world: &World, app: App) -> Vec<(String, i64, i64, Verdict)> {
    let sql = "SELECT url, state, revision, body FROM dialogue_delivery ORDER BY id";
    let rows = world.dialogue.state.read(|tx| tx.query(sql, &[])).unwrap();
    let delivery = |mut row: reportd_db::Row| {
        let body = row.take_bytes(3).unwrap();
        let verdict = Verdict::read(&body, &app.cipher()).unwrap();
        let url = row.take_text(0).unwrap();
        (url, row.int(1).unwrap(), row.int(2).unwrap(), verdict)
    };
    rows.into_iter().map(delivery).collect()
}

#[rstest]
fn a_verdict_says_all_users_in_the_words_of_the_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_settings(
        ONE,
        &json!({"labels": [
            {"key": "normal", "wire": "ok", "zh": "正常", "en": "Normal"},
            {"key": "porn", "wire": "pron", "zh": "色情", "en": "Porn"},
        ]}),
    );
    let users = json!([{"name": "zero"}, {"name": "one"}]);
    let infos = json!([{"id": 1, "type": "text", "content": "x", "time": 1_795_233_000}]);
    let first = with(with(report("r1"), "users", users), "infos", infos);
    let ticket = world.file(ONE, &first).ticket();
    let second = with(
        with(report("r1"), "uniqid", json!("")),
        "redirect",
        json!("https://b.example/"),
    );
    assert_eq!(world.file(ONE, &second).ticket(), ticket);
    // The same receiver again: told once.
    let third = with(second.clone(), "report_evidence", json!({"reason": "more"}));
    assert_eq!(world.file(ONE, &third).ticket(), ticket);
    let judged = world.judge(
        &moderator("小王"),
        ticket,
        judgement("normal", &[("1", "porn")]),
    );
    assert_eq!(judged.unwrap().state, TicketState::Judged);
    let sent = outbox(&world, ONE);
    let urls: Vec<_> = sent.iter().map(|(url, ..)| url.as_str()).collect();
    assert_eq!(urls, ["https://b.example/", "https://receiver.example/cb"]);
    let uniqids: Vec<_> = sent
        .iter()
        .map(|(.., verdict)| verdict.uniqid.as_str())
        .collect();
    assert_eq!(uniqids, ["", "u-1"]);
    let verdict = &sent[1].3;
    assert_eq!(verdict.ticket_id, ticket.to_string());
    assert_eq!(
        (verdict.app_id.as_str(), verdict.category.as_str()),
        (ONE.id, "chat")
    );
    assert_eq!(
        (verdict.dialogue_result.as_str(), verdict.auditor.as_str()),
        ("ok", "小王")
    );
    let expected = [("0", "ok"), ("1", "pron"), ("id_1", "ok"), ("id_2", "ok")];
    let expected = expected.map(|(user, label)| (user.to_owned(), label.to_owned()));
    assert_eq!(verdict.user_results, expected);
}

#[rstest]
fn what_does_not_fit_is_refused_and_changes_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let m = moderator("m");
    let ticket = world.file(ONE, &report("r1")).ticket();
    let note = |note: String| Judgement {
        note: Some(note),
        ..judgement("ad", &[])
    };
    for (judgement, field) in [
        (judgement("nonsense", &[]), "dialogue_result"),
        (judgement("ad", &[("id_1", "nonsense")]), "user_result.id_1"),
        (judgement("ad", &[("1", "ad")]), "user_result.1"),
        (note("x".repeat(4_001)), "note"),
        (note("\0".to_owned()), "note"),
    ] {
        match world.judge(&m, ticket, judgement) {
            Err(TicketError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let unknown = world
        .judge(&m, ticket + 1, judgement("ad", &[]))
        .unwrap_err();
    assert!(matches!(unknown, TicketError::Unknown), "{unknown}");
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_verdict"), 0);
    assert_eq!(
        world.int("SELECT COUNT(*) FROM dialogue_ticket WHERE state = 0"),
        1
    );
}

#[rstest]
fn a_verdict_that_has_not_seen_all_reports_is_refused(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let m = moderator("m");
    let ticket = world.file(ONE, &report("r1")).ticket();
    world.claim(&m, ticket).unwrap();
    world
        .file(ONE, &with(report("r1"), "uniqid", json!("u-2")))
        .ticket();
    let seen = |seen| Judgement {
        seen_reports: Some(seen),
        ..judgement("ad", &[])
    };
    let refused = world.judge(&m, ticket, seen(1)).unwrap_err();
    assert!(matches!(refused, TicketError::MoreReports(2)), "{refused}");
    world.judge(&m, ticket, seen(2)).unwrap();
    assert_eq!(world.int("SELECT seen_reports FROM dialogue_verdict"), 2);
    let refused = world.judge(&m, ticket, seen(2)).unwrap_err();
    assert!(matches!(refused, TicketError::AlreadyJudged), "{refused}");
}

#[rstest]
fn a_verdict_is_undone_while_its_callback_has_not_left(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let (a, b) = (moderator("a"), moderator("b"));
    let undo = |who: &_, ticket| world.run(world.dialogue.undo(Clone::clone(who), ticket));
    let ticket = world.file(ONE, &report("r1")).ticket();
    assert!(matches!(undo(&a, ticket), Err(TicketError::NotJudged)));
    world.judge(&a, ticket, judgement("ad", &[])).unwrap();
    world.clock.advance(59_000);
    assert!(matches!(undo(&b, ticket), Err(TicketError::Forbidden(_))));
    let undone = undo(&a, ticket).unwrap();
    assert_eq!(
        (undone.state, undone.revision, undone.verdict),
        (TicketState::Claimed, 0, None)
    );
    assert_eq!(undone.claim.unwrap().by, "a");
    assert_eq!(outbox(&world, ONE)[0].1, 3, "taken back");
    assert!(matches!(undo(&a, ticket), Err(TicketError::NotJudged)));
    // A lead undoes any; whoever judged holds it again.
    world.judge(&a, ticket, judgement("porn", &[])).unwrap();
    assert_eq!(undo(&lead("boss"), ticket).unwrap().claim.unwrap().by, "a");
    world.judge(&a, ticket, judgement("abuse", &[])).unwrap();
    world.clock.advance(60_001);
    assert!(matches!(undo(&a, ticket), Err(TicketError::TooLate(_))));
    let states: Vec<_> = outbox(&world, ONE)
        .iter()
        .map(|sent| (sent.1, sent.2))
        .collect();
    assert_eq!(states, [(3, 1), (3, 1), (0, 1)]);
}

#[rstest]
fn without_time_to_undo_a_callback_leaves_at_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_settings(ONE, &json!({"undo_seconds": 0}));
    let m = moderator("m");
    let ticket = world.file(ONE, &report("r1")).ticket();
    world.judge(&m, ticket, judgement("ad", &[])).unwrap();
    let undone = world.run(world.dialogue.undo(m, ticket));
    assert!(matches!(undone, Err(TicketError::TooLate(_))), "{undone:?}");
    assert_eq!(
        world.int("SELECT COUNT(*) FROM dialogue_verdict WHERE undone_at IS NULL"),
        1
    );
}

#[rstest]
fn a_ticket_that_is_opened_again_keeps_what_was(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let m = moderator("m");
    let ticket = world.file(ONE, &report("r1")).ticket();
    let reopen = |who: &_, reason: &str| {
        world.run(
            world
                .dialogue
                .reopen(Clone::clone(who), ticket, reason.to_owned()),
        )
    };
    assert!(matches!(
        reopen(&lead("l"), "why"),
        Err(TicketError::NotJudged)
    ));
    let first = world.judge(&m, ticket, judgement("ad", &[])).unwrap();
    assert!(matches!(reopen(&m, "why"), Err(TicketError::Forbidden(_))));
    assert!(matches!(
        reopen(&lead("l"), " "),
        Err(TicketError::Invalid { .. })
    ));
    let open = reopen(&lead("l"), "an appeal").unwrap();
    assert_eq!(
        (open.state, open.revision, open.verdict),
        (TicketState::Open, 1, first.verdict)
    );
    let second = world.judge(&m, ticket, judgement("normal", &[])).unwrap();
    assert_eq!((second.revision, second.is_upheld), (2, Some(false)));
    // The first had not left: the second goes in its place.
    let states: Vec<_> = outbox(&world, ONE)
        .iter()
        .map(|sent| (sent.1, sent.2))
        .collect();
    assert_eq!(states, [(3, 1), (0, 2)]);
    // Undone, the verdict before it stands.
    let undone = world.run(world.dialogue.undo(m.clone(), ticket)).unwrap();
    assert_eq!(
        (undone.revision, undone.verdict, undone.is_upheld),
        (1, first.verdict, Some(true))
    );
    world.judge(&m, ticket, judgement("fraud", &[])).unwrap();
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_verdict"), 3);
    let whole = world.run(world.dialogue.look_at(m, ticket)).unwrap();
    let actions: Vec<_> = whole
        .audit
        .iter()
        .rev()
        .map(|record| record.action.as_str())
        .collect();
    assert_eq!(
        actions,
        ["judged", "reopened", "judged", "undone", "judged"]
    );
    assert_eq!(whole.audit[3].details["reason"], "an appeal");
    assert_eq!(whole.verdicts.len(), 3);
}

#[rstest]
fn a_bulk_verdict_tells_what_became_of_each(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (a, b) = (moderator("a"), moderator("b"));
    let tickets: Vec<i64> = (0..4)
        .map(|number| world.file(ONE, &report(&format!("r{number}"))).ticket())
        .collect();
    world.judge(&a, tickets[1], judgement("ad", &[])).unwrap();
    world.claim(&b, tickets[2]).unwrap();
    let ids = [tickets[0], tickets[1], tickets[2], 999_999, tickets[3]];
    let outcomes = world.run(world.dialogue.judge_all(&a, &ids, &judgement("ad", &[])));
    let told: Vec<_> = outcomes
        .iter()
        .map(|one| (one.id, one.outcome.is_ok()))
        .collect();
    let expected = [true, false, false, false, true];
    assert_eq!(told, ids.into_iter().zip(expected).collect::<Vec<_>>());
    assert!(matches!(
        outcomes[1].outcome,
        Err(TicketError::AlreadyJudged)
    ));
    assert!(matches!(
        outcomes[2].outcome,
        Err(TicketError::ClaimedByAnother)
    ));
    assert!(matches!(outcomes[3].outcome, Err(TicketError::Unknown)));
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_verdict"), 3);
}

/// The old secret signs on for its grace, as the old key opens reports.
#[rstest]
fn a_rotated_callback_secret_signs_beside_the_new_one_for_its_grace(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let until_ms = || {
        world.dialogue.directory.reload_if_changed().unwrap();
        let app = world.dialogue.registry.app(ONE.id).unwrap();
        let sender = world.dialogue.registry.sender(app.app.no).unwrap();
        let secrets = sender.secrets.iter();
        secrets.map(|secret| secret.until_ms).collect::<Vec<_>>()
    };
    let secret = |byte: &str| format!("whsec_{}", byte.repeat(32));
    world.rotate(ONE, CredentialKind::CallbackSecret, &secret("A"), 0);
    world.rotate(ONE, CredentialKind::CallbackSecret, &secret("B"), 60_000);
    assert_eq!(until_ms(), [Some(NOON_MS + 60_000), None]);
}
