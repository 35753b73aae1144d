//! The lean connection: many requests on one socket, and an end that is told.

use std::time::Duration;

use crate::server::{OK, Server, Step};
use reportd_client::{Bytes, ClientError, Connection, HeaderMap, StatusCode};

const BODY: Bytes = Bytes::from_static(b"{}");

#[tokio::test]
async fn posts_again_and_again_on_one_connection() {
    let refusal = Step::Reply(
        "429 Too Many Requests\r\nRetry-After: 2",
        r#"{"ret":42901,"msg":"slower"}"#,
    );
    let server = Server::start([OK, refusal, OK, Step::Reply("404 Not Found", "no")]).await;
    let mut connection = Connection::connect(server.addr).await.unwrap();

    assert!(connection.post_comm("token-1", BODY).await.unwrap().is_ok());
    let error = connection.post_comm("token-1", BODY).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Refused {
                http: 429,
                code: 42901,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
    assert!(connection.post_comm("token-1", BODY).await.unwrap().is_ok());
    let (status, body) = connection
        .post("/nowhere", HeaderMap::new(), BODY)
        .await
        .unwrap();
    assert_eq!((status, &body[..]), (StatusCode::NOT_FOUND, &b"no"[..]));

    let received = server.received();
    assert_eq!(received[0].head[0], "POST /api/v1/CommReport HTTP/1.1");
    assert_eq!(received[3].head[0], "POST /nowhere HTTP/1.1");
    let host = format!("host: {}", server.addr);
    assert!(received.iter().all(|request| request.head.contains(&host)));
    assert!(
        received[0]
            .head
            .contains(&"authorization: token-1".to_owned())
    );
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_an_error_each_time() {
    let server = Server::start([OK, Step::HangUp]).await;
    let mut connection = Connection::connect(server.addr).await.unwrap();
    connection.post_comm("t", BODY).await.unwrap();
    for _ in 0..3 {
        let error = connection.post_comm("t", BODY).await.unwrap_err();
        assert!(matches!(error, ClientError::Transport(_)), "{error}");
    }
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_reply_before_closing_still_arrives() {
    let last = Step::Reply("200 OK\r\nConnection: close", r#"{"ret":0,"msg":"ok"}"#);
    let server = Server::start([last]).await;
    let mut connection = Connection::connect(server.addr).await.unwrap();
    assert!(connection.post_comm("t", BODY).await.unwrap().is_ok());
    assert!(matches!(
        connection.post_comm("t", BODY).await,
        Err(ClientError::Transport(_))
    ));
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_so() {
    let server = Server::start([]).await;
    let mut connection = Connection::connect(server.addr.to_string()).await.unwrap();
    let refused = connection.post_comm("a\nb", BODY).await;
    assert!(matches!(refused, Err(ClientError::Setup(_))));
    let refused = connection.post("no path", HeaderMap::new(), BODY).await;
    assert!(matches!(refused, Err(ClientError::Setup(_))));
}
