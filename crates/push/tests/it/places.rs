//! Large feeds need room while they come and while they are worked on: neither who only sends slowly takes it from others,
//! nor do many that come at once.

use std::io::Write;
use std::net::IpAddr;

use axum::body::Body;
use axum::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;
use reportd_platform::web::ClientAddress;
use reportd_protocol::push::{Event, Receipt};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use reportd_testbed::send_slowly;
use rstest::rstest;
use tower::ServiceExt;

use crate::world::{App, NOON_MS, ONE, World};

/// A request to a feed of an app, from an address.
fn request(
    app: &str,
    feed: &str,
    (address, key): (&str, Option<&str>),
    body: Body,
) -> Request<Body> {
    let mut request = Request::post(format!("/api/apps/{app}/push/{feed}"));
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut request = request.body(body).unwrap();
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ClientAddress(address));
    request
}

fn packed(mut request: Request<Body>) -> Request<Body> {
    let gzip = "gzip".parse().unwrap();
    request.headers_mut().insert("content-encoding", gzip);
    request
}

/// Sends all at once; returns the statuses.
fn statuses(world: &World, requests: Vec<Request<Body>>) -> Vec<u16> {
    let sent: Vec<_> = requests
        .into_iter()
        .map(|request| world.runtime.spawn(world.router.clone().oneshot(request)))
        .collect();
    let mut statuses = Vec::new();
    for reply in sent {
        let reply = world.runtime.block_on(reply).unwrap();
        statuses.push(reply.unwrap().status().as_u16());
    }
    statuses
}

/// Begins to send so many packed bodies of so many bytes to the receipts of no app, and waits until they are waited for.
fn send_packed_slowly(world: &World, address: &str, bodies: (usize, u64)) {
    send_slowly(&world.runtime, bodies, |body| {
        let body = Body::new(body);
        let request = packed(request("whoever", "receipts", (address, None), body));
        world.router.clone().oneshot(request)
    });
}

/// So many receipts of an app, some 190 bytes each.
fn receipts(app: App, count: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0..count {
        let receipt = Receipt {
            cid: format!("c{number}").into(),
            task_id: "RASL_1".into(),
            msg_id: "m1".into(),
            code: 200,
            desc: "ok".into(),
            action_id: "10000".into(),
            at_ms: NOON_MS,
            channel: None,
        };
        receipt.write(app.id, app.master_secret, &mut lines);
        lines.push(b'\n');
    }
    lines
}

/// So many events.
fn events(count: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0..count {
        let event = Event::Presence {
            is_online: true,
            cid: format!("a device with a name that is rather long: {number}").into(),
            at_ms: NOON_MS,
        };
        event.write(&mut lines);
        lines.push(b'\n');
    }
    lines
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[rstest]
fn strangers_that_send_slowly_keep_no_feed_out(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    send_packed_slowly(&world, "192.0.2.1", (40, 100_000));
    // One that has all that an address may have of the room: others have theirs.
    send_packed_slowly(&world, "192.0.2.2", (1, 8 << 20));
    let large = receipts(ONE, 600);
    assert!(large.len() > 64 << 10);
    for address in ["192.0.2.1", "192.0.2.3"] {
        let of = |body: Vec<u8>| request(ONE.id, "receipts", (address, None), body.into());
        let sent = vec![
            of(large.clone()),
            packed(of(gzip(&large))),
            packed(of(gzip(&receipts(ONE, 1)))),
        ];
        assert_eq!(statuses(&world, sent), [200; 3], "{address}");
    }
}

#[rstest]
fn many_feeds_at_once_are_all_taken(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let key = Some(world.keys.ingest.as_str());
    let large = events(1_000);
    assert!(large.len() > 64 << 10);
    let of = |body: Vec<u8>| request(ONE.id, "events", ("192.0.2.1", key), body.into());
    let plain = (0..64).map(|_| of(large.clone())).collect();
    assert_eq!(statuses(&world, plain), [200; 64]);
    let small = gzip(&events(1));
    let small = (0..64).map(|_| packed(of(small.clone()))).collect();
    assert_eq!(statuses(&world, small), [200; 64]);
    let large = gzip(&large);
    let large = (0..64).map(|_| packed(of(large.clone()))).collect();
    assert_eq!(statuses(&world, large), [200; 64]);
}
