//! Reports in: which ticket they get, in every form and cipher.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::{Method, Request};
use reportd_platform::credentials::CredentialKind;
use reportd_protocol::dialogue::{AesMode, IvSetting, PATH, sign};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{
    NOON_MS, ONE, TWO, World, answer, cipher, form, judgement, moderator, report, sealed, with,
};

fn counts(world: &World) -> (i64, i64) {
    let count = |table: &str| world.int(&format!("SELECT COUNT(*) FROM {table}"));
    (count("dialogue_ticket"), count("dialogue_report"))
}

#[rstest]
fn the_same_content_gives_the_same_ticket_whatever_became_of_it(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let sent = report("r1");
    let reply = world.file(ONE, &sent);
    let ticket = reply.ticket();
    assert_eq!(reply.em(), "success");
    assert_eq!(reply.json()["timesec"], NOON_MS / 1000);
    // Another timestamp is no other content.
    let later = with(sent.clone(), "timestamp", json!(NOON_MS + 1));
    assert_eq!(world.file(ONE, &later).ticket(), ticket);
    world
        .judge(&moderator("m"), ticket, judgement("ad", &[]))
        .unwrap();
    assert_eq!(world.file(ONE, &sent).ticket(), ticket);
    assert_eq!(counts(&world), (1, 1));
    // Of another app it is another.
    assert_ne!(world.file(TWO, &sent).ticket(), ticket);
}

#[rstest]
fn other_content_joins_a_ticket_that_waits_and_follows_one_that_is_judged(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let m = moderator("m");
    let ticket = world.file(ONE, &report("r1")).ticket();
    let more = with(report("r1"), "users", json!({"id_1": {}, "id_3": {}}));
    let more = with(
        more,
        "infos",
        json!([
            {"id": "3", "type": "text", "content": "x", "time": 1_795_233_000},
            {"id": "1", "type": "image", "content": "https://i.example/1", "time": 1_795_233_000},
        ]),
    );
    assert_eq!(world.file(ONE, &more).ticket(), ticket);
    let claimed = world.claim(&m, ticket).unwrap();
    assert_eq!((claimed.reports, claimed.users, claimed.infos), (2, 3, 3));
    let third = with(report("r1"), "uniqid", json!("u-2"));
    assert_eq!(
        world.file(ONE, &third).ticket(),
        ticket,
        "claimed tickets wait as well"
    );
    world.judge(&m, ticket, judgement("normal", &[])).unwrap();
    let fourth = with(report("r1"), "uniqid", json!("u-3"));
    let follow_up = world.file(ONE, &fourth).ticket();
    assert_ne!(follow_up, ticket);
    assert_eq!(world.claim(&m, follow_up).unwrap().follows, Some(ticket));
    // What belongs to the first stays there, and what is new goes to the newest.
    assert_eq!(world.file(ONE, &more).ticket(), ticket);
    let fifth = with(report("r1"), "uniqid", json!("u-4"));
    assert_eq!(world.file(ONE, &fifth).ticket(), follow_up);
}

#[rstest]
fn a_full_ticket_is_followed_by_another(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let sent = |number: i64| with(report("r1"), "uniqid", json!(format!("u-{number}")));
    let ticket = world.file(ONE, &sent(0)).ticket();
    let fill = |column: &str, number: i64| {
        let sql = format!("UPDATE dialogue_ticket SET {column} = {number} WHERE id = {ticket}");
        world.dialogue.state.execute(&sql, &[]).unwrap();
    };
    fill("reports", 499);
    assert_eq!(world.file(ONE, &sent(1)).ticket(), ticket);
    let next = world.file(ONE, &sent(2)).ticket();
    assert_ne!(next, ticket);
    let follows = format!("SELECT follows FROM dialogue_ticket WHERE id = {next}");
    assert_eq!(world.int(&follows), ticket);
    assert_eq!(world.file(ONE, &sent(3)).ticket(), next);
    let sql = format!("UPDATE dialogue_ticket SET users = 2001 WHERE id = {next}");
    world.dialogue.state.execute(&sql, &[]).unwrap();
    assert_ne!(world.file(ONE, &sent(4)).ticket(), next);
}

