//! The client of the push feeds: what it sends, and when it sends again.

use std::time::Duration;

use crate::push::NOW_MS;
use crate::server::{Server, Step};
use reportd_client::protocol::push::{
    Cids, Event, Receipt, ReceiptApp, TaskKind, read_events, read_receipts,
};
use reportd_client::{
    Bytes, ClientError, Connection, PushFeedClient, PushFeedClientBuilder, event_batches,
    receipt_batches,
};

const ONE: Step = Step::Reply("200 OK", r#"{"accepted":1}"#);
const DOWN: Step = Step::Reply(
    "503 Service Unavailable\r\nContent-Type: application/problem+json",
    r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"full"}"#,
);
const BAD_LINE: Step = Step::Reply(
    "400 Bad Request\r\nContent-Type: application/problem+json",
    r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"line 2: type: missing"}"#,
);

fn hasty(server: &Server) -> PushFeedClientBuilder {
    PushFeedClient::builder(&server.url(), "app1")
        .api_key("k-1")
        .master_secret("secret1")
        .waits(Duration::from_millis(1), Duration::from_secs(5))
}

fn task() -> Event<'static> {
    Event::Task {
        task_id: "RASL_1".into(),
        kind: TaskKind::List,
        group_name: None,
        created_at_ms: NOW_MS,
    }
}

fn sendable(devices: usize) -> Event<'static> {
    Event::Sendable {
        task_id: "RASL_1".into(),
        cids: Cids::many((0..devices).map(|_| "c")),
        at_ms: NOW_MS,
    }
}

fn receipt() -> Receipt<'static> {
    Receipt {
        cid: "c".into(),
        task_id: "RASL_1".into(),
        msg_id: "m".into(),
        code: 200,
        desc: "".into(),
        action_id: "10000".into(),
        at_ms: NOW_MS,
        channel: None,
    }
}

fn assert_signed(body: &[u8]) {
    let app = ReceiptApp {
        app_id: "app1",
        master_secrets: &["secret1"],
    };
    let mut read = Vec::new();
    read_receipts(body, app, NOW_MS, |receipt| read.push(receipt)).unwrap();
    assert_eq!(read, [receipt()]);
}

