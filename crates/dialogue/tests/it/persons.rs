//! People whom the console has logged in: who they are in the records, and the several apps that they may be limited to.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use reportd_platform::AppNo;
use reportd_platform::access::{Principal, PrincipalKind, Role};
use reportd_platform::web::Acting;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{App, ONE, TWO, World, report};

fn person(name: &str, role: Role, apps: Option<Vec<AppNo>>) -> Arc<Principal> {
    Arc::new(Principal {
        kind: PrincipalKind::Person,
        name: name.to_owned(),
        role,
        apps,
        categories: None,
    })
}

/// A call as the console makes it.
fn call(
    world: &World,
    person: &Arc<Principal>,
    (method, path): (&str, &str),
    body: &Value,
) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("x-auditor", "somebody else");
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(Acting(Arc::clone(person)));
    let router = world.router.clone();
    world.run(async move {
        let (head, body) = router.oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (head.status.as_u16(), body)
    })
}

fn no(world: &World, app: App) -> AppNo {
    let sql = format!("SELECT no FROM app WHERE id = '{}'", app.id);
    AppNo::try_from(world.int(&sql)).unwrap()
}

#[rstest]
fn a_person_speaks_for_itself_and_no_key_for_a_person(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    let ticket = world.file(ONE, &report("r")).ticket();
    let mei = person("mei", Role::Lead, None);
    let claim = ("POST", &*format!("/api/tickets/{ticket}/claim"));
    let (status, told) = call(&world, &mei, claim, &json!({}));
    assert_eq!(
        (status, &told["claimed_by"]),
        (200, &json!("mei")),
        "{told}"
    );
    let (_, told) = call(&world, &mei, ("GET", "/api/audit"), &Value::Null);
    let record = &told["records"][0];
    assert_eq!(
        (&record["actor"], &record["key"], &record["action"]),
        (&json!("mei"), &json!(""), &json!("claimed"))
    );
    let admin = format!("Bearer {}", world.admin);
    let as_mei = [("authorization", admin.as_str()), ("x-auditor", "mei")];
    let judge = format!("/api/tickets/{ticket}/verdict");
    let verdict = json!({"dialogue_result": "ad", "user_result": {}});
    let reply = world.send(
        &axum::http::Method::POST,
        &judge,
        &as_mei,
        verdict.to_string(),
    );
    assert_eq!(
        reply.status, 409,
        "it is held by the person: {}",
        reply.text
    );
    let (status, told) = call(&world, &mei, ("POST", &judge), &verdict);
    assert_eq!(status, 200, "{told}");
}

#[rstest]
fn several_apps_are_a_limit(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let of_one = world.file(ONE, &report("r1")).ticket();
    world.clock.advance(1);
    let of_two = world.file(TWO, &report("r2")).ticket();
    let (one, two) = (no(&world, ONE), no(&world, TWO));
    let none: [i64; 0] = [];
    for (apps, tickets) in [
        (None, &[of_one, of_two][..]),
        (Some(vec![one, two]), &[of_one, of_two]),
        (Some(vec![two]), &[of_two]),
        (Some(vec![two, 999]), &[of_two]),
        (Some(vec![998, 999]), &none),
    ] {
        let lead = person("lin", Role::Lead, apps.clone());
        let get = |path: &str| call(&world, &lead, ("GET", path), &Value::Null);
        let (_, page) = get("/api/tickets");
        let rows = page["tickets"].as_array().unwrap().iter();
        let listed: Vec<_> = rows.map(|row| row["ticket_id"].clone()).collect();
        let expected: Vec<_> = tickets.iter().map(|id| json!(id.to_string())).collect();
        assert_eq!(listed, expected, "{apps:?}");
        for (app, no, ticket) in [(ONE, one, of_one), (TWO, two, of_two)] {
            let may = apps.as_ref().is_none_or(|apps| apps.contains(&no));
            let status = |path: &str| get(path).0;
            let named = status(&format!("/api/tickets?app={}", app.id));
            assert_eq!(named, if may { 200 } else { 403 }, "{apps:?} {}", app.id);
            let looked = status(&format!("/api/tickets/{ticket}"));
            assert_eq!(looked, if may { 200 } else { 404 }, "{apps:?} {}", app.id);
        }
        for path in ["/api/audit", "/api/deliveries"] {
            assert_eq!(get(path).0, 200, "{path}");
        }
    }
}
