//! Claims: one holder at a time, however many ask, on however many nodes.

use std::collections::HashSet;

use reportd_dialogue::tickets::{Actor, CLAIM_MS, TicketError, TicketState, Wanted};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{ONE, TWO, World, judgement, moderator, report, with};

#[rstest]
fn a_claim_holds_until_it_ends_or_is_given_back(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (a, b) = (moderator("a"), moderator("b"));
    let ticket = world.file(ONE, &report("r1")).ticket();
    let held = world.claim(&a, ticket).unwrap();
    assert_eq!(held.state, TicketState::Claimed);
    assert_eq!(held.claim.as_ref().unwrap().by, "a");
    let another = world.claim(&b, ticket).unwrap_err();
    assert!(
        matches!(another, TicketError::ClaimedByAnother),
        "{another}"
    );
    let other_key = Actor {
        key: "others".to_owned(),
        ..a.clone()
    };
    assert!(
        world.claim(&other_key, ticket).is_err(),
        "a name alone is no holder"
    );
    let judged = world.judge(&b, ticket, judgement("ad", &[])).unwrap_err();
    assert!(matches!(judged, TicketError::ClaimedByAnother), "{judged}");
    let released = world.run(world.dialogue.release(b.clone(), ticket));
    assert!(matches!(released, Err(TicketError::ClaimedByAnother)));
    // Renewed, it holds longer.
    world.clock.advance(CLAIM_MS - 1);
    world.claim(&a, ticket).unwrap();
    world.clock.advance(CLAIM_MS - 1);
    assert!(world.claim(&b, ticket).is_err());
    world.clock.advance(1);
    assert_eq!(world.claim(&b, ticket).unwrap().claim.unwrap().by, "b");
    world.run(world.dialogue.release(b, ticket)).unwrap();
    assert_eq!(world.next(&a).unwrap().id, ticket);
    let audit = "SELECT COUNT(*) FROM dialogue_audit WHERE action = 'claimed'";
    assert_eq!(world.int(audit), 3, "renewals are no claims");
}

#[rstest]
fn a_claim_that_ended_is_open_to_all(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (a, b) = (moderator("a"), moderator("b"));
    let ticket = world.file(ONE, &report("r1")).ticket();
    world.claim(&a, ticket).unwrap();
    world.clock.advance(CLAIM_MS);
    assert_eq!(world.next(&b), None, "upkeep opens it");
    world.run(world.dialogue.upkeep()).unwrap();
    let sql = "SELECT COUNT(*) FROM dialogue_audit WHERE action = 'released' AND actor = 'a'";
    assert_eq!(world.int(sql), 1);
    assert_eq!(world.next(&b).unwrap().id, ticket);
    // The one whose claim has ended is too late.
    let late = world.judge(&a, ticket, judgement("ad", &[])).unwrap_err();
    assert!(matches!(late, TicketError::ClaimedByAnother), "{late}");
    world.clock.advance(CLAIM_MS);
    // Ended, and not opened yet: whoever comes first may judge.
    world.judge(&a, ticket, judgement("ad", &[])).unwrap();
    let late = world.judge(&b, ticket, judgement("ad", &[])).unwrap_err();
    assert!(matches!(late, TicketError::AlreadyJudged), "{late}");
    let late = world.claim(&b, ticket).unwrap_err();
    assert!(matches!(late, TicketError::AlreadyJudged), "{late}");
}

#[rstest]
fn next_gives_the_oldest_of_what_the_actor_may_take(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let any = moderator("a");
    assert_eq!(world.next(&any), None);
    let mut tickets = Vec::new();
    for (app, category) in [(ONE, "x"), (TWO, "x"), (ONE, "y"), (ONE, "x")] {
        world.clock.advance(1);
        let sent = with(
            report(&format!("r{}", tickets.len())),
            "category",
            json!(category),
        );
        tickets.push(world.file(app, &sent).ticket());
    }
    let (one, two) = (no(&world, "app-One_1"), no(&world, "two"));
    let of = |app, categories: Option<&[&str]>| Actor {
        apps: Some(vec![app]),
        categories: categories.map(|all| all.iter().map(|&one| one.to_owned()).collect()),
        ..moderator("b")
    };
    assert_eq!(world.next(&of(one, Some(&["y"]))).unwrap().id, tickets[2]);
    assert_eq!(world.next(&of(one, Some(&["y"]))), None);
    let wanted = Wanted {
        app: Some(two),
        category: Some("x".to_owned()),
        ..Wanted::default()
    };
    let asked = world.dialogue.claim_next(any.clone(), wanted);
    assert_eq!(world.run(asked).unwrap().unwrap().id, tickets[1]);
    assert_eq!(world.next(&of(two, None)), None);
    // What is not the actor's is not there.
    let refused = world.claim(&of(two, None), tickets[0]).unwrap_err();
    assert!(matches!(refused, TicketError::Unknown), "{refused}");
    let refused = world.claim(&of(one, Some(&["y"])), tickets[0]).unwrap_err();
    assert!(matches!(refused, TicketError::Unknown), "{refused}");
    assert_eq!(world.next(&any).unwrap().id, tickets[0]);
    assert_eq!(world.next(&any).unwrap().id, tickets[3]);
    assert_eq!(world.next(&any), None);
}

