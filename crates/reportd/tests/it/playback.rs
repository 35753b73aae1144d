//! Playback reports on the real binary: the requests of the protocol's source as they stand, sessions, `kill -9`, two nodes,
//! and `verify` that finds what was changed behind the server's back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reportd_db::{Database, sqlite};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::harness::{Data, Http, Numbers, Server, days_around_now, wait_until};
use crate::viewer::{HEARTBEAT, HISTORY_REPORT, STORED, Viewer, code, fresh};

const APP: &str = "site";
const MID: i64 = 9_007_199_254_740_993;

/// A store with the app, and a key for all of its API.
fn with_app(kind: StoreKind) -> (Data, String) {
    let data = Data::empty(kind);
    data.run(&["app", "create", APP]);
    let key = data.key("site", "admin");
    (data, key)
}

fn viewer(data: &Data, mid: i64) -> Viewer {
    Viewer::create(|arguments| data.run(arguments), APP, mid)
}

#[rstest]
fn the_requests_of_the_source_as_they_stand(#[values(Embedded, Postgres)] kind: StoreKind) {
    let (data, _) = with_app(kind);
    let server = data.serve();
    let viewer = viewer(&data, MID);
    let mut http = Http::connect(server.address());
    let by_cookie = format!(
        "aid=13662970&cid=126654047&progress=1248&platform=android&csrf={}",
        viewer.csrf
    );
    let reply = viewer.try_post(&mut http, HISTORY_REPORT, &by_cookie);
    assert_eq!(reply.unwrap().text(), STORED);
    let by_key = format!(
        "access_key={}&aid=13662970&cid=126654047&progress=1248&platform=android",
        viewer.access_key
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = http.call("POST", HISTORY_REPORT, &form, by_key.as_bytes());
    assert_eq!(reply.unwrap().text(), STORED);
    let heartbeat = format!(
        "aid=2&bvid=BV1xx411c7mD&cid=62131&played_time=60&realtime=60&start_ts=1592720840&type=3&dt=2&play_type=0&csrf={}",
        viewer.csrf
    );
    for path in [HEARTBEAT, "/x/report/web/heartbeat"] {
        let reply = viewer.try_post(&mut http, path, &heartbeat);
        assert_eq!(reply.unwrap().text(), STORED);
    }
    // Within a second the greater number stands first.
    let mut aids = viewer.history(&server);
    aids.sort_unstable();
    assert_eq!(aids, [2, 13_662_970]);
    assert_eq!(viewer.resume_ms(&server, 13_662_970), 1_248_000);
    let player = viewer.read_back(&server, "/x/player/wbi/v2?bvid=BV1xx411c7mD&cid=62131");
    assert_eq!(player["last_play_time"], 60_000);
    assert_eq!(player["last_play_cid"], 62_131);
    assert_eq!(player["login_mid"], MID);
}

#[test]
fn each_code_comes_with_http_200_and_records_nothing() {
    let (data, _) = with_app(Embedded);
    let server = data.serve();
    let viewer = viewer(&data, 7);
    let mut http = Http::connect(server.address());
    let beat = format!("aid=2&cid=62131&played_time=60&csrf={}", viewer.csrf);
    for (form, expected) in [
        ("aid=2&csrf=wrong".to_owned(), -111),
        (beat.replace("aid=2", "aid=0"), -400),
        (beat.replace("aid=2", "aid=2&bvid=BV1xx411c7mQ"), -400),
        (beat.replace("played_time=60", "played_time=-7"), -400),
        (beat.replace("aid=2&", ""), -400),
    ] {
        let reply = viewer.try_post(&mut http, HEARTBEAT, &form);
        assert_eq!(code(&reply.unwrap()), expected, "{form}");
    }
    let without_csrf = viewer.try_post(&mut http, HISTORY_REPORT, "aid=2");
    assert_eq!(code(&without_csrf.unwrap()), -111);
    let stranger = Viewer {
        sessdata: "x".repeat(32),
        ..viewer.clone()
    };
    let reply = stranger.try_post(&mut http, HEARTBEAT, &beat).unwrap();
    assert_eq!(
        reply.text(),
        r#"{"code":-101,"message":"账号未登录","ttl":1}"#
    );
    assert_eq!(viewer.history(&server), [0; 0]);
}

#[rstest]
fn a_session_works_at_once_and_a_revoked_one_is_refused_within_a_second(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let (data, key) = with_app(kind);
    let server = data.serve();
    viewer(&data, 7).beat(&server, "aid=2&played_time=60");
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let mut http = Http::connect(server.address());
    let path = format!("/api/apps/{APP}/viewers/8/sessions");
    let issued = http.call("POST", &path, &headers, b"{}").unwrap();
    assert!((200..300).contains(&issued.status), "{}", issued.text());
    let issued = issued.json();
    let other = Viewer::read(&issued, "SESSDATA");
    other.beat(&server, "aid=2&played_time=60");
    let path = format!("{path}/{}", issued["id"]);
    let revoked = http.call("DELETE", &path, &headers, b"").unwrap();
    assert!((200..300).contains(&revoked.status), "{}", revoked.text());
    let clock = SystemClock::start();
    wait_until("it is refused", || {
        other.post(&server, HEARTBEAT, "aid=2") == -101
    });
    assert!(clock.monotonic() < Duration::from_secs(1));
    viewer(&data, 7).beat(&server, "aid=2&played_time=75");
}

const SENDERS: usize = 4;
const VIDEOS: usize = 3;

/// A beat of a sitting of its own: a play of 15 seconds, however often it is sent.
fn play(label: &str, number: usize) -> String {
    let aid = 1 + number % VIDEOS;
    format!("aid={aid}&cid={aid}0&played_time=15&realtime=15&play_type=0&session={label}-{number}")
}

/// Forms that were acknowledged, and the one that got no answer, of each sender.
type Sent = Vec<(Viewer, Vec<String>, Vec<String>)>;

/// One life of the server, which ends by `kill -9` under load after so many requests.
fn live_and_die(server: Server, viewers: &[Viewer], round: usize, requests: usize) -> Sent {
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (address, begun) = (server.address().to_owned(), &begun);
        let send = |(number, viewer): (usize, &Viewer)| {
            let (address, viewer) = (address.clone(), viewer.clone());
            scope.spawn(move || {
                let (mut acknowledged, mut http) = (Vec::new(), Http::connect(&address));
                for sitting in 0.. {
                    let form = play(&format!("{round}-{number}"), sitting);
                    let sent = format!("{form}&csrf={}", viewer.csrf);
                    match viewer.try_post(&mut http, HEARTBEAT, &sent) {
                        Ok(reply) if code(&reply) == 0 => {
                            acknowledged.push(form);
                            begun.fetch_add(1, Ordering::Relaxed);
                        }
                        _ => return (viewer, acknowledged, vec![form]),
                    }
                }
                unreachable!("a server that is killed stops answering")
            })
        };
        let senders: Vec<_> = viewers.iter().enumerate().map(send).collect();
        wait_until("requests are acknowledged", || {
            begun.load(Ordering::Relaxed) >= requests
        });
        server.kill();
        let ended = senders.into_iter().map(|sender| sender.join().unwrap());
        ended.collect()
    })
}

