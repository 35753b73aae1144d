//! The API: shapes, statuses, parameters, pages.

use axum::http::Method;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOON_MS, ONE, Reply, TWO, World, report, with};

fn get(world: &World, path: &str) -> Reply {
    world.api(&Method::GET, path, &Value::Null)
}

fn post(world: &World, path: &str, body: &Value) -> Reply {
    world.api(&Method::POST, path, body)
}

/// Calls as somebody.
fn act(world: &World, who: &str, path: &str, body: &Value) -> Reply {
    let key = format!("Bearer {}", world.admin);
    let headers = [("authorization", key.as_str()), ("x-auditor", who)];
    world.send(&Method::POST, path, &headers, body.to_string())
}

#[rstest]
fn a_list_has_the_rows_of_the_spec(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(
        get(&world, "/api/tickets").json(),
        json!({"tickets": [], "next_cursor": null, "oldest_open_seconds": null})
    );
    let ticket = world.file(ONE, &report("r")).ticket();
    world.clock.advance(5_000);
    let page = get(&world, "/api/tickets").json();
    assert_eq!(page["oldest_open_seconds"], 5);
    let row = &page["tickets"][0];
    let group_id = row["group_id"].clone();
    assert!(group_id.is_string());
    assert_eq!(
        row,
        &json!({
            "ticket_id": ticket.to_string(), "app_id": ONE.id, "group_id": group_id, "state": "open",
            "category": "chat", "report_id": "r", "received_at": NOON_MS, "reports": 1, "users": 2, "infos": 1,
            "claimed_by": null, "claimed_until": null, "follows": null, "judged_at": null, "revision": 0,
            "dialogue_result": null, "auditor": null,
        })
    );
}

#[rstest]
fn the_way_of_a_ticket(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    assert_eq!(post(&world, "/api/tickets/next", &json!({})).status, 204);
    let id = world.file(ONE, &report("r")).ticket();
    let path = |call: &str| format!("/api/tickets/{id}{call}");
    let next = act(
        &world,
        "梅",
        "/api/tickets/next",
        &json!({"app": ONE.id, "category": "chat"}),
    );
    assert_eq!(
        (next.status, &next.json()["claimed_by"]),
        (200, &json!("梅"))
    );
    assert_eq!(next.json()["claimed_until"], NOON_MS + 600_000);
    let none = Value::Null;
    for call in ["/claim", "/release"] {
        assert_eq!(act(&world, "lin", &path(call), &none).status, 409, "{call}");
    }
    assert_eq!(act(&world, "梅", &path("/claim"), &none).status, 200);
    for (body, status, field) in [
        (json!({"dialogue_result": "rude"}), 422, "dialogue_result"),
        (
            json!({"dialogue_result": "ad", "user_result": {"id_9": "ad"}}),
            422,
            "user_result.id_9",
        ),
        (
            json!({"dialogue_result": "ad", "user_result": {"id_1": "rude"}}),
            422,
            "user_result.id_1",
        ),
        (json!({"user_result": {}}), 400, "body"),
        (json!({"dialogue_result": "ad", "seen": 1}), 400, "seen"),
    ] {
        let reply = act(&world, "梅", &path("/verdict"), &body);
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["field"]),
            (status, &json!(field)),
            "{problem}"
        );
    }
    let verdict = json!({"dialogue_result": "ad", "user_result": {"id_1": "porn"}, "note": "n", "seen_reports": 1});
    assert_eq!(act(&world, "lin", &path("/verdict"), &verdict).status, 409);
    let more = json!({"dialogue_result": "ad", "seen_reports": 2});
    assert_eq!(act(&world, "梅", &path("/verdict"), &more).status, 409);
    let judged = act(&world, "梅", &path("/verdict"), &verdict);
    assert_eq!(
        (judged.status, &judged.json()["state"]),
        (200, &json!("judged")),
        "{}",
        judged.text
    );
    assert_eq!(act(&world, "梅", &path("/verdict"), &verdict).status, 409);
    let undone = act(&world, "梅", &path("/undo"), &none);
    assert_eq!(
        (undone.status, &undone.json()["state"]),
        (200, &json!("claimed")),
        "{}",
        undone.text
    );
    assert_eq!(act(&world, "梅", &path("/verdict"), &verdict).status, 200);
    assert_eq!(act(&world, "梅", &path("/reopen"), &json!({})).status, 400);
    let opened = act(&world, "梅", &path("/reopen"), &json!({"reason": "appeal"}));
    assert_eq!(
        (opened.status, &opened.json()["state"]),
        (200, &json!("open")),
        "{}",
        opened.text
    );
    assert_eq!(act(&world, "梅", &path("/release"), &none).status, 204);
    assert_eq!(get(&world, "/api/tickets/999").status, 404);
    assert_eq!(get(&world, "/api/tickets/x").status, 404);
}