/// Each callback of a verdict names all users of the ticket, and all of them are one transaction.
#[rstest]
fn a_ticket_whose_verdict_would_be_too_large_is_followed_by_another(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let key = |number: i64| format!("{}{number:04}", "字".repeat(250));
    let users: serde_json::Map<_, _> = (0..1_000).map(|number| (key(number), json!({}))).collect();
    let infos = json!([{"id": key(0), "type": "text", "content": "x", "time": 1_795_233_000}]);
    let first = with(with(report("r1"), "users", json!(users)), "infos", infos);
    let ticket = world.file(ONE, &first).ticket();
    let reports = |ticket: i64| {
        let sql = format!("SELECT reports FROM dialogue_ticket WHERE id = {ticket}");
        world.int(&sql)
    };
    let mut next = ticket;
    for number in 0..30 {
        let another = with(report("r1"), "uniqid", json!(format!("u-{number}")));
        next = world.file(ONE, &another).ticket();
    }
    assert_ne!(next, ticket);
    // Its users are some 770 kB.
    assert!((5..=11).contains(&reports(ticket)), "{}", reports(ticket));
    assert_eq!(reports(ticket) + reports(next), 31);
    world
        .judge(&moderator("m"), ticket, judgement("ad", &[]))
        .unwrap();
    let bytes = world.int("SELECT SUM(LENGTH(body)) FROM dialogue_delivery");
    assert!(bytes < 16 << 20, "{bytes}");
}

/// A moderator of some categories sees no report of another, and a callback names the category of its report.
#[rstest]
fn reports_of_another_category_have_a_ticket_of_their_own(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let sent = |category: &str, uniqid: &str| {
        let report = with(report("r1"), "category", json!(category));
        let report = with(report, "uniqid", json!(uniqid));
        world.file(ONE, &report).ticket()
    };
    let chat = sent("chat", "u-1");
    let room = sent("room", "u-2");
    assert_ne!(room, chat);
    assert_eq!(sent("chat", "u-3"), chat);
    assert_eq!(sent("room", "u-4"), room);
    assert_eq!(
        sent("chat", "u-1"),
        chat,
        "what was sent before stays there"
    );
    let m = moderator("m");
    assert_eq!(world.claim(&m, room).unwrap().follows, None);
    world.judge(&m, chat, judgement("normal", &[])).unwrap();
    let next = sent("chat", "u-5");
    assert_eq!(world.claim(&m, next).unwrap().follows, Some(chat));
    assert_eq!(sent("room", "u-6"), room);
    world.judge(&m, room, judgement("normal", &[])).unwrap();
    let strangers = "SELECT COUNT(*) FROM dialogue_report r JOIN dialogue_ticket t ON t.id = r.ticket \
                     WHERE (t.category = 'room') <> (r.uniqid IN ('u-2', 'u-4', 'u-6'))";
    assert_eq!(world.int(strangers), 0);
}

#[rstest]
fn intakes_of_one_report_id_at_once_on_two_nodes_make_one_ticket(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let peer = world.peer();
    let mut filing = Vec::new();
    for round in 0..8 {
        // Four contents, each twice.
        let sent = with(report("r1"), "uniqid", json!(format!("u-{}", round % 4)));
        let node = peer.as_ref().filter(|_| round >= 4).unwrap_or(&world);
        let request = Request::post(PATH)
            .body(Body::from(form(ONE, &sent)))
            .unwrap();
        filing.push(node.runtime.spawn(answer(node.router.clone(), request)));
    }
    let filed: Vec<_> = filing
        .into_iter()
        .map(|one| world.run(one).unwrap())
        .collect();
    let tickets: HashSet<i64> = filed.iter().map(crate::world::Reply::ticket).collect();
    assert_eq!(tickets.len(), 1);
    assert_eq!(counts(&world), (1, 4));
    assert_eq!(world.int("SELECT reports FROM dialogue_ticket"), 4);
    assert_eq!(world.int("SELECT users FROM dialogue_ticket"), 2);
}

#[rstest]
fn tickets_of_the_same_users_and_category_within_a_day_are_a_group(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let group = |report: &Value| {
        let ticket = world.file(ONE, report).ticket();
        world.int(&format!(
            "SELECT group_id FROM dialogue_ticket WHERE id = {ticket}"
        ))
    };
    let first = group(&report("r1"));
    // The order of users is none.
    let turned = with(report("r2"), "users", json!({"id_2": {}, "id_1": {}}));
    assert_eq!(group(&turned), first);
    assert_ne!(
        group(&with(report("r3"), "category", json!("other"))),
        first
    );
    let one_user = with(report("r4"), "users", json!({"id_1": {}}));
    assert_ne!(group(&one_user), first);
    world.clock.advance(86_400_000 - 1);
    let now = json!((NOON_MS + 86_400_000) / 1000);
    assert_eq!(group(&with(report("r5"), "timestamp", now.clone())), first);
    world.clock.advance(1);
    let second = group(&with(report("r6"), "timestamp", now.clone()));
    assert_ne!(second, first, "a day after it began a group is over");
    assert_eq!(group(&with(report("r7"), "timestamp", now)), second);
}

