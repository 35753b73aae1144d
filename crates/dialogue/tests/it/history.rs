//! Reads: lists with their filters and pages, history, accuracy, counts, the audit trail.

use reportd_dialogue::AuditListing;
use reportd_dialogue::query::{About, Listing, Ticket};
use reportd_dialogue::tickets::{Actor, TicketError, TicketState};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::json;

use crate::world::{NOON_MS, ONE, TWO, World, judgement, lead, moderator, report, with};

fn no(world: &World, id: &str) -> u32 {
    world.dialogue.registry.app(id).unwrap().app.no
}

/// All tickets of a listing, page by page.
fn all(world: &World, who: &Actor, listing: &Listing) -> Vec<i64> {
    let mut listing = listing.clone();
    let mut ids = Vec::new();
    loop {
        let page = world
            .run(world.dialogue.list(who, listing.clone()))
            .unwrap();
        assert!(page.tickets.len() <= listing.limit);
        ids.extend(page.tickets.iter().map(|ticket: &Ticket| ticket.id));
        let Some(next) = page.next else {
            return ids;
        };
        listing.after = Some(next);
    }
}

/// Twelve tickets, of two apps, two categories and three reporters, two of them a millisecond.
fn fill(world: &World) -> Vec<i64> {
    (0..12)
        .map(|number| {
            world.clock.advance(i64::from(number % 2 == 0));
            let app = if number % 4 == 3 { TWO } else { ONE };
            let category = if number % 2 == 0 { "x" } else { "y" };
            let sent = with(report(&format!("r{number}")), "category", json!(category));
            let sent = with(sent, "uniqid", json!(format!("u-{}", number % 3)));
            world.file(app, &sent).ticket()
        })
        .collect()
}

#[rstest]
fn lists_go_by_time_in_pages_of_any_size(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let tickets = fill(&world);
    let pick = |is_in: &dyn Fn(usize) -> bool| -> Vec<i64> {
        let places = (0..12).filter(|&number| is_in(number));
        places.map(|number| tickets[number]).collect()
    };
    let m = moderator("m");
    world.claim(&m, tickets[0]).unwrap();
    world.judge(&m, tickets[1], judgement("ad", &[])).unwrap();
    let one = || Some(vec![no(&world, ONE.id)]);
    let of_one = |number: usize| number % 4 != 3;
    let category = |name: &str| Some(vec![name.to_owned()]);
    let any = Listing::default;
    let cases: Vec<(Listing, Vec<i64>)> = vec![
        (any(), tickets.clone()),
        (
            Listing {
                apps: one(),
                ..any()
            },
            pick(&of_one),
        ),
        (
            Listing {
                apps: one(),
                categories: category("y"),
                ..any()
            },
            pick(&|number| of_one(number) && number % 2 == 1),
        ),
        (
            Listing {
                categories: category("x"),
                ..any()
            },
            pick(&|number| number % 2 == 0),
        ),
        (
            Listing {
                states: vec![TicketState::Open],
                ..any()
            },
            tickets[2..].to_vec(),
        ),
        (
            Listing {
                states: vec![TicketState::Claimed, TicketState::Judged],
                ..any()
            },
            tickets[..2].to_vec(),
        ),
        (
            Listing {
                apps: one(),
                about: Some(About::User("id_2".to_owned())),
                ..any()
            },
            pick(&of_one),
        ),
        (
            Listing {
                apps: one(),
                about: Some(About::Reporter("u-1".to_owned())),
                ..any()
            },
            pick(&|number| of_one(number) && number % 3 == 1),
        ),
        (
            Listing {
                received_ms: NOON_MS + 2..=NOON_MS + 3,
                ..any()
            },
            tickets[2..6].to_vec(),
        ),
    ];
    for (listing, expected) in cases {
        for limit in [1, 2, 5, 200] {
            let listing = Listing {
                limit,
                ..listing.clone()
            };
            assert_eq!(all(&world, &m, &listing), expected, "{listing:?}");
            let newest = Listing {
                is_newest_first: true,
                ..listing
            };
            let turned: Vec<_> = expected.iter().rev().copied().collect();
            assert_eq!(all(&world, &m, &newest), turned, "{newest:?}");
        }
    }
}

#[rstest]
fn nobody_reads_what_is_not_theirs(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let tickets = fill(&world);
    let two = no(&world, TWO.id);
    let of_two = Actor {
        apps: Some(vec![two]),
        ..moderator("m")
    };
    assert_eq!(
        all(&world, &of_two, &Listing::default()),
        [tickets[3], tickets[7], tickets[11]]
    );
    let other = Listing {
        apps: Some(vec![no(&world, ONE.id)]),
        ..Listing::default()
    };
    let refused = world.run(world.dialogue.list(&of_two, other)).unwrap_err();
    assert!(matches!(refused, TicketError::Forbidden(_)), "{refused}");
    let of_x = Actor {
        categories: Some(vec!["x".to_owned()]),
        ..of_two.clone()
    };
    assert!(all(&world, &of_x, &Listing::default()).is_empty());
    let about = Some(About::User("id_1".to_owned()));
    let refused = world.run(world.dialogue.list(
        &moderator("m"),
        Listing {
            about,
            ..Listing::default()
        },
    ));
    assert!(matches!(refused, Err(TicketError::Invalid { .. })));
    let looked = world.run(world.dialogue.look_at(of_two, tickets[0]));
    assert!(matches!(looked, Err(TicketError::Unknown)));
}

