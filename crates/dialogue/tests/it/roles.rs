//! Who may call what: each call of the API, by each role, on the key's own app and on another (spec operating, Accounts).

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use reportd_platform::access::Role::{self, Admin, Ingest, Lead, Moderator, Viewer};
use reportd_platform::access::{NewKey, create_limited_key};
use reportd_platform::random::SeededRandom;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{App, NOON_MS, ONE, TWO, World, judgement, moderator, report, with};

const FEED: &[Role] = &[Ingest, Admin];
const FIGURES: &[Role] = &[Viewer, Moderator, Lead, Admin];
const JUDGE: &[Role] = &[Moderator, Lead, Admin];
const OVERSEE: &[Role] = &[Lead, Admin];
const MANAGE: &[Role] = &[Admin];

/// What a call on another app than the key's gives who may make it.
#[derive(Clone, Copy, PartialEq)]
enum Other {
    /// The app is named: 403.
    Forbidden,
    /// A ticket or a callback is named: 404, as if it were not there.
    NotThere,
    /// Each ticket is told for itself.
    Told,
}
use Other::{Forbidden, NotThere, Told};

/// Method, path, body, who may, and what another app gives. In paths and bodies `APP`, `TICKET` and `DELIVERY` stand for
/// those of the app.
const CALLS: &[(&str, &str, &str, &[Role], Other)] = &[
    ("GET", "/api/tickets?app=APP", "", JUDGE, Forbidden),
    ("GET", "/api/tickets/counts?app=APP", "", JUDGE, Forbidden),
    (
        "GET",
        "/api/deliveries/counts?app=APP",
        "",
        JUDGE,
        Forbidden,
    ),
    ("GET", "/api/tickets/events?app=APP", "", JUDGE, Forbidden),
    ("GET", "/api/tickets/TICKET", "", JUDGE, NotThere),
    (
        "POST",
        "/api/tickets/next",
        r#"{"app":"APP"}"#,
        JUDGE,
        Forbidden,
    ),
    ("POST", "/api/tickets/TICKET/claim", "", JUDGE, NotThere),
    ("POST", "/api/tickets/TICKET/release", "", JUDGE, NotThere),
    (
        "POST",
        "/api/tickets/TICKET/verdict",
        r#"{"dialogue_result":"ad"}"#,
        JUDGE,
        NotThere,
    ),
    ("POST", "/api/tickets/TICKET/undo", "", JUDGE, NotThere),
    (
        "POST",
        "/api/tickets/TICKET/reopen",
        r#"{"reason":"appeal"}"#,
        OVERSEE,
        NotThere,
    ),
    (
        "POST",
        "/api/tickets/bulk-verdict",
        r#"{"ticket_ids":["TICKET"],"dialogue_result":"normal"}"#,
        OVERSEE,
        Told,
    ),
    ("GET", "/api/deliveries?app=APP", "", JUDGE, Forbidden),
    ("GET", "/api/deliveries/DELIVERY", "", JUDGE, NotThere),
    (
        "POST",
        "/api/deliveries/DELIVERY/replay",
        "",
        OVERSEE,
        NotThere,
    ),
    (
        "POST",
        "/api/deliveries/replay",
        r#"{"app":"APP","from":0,"to":1}"#,
        OVERSEE,
        Forbidden,
    ),
    ("GET", "/api/audit?app=APP", "", OVERSEE, Forbidden),
    (
        "GET",
        "/api/apps/APP/dialogue/monitor",
        "",
        FIGURES,
        Forbidden,
    ),
    (
        "GET",
        "/api/apps/APP/dialogue/moderators",
        "",
        OVERSEE,
        Forbidden,
    ),
    (
        "GET",
        "/api/apps/APP/verdicts?report_id=r",
        "",
        FEED,
        Forbidden,
    ),
    (
        "GET",
        "/api/apps/APP/dialogue/settings",
        "",
        FIGURES,
        Forbidden,
    ),
    (
        "PUT",
        "/api/apps/APP/dialogue/settings",
        "{}",
        MANAGE,
        Forbidden,
    ),
];

