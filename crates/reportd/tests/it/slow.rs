//! Clients that are slow, or stuck: they are cut, and nobody else waits for them.

use std::io::ErrorKind;

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, Http, TOKEN};
use crate::requests::active_message;

#[rstest]
fn a_slow_client_is_cut(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let limits = [
        ("REPORTD_SERVER_HEADER_TIMEOUT_MS", "400"),
        ("REPORTD_SERVER_BODY_TIMEOUT_MS", "400"),
    ];
    let server = data.serve_with(&limits);
    let head = format!(
        "POST /api/v1/CommReport HTTP/1.1\r\nhost: h\r\nauthorization: {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 500\r\n\r\n{{\"ts\":"
    );
    let starts = ["", "POST /api", &head[..60], &head];
    let mut slow: Vec<Http> = starts
        .iter()
        .map(|start| {
            let mut http = Http::connect(server.address());
            http.send(start.as_bytes()).unwrap();
            http
        })
        .collect();
    assert_eq!(
        server.report(&active_message("quick", 1)).0,
        200,
        "others are served meanwhile"
    );
    for (http, start) in slow.iter_mut().zip(starts) {
        assert!(http.is_cut(), "still open after «{start}»");
    }
}

#[rstest]
fn a_client_that_never_reads_is_cut(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let server = data.serve_with(&[("REPORTD_SERVER_WRITE_TIMEOUT_MS", "400")]);
    let mut deaf = Http::connect(server.address());
    let requests = "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n".repeat(100);
    let ended = loop {
        if let Err(error) = deaf.send(requests.as_bytes()) {
            break error.kind();
        }
    };
    assert!(
        matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{ended}: it was not cut"
    );
    assert_eq!(server.report(&active_message("quick", 1)).0, 200);
}

#[rstest]
fn connections_over_the_limit_wait_for_their_turn(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    let limits = [
        ("REPORTD_SERVER_CONNECTIONS", "2"),
        ("REPORTD_SERVER_HEADER_TIMEOUT_MS", "400"),
    ];
    let server = data.serve_with(&limits);
    let _idle = [
        Http::connect(server.address()),
        Http::connect(server.address()),
    ];
    // It is accepted when the idle ones are cut.
    assert_eq!(server.report(&active_message("third", 1)).0, 200);
}