#[rstest]
fn counts_tell_what_waits_and_since_when(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let tickets = fill(&world);
    let m = moderator("m");
    world.judge(&m, tickets[0], judgement("ad", &[])).unwrap();
    world.claim(&m, tickets[1]).unwrap();
    let counts = |app, category: Option<&str>| {
        let category = category.map(str::to_owned);
        world
            .run(world.dialogue.counts(m.clone(), app, category))
            .unwrap()
    };
    let of_all = counts(None, None);
    assert_eq!(of_all.of(TicketState::Open), 10);
    assert_eq!(of_all.of(TicketState::Claimed), 1);
    assert_eq!(of_all.of(TicketState::Judged), 1);
    assert_eq!(of_all.oldest_open_at_ms, Some(NOON_MS + 2));
    let two = Some(no(&world, TWO.id));
    assert_eq!(counts(two, None).of(TicketState::Open), 3);
    assert_eq!(counts(two, Some("x")).of(TicketState::Open), 0);
    assert_eq!(counts(two, Some("x")).oldest_open_at_ms, None);
}

#[rstest]
fn a_ticket_is_shown_with_its_past(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let m = moderator("m");
    let first = world.file(ONE, &report("r1")).ticket();
    world
        .judge(&m, first, judgement("normal", &[("id_2", "ad")]))
        .unwrap();
    world.clock.advance(1);
    let second = world.file(ONE, &report("r2")).ticket();
    world.judge(&m, second, judgement("normal", &[])).unwrap();
    world.clock.advance(1);
    let sent = with(report("r3"), "users", json!({"id_2": {"name": "B"}}));
    let infos = json!([{"id": "id_2", "type": "text", "content": "<b>\u{573a}</b>", "time": 1_795_233_000}]);
    let sent = with(sent, "infos", infos);
    let third = world.file(ONE, &sent).ticket();
    let whole = world.run(world.dialogue.look_at(m.clone(), third)).unwrap();
    assert_eq!(whole.reports.len(), 1);
    assert_eq!(whole.reports[0].json, sent.to_string(), "as it was sent");
    assert_eq!(whole.reports[0].uniqid, "u-1");
    assert_eq!(whole.users.len(), 1);
    assert_eq!(whole.users[0].user_key, "id_2");
    let before: Vec<_> = whole.users[0]
        .tickets
        .iter()
        .map(|ticket| ticket.id)
        .collect();
    assert_eq!(before, [second, first]);
    let accuracy = &whole.reporters[0];
    assert_eq!(
        (accuracy.tickets, accuracy.judged, accuracy.upheld),
        (3, 2, 1)
    );
    // Looked at twice, it is noted once, until a while has passed.
    for (wait_ms, sights) in [(0, 1), (600_000, 2)] {
        world.clock.advance(wait_ms);
        world.run(world.dialogue.look_at(m.clone(), third)).unwrap();
        let sql = "SELECT COUNT(*) FROM dialogue_audit WHERE action = 'saw'";
        assert_eq!(world.int(sql), sights);
    }
}

/// Where nothing can be written reading goes on, and who saw what is noted once it can be.
#[rstest]
fn a_ticket_is_shown_where_the_sight_cannot_be_noted_now(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let ticket = world.file(ONE, &report("r1")).ticket();
    // It takes no writes any more, as on a full disk.
    world.dialogue.desk.close();
    let look = || world.run(world.dialogue.look_at(moderator("m"), ticket));
    assert_eq!(look().unwrap().ticket.id, ticket);
    world.clock.advance(1);
    look().unwrap();
    let seen = format!(
        "SELECT COUNT(*) FROM dialogue_audit WHERE action = 'saw' AND actor = 'm' AND at = {NOON_MS} AND ticket = {ticket}"
    );
    assert_eq!(world.int(&seen), 0);
    // The next upkeep notes it, whatever becomes of the rest of that.
    assert!(world.run(world.dialogue.upkeep()).is_err());
    assert_eq!(world.int(&seen), 1);
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_audit"), 1);
}

#[rstest]
fn the_audit_trail_is_read_by_what_and_who(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let ticket = world.file(ONE, &report("r1")).ticket();
    world.claim(&moderator("a"), ticket).unwrap();
    world
        .run(world.dialogue.release(moderator("a"), ticket))
        .unwrap();
    world
        .judge(&moderator("b"), ticket, judgement("ad", &[]))
        .unwrap();
    world.put_settings(TWO, &json!({"undo_seconds": 5}));
    let read = |listing: AuditListing| -> Vec<String> {
        let records = world
            .run(world.dialogue.audit(&lead("l"), listing))
            .unwrap();
        records
            .into_iter()
            .map(|record| format!("{} {}", record.actor, record.action))
            .collect()
    };
    let any = AuditListing {
        limit: 10,
        ..AuditListing::default()
    };
    assert_eq!(
        read(any.clone()),
        ["admin settings", "b judged", "a released", "a claimed"]
    );
    let of = |actor: &str| AuditListing {
        actor: Some(actor.to_owned()),
        ..any.clone()
    };
    assert_eq!(read(of("a")), ["a released", "a claimed"]);
    let of_ticket = AuditListing {
        ticket: Some(ticket),
        limit: 1,
        ..any.clone()
    };
    assert_eq!(read(of_ticket), ["b judged"]);
    let of_two = AuditListing {
        apps: Some(vec![no(&world, TWO.id)]),
        ..any
    };
    assert_eq!(read(of_two), ["admin settings"]);
}

#[rstest]
fn old_events_go(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.file(ONE, &report("r1")).ticket();
    world.clock.advance(3_600_000);
    world.run(world.dialogue.upkeep()).unwrap();
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_event"), 1);
    world.clock.advance(1);
    world.run(world.dialogue.upkeep()).unwrap();
    assert_eq!(world.int("SELECT COUNT(*) FROM dialogue_event"), 0);
}