/// An app with a ticket that waits, and a callback of another.
struct Scene {
    app: App,
    ticket: i64,
    delivery: i64,
}

fn scene(world: &World, app: App) -> Scene {
    let judged = world.file(app, &report("judged")).ticket();
    let moderator = moderator("mei");
    world
        .judge(&moderator, judged, judgement("ad", &[]))
        .unwrap();
    let sql = format!("SELECT id FROM dialogue_delivery WHERE ticket = {judged}");
    Scene {
        app,
        ticket: world.file(app, &report("waits")).ticket(),
        delivery: world.int(&sql),
    }
}

/// A key of a role, of all apps or of one, and of some categories.
fn key(world: &World, role: Role, app: Option<App>, categories: &[&str]) -> String {
    let name = format!(
        "{role} {} {}",
        app.map_or("all", |app| app.id),
        categories.join(",")
    );
    let random =
        SeededRandom::new(name.bytes().map(u64::from).sum::<u64>() * 31 + name.len() as u64);
    let categories: Vec<_> = categories.iter().map(|&one| one.to_owned()).collect();
    let new = NewKey {
        name: &name,
        role,
        app_id: app.map(|app| app.id),
        categories: &categories,
    };
    let state = &world.dialogue.state;
    let made = state.try_write(|tx| create_limited_key(tx, &new, &random, NOON_MS));
    made.unwrap().reveal().to_owned()
}

fn fill(text: &str, scene: &Scene) -> String {
    text.replace("APP", scene.app.id)
        .replace("TICKET", &scene.ticket.to_string())
        .replace("DELIVERY", &scene.delivery.to_string())
}

/// The status of a call: a stream has no end to wait for.
fn status(world: &World, key: Option<&str>, (method, path, body): (&str, &str, &str)) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let reply = world.run(world.router.clone().oneshot(request)).unwrap();
    reply.status().as_u16()
}

#[rstest]
fn each_role_may_do_what_the_table_says_in_its_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (one, two) = (scene(&world, ONE), scene(&world, TWO));
    for role in Role::ALL {
        let (of_one, of_all) = (
            key(&world, role, Some(ONE), &[]),
            key(&world, role, None, &[]),
        );
        for (method, path, body, may, other) in CALLS {
            let call = |key: Option<&str>, scene: &Scene| {
                status(
                    &world,
                    key,
                    (method, &fill(path, scene), &fill(body, scene)),
                )
            };
            let told = |status: u16, expected: &[u16]| {
                assert!(
                    expected.contains(&status),
                    "{role}: {method} {path}: {status}"
                );
            };
            let allowed: &[u16] = &[200, 204, 409];
            let (own, others): (&[u16], &[u16]) = match (may.contains(&role), other) {
                (false, _) => (&[403], &[403]),
                (true, Forbidden) => (allowed, &[403]),
                (true, NotThere) => (allowed, &[404]),
                (true, Told) => (allowed, &[200]),
            };
            told(call(Some(&of_one), &one), own);
            told(call(Some(&of_one), &two), others);
            told(call(Some(&of_all), &two), own);
            told(call(None, &one), &[401]);
        }
    }
}

