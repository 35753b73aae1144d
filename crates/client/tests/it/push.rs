//! The client of the push reports: what it asks, what it makes of replies, when it asks again.

use std::time::Duration;

use crate::server::{Server, Step};
use reportd_client::protocol::push::{AuthRequest, Date, TaskQuery};
use reportd_client::{ClientError, GroupOptions, PushClient, PushClientBuilder, StatusCode};
use tokio::time::Instant;

pub(crate) const NOW_MS: i64 = 1_763_700_000_000;

pub(crate) const AUTH: Step = Step::Reply(
    "200 OK",
    include_str!("../../../protocol/tests/data/push/auth.json"),
);
pub(crate) const TOKEN: &str = "6f0d5c1e9bA7";
pub(crate) const NOTHING: Step = Step::Reply("200 OK", r#"{"code":0,"msg":"success","data":{}}"#);
pub(crate) const BAD_TOKEN: Step = Step::Reply(
    "401 Unauthorized",
    r#"{"code":10001,"msg":"token is invalid","data":{}}"#,
);
const DOWN: Step = Step::Reply(
    "503 Service Unavailable",
    r#"{"code":2,"msg":"cannot answer now, try again later","data":{}}"#,
);

/// A reply of the seed, as the protocol's own tests have it.
macro_rules! seed {
    ($name:literal) => {
        Step::Reply(
            "200 OK",
            include_str!(concat!("../../../protocol/tests/data/push/", $name)),
        )
    };
}

/// A client that waits next to nothing, at a fixed time.
pub(crate) fn hasty(server: &Server) -> PushClientBuilder {
    let wait = Duration::from_millis(1);
    PushClient::builder(&server.url(), "app1", "key1", "secret1")
        .clock(|| NOW_MS)
        .waits(wait, Duration::from_secs(5))
}

/// A server with this script after the token, and a client of it.
async fn after_auth(script: impl IntoIterator<Item = Step>) -> (Server, PushClient) {
    let server = Server::start([AUTH].into_iter().chain(script)).await;
    let client = hasty(&server).build().unwrap();
    (server, client)
}

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

async fn ask(client: &PushClient) -> Result<(), ClientError> {
    client.count_report().await.map(drop)
}

#[tokio::test]
async fn signs_for_a_token_and_carries_it() {
    let (server, client) = after_auth([NOTHING]).await;
    ask(&client).await.unwrap();
    let received = server.received();
    assert_eq!(received[0].call(), "POST /v2/app1/auth");
    let auth = AuthRequest::parse(&received[0].body).unwrap();
    auth.check_app_key("key1").unwrap();
    auth.check_time(NOW_MS).unwrap();
    auth.check_sign(["secret1"]).unwrap();
    assert_eq!(received[1].call(), "GET /v2/app1/report/push/count");
    assert_eq!(received[1].header("token"), Some(TOKEN));
}

#[tokio::test]
async fn each_report_has_its_address() {
    let (server, client) = after_auth([NOTHING; 8]).await;
    let all = TaskQuery {
        by_brand: true,
        actions: vec!["a 1".to_owned(), "2".to_owned()],
    };
    client.task_report(&["RASL_1", "b/c"], &all).await.unwrap();
    let none = TaskQuery::default();
    client.task_report(&["t".to_owned()], &none).await.unwrap();
    client.detail_report(&["t"]).await.unwrap();
    let all = GroupOptions {
        by_brand: true,
        start: Some(day("2026-11-01")),
        end: Some(day("2026-11-21")),
    };
    client.group_report("群 1", all).await.unwrap();
    let none = GroupOptions::default();
    client.group_report("g", none).await.unwrap();
    client
        .day_report(day("2026-11-20"), true)
        .await
        .unwrap_err();
    client.user_report(day("2026-11-20")).await.unwrap_err();
    client.online_report().await.unwrap_err();
    let received = server.received();
    let calls: Vec<&str> = received[1..].iter().map(|request| request.call()).collect();
    assert_eq!(
        calls,
        [
            "GET /v2/app1/report/push/task/RASL_1,b%2Fc?actionIdList=a%201,2&needGetuiByBrand=true",
            "GET /v2/app1/report/push/task/t",
            "GET /v2/app1/report/push/task/t/detail",
            "GET /v2/app1/report/push/task_group/%E7%BE%A4%201?needGetuiByBrand=true\
             &startDate=2026-11-01&endDate=2026-11-21",
            "GET /v2/app1/report/push/task_group/g",
            "GET /v2/app1/report/push/date/2026-11-20?needGetuiByBrand=true",
            "GET /v2/app1/report/user/date/2026-11-20",
            "GET /v2/app1/report/online_user",
        ]
    );
}

#[tokio::test]
async fn the_seeds_replies_are_read() {
    let script = [
        seed!("task.json"),
        seed!("task_group.json"),
        seed!("detail.json"),
        seed!("date.json"),
        seed!("count.json"),
        seed!("user.json"),
        seed!("online_user.json"),
    ];
    let (_server, client) = after_auth(script).await;

    let tasks = client.task_report(&["t"], &TaskQuery::default()).await;
    let task = &tasks.unwrap()["$taskid"];
    assert_eq!((task.total.msg_num, task.total.figures.click_num), (4, 2));
    assert_eq!(task.channels["gt"].figures.target_num, 2);
    assert_eq!(task.actions["$actionId"], 2);

    let group = client.group_report("$group_name", GroupOptions::default());
    let group = group.await.unwrap().unwrap();
    let channels: Vec<&String> = group.channels.keys().collect();
    assert_eq!(channels, ["gt", "ios"]);

    let details = client.detail_report(&["t"]).await.unwrap();
    let losses = &details["$taskid"].failed_detail;
    assert_eq!(losses["ts"]["gt"]["13"]["13001"], 608);
    assert_eq!(losses["rs"]["apn"]["11"]["total"], 1);

    let date = day("2026-11-21");
    let of_day = client.day_report(date, false).await.unwrap();
    assert_eq!(of_day.channels["ho"].figures.receive_num, 2);

    let quotas = client.count_report().await.unwrap();
    let (vv, op) = (&quotas["vv"]["special"], &quotas["op"]["general"]);
    assert_eq!(
        (vv.total_num, vv.push_num, vv.remain_num),
        (10_000, Some(0), None)
    );
    assert_eq!((op.total_num, op.remain_num), (100_000, Some(100_000)));

    let users = client.user_report(date).await.unwrap();
    assert_eq!((users.accumulative_num, users.online_num), (9, 2));

    let online = client.online_report().await.unwrap();
    assert_eq!(online[&1_763_700_000_000], 5);
}

#[tokio::test]
async fn brands_channels_that_nobody_knows_and_large_counters_are_borne() {
    let reply = r#"{"code":0,"msg":"success","more":[1],"data":{"t":{
        "total":{"msg_num":3000000000,"target_num":1,"receive_num":1,"display_num":1,"click_num":1,"x":1},
        "gt":{"target_num":1,"receive_num":1,"display_num":-1,"click_num":0,
            "others":{"target_num":1,"receive_num":1,"display_num":-1,"click_num":0}},
        "zz":{"target_num":7,"receive_num":0,"display_num":0,"click_num":0}}}}"#;
    let (_server, client) = after_auth([Step::Reply("200 OK", reply)]).await;
    let tasks = client.task_report(&["t"], &TaskQuery::default()).await;
    let task = &tasks.unwrap()["t"];
    assert_eq!(task.total.msg_num, 3_000_000_000);
    assert_eq!(task.channels["gt"].brands["others"].target_num, 1);
    assert_eq!(task.channels["gt"].figures.display_num, -1);
    assert_eq!(task.channels["zz"].figures.target_num, 7);
}