#[tokio::test]
async fn events_go_with_the_key_in_as_many_requests_as_they_need() {
    let replies = [
        Step::Reply("200 OK", r#"{"accepted":10000}"#),
        Step::Reply("200 OK", r#"{"accepted":2}"#),
    ];
    let server = Server::start(replies).await;
    let events = [task(), sendable(9_999), sendable(1), task()];
    let client = hasty(&server).build().unwrap();
    let sent = tokio::spawn(async move { client.send_events(&events).await });
    assert_eq!(sent.await.unwrap().unwrap(), 10_002);
    for (request, expected) in server.received().iter().zip([10_000, 2]) {
        assert_eq!(request.call(), "POST /api/apps/app1/push/events");
        assert_eq!(request.header("authorization"), Some("Bearer k-1"));
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
        let accepted = read_events(&request.body, NOW_MS, drop).unwrap();
        assert_eq!(accepted.events, expected);
    }
}

#[tokio::test]
async fn receipts_go_signed_and_without_a_key() {
    let server = Server::start([ONE]).await;
    let client = hasty(&server).build().unwrap();
    let sent = tokio::spawn(async move { client.send_receipts(&[receipt()]).await });
    assert_eq!(sent.await.unwrap().unwrap(), 1);
    let [request] = &server.received()[..] else {
        panic!("one request")
    };
    assert_eq!(request.call(), "POST /api/apps/app1/push/receipts");
    assert_eq!(request.header("authorization"), None);
    assert_signed(&request.body);
}

#[tokio::test]
async fn a_feed_that_fails_in_passing_is_sent_again_as_it_was() {
    let by_a_proxy = Step::Reply("502 Bad Gateway", "<html>");
    let script = [DOWN, Step::HangUp, by_a_proxy, ONE, DOWN, ONE];
    let server = Server::start(script).await;
    let client = hasty(&server).build().unwrap();
    assert_eq!(client.send_events(&[task()]).await.unwrap(), 1);
    assert_eq!(client.send_receipts(&[receipt()]).await.unwrap(), 1);
    let received = server.received();
    assert_eq!(received.len(), 6);
    assert!(received[..4].iter().all(|request| *request == received[0]));
    assert_eq!(received[4], received[5]);
}

#[tokio::test]
async fn a_refused_feed_is_told_with_its_place() {
    let bad_sign = Step::Reply(
        "401 Unauthorized",
        r#"{"title":"Unauthorized","status":401,"detail":"line 1: sign: not by the app's master secret"}"#,
    );
    let server = Server::start([BAD_LINE, bad_sign]).await;
    let client = hasty(&server).build().unwrap();
    let error = client.send_events(&[task()]).await.unwrap_err();
    let ClientError::Problem {
        http,
        title,
        detail,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (http, title.as_str(), detail.as_str()),
        (400, "Bad Request", "line 2: type: missing")
    );
    let error = client.send_receipts(&[receipt()]).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Problem { http: 401, .. }),
        "{error}"
    );
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_feed_stops_at_the_first_request_that_fails() {
    let server = Server::start([ONE, BAD_LINE]).await;
    let client = hasty(&server).build().unwrap();
    let events = [sendable(10_000), sendable(10_000), sendable(10_000)];
    client.send_events(&events).await.unwrap_err();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn without_what_it_needs_a_feed_is_not_sent() {
    let server = Server::start([ONE]).await;
    let client = PushFeedClient::builder(&server.url(), "app1")
        .build()
        .unwrap();
    for error in [
        client.send_events(&[task()]).await.unwrap_err(),
        client.send_receipts(&[receipt()]).await.unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::Setup(_)), "{error}");
    }
    let nothing = hasty(&server).build().unwrap();
    assert_eq!(nothing.send_events(&[]).await.unwrap(), 0);
    // What a gateway has signed needs no secret here.
    let signed = receipt_batches(&[receipt()], "app1", "secret1")
        .next()
        .unwrap();
    assert_eq!(client.send_receipt_lines(signed).await.unwrap(), 1);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn no_key_shows() {
    let client = PushFeedClient::builder("http://example.com", "app1")
        .api_key("geheim-1")
        .master_secret("geheim-2");
    let shown = format!("{:?}", client.clone().build().unwrap());
    assert!(
        shown.contains("/api/apps/app1/push") && !shown.contains("geheim"),
        "{shown}"
    );
    let error = client.api_key("geheim\n").build().unwrap_err();
    assert!(matches!(&error, ClientError::Setup(_)), "{error}");
    assert!(!error.to_string().contains("geheim"), "{error}");
}

#[tokio::test]
async fn a_lean_connection_posts_both_feeds() {
    let server = Server::start([ONE, ONE, BAD_LINE]).await;
    let mut connection = Connection::connect(server.addr).await.unwrap();
    let events: Vec<Bytes> = event_batches(&[task()]).collect();
    let posted = connection
        .post_events("app1", "k-1", events[0].clone())
        .await;
    assert_eq!(posted.unwrap(), 1);
    let receipts = receipt_batches(&[receipt()], "app1", "secret1")
        .next()
        .unwrap();
    let posted = connection.post_receipts("app1", receipts.clone()).await;
    assert_eq!(posted.unwrap(), 1);
    let error = connection
        .post_receipts("app1", receipts)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Problem { http: 400, .. }),
        "{error}"
    );
    let received = server.received();
    assert_eq!(received[0].call(), "POST /api/apps/app1/push/events");
    assert_eq!(received[0].header("authorization"), Some("Bearer k-1"));
    assert_eq!(received[0].body, events[0]);
    assert_eq!(received[1].call(), "POST /api/apps/app1/push/receipts");
    assert_eq!(received[1].header("authorization"), None);
    assert_signed(&received[1].body);
}
