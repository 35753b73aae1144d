//! The client of the playback reports: what it sends, what it makes of replies, when it sends again.

use std::borrow::Cow;
use std::time::Duration;

use crate::server::{Server, Step};
use reportd_client::protocol::playback::meaning::Kid;
use reportd_client::protocol::playback::{
    Beat, Business, CursorQuery, Device, Form, HistoryFilter, ListQuery, PageStart, PlayType,
    Position, Sent, VideoQuery, VideoType,
};
use reportd_client::{ClientError, PlaybackClient, PlaybackClientBuilder, PlaybackLogin};

pub(crate) const DONE: Step = Step::Reply("200 OK", r#"{"code":0,"message":"0","ttl":1}"#);
pub(crate) const DOWN: Step = refusal(r#"{"code":-503,"message":"服务暂不可用","ttl":1}"#);
const LIMITED: Step = refusal(r#"{"code":-509,"message":"请求过于频繁，请稍后再试","ttl":1}"#);
const BY_A_PROXY: Step = Step::Reply("502 Bad Gateway", "<html>");
const VIDEO: VideoQuery = VideoQuery { aid: 2, cid: 62131 };

/// A refusal, with the status that all replies have.
const fn refusal(body: &'static str) -> Step {
    Step::Reply("200 OK", body)
}

fn data(json: &str) -> Step {
    let reply = format!(r#"{{"code":0,"message":"0","ttl":1,"data":{json}}}"#);
    Step::Reply("200 OK", reply.leak())
}

pub(crate) fn cookie() -> PlaybackLogin {
    PlaybackLogin::Cookie {
        sessdata: "xxx".to_owned(),
        csrf: "yyy".to_owned(),
    }
}

fn access_key() -> PlaybackLogin {
    PlaybackLogin::AccessKey("a key".to_owned())
}

/// A client that waits next to nothing.
pub(crate) fn hasty(server: &Server, login: PlaybackLogin) -> PlaybackClientBuilder {
    let wait = Duration::from_millis(1);
    PlaybackClient::builder(&server.url(), login).waits(wait, Duration::from_secs(5))
}

async fn with(script: &[Step], login: PlaybackLogin) -> (Server, PlaybackClient) {
    let server = Server::start(script.iter().copied()).await;
    let client = hasty(&server, login).build().unwrap();
    (server, client)
}

/// The history/report of the seed.
fn progress() -> Beat<'static> {
    Beat {
        aid: 13_662_970,
        cid: 126_654_047,
        position: Position::At(1248),
        platform: Some(Cow::Borrowed("android")),
        ..Beat::default()
    }
}

/// The heartbeat of the seed.
fn heartbeat() -> Beat<'static> {
    Beat {
        aid: 2,
        cid: 62131,
        position: Position::At(60),
        play_type: PlayType::Playing,
        realtime_s: Some(60),
        start_ts: Some(1_592_720_840),
        video_type: Some(VideoType::Upload),
        device: Some(Device::WEB),
        ..Beat::default()
    }
}

fn kid() -> Kid {
    Kid::parse("archive_2").unwrap()
}

/// The call, the cookie and the body of each request.
fn sent(server: &Server) -> Vec<(String, Option<String>, String)> {
    let requests = server.received();
    let requests = requests.iter().map(|request| {
        let cookie = request.header("cookie").map(str::to_owned);
        let body = String::from_utf8(request.body.clone()).unwrap();
        (request.call().to_owned(), cookie, body)
    });
    requests.collect()
}

#[tokio::test]
async fn reports_of_a_cookie_session_are_those_of_the_seed() {
    let (server, client) = with(&[DONE; 2], cookie()).await;
    client.history_report(&progress()).await.unwrap();
    client.heartbeat(&heartbeat()).await.unwrap();
    let cookie = Some("SESSDATA=xxx".to_owned());
    let expected = [
        (
            "POST /x/v2/history/report".to_owned(),
            cookie.clone(),
            "csrf=yyy&aid=13662970&cid=126654047&progress=1248&platform=android".to_owned(),
        ),
        (
            "POST /x/click-interface/web/heartbeat".to_owned(),
            cookie,
            "aid=2&cid=62131&type=3&dt=2&played_time=60&play_type=0&realtime=60\
             &start_ts=1592720840&csrf=yyy"
                .to_owned(),
        ),
    ];
    assert_eq!(sent(&server), expected);
    let kind = "application/x-www-form-urlencoded";
    for request in server.received() {
        assert_eq!(request.header("content-type"), Some(kind));
    }
}

#[tokio::test]
async fn an_access_key_goes_with_every_call_and_needs_no_cookie() {
    let script = [DONE, DONE, DONE, DONE, data("false"), data("{}")];
    let (server, client) = with(&script, access_key()).await;
    client.history_report(&progress()).await.unwrap();
    client.delete(kid()).await.unwrap();
    client.clear().await.unwrap();
    client.set_history_paused(true).await.unwrap();
    assert!(!client.is_history_paused().await.unwrap());
    client.player(&VIDEO).await.unwrap();
    for request in server.received() {
        let form = Sent {
            query: request.call().split_once('?').map(|(_, query)| query),
            content_type: request.header("content-type").map(str::as_bytes),
            body: &request.body,
        };
        assert_eq!(Form::read(&form).unwrap().access_key(), Some("a key"));
    }
    let requests = sent(&server);
    assert!(requests.iter().all(|(_, cookie, _)| cookie.is_none()));
    let bodies: Vec<&str> = requests.iter().map(|(_, _, body)| body.as_str()).collect();
    let report = "access_key=a+key&aid=13662970&cid=126654047&progress=1248&platform=android";
    assert_eq!(
        bodies,
        [
            report,
            "kid=archive_2&csrf=&access_key=a%20key",
            "csrf=&access_key=a%20key",
            "switch=true&csrf=&access_key=a%20key",
            "",
            "",
        ]
    );
    assert_eq!(
        requests[4].0,
        "GET /x/v2/history/shadow?access_key=a+key".to_owned()
    );
    assert_eq!(
        requests[5].0,
        "GET /x/player/v2?aid=2&cid=62131&access_key=a+key"
    );
}

#[tokio::test]
async fn each_call_has_its_address() {
    let script = [
        data("{}"),
        data("[]"),
        DONE,
        DONE,
        DONE,
        data("true"),
        data("{}"),
        data("{}"),
    ];
    let (server, client) = with(&script, cookie()).await;
    let page = CursorQuery {
        start: PageStart::OlderThan(1_700_000_000),
        filter: HistoryFilter::Only(Business::Pgc),
        page_size: 5,
    };
    client.history_page(&page).await.unwrap();
    let list = ListQuery {
        page: 2,
        page_size: 50,
    };
    assert!(client.history_list(&list).await.unwrap().is_empty());
    client.delete(kid()).await.unwrap();
    client.clear().await.unwrap();
    client.set_history_paused(false).await.unwrap();
    assert!(client.is_history_paused().await.unwrap());
    client.player(&VIDEO).await.unwrap();
    client.online_total(&VIDEO).await.unwrap();
    let requests = sent(&server);
    let calls: Vec<(&str, &str)> = requests
        .iter()
        .map(|(call, _, body)| (call.as_str(), body.as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            (
                "GET /x/web-interface/history/cursor?view_at=1700000000&type=pgc&ps=5",
                ""
            ),
            ("GET /x/v2/history?pn=2&ps=50", ""),
            ("POST /x/v2/history/delete", "kid=archive_2&csrf=yyy"),
            ("POST /x/v2/history/clear", "csrf=yyy"),
            ("POST /x/v2/history/shadow/set", "switch=false&csrf=yyy"),
            ("GET /x/v2/history/shadow", ""),
            ("GET /x/player/v2?aid=2&cid=62131", ""),
            ("GET /x/player/online/total?aid=2&cid=62131", ""),
        ]
    );
}

#[tokio::test]
async fn replies_are_read_by_their_types() {
    let player = data(r#"{"login_mid":7,"last_play_time":1248000,"last_play_cid":9,"new":[]}"#);
    let online = data(r#"{"total":"12","count":"5","show_switch":{"total":true,"count":false}}"#);
    let list = data(r#"[{"aid":2,"progress":-1,"title":"油"},{"aid":4503599627370496}]"#);
    let (_server, client) = with(&[player, online, list], cookie()).await;
    let player = client.player(&VIDEO).await.unwrap();
    assert_eq!((player.login_mid, player.last_play_time), (7, 1_248_000));
    assert_eq!((player.last_play_cid, player.online_count), (9, 0));
    let online = client.online_total(&VIDEO).await.unwrap();
    assert_eq!((online.total.as_str(), online.count.as_str()), ("12", "5"));
    assert!(!online.show_switch.count);
    let list = ListQuery {
        page: 1,
        page_size: 2,
    };
    let list = client.history_list(&list).await.unwrap();
    assert_eq!((list[0].progress, &*list[0].title), (Position::End, "油"));
    assert_eq!(list[1].aid, 1 << 52);
}

#[tokio::test]
async fn the_history_is_read_to_its_end() {
    let first = data(
        r#"{"cursor":{"max":8,"view_at":100,"business":"archive","ps":2},
            "list":[{"kid":9,"view_at":100},{"kid":8,"view_at":100}]}"#,
    );
    let second = data(
        r#"{"cursor":{"max":3,"view_at":50,"business":"live","ps":2},
            "list":[{"kid":3,"view_at":50}]}"#,
    );
    let end = data(r#"{"cursor":{"max":0,"view_at":0,"business":"","ps":2},"list":[]}"#);
    let refused = refusal(r#"{"code":-101,"message":"账号未登录","ttl":1}"#);
    let (server, client) = with(&[first, refused, second, end], cookie()).await;
    let mut pages = client.history(HistoryFilter::All).page_size(2);
    let mut kids = Vec::new();
    let mut failures = 0;
    loop {
        match pages.next().await {
            Ok(Some(page)) => kids.extend(page.list.iter().map(|item| item.kid)),
            Ok(None) => break,
            Err(_) => failures += 1,
        }
    }
    assert_eq!((kids, failures), (vec![9, 8, 3], 1));
    assert!(pages.next().await.unwrap().is_none());
    let requests = sent(&server);
    let path = "GET /x/web-interface/history/cursor?";
    let queries = requests
        .iter()
        .map(|(call, ..)| call.trim_start_matches(path));
    assert_eq!(
        queries.collect::<Vec<_>>(),
        [
            "type=all&ps=2",
            "max=8&view_at=100&business=archive&type=all&ps=2",
            "max=8&view_at=100&business=archive&type=all&ps=2",
            "max=3&view_at=50&type=all&ps=2",
        ]
    );
}

#[tokio::test]
async fn a_cursor_that_stands_still_is_the_end() {
    let page = r#"{"cursor":{"max":8,"view_at":100,"business":"archive"},"list":[{"kid":8}]}"#;
    let (server, client) = with(&[data(page), data(page)], cookie()).await;
    let mut pages = client.history(HistoryFilter::All);
    assert!(pages.next().await.unwrap().is_some());
    assert!(pages.next().await.unwrap().is_some());
    assert!(pages.next().await.unwrap().is_none());
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (code, text) in [
        (-101, "账号未登录"),
        (-111, "csrf 校验失败"),
        (-400, "请求错误"),
        (-404, "啥都木有"),
        (12_345, "of another server"),
    ] {
        let reply: &str = format!(r#"{{"code":{code},"message":"{text}","ttl":1}}"#).leak();
        let (server, client) = with(&[refusal(reply); 2], cookie()).await;
        let errors = [
            client.heartbeat(&heartbeat()).await.unwrap_err(),
            client.player(&VIDEO).await.unwrap_err(),
        ];
        for error in errors {
            let ClientError::Refused {
                http: 200,
                code: told,
                msg,
                ..
            } = error
            else {
                panic!("{error}")
            };
            assert_eq!((told, msg.as_str()), (code, text));
        }
        assert_eq!(server.received().len(), 2);
    }
}

#[tokio::test]
async fn what_fails_in_passing_is_sent_again_as_it_was() {
    let script = [DOWN, LIMITED, Step::HangUp, DONE];
    let (server, client) = with(&script, cookie()).await;
    client.heartbeat(&heartbeat()).await.unwrap();
    let received = server.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|request| *request == received[0]));

    let (server, client) = with(&[BY_A_PROXY, DOWN, DONE], access_key()).await;
    client.history_report(&progress()).await.unwrap();
    assert_eq!(server.received().len(), 3);

    let (server, client) = with(&[DOWN, Step::HangUp, data("{}")], cookie()).await;
    client.player(&VIDEO).await.unwrap();
    assert_eq!(server.received().len(), 3);

    let (server, client) = with(&[Step::HangUp, DONE], cookie()).await;
    client.set_history_paused(true).await.unwrap();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_delete_is_sent_again_only_where_nothing_was_done() {
    let (server, client) = with(&[DOWN, LIMITED, DONE, DOWN, DONE], cookie()).await;
    client.delete(kid()).await.unwrap();
    client.clear().await.unwrap();
    assert_eq!(server.received().len(), 5);

    for step in [Step::HangUp, BY_A_PROXY] {
        let server = Server::answering(move |_| step).await;
        let client = hasty(&server, cookie()).build().unwrap();
        client.delete(kid()).await.unwrap_err();
        client.clear().await.unwrap_err();
        assert_eq!(server.received().len(), 2);
    }
}

#[tokio::test]
async fn gives_up_after_its_attempts_and_its_time() {
    let server = Server::start([DOWN, DOWN]).await;
    let client = hasty(&server, cookie()).attempts(2).build().unwrap();
    let error = client.heartbeat(&heartbeat()).await.unwrap_err();
    let expected = matches!(error, ClientError::Refused { code: -503, .. });
    assert!(expected, "{error}");
    assert_eq!(server.received().len(), 2);

    let server = Server::start([Step::Silence]).await;
    let timeout = Duration::from_millis(400);
    let client = hasty(&server, cookie()).attempts(1).timeout(timeout);
    let result = client.build().unwrap().heartbeat(&heartbeat()).await;
    assert!(matches!(result, Err(ClientError::Timeout(_))));
}

#[tokio::test]
async fn what_the_login_cannot_prove_is_not_sent() {
    let (server, client) = with(&[data("{}"); 2], PlaybackLogin::Anonymous).await;
    let errors = [
        client.history_report(&progress()).await.unwrap_err(),
        client.heartbeat(&heartbeat()).await.unwrap_err(),
        client.clear().await.unwrap_err(),
        client.is_history_paused().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ClientError::InvalidRequest(_)), "{error}");
    }
    assert_eq!(server.count(), 0);
    client.player(&VIDEO).await.unwrap();
    client.online_total(&VIDEO).await.unwrap();
    assert!(sent(&server).iter().all(|(_, cookie, _)| cookie.is_none()));

    let (server, client) = with(&[], access_key()).await;
    let error = client.heartbeat(&heartbeat()).await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidRequest(_)), "{error}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn no_secret_shows() {
    for login in [cookie(), access_key()] {
        let builder = PlaybackClient::builder("http://127.0.0.1:1", login).attempts(1);
        let client = builder.clone().build().unwrap();
        let error = client.is_history_paused().await.unwrap_err();
        for shown in [
            format!("{builder:?}"),
            format!("{client:?}"),
            format!("{error:?} {error}"),
        ] {
            let is_shown = ["xxx", "yyy", "key\"", "a+key", "a key"]
                .iter()
                .any(|secret| shown.contains(secret));
            assert!(!is_shown, "{shown}");
        }
    }
    let error = PlaybackClient::new("ftp://example.com", cookie()).unwrap_err();
    assert!(matches!(error, ClientError::Setup(_)), "{error}");
}