#[tokio::test]
async fn what_is_unknown_is_no_error_but_a_day_without_data_is() {
    let (_server, client) = after_auth([NOTHING; 3]).await;
    let tasks = client.task_report(&["t"], &TaskQuery::default()).await;
    assert!(tasks.unwrap().is_empty());
    let group = client.group_report("g", GroupOptions::default()).await;
    assert_eq!(group.unwrap(), None);
    let error = client
        .day_report(day("2026-11-20"), false)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::InvalidReply { .. }), "{error}");
}

#[tokio::test]
async fn a_long_report_is_read() {
    let ids = (0..5_000).map(|id| {
        let total = r#"{"target_num":1,"receive_num":1,"display_num":1,"click_num":1}"#;
        format!(r#""RASL_{id}":{{"total":{total}}}"#)
    });
    let data = ids.collect::<Vec<_>>().join(",");
    let reply: &str = format!(r#"{{"code":0,"msg":"success","data":{{{data}}}}}"#).leak();
    assert!(reply.len() > 64 * 1024);
    let (_server, client) = after_auth([Step::Reply("200 OK", reply)]).await;
    assert_eq!(client.detail_report(&["t"]).await.unwrap().len(), 5_000);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (status, code, msg) in [
        ("200 OK", 1, "body is not JSON"),
        ("400 Bad Request", 20001, "date is invalid"),
        (
            "403 Forbidden",
            30023,
            "the app may not read the count report",
        ),
        ("404 Not Found", 404, "no such path"),
    ] {
        let reply: &str = format!(r#"{{"code":{code},"msg":"{msg}","data":{{}}}}"#).leak();
        let (server, client) = after_auth([Step::Reply(status, reply)]).await;
        let error = ask(&client).await.unwrap_err();
        let ClientError::Refused {
            http,
            code: told,
            msg: text,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert!(status.starts_with(&http.to_string()));
        assert_eq!((told, text.as_str()), (code, msg));
        assert_eq!(server.received().len(), 2);
    }
}

#[tokio::test]
async fn what_fails_in_passing_is_asked_for_again() {
    let by_a_proxy = Step::Reply("502 Bad Gateway", "<html>");
    let (server, client) = after_auth([DOWN, Step::HangUp, by_a_proxy, NOTHING]).await;
    ask(&client).await.unwrap();
    assert_eq!(server.received().len(), 5);

    let server = Server::start([DOWN, Step::HangUp, AUTH, NOTHING]).await;
    ask(&hasty(&server).build().unwrap()).await.unwrap();
    assert_eq!(
        server.received()[3].call(),
        "GET /v2/app1/report/push/count"
    );
}

#[tokio::test]
async fn gives_up_after_its_attempts() {
    let server = Server::start([AUTH, DOWN, DOWN]).await;
    let client = hasty(&server).attempts(2).build().unwrap();
    let error = ask(&client).await.unwrap_err();
    let expected = matches!(
        error,
        ClientError::Refused {
            http: 503,
            code: 2,
            ..
        }
    );
    assert!(expected, "{error}");
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn over_a_rate_limit_it_waits_as_long_as_the_server_asks() {
    let later = Step::Reply(
        "401 Unauthorized\r\nRetry-After: 1",
        r#"{"code":10005,"msg":"over the rate limit","data":{}}"#,
    );
    let (server, client) = after_auth([later, NOTHING]).await;
    let start = Instant::now();
    ask(&client).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.received().len(), 3);

    let much_later = Step::Reply(
        "401 Unauthorized\r\nRetry-After: 60",
        r#"{"code":10005,"msg":"over the rate limit","data":{}}"#,
    );
    let (server, client) = after_auth([much_later]).await;
    let error = ask(&client).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn silence_is_a_timeout_also_of_auth() {
    let timeout = Duration::from_millis(400);
    for script in [vec![Step::Silence], vec![AUTH, Step::Silence]] {
        let server = Server::start(script).await;
        let client = hasty(&server).timeout(timeout).attempts(1).build().unwrap();
        let error = ask(&client).await.unwrap_err();
        assert!(matches!(error, ClientError::Timeout(_)), "{error}");
        server.received();
    }
}

#[tokio::test]
async fn what_no_path_can_hold_is_not_asked() {
    let server = Server::start([]).await;
    let client = hasty(&server).build().unwrap();
    let none: [&str; 0] = [];
    let errors = [
        client.detail_report(&["."]).await.unwrap_err(),
        client.detail_report(&none).await.unwrap_err(),
        client
            .group_report("..", GroupOptions::default())
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ClientError::InvalidRequest(_)), "{error}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn no_secret_shows() {
    let client = PushClient::new("http://example.com", "app1", "key1", "geheim").unwrap();
    let shown = format!("{client:?}");
    assert!(
        shown.contains("/v2/app1") && !shown.contains("geheim"),
        "{shown}"
    );
    for (base_url, app_id) in [("ftp://example.com", "app1"), ("http://example.com", "a/b")] {
        let error = PushClient::new(base_url, app_id, "key1", "geheim").unwrap_err();
        assert!(matches!(error, ClientError::Setup(_)), "{error}");
    }
}

#[tokio::test]
async fn a_lean_connection_authenticates_and_gets_reports() {
    let moved = Step::Reply("404 Not Found", "no");
    let server = Server::start([AUTH, seed!("task.json"), BAD_TOKEN, moved]).await;
    let mut connection = reportd_client::Connection::connect(server.addr)
        .await
        .unwrap();
    let auth = connection.authenticate("app1", "key1", "secret1", NOW_MS);
    let token = auth.await.unwrap().token;
    assert_eq!(token, TOKEN);
    let path = "/report/push/task/t?needGetuiByBrand=true";
    let reply = connection.get_report("app1", &token, path).await.unwrap();
    assert!(reply.starts_with(b"{"));
    let error = connection
        .get_report("app1", &token, path)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClientError::Refused { code: 10001, .. }),
        "{error}"
    );
    let (status, body) = connection
        .get("/nowhere", Default::default())
        .await
        .unwrap();
    assert_eq!((status, &body[..]), (StatusCode::NOT_FOUND, &b"no"[..]));
    let received = server.received();
    assert_eq!(received[0].call(), "POST /v2/app1/auth");
    AuthRequest::parse(&received[0].body)
        .unwrap()
        .check_sign(["secret1"])
        .unwrap();
    assert_eq!(received[1].call(), format!("GET /v2/app1{path}"));
    assert_eq!(received[1].header("token"), Some(TOKEN));
    assert_eq!(received[3].call(), "GET /nowhere");
}
