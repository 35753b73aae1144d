//! Large reports have places of their own while they are worked on: who only sends slowly holds none of them.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::Request;
use reportd_platform::web::ClientAddress;
use reportd_protocol::dialogue::PATH;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::send_slowly;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOON_MS, ONE, Reply, World, answer, form, report, with};

fn from(address: &str, body: Body) -> Request<Body> {
    let mut request = Request::post(PATH).body(body).unwrap();
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ClientAddress(address));
    request
}

/// A report of some 70 kB.
fn large(report_id: &str) -> Value {
    let text = "x".repeat(70_000);
    let info = json!({"id": "1", "type": "text", "content": text, "time": NOON_MS / 1_000});
    with(report(report_id), "infos", json!([info]))
}

fn file(world: &World, address: &str, report: &Value) -> Reply {
    let request = from(address, Body::from(form(ONE, report)));
    world.run(answer(world.router.clone(), request))
}

#[rstest]
fn strangers_that_send_slowly_keep_no_large_report_out(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = World::new(kind);
    // More than there are places.
    send_slowly(&world.runtime, (8, 100_000), |body| {
        answer(world.router.clone(), from("192.0.2.1", Body::new(body)))
    });
    file(&world, "192.0.2.2", &large("r1")).ticket();
    file(&world, "192.0.2.1", &large("r2")).ticket();
}