/// Plays and watched seconds of all videos, on all days that the tests use.
fn counted(server: &Server, key: &str) -> (i64, i64) {
    let (from, to) = days_around_now();
    let path = format!("/api/apps/{APP}/playback/videos?from={from}&to={to}&limit=100");
    let told = fresh(server, &path, key);
    let videos = told["videos"].as_array().unwrap().iter();
    let number = |video: &Value, name: &str| video[name].as_i64().unwrap();
    videos.fold((0, 0), |(plays, watched), video| {
        (
            plays + number(video, "plays"),
            watched + number(video, "watched_seconds"),
        )
    })
}

#[rstest]
fn plays_survive_kill_9_and_count_once(#[values(Embedded, Postgres)] kind: StoreKind) {
    const ROUNDS: usize = 5;
    let (data, key) = with_app(kind);
    let mids = 1..=i64::try_from(SENDERS).unwrap();
    let viewers: Vec<_> = mids.map(|mid| viewer(&data, mid)).collect();
    let (mut numbers, mut sittings) = (Numbers(20_261_122), 0);
    for round in 0..ROUNDS {
        let most = 1 + numbers.below(300);
        let sent = live_and_die(data.serve(), &viewers, round, most);
        let server = data.serve();
        for (viewer, acknowledged, unanswered) in &sent {
            // What got no answer is sent again, and some of what was acknowledged too.
            let again = unanswered.iter().chain(acknowledged.iter().rev().take(5));
            again.for_each(|form| viewer.beat(&server, form));
            sittings += acknowledged.len() + unanswered.len();
        }
        let plays = i64::try_from(sittings).unwrap();
        assert_eq!(counted(&server, &key), (plays, plays * 15), "round {round}");
        for viewer in &viewers {
            let mut aids = viewer.history(&server);
            aids.sort_unstable();
            let videos = 1..=i64::try_from(VIDEOS).unwrap();
            assert!(aids.iter().all(|aid| videos.contains(aid)), "{aids:?}");
        }
        server.kill();
    }
    assert!(data.run(&["verify"]).contains("the views say the same"));
    println!("{sittings} sittings over {ROUNDS} lives: each counted once");
}