#[rstest]
fn next_goes_on_behind_the_ticket_that_is_passed_over(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let a = moderator("a");
    let file = |number: i64| {
        // Two at a time come in the same moment.
        world.clock.advance(number % 2);
        world.file(ONE, &report(&format!("r{number}"))).ticket()
    };
    let tickets: Vec<_> = (0..12).map(file).collect();
    let pass = |left: i64, is_newest_first: bool| {
        let wanted = Wanted {
            after: Some(left),
            is_newest_first,
            ..Wanted::default()
        };
        let next = world.run(world.dialogue.claim_next(a.clone(), wanted));
        let next = next.unwrap().unwrap().id;
        world.run(world.dialogue.release(a.clone(), next)).unwrap();
        next
    };
    let walk = |is_newest_first| {
        let mut met = vec![tickets[5]];
        for place in 0..tickets.len() {
            met.push(pass(met[place], is_newest_first));
        }
        met
    };
    let around = |places: &[usize]| {
        places
            .iter()
            .map(|place| tickets[*place])
            .collect::<Vec<_>>()
    };
    assert_eq!(
        walk(false),
        around(&[5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5])
    );
    assert_eq!(
        walk(true),
        around(&[5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 5])
    );
    let wanted = Wanted {
        after: Some(tickets[11] + 1),
        ..Wanted::default()
    };
    let unknown = world.run(world.dialogue.claim_next(a.clone(), wanted));
    assert!(matches!(unknown, Err(TicketError::Unknown)), "{unknown:?}");
}

fn no(world: &World, id: &str) -> u32 {
    world.dialogue.registry.app(id).unwrap().app.no
}

#[rstest]
fn moderators_on_two_nodes_never_judge_one_ticket(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let peer = world.peer();
    let count = 60;
    for number in 0..count {
        world.file(ONE, &report(&format!("r{number}"))).ticket();
    }
    let mut working = Vec::new();
    for number in 0..20 {
        let node = peer.as_ref().filter(|_| number % 2 == 1).unwrap_or(&world);
        let dialogue = node.dialogue.clone();
        working.push(node.runtime.spawn(async move {
            let who = moderator(&format!("m{number}"));
            let mut judged = Vec::new();
            while let Some(ticket) = dialogue
                .claim_next(who.clone(), Wanted::default())
                .await
                .unwrap()
            {
                let judgement = judgement("ad", &[]);
                dialogue
                    .judge(who.clone(), ticket.id, judgement)
                    .await
                    .unwrap();
                judged.push(ticket.id);
            }
            judged
        }));
    }
    let judged: Vec<i64> = working
        .into_iter()
        .flat_map(|one| world.run(one).unwrap())
        .collect();
    let distinct: HashSet<_> = judged.iter().collect();
    assert_eq!((judged.len(), distinct.len()), (count, count));
    let int = |sql| usize::try_from(world.int(sql)).unwrap();
    assert_eq!(int("SELECT COUNT(*) FROM dialogue_verdict"), count);
    assert_eq!(int("SELECT COUNT(*) FROM dialogue_delivery"), count);
    assert_eq!(
        int("SELECT COUNT(*) FROM dialogue_ticket WHERE state < 2"),
        0
    );
}

#[rstest]
fn of_many_who_judge_one_ticket_at_once_one_does(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let peer = world.peer();
    world.put_settings(ONE, &json!({"window_s": 86_400}));
    for round in 0..5 {
        let ticket = world.file(ONE, &report(&format!("r{round}"))).ticket();
        if round % 2 == 1 {
            // Under a claim that has ended and was not opened yet.
            world.claim(&moderator("gone"), ticket).unwrap();
            world.clock.advance(CLAIM_MS);
        }
        let mut judging = Vec::new();
        for number in 0..10 {
            let node = peer.as_ref().filter(|_| number % 2 == 1).unwrap_or(&world);
            let dialogue = node.dialogue.clone();
            judging.push(node.runtime.spawn(async move {
                let who = moderator(&format!("m{number}"));
                dialogue.judge(who, ticket, judgement("ad", &[])).await
            }));
        }
        let outcomes: Vec<_> = judging
            .into_iter()
            .map(|one| world.run(one).unwrap())
            .collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for outcome in outcomes {
            assert!(
                matches!(outcome, Ok(_) | Err(TicketError::AlreadyJudged)),
                "{outcome:?}"
            );
        }
        let sql = format!("SELECT COUNT(*) FROM dialogue_verdict WHERE ticket = {ticket}");
        assert_eq!(world.int(&sql), 1);
    }
}