#[test]
fn the_table_names_each_call() {
    let document = serde_json::to_value(reportd_dialogue::api_openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys();
        described.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let named = CALLS.iter().map(|(method, path, ..)| {
        let path = path.split('?').next().unwrap();
        let path = path.replace("TICKET", "{id}").replace("DELIVERY", "{id}");
        format!("{method} {}", path.replace("APP", "{app}"))
    });
    assert_eq!(named.collect::<BTreeSet<_>>(), described);
}

#[rstest]
fn a_bulk_verdict_reaches_no_other_app(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let (one, two) = (scene(&world, ONE), scene(&world, TWO));
    let key = format!("Bearer {}", key(&world, Lead, Some(ONE), &[]));
    let body = json!({
        "ticket_ids": [two.ticket.to_string(), one.ticket, one.ticket.to_string()], "dialogue_result": "normal",
    });
    let headers = [("authorization", key.as_str())];
    let path = "/api/tickets/bulk-verdict";
    let reply = world
        .send(&Method::POST, path, &headers, body.to_string())
        .json();
    assert_eq!(reply["judged"], 1, "{reply}");
    let statuses: Vec<_> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [&json!(404), &json!(200)]);
    let open = format!(
        "SELECT state FROM dialogue_ticket WHERE id = {}",
        two.ticket
    );
    assert_eq!(world.int(&open), 0);
}

#[rstest]
fn a_moderator_of_categories_sees_no_others(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let chat = world.file(ONE, &report("a")).ticket();
    let room = world
        .file(ONE, &with(report("b"), "category", json!("room")))
        .ticket();
    let key = key(&world, Moderator, Some(ONE), &["room", "hall"]);
    let bearer = format!("Bearer {key}");
    let call = |method: &Method, path: &str, body: Value| {
        let headers = [("authorization", bearer.as_str())];
        world.send(method, path, &headers, body.to_string())
    };
    let tickets = |path| {
        let page = call(&Method::GET, path, Value::Null).json();
        let rows = page["tickets"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["ticket_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(tickets("/api/tickets"), [room.to_string()]);
    assert_eq!(
        tickets("/api/tickets?category=room&sort=newest"),
        [room.to_string()]
    );
    assert!(tickets("/api/tickets?category=chat").is_empty());
    assert!(tickets("/api/tickets?user=id_1") == [room.to_string()]);
    for path in ["", "/claim", "/release", "/undo"] {
        let method = if path.is_empty() {
            Method::GET
        } else {
            Method::POST
        };
        let reply = call(&method, &format!("/api/tickets/{chat}{path}"), Value::Null);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
    }
    let next = || call(&Method::POST, "/api/tickets/next", json!({}));
    assert_eq!(next().json()["ticket_id"], room.to_string());
    assert_eq!(next().status, 204);
    let of_chat = call(
        &Method::POST,
        "/api/tickets/next",
        json!({"category": "chat"}),
    );
    assert_eq!(of_chat.status, 204);
    // Of the history of a user too.
    let whole = call(&Method::GET, &format!("/api/tickets/{room}"), Value::Null).json();
    assert_eq!(whole["history"][0]["tickets"], json!([]), "{whole}");
}

#[rstest]
fn a_moderator_of_categories_sees_callbacks_of_no_others(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let mut of_room = Vec::new();
    for number in 0..6 {
        let category = if number % 2 == 0 { "room" } else { "chat" };
        let sent = with(report(&format!("r{number}")), "category", json!(category));
        let ticket = world.file(ONE, &sent).ticket();
        world
            .judge(&moderator("mei"), ticket, judgement("ad", &[]))
            .unwrap();
        if category == "room" {
            of_room.insert(0, ticket.to_string());
        }
    }
    let bearer = format!("Bearer {}", key(&world, Moderator, Some(ONE), &["room"]));
    let get = |path: &str| {
        let headers = [("authorization", bearer.as_str())];
        world.send(&Method::GET, path, &headers, String::new())
    };
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = get(&format!("/api/deliveries?limit=2{cursor}")).json();
        let rows = page["deliveries"].as_array().unwrap();
        found.extend(
            rows.iter()
                .map(|row| row["ticket_id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found, pages), (of_room, 2));
    let delivery = |category: &str| {
        let sql = format!(
            "SELECT MIN(d.id) FROM dialogue_delivery d JOIN dialogue_ticket t ON t.id = d.ticket \
             WHERE t.category = '{category}'"
        );
        get(&format!("/api/deliveries/{}", world.int(&sql))).status
    };
    assert_eq!((delivery("room"), delivery("chat")), (200, 404));
}