#[rstest]
fn a_ticket_is_shown_whole(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let earlier = world.file(ONE, &report("before")).ticket();
    let id = world.file(ONE, &report("r")).ticket();
    act(
        &world,
        "mei",
        &format!("/api/tickets/{id}/claim"),
        &Value::Null,
    );
    let verdict = json!({"dialogue_result": "ad", "note": "n"});
    act(
        &world,
        "mei",
        &format!("/api/tickets/{id}/verdict"),
        &verdict,
    );
    let whole = get(&world, &format!("/api/tickets/{id}")).json();
    assert_eq!(whole["ticket"]["ticket_id"], id.to_string(), "{whole}");
    assert_eq!(whole["reports"][0]["report"], report("r"));
    assert_eq!(whole["has_more_reports"], false);
    let given = &whole["verdicts"][0];
    assert_eq!(
        (&given["auditor"], &given["user_result"], &given["note"]),
        (
            &json!("mei"),
            &json!({"id_1": "normal", "id_2": "normal"}),
            &json!("n")
        )
    );
    assert_eq!(whole["history"][0]["user"], "id_1");
    assert_eq!(
        whole["history"][0]["tickets"][0]["ticket_id"],
        earlier.to_string()
    );
    let reporter = json!({"reporter": "u-1", "tickets": 2, "judged": 1, "upheld": 1});
    assert_eq!(whole["reporters"], json!([reporter]));
    let delivery = &whole["deliveries"][0];
    assert_eq!(
        (&delivery["state"], &delivery["uniqid"]),
        (&json!("pending"), &json!("u-1"))
    );
    let actions = |reply: &Value| {
        let records = reply.as_array().unwrap().iter();
        records
            .map(|record| record["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(actions(&whole["audit"]), ["judged", "claimed"]);
    let audit = get(&world, &format!("/api/audit?ticket={id}&limit=2")).json();
    assert_eq!(actions(&audit["records"]), ["saw", "judged"], "{audit}");
    let cursor = audit["next_cursor"].as_str().unwrap();
    let rest = get(&world, &format!("/api/audit?ticket={id}&cursor={cursor}")).json();
    assert_eq!(
        (actions(&rest["records"]), &rest["next_cursor"]),
        (vec!["claimed".to_owned()], &Value::Null)
    );
    let of_mei = get(&world, "/api/audit?actor=mei").json();
    assert_eq!(actions(&of_mei["records"]), ["judged", "claimed"]);
    let listed = get(&world, "/api/deliveries?state=pending").json();
    let delivery = listed["deliveries"][0]["delivery_id"].as_str().unwrap();
    let one = get(&world, &format!("/api/deliveries/{delivery}")).json();
    assert_eq!(
        (&one["delivery"], &one["attempts"]),
        (&listed["deliveries"][0], &json!([]))
    );
    assert_eq!(
        get(&world, "/api/deliveries?state=dead").json()["deliveries"],
        json!([])
    );
}

#[rstest]
fn dead_callbacks_are_replayed(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for name in ["a", "b", "c"] {
        let id = world.file(ONE, &report(name)).ticket();
        let verdict = json!({"dialogue_result": "ad"});
        assert_eq!(
            post(&world, &format!("/api/tickets/{id}/verdict"), &verdict).status,
            200
        );
    }
    let listed = get(&world, "/api/deliveries").json();
    let first = listed["deliveries"][2]["delivery_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let replay = format!("/api/deliveries/{first}/replay");
    assert_eq!(
        post(&world, &replay, &Value::Null).status,
        409,
        "it is not dead"
    );
    let sql = format!(
        "UPDATE dialogue_delivery SET state = 2, done_at = {}",
        NOON_MS + 7
    );
    world.dialogue.state.execute(&sql, &[]).unwrap();
    let one = post(&world, &replay, &Value::Null);
    assert_eq!(
        (one.status, one.json()),
        (200, json!({"replayed": 1, "has_more": false}))
    );
    let range = |from: i64, to: i64| {
        post(
            &world,
            "/api/deliveries/replay",
            &json!({"from": from, "to": to}),
        )
    };
    assert_eq!(range(NOON_MS, NOON_MS + 7).json()["replayed"], 0);
    let other = json!({"app": TWO.id, "from": NOON_MS, "to": NOON_MS + 8});
    assert_eq!(
        post(&world, "/api/deliveries/replay", &other).json()["replayed"],
        0
    );
    assert_eq!(range(NOON_MS, NOON_MS + 8).json()["replayed"], 2);
    assert_eq!(range(NOON_MS, NOON_MS).status, 400);
    let notes = world.int("SELECT COUNT(*) FROM dialogue_audit WHERE action = 'replayed'");
    assert_eq!(notes, 2);
    // The one is also told with its ticket.
    let ticket = listed["deliveries"][2]["ticket_id"].as_str().unwrap();
    let whole = get(&world, &format!("/api/tickets/{ticket}")).json();
    let trail = whole["audit"].as_array().unwrap().iter();
    let replayed: Vec<_> = trail.filter(|one| one["action"] == "replayed").collect();
    assert_eq!(replayed.len(), 1, "{whole}");
    assert_eq!(replayed[0]["details"], json!({"delivery": first}));
}

#[rstest]
fn pages_are_stable_while_tickets_come_and_go(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let mut filed: Vec<String> = Vec::new();
    for number in 0..10 {
        world.clock.advance(i64::from(number % 2));
        filed.push(
            world
                .file(ONE, &report(&format!("r{number}")))
                .ticket()
                .to_string(),
        );
    }
    for (sort, expected) in [
        ("oldest", filed.clone()),
        ("newest", filed.iter().rev().cloned().collect()),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/tickets?limit=3&sort={sort}{cursor}");
            let page = get(&world, &path).json();
            let rows = page["tickets"].as_array().unwrap();
            seen.extend(
                rows.iter()
                    .map(|row| row["ticket_id"].as_str().unwrap().to_owned()),
            );
            // One of those that were seen changes its state, and one comes that is newer than all.
            let claim = format!("/api/tickets/{}/claim", seen[0]);
            assert_eq!(post(&world, &claim, &Value::Null).status, 200);
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected, "{sort}");
    }
}

#[rstest]
fn filters_pick_tickets(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let one = world.file(ONE, &report("a")).ticket();
    let room = with(
        with(report("b"), "category", json!("room")),
        "uniqid",
        json!("u-2"),
    );
    let two = world.file(ONE, &room).ticket();
    let three = world.file(TWO, &report("c")).ticket();
    assert_eq!(
        post(&world, &format!("/api/tickets/{two}/claim"), &Value::Null).status,
        200
    );
    for (query, expected) in [
        ("", vec![one, two, three]),
        ("app=two", vec![three]),
        ("state=open", vec![one, three]),
        ("state=open,claimed&app=app-One_1", vec![one, two]),
        ("app=app-One_1&category=room", vec![two]),
        ("app=app-One_1&user=id_1", vec![one, two]),
        ("app=app-One_1&reporter=u-2", vec![two]),
        ("app=app-One_1&reporter=u-2&state=open", vec![]),
        ("received_to=1", vec![]),
    ] {
        let page = get(&world, &format!("/api/tickets?{query}")).json();
        let rows = page["tickets"].as_array().unwrap().iter();
        let found: Vec<_> = rows
            .map(|row| row["ticket_id"].as_str().unwrap().to_owned())
            .collect();
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[rstest]
fn parameters_that_do_not_fit_are_named(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (path, field) in [
        ("/api/tickets?limit=0", "limit"),
        ("/api/tickets?limit=201", "limit"),
        ("/api/tickets?sort=best", "sort"),
        ("/api/tickets?state=shut", "state"),
        ("/api/tickets?cursor=1", "cursor"),
        ("/api/tickets?category=a", "app"),
        ("/api/tickets?user=a", "app"),
        ("/api/tickets?app=two&user=a&reporter=b", "reporter"),
        ("/api/tickets?app=two&user=a%00", "user"),
        ("/api/tickets?received_from=x", "received_from"),
        ("/api/deliveries?state=lost", "state"),
        ("/api/deliveries?ticket=x", "ticket"),
        ("/api/audit?cursor=-1", "cursor"),
        ("/api/audit?limit=200", "limit"),
        ("/api/apps/two/dialogue/monitor?from=2026-02-30", "from"),
        ("/api/apps/two/dialogue/monitor?from=2020-01-01", "from"),
        ("/api/apps/two/verdicts?report_id=", "report_id"),
    ] {
        let reply = get(&world, path);
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["field"]),
            (400, &json!(field)),
            "{path}: {problem}"
        );
    }
    for (path, body, field) in [
        ("/api/tickets/next", json!({"category": "a"}), "app"),
        ("/api/tickets/next", json!({"apps": "a"}), "apps"),
        ("/api/tickets/next", json!({"sort": "best"}), "sort"),
        (
            "/api/tickets/bulk-verdict",
            json!({"ticket_ids": [], "dialogue_result": "ad"}),
            "ticket_ids",
        ),
        (
            "/api/tickets/bulk-verdict",
            json!({"ticket_ids": ["x"], "dialogue_result": "ad"}),
            "ticket_ids[0]",
        ),
        ("/api/deliveries/replay", json!({"from": 2, "to": 1}), "to"),
    ] {
        let reply = post(&world, path, &body);
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["field"]),
            (400, &json!(field)),
            "{path}: {problem}"
        );
    }
    let long = "x".repeat(65);
    let named = act(&world, &long, "/api/tickets/next", &json!({}));
    assert_eq!(
        (named.status, &named.json()["field"]),
        (400, &json!("X-Auditor"))
    );
}

#[rstest]
fn verdicts_are_polled_once_they_would_leave(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let labels = json!([
        {"key": "normal", "wire": "normal", "zh": "正常", "en": "Normal"},
        {"key": "porn", "wire": "pron", "zh": "色情", "en": "Porn"},
    ]);
    world.put_settings(ONE, &json!({"labels": labels, "undo_seconds": 60}));
    let id = world.file(ONE, &report("r")).ticket();
    let poll = || get(&world, "/api/apps/app-One_1/verdicts?report_id=r").json();
    let waits = json!({
        "ticket_id": id.to_string(), "category": "chat", "appid": ONE.id, "result": null, "auditor": null,
        "revision": 0, "judged_at": null,
    });
    assert_eq!(poll(), json!({"verdicts": [waits]}));
    let verdict = json!({"dialogue_result": "porn", "user_result": {"id_2": "porn"}});
    act(
        &world,
        "mei",
        &format!("/api/tickets/{id}/verdict"),
        &verdict,
    );
    assert_eq!(poll(), json!({"verdicts": [waits]}), "it may be undone");
    world.clock.advance(60_000);
    let result =
        json!({"dialogue_result": "pron", "user_result": {"id_1": "normal", "id_2": "pron"}});
    let left = json!({
        "ticket_id": id.to_string(), "category": "chat", "appid": ONE.id, "result": result, "auditor": "mei",
        "revision": 1, "judged_at": NOON_MS,
    });
    assert_eq!(poll(), json!({"verdicts": [left]}));
    let other = get(&world, "/api/apps/two/verdicts?report_id=r").json();
    assert_eq!(other, json!({"verdicts": []}));
}

/// A moderator does something with a ticket.
fn moderate(world: &World, id: i64, call: &str, body: &Value) {
    let reply = act(world, "mei", &format!("/api/tickets/{id}/{call}"), body);
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// What has left stays what it was: whatever becomes of the ticket, or of the settings, behind it.
#[rstest]
fn a_verdict_that_has_left_is_polled_until_the_next_one_has(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let id = world.file(ONE, &report("r")).ticket();
    let call = |call: &str, body: &Value| moderate(&world, id, call, body);
    let polled = || {
        let polled = get(&world, "/api/apps/app-One_1/verdicts?report_id=r").json();
        let one = &polled["verdicts"][0];
        (
            one["revision"].clone(),
            one["result"]["dialogue_result"].clone(),
        )
    };
    let (nothing, first, second) = (
        (json!(0), Value::Null),
        (json!(1), json!("ad")),
        (json!(2), json!("fraud")),
    );
    call("verdict", &json!({"dialogue_result": "ad"}));
    assert_eq!(polled(), nothing);
    world.clock.advance(60_000);
    assert_eq!(polled(), first);
    // A longer time to undo is one of later verdicts.
    world.put_settings(ONE, &json!({"undo_seconds": 3_600}));
    assert_eq!(polled(), first);
    world.clock.advance(1);
    let undo = format!("/api/tickets/{id}/undo");
    assert_eq!(act(&world, "mei", &undo, &Value::Null).status, 409);
    assert_eq!(polled(), first);
    call("reopen", &json!({"reason": "an appeal"}));
    assert_eq!(polled(), first);
    call("verdict", &json!({"dialogue_result": "fraud"}));
    assert_eq!(polled(), first);
    world.clock.advance(3_599_999);
    assert_eq!(polled(), first);
    world.clock.advance(1);
    assert_eq!(polled(), second);
}

/// The callback of a verdict that was replaced in time never leaves, and so the verdict is not told.
#[rstest]
fn a_verdict_that_was_replaced_before_it_left_is_not_polled(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let id = world.file(ONE, &report("r")).ticket();
    let call = |call: &str, body: &Value| moderate(&world, id, call, body);
    let polled = || {
        let polled = get(&world, "/api/apps/app-One_1/verdicts?report_id=r").json();
        polled["verdicts"][0]["revision"].clone()
    };
    call("verdict", &json!({"dialogue_result": "ad"}));
    world.clock.advance(30_000);
    call("reopen", &json!({"reason": "an appeal"}));
    call("verdict", &json!({"dialogue_result": "fraud"}));
    world.clock.advance(59_999);
    assert_eq!(polled(), 0);
    world.clock.advance(1);
    assert_eq!(polled(), 2);
}

#[rstest]
fn counts_are_by_state_category_and_holder(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let first = world.file(ONE, &report("a")).ticket();
    let second = world.file(ONE, &report("b")).ticket();
    world.file(ONE, &with(report("c"), "category", json!("room")));
    world.file(TWO, &report("d"));
    let call = |id: i64, call: &str| format!("/api/tickets/{id}/{call}");
    act(&world, "mei", &call(first, "claim"), &Value::Null);
    act(
        &world,
        "lin",
        &call(second, "verdict"),
        &json!({"dialogue_result": "ad", "user_result": {"id_1": "porn"}}),
    );
    world.clock.advance(5_000);
    let path = format!("/api/tickets/counts?app={}", ONE.id);
    let of_mei = {
        let key = format!("Bearer {}", world.admin);
        let headers = [("authorization", key.as_str()), ("x-auditor", "mei")];
        world
            .send(&Method::GET, &path, &headers, String::new())
            .json()
    };
    let category = |name: &str| json!({"app_id": ONE.id, "category": name, "waiting": 1});
    assert_eq!(
        of_mei,
        json!({
            "open": 1, "claimed": 1, "claimed_by_me": 1, "judged": 1, "delivered": 0, "failed": 0,
            "oldest_open_seconds": 5, "categories": [category("chat"), category("room")], "most": 10_000,
        })
    );
    let all = get(&world, "/api/tickets/counts").json();
    assert_eq!(
        (&all["open"], &all["claimed_by_me"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(all["categories"].as_array().unwrap().len(), 3);
    let room = get(&world, &format!("{path}&category=room")).json();
    assert_eq!((&room["open"], &room["claimed"]), (&json!(1), &json!(0)));
    assert_eq!(get(&world, "/api/tickets/counts?category=room").status, 400);
    // Lists tell who holds a ticket, and what was said of one.
    let ids = |path: &str| {
        let page = get(&world, path).json();
        let rows = page["tickets"].as_array().unwrap().iter();
        rows.map(|row| row["ticket_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids("/api/tickets?claimed_by=mei"),
        [json!(first.to_string())]
    );
    assert_eq!(ids("/api/tickets?claimed_by=lin"), [Value::Null; 0]);
    let judged = get(&world, "/api/tickets?state=judged").json();
    let row = &judged["tickets"][0];
    assert_eq!(
        (&row["dialogue_result"], &row["auditor"]),
        (&json!("ad"), &json!("lin"))
    );
    let whole = get(&world, &format!("/api/tickets/{first}")).json();
    let earlier = whole["history"][0]["tickets"].as_array().unwrap();
    let earlier = earlier
        .iter()
        .find(|row| row["ticket_id"].as_str() == Some(&*second.to_string()))
        .unwrap();
    assert_eq!(
        (&earlier["dialogue_result"], &earlier["user_result"]),
        (&json!("ad"), &json!("porn"))
    );
    let deliveries = get(&world, "/api/deliveries/counts").json();
    assert_eq!(
        deliveries,
        json!({"pending": 1, "delivered": 0, "dead": 0, "taken_back": 0, "most": 10_000})
    );
}
