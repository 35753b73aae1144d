//! The token of a client: one for all calls, renewed in time, ended when it is no longer needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::push::{AUTH, BAD_TOKEN, NOTHING, NOW_MS, TOKEN, hasty};
use crate::server::{Received, Server, Step};
use reportd_client::{ClientError, PushClient};
use tokio::task::JoinSet;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const CALLS: usize = 20;

/// The reply with token number `number`, which ends a day after `NOW_MS`.
fn auth(number: usize) -> Step {
    let end_ms = NOW_MS + DAY_MS;
    let reply = format!(
        r#"{{"code":0,"msg":"success","data":{{"expire_time":"{end_ms}","token":"t{number}"}}}}"#
    );
    Step::Reply("200 OK", reply.leak())
}

/// A server that gives the tokens t1, t2 … and takes those that `is_good` says.
async fn keeper(is_good: fn(&str) -> bool) -> Server {
    let given = AtomicUsize::new(0);
    Server::answering(move |request| {
        if is_auth(request) {
            auth(given.fetch_add(1, Ordering::SeqCst) + 1)
        } else if request.header("token").is_some_and(is_good) {
            NOTHING
        } else {
            BAD_TOKEN
        }
    })
    .await
}

fn is_auth(request: &Received) -> bool {
    request.call().starts_with("POST ")
}

/// How many of the requests were for a token.
fn auths(server: &Server) -> usize {
    let received = server.received();
    received.iter().filter(|request| is_auth(request)).count()
}

/// Many calls at once, each of which must succeed.
async fn ask_together(client: &PushClient) {
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move { client.count_report().await });
    }
    for result in calls.join_all().await {
        result.unwrap();
    }
}

#[tokio::test]
async fn calls_at_the_same_time_share_one_token() {
    let server = keeper(|token| token == "t1").await;
    let client = hasty(&server).build().unwrap();
    ask_together(&client).await;
    assert_eq!((auths(&server), server.count()), (1, CALLS + 1));
}

#[tokio::test]
async fn calls_at_the_same_time_share_the_renewal_of_a_refused_token() {
    let server = keeper(|token| token == "t2").await;
    let client = hasty(&server).build().unwrap();
    ask_together(&client).await;
    assert_eq!(auths(&server), 2);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let server = keeper(|_| true).await;
    let now_ms = Arc::new(AtomicI64::new(NOW_MS));
    let clock = Arc::clone(&now_ms);
    let client = hasty(&server)
        .clock(move || clock.load(Ordering::SeqCst))
        .build()
        .unwrap();
    for (age_ms, expected) in [
        (0, "t1"),
        (DAY_MS - 16 * MINUTE_MS, "t1"),
        (DAY_MS - 15 * MINUTE_MS, "t2"),
    ] {
        now_ms.store(NOW_MS + age_ms, Ordering::SeqCst);
        client.count_report().await.unwrap();
        let received = server.received();
        assert_eq!(received.last().unwrap().header("token"), Some(expected));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_told() {
    let server = Server::start([auth(1), BAD_TOKEN, auth(2), BAD_TOKEN]).await;
    let client = hasty(&server).build().unwrap();
    let error = client.count_report().await.unwrap_err();
    let expected = matches!(
        error,
        ClientError::Refused {
            http: 401,
            code: 10001,
            ..
        }
    );
    assert!(expected, "{error}");
    let tokens: Vec<_> = server
        .received()
        .iter()
        .filter_map(|request| request.header("token").map(str::to_owned))
        .collect();
    assert_eq!(tokens, ["t1", "t2"]);
}

#[tokio::test]
async fn refused_credentials_are_told() {
    let refusal = r#"{"code":20001,"msg":"sign is invalid","data":{}}"#;
    let server = Server::start([Step::Reply("400 Bad Request", refusal)]).await;
    let client = hasty(&server).build().unwrap();
    let error = client.online_report().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Refused { code: 20001, msg, .. } if msg == "sign is invalid"),
        "{error}"
    );
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_call_that_is_given_up_while_it_authenticates_holds_up_no_other() {
    let server = Server::start([Step::Silence, AUTH, NOTHING]).await;
    let client = hasty(&server).build().unwrap();
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.count_report().await }
    });
    while server.count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.abort();
    client.count_report().await.unwrap();
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn log_out_ends_the_token() {
    let gone = Step::Reply("503 Service Unavailable", r#"{"code":2,"msg":"down"}"#);
    let server = Server::start([AUTH, NOTHING, gone, NOTHING, auth(2), NOTHING]).await;
    let client = hasty(&server).build().unwrap();
    client.log_out().await.unwrap();
    assert_eq!(server.count(), 0);
    client.count_report().await.unwrap();
    client.log_out().await.unwrap();
    client.log_out().await.unwrap();
    client.clone().count_report().await.unwrap();
    let received = server.received();
    let end = format!("DELETE /v2/app1/auth/{TOKEN}");
    assert_eq!(received[2].call(), end);
    assert_eq!(received[3].call(), end);
    assert_eq!(received[4].call(), "POST /v2/app1/auth");
}

#[tokio::test]
async fn a_token_that_has_ended_already_is_ended() {
    let server = Server::start([AUTH, NOTHING, BAD_TOKEN]).await;
    let client = hasty(&server).build().unwrap();
    client.count_report().await.unwrap();
    client.log_out().await.unwrap();
    assert_eq!(server.received().len(), 3);
}
