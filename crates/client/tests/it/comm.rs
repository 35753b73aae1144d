//! The client of CommReport: what it sends, what it takes for a success, when it sends again.

use std::time::Duration;

use crate::server::{OK, Server, Step};
use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};
use reportd_client::{ClientError, CommClient, CommClientBuilder};
use tokio::time::Instant;

const FULL: Step = Step::Reply("503 Service Unavailable", r#"{"ret":50301,"msg":"full"}"#);

fn report() -> OutgoingReport {
    OutgoingReport::new(1_763_700_000, "n-1").item(OutgoingItem::group_census(7, 3))
}

/// A client that waits next to nothing.
fn hasty(server: &Server) -> CommClientBuilder {
    let wait = Duration::from_millis(1);
    CommClient::builder(&server.url(), "token-1").waits(wait, Duration::from_secs(5))
}

async fn send(builder: CommClientBuilder) -> Result<(), ClientError> {
    builder.build().unwrap().send(&report()).await
}

#[tokio::test]
async fn sends_what_the_protocol_asks_for() {
    let server = Server::start([OK]).await;
    send(hasty(&server)).await.unwrap();
    let [request] = &server.received()[..] else {
        panic!("one request")
    };
    assert_eq!(request.head[0], "POST /api/v1/CommReport HTTP/1.1");
    assert!(request.head.contains(&"authorization: token-1".to_owned()));
    assert!(
        request
            .head
            .contains(&"content-type: application/json".to_owned())
    );
    assert_eq!(request.body, report().to_json());
}

#[tokio::test]
async fn a_refusal_is_final() {
    let refusal = r#"{"ret":40002,"msg":"data_list[0].gid: expected an integer"}"#;
    let server = Server::start([Step::Reply("400 Bad Request", refusal)]).await;
    let error = send(hasty(&server)).await.unwrap_err();
    let ClientError::Refused {
        http, code, msg, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (http, code, msg.as_str()),
        (400, 40002, "data_list[0].gid: expected an integer")
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn sends_the_same_bytes_again() {
    let by_a_proxy = Step::Reply("502 Bad Gateway", "<html>");
    let server = Server::start([FULL, by_a_proxy, OK]).await;
    send(hasty(&server)).await.unwrap();
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|request| *request == received[0]));
}

#[tokio::test]
async fn gives_up_after_its_attempts() {
    let server = Server::start([FULL, FULL]).await;
    let error = send(hasty(&server).attempts(2)).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Refused {
                http: 503,
                code: 50301,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn waits_as_long_as_the_server_asks() {
    let later = Step::Reply(
        "429 Too Many Requests\r\nRetry-After: 1",
        r#"{"ret":42901,"msg":""}"#,
    );
    let server = Server::start([later, OK]).await;
    let start = Instant::now();
    send(hasty(&server)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn gives_up_if_the_server_asks_for_too_long() {
    let much_later = Step::Reply(
        "503 Service Unavailable\r\nRetry-After: 3600",
        r#"{"ret":50301,"msg":""}"#,
    );
    let server = Server::start([much_later]).await;
    let error = send(hasty(&server)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_reply_of_another_protocol_is_no_success() {
    let endless: &str = " ".repeat(65 * 1024).leak();
    for body in ["", "ok", "{}", r#"{"ret":"0","msg":"ok"}"#] {
        let server = Server::start([Step::Reply("200 OK", body)]).await;
        let error = send(hasty(&server)).await.unwrap_err();
        assert!(
            matches!(error, ClientError::InvalidReply { http: 200, .. }),
            "{body}: {error}"
        );
    }
    let server = Server::start([Step::Reply("200 OK", endless)]).await;
    assert!(matches!(
        send(hasty(&server).attempts(1)).await,
        Err(ClientError::Transport(_))
    ));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let moved = Step::Reply("307 Temporary Redirect\r\nLocation: /elsewhere", "");
    let server = Server::start([moved]).await;
    let error = send(hasty(&server)).await.unwrap_err();
    assert!(
        matches!(error, ClientError::InvalidReply { http: 307, .. }),
        "{error}"
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn silence_is_a_timeout_and_tried_again() {
    let server = Server::start([Step::Silence]).await;
    let timeout = Duration::from_millis(400);
    let error = send(hasty(&server).timeout(timeout).attempts(1))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Timeout(_)), "{error}");

    let server = Server::start([Step::Silence, OK]).await;
    send(hasty(&server).timeout(timeout).attempts(2))
        .await
        .unwrap();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let server = Server::start([Step::HangUp]).await;
    let error = send(hasty(&server).attempts(1)).await.unwrap_err();
    assert!(matches!(error, ClientError::Transport(_)), "{error}");

    let server = Server::start([Step::HangUp, OK]).await;
    send(hasty(&server)).await.unwrap();
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let wait = Duration::from_millis(1);
    let error = send(CommClient::builder(&url, "t").waits(wait, wait))
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Connect(_)), "{error}");
}
