//! Large reports have places of their own while they are worked on: who only sends slowly holds none of them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use reportd_platform::web::ClientAddress;
use reportd_protocol::dialogue::PATH;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::world::{NOON_MS, ONE, Reply, World, answer, form, report, with};

/// A body of so many bytes, of which none comes. It tells when it is waited for.
struct Slow {
    bytes: u64,
    waited_for: UnboundedSender<()>,
}

impl hyper::body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let _ = self.waited_for.send(());
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

fn from(address: &str, body: Body) -> Request<Body> {
    let mut request = Request::post(PATH).body(body).unwrap();
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(ClientAddress(address));
    request
}

/// Begins to send so many bodies of so many bytes, and waits until they are waited for.
fn send_slowly(world: &World, address: &str, (count, bytes): (usize, u64)) {
    let (waited_for, mut waits) = unbounded_channel();
    for _ in 0..count {
        let waited_for = waited_for.clone();
        let body = Body::new(Slow { bytes, waited_for });
        world
            .runtime
            .spawn(answer(world.router.clone(), from(address, body)));
        world.run(waits.recv()).unwrap();
    }
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
    send_slowly(&world, "192.0.2.1", (8, 100_000));
    file(&world, "192.0.2.2", &large("r1")).ticket();
    file(&world, "192.0.2.1", &large("r2")).ticket();
}