#[test]
fn two_nodes_read_what_either_has_acknowledged() {
    let cluster = Cluster::new();
    let nodes = [cluster.node("a"), cluster.node("b")];
    let viewer = Viewer::create(|arguments| cluster.run(arguments), "bots", MID);
    let key = cluster.key("viewer");
    let (from, to) = days_around_now();
    for number in 0..40_usize {
        let (node, other) = (&nodes[number % 2], &nodes[1 - number % 2]);
        let at = 15 * (number + 1);
        viewer.beat(
            node,
            &format!(
                "aid=2&cid=62131&played_time={at}&realtime={at}&video_duration=6000&session=s"
            ),
        );
        let expected = i64::try_from(at * 1000).unwrap();
        assert_eq!(viewer.resume_ms(other, 2), expected);
        if number % 10 == 3 {
            assert_eq!(
                viewer.post(other, "/x/v2/history/delete", "kid=archive_2"),
                0
            );
            assert_eq!(viewer.history(node), [0; 0]);
        }
    }
    for node in &nodes {
        let path = format!("/api/apps/bots/playback/videos?from={from}&to={to}");
        let told = fresh(node, &path, &key);
        let video = &told["videos"][0];
        assert_eq!(video["plays"], 1, "{told}");
        assert_eq!(video["viewers"], 1, "{told}");
        assert_eq!(viewer.history(node), [2]);
    }
    cluster.verify();
}

/// Something of everything that is folded.
fn watch_some(data: &Data, server: &Server, viewers: &[Viewer]) {
    for (number, viewer) in viewers.iter().enumerate() {
        for step in 1..=6 {
            let at = step * 20;
            let session = if number % 2 == 0 { "&session=abc" } else { "" };
            let aid = 1 + (number + step) % 4;
            viewer.beat(
                server,
                &format!(
                    "aid={aid}&cid={aid}0&played_time={at}&realtime={at}&video_duration=100&dt=2&type=3{session}"
                ),
            );
        }
        viewer.beat(
            server,
            "aid=9&sid=33&epid=330&type=4&sub_type=1&played_time=-1",
        );
        assert_eq!(
            viewer.post(server, "/x/v2/history/delete", "kid=archive_2"),
            0
        );
    }
    let [first, second, ..] = viewers else {
        panic!("too few viewers for {data}", data = data.path().display());
    };
    assert_eq!(first.post(server, "/x/v2/history/clear", ""), 0);
    assert_eq!(
        second.post(server, "/x/v2/history/shadow/set", "switch=true"),
        0
    );
    second.beat(server, "aid=77&played_time=10&realtime=10");
    assert_eq!(
        second.post(server, "/x/v2/history/shadow/set", "switch=false"),
        0
    );
}

/// All that is shown of it.
fn shown(server: &Server, key: &str, viewers: &[Viewer]) -> Value {
    let (from, to) = days_around_now();
    let api = format!("/api/apps/{APP}/playback/videos");
    let histories: Vec<Value> = viewers
        .iter()
        .map(|viewer| viewer.read_back(server, "/x/web-interface/history/cursor?ps=30"))
        .collect();
    json!([
        histories,
        fresh(server, &format!("{api}?from={from}&to={to}"), key),
        fresh(server, &format!("{api}/3?from={from}&to={to}"), key),
        fresh(server, &format!("{api}/3/retention?cid=30"), key),
    ])
}

fn views(data: &Data) -> Database {
    match data.database_url() {
        None => sqlite::open(sqlite::Options::durable(data.path().join("views.db"))).unwrap(),
        Some(url) => {
            let mut options = reportd_db::postgres::Options::new(url);
            options.schema = Some("reportd_views_1".to_owned());
            reportd_db::postgres::open(options).unwrap()
        }
    }
}

/// Changes by hand, and how `verify` names each.
const CHANGES: [(&str, &str); 3] = [
    (
        "UPDATE playback_day SET plays = plays + 7",
        "playback plays by day: app 1 aid 1 day",
    ),
    (
        "UPDATE playback_watch SET view_at = view_at + 7 WHERE view_at > 0",
        "the views say place (",
    ),
    (
        "DELETE FROM playback_viewers",
        "playback viewers by day: app 1",
    ),
];

#[rstest]
fn verify_finds_what_was_changed_and_rebuild_mends_it(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let (data, key) = with_app(kind);
    let server = data.serve();
    let viewers: Vec<_> = (1..=4).map(|mid| viewer(&data, mid)).collect();
    watch_some(&data, &server, &viewers);
    let before = shown(&server, &key, &viewers);
    assert_eq!(before[0][0]["list"], json!([]));
    assert_ne!(before[0][2]["list"], json!([]));
    assert_eq!(server.stop().0, Some(0));
    assert!(data.run(&["verify"]).contains("the views say the same"));
    let changed = views(&data);
    for (sql, named) in CHANGES {
        assert!(changed.execute(sql, &[]).unwrap() > 0, "{sql}");
        let told = data.output(&["verify"]);
        let stdout = String::from_utf8_lossy(&told.stdout);
        assert_eq!(told.status.code(), Some(1), "{sql}: {stdout}");
        assert!(stdout.contains(named), "{sql}: {stdout}");
    }
    drop(changed);
    data.run(&["rebuild"]);
    assert!(data.run(&["verify"]).contains("the views say the same"));
    let server = data.serve();
    assert_eq!(shown(&server, &key, &viewers), before);
}