#[rstest]
fn forms_of_all_kinds_are_read(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let form_text = form(ONE, &report("r1"));
    let ticket = world.post(form_text.clone()).ticket();
    let fields: Vec<(String, String)> = form_urlencoded_parse(&form_text);
    let json: Value = fields
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let json_type = [("content-type", "application/json")];
    assert_eq!(
        world
            .send(&Method::POST, PATH, &json_type, json.to_string())
            .ticket(),
        ticket
    );
    let mut multipart = String::new();
    for (name, value) in &fields {
        multipart.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    multipart.push_str("--b--\r\n");
    let multipart_type = [("content-type", "multipart/form-data; boundary=b")];
    assert_eq!(
        world
            .send(&Method::POST, PATH, &multipart_type, multipart)
            .ticket(),
        ticket
    );
    // A form that was not encoded: each plus is a space.
    let content = &fields.iter().find(|(name, _)| name == "content").unwrap().1;
    let plain = format!(
        "appid={}&sign={}&content={content}",
        ONE.id,
        sign(ONE.id, content)
    );
    assert_eq!(world.post(plain).ticket(), ticket);
    assert_eq!(counts(&world), (1, 1));
}

fn form_urlencoded_parse(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    let digits = str::from_utf8(&digits).unwrap().to_owned();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                byte => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[rstest]
fn every_cipher_setting_is_taken_as_it_is_set(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let long = "0123456789abcdef0123456789abcdef";
    let ivs = [
        "prepended",
        "zero",
        "key",
        "000102030405060708090a0b0c0d0e0f",
    ];
    for (number, mode) in AesMode::ALL.into_iter().enumerate() {
        let key = &long[..mode.key_bytes()];
        world.rotate(ONE, CredentialKind::AesKey, key, 0);
        world.set(ONE, "dialogue.aes_mode", mode.name());
        for iv in ivs {
            world.set(ONE, "dialogue.aes_iv", iv);
            let cipher = cipher(key.as_bytes(), mode, IvSetting::parse(iv).unwrap());
            let text = report(&format!("r{number}-{iv}")).to_string();
            world
                .post(sealed(ONE.id, &cipher, text.as_bytes()))
                .ticket();
        }
    }
    assert_eq!(counts(&world).0, 24);
}

#[rstest]
fn a_new_key_works_at_once_and_the_old_one_in_its_grace(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    world.rotate(ONE, CredentialKind::AesKey, "a-new-key-of-one", 60_000);
    let new = cipher(
        b"a-new-key-of-one",
        AesMode::Aes128Cbc,
        IvSetting::Prepended,
    );
    let text = report("r1").to_string();
    let ticket = world.post(sealed(ONE.id, &new, text.as_bytes())).ticket();
    assert_eq!(world.file(ONE, &report("r1")).ticket(), ticket);
    world.clock.advance(60_000);
    assert_eq!(world.file(ONE, &report("r1")).ec(), 403);
    assert_eq!(
        world.post(sealed(ONE.id, &new, text.as_bytes())).ticket(),
        ticket
    );
}

#[rstest]
fn settings_of_the_app_decide(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.put_settings(
        ONE,
        &json!({"success_ec": 200, "categories": ["chat"], "window_s": 60}),
    );
    assert_eq!(world.file(ONE, &report("r1")).ec(), 200);
    assert_eq!(
        world
            .file(ONE, &with(report("r2"), "category", json!("live")))
            .ec(),
        404
    );
    let old = with(report("r2"), "timestamp", json!(NOON_MS / 1000 - 61));
    assert_eq!(world.file(ONE, &old).ec(), 408);
    let mut without = report("r3");
    without.as_object_mut().unwrap().remove("redirect");
    let refused = world.file(ONE, &without);
    assert_eq!(
        (refused.ec(), refused.em().as_str()),
        (400, "redirect: is missing")
    );
    world.put_settings(
        ONE,
        &json!({"default_redirect": "https://default.example/cb"}),
    );
    assert_eq!(world.file(ONE, &without).ec(), 200);
    let sql = "SELECT COUNT(*) FROM dialogue_report WHERE redirect = 'https://default.example/cb'";
    assert_eq!(world.int(sql), 1);
}
