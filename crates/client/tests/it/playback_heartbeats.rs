//! The heartbeats of a player: which beats go out, in which order, and what a failure does to them.
//! Time and ticks are given by the tests, so nothing here waits for a clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::playback::{DONE, DOWN, cookie, hasty};
use crate::server::{Received, Server, Step};
use reportd_client::protocol::playback::{Beat, Position, VideoType};
use reportd_client::{ClientError, Heartbeats, HeartbeatsBuilder, PlaybackLogin};
use tokio::sync::Semaphore;

const START_MS: i64 = 1_592_720_840_250;
const EXPIRED: Step = Step::Reply("200 OK", r#"{"code":-101,"message":"账号未登录","ttl":1}"#);

/// A server, the time, and the ticks that are let through.
struct Room {
    server: Server,
    now_ms: Arc<AtomicI64>,
    ticks: Arc<Semaphore>,
    ticks_taken: Arc<AtomicUsize>,
    intervals: Arc<Mutex<Vec<Duration>>>,
    failures: Arc<Mutex<Vec<String>>>,
}

impl Room {
    async fn with(script: &[Step]) -> Self {
        Self {
            server: Server::start(script.iter().copied()).await,
            now_ms: Arc::new(AtomicI64::new(START_MS)),
            ticks: Arc::new(Semaphore::new(0)),
            ticks_taken: Arc::default(),
            intervals: Arc::default(),
            failures: Arc::default(),
        }
    }

    fn heartbeats(&self, login: PlaybackLogin) -> HeartbeatsBuilder {
        let client = hasty(&self.server, login).attempts(2).build().unwrap();
        let video = Beat {
            aid: 2,
            cid: 62131,
            video_type: Some(VideoType::Upload),
            position: Position::At(30),
            duration_s: Some(213),
            ..Beat::default()
        };
        let (now_ms, ticks) = (Arc::clone(&self.now_ms), Arc::clone(&self.ticks));
        let taken = Arc::clone(&self.ticks_taken);
        let (intervals, failures) = (Arc::clone(&self.intervals), Arc::clone(&self.failures));
        client
            .heartbeats(video)
            .clock(move || now_ms.load(Ordering::SeqCst))
            .wait(move |interval| {
                intervals.lock().unwrap().push(interval);
                let (ticks, taken) = (Arc::clone(&ticks), Arc::clone(&taken));
                async move {
                    ticks.acquire().await.unwrap().forget();
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            })
            .on_failure(move |error| failures.lock().unwrap().push(error.to_string()))
    }

    fn play(&self) -> Heartbeats {
        self.heartbeats(cookie()).session("sitting-1").start()
    }

    /// So many seconds later.
    fn pass(&self, seconds: i64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    fn tick(&self) {
        self.ticks.add_permits(1);
    }

    /// Until the server has been asked so often.
    async fn came(&self, count: usize) {
        while self.server.count() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Until so many ticks were taken. The task looks at a tick as soon as it has taken it.
    async fn took(&self, count: usize) {
        while self.ticks_taken.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Until the task has ended, and has let go of the ticks.
    async fn gone(&self) {
        while Arc::strong_count(&self.ticks) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// play_type, played_time and realtime of all that came.
    fn beats(&self) -> Vec<[String; 3]> {
        let requests = self.server.received();
        let beats = requests.iter().map(|request| {
            let fields = fields(request);
            ["play_type", "played_time", "realtime"].map(|name| fields[name].clone())
        });
        beats.collect()
    }

    fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }
}

fn fields(request: &Received) -> BTreeMap<String, String> {
    let body = str::from_utf8(&request.body).unwrap();
    let fields = body.split('&').map(|field| field.split_once('=').unwrap());
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_sitting_from_start_to_end() {
    let room = Room::with(&[DONE; 6]).await;
    let player = room.play();
    room.came(1).await;

    room.pass(15);
    player.position(44);
    player.position(45);
    room.tick();
    room.came(2).await;

    room.pass(5);
    player.position(50);
    player.pause();
    player.pause();
    room.came(3).await;

    // Paused, it says nothing, however long.
    room.pass(100);
    room.tick();
    room.took(2).await;

    player.position(10);
    player.resume();
    player.resume();
    room.came(4).await;

    room.pass(15);
    player.position(25);
    room.tick();
    room.came(5).await;

    room.pass(3);
    player.position(28);
    player.end().await.unwrap();

    let expected = [
        ["1", "30", "0"],
        ["0", "45", "15"],
        ["2", "50", "20"],
        ["3", "10", "20"],
        ["0", "25", "35"],
        ["4", "28", "38"],
    ];
    assert_eq!(room.beats(), expected);
    assert!(room.failures().is_empty());
}

#[tokio::test]
async fn every_beat_names_the_video_the_sitting_and_its_start() {
    let room = Room::with(&[DONE; 3]).await;
    let player = room.play();
    room.came(1).await;
    room.pass(15);
    room.tick();
    room.came(2).await;
    player.finish().await.unwrap();
    let received = room.server.received();
    for request in &received {
        assert_eq!(request.call(), "POST /x/click-interface/web/heartbeat");
        assert_eq!(request.header("cookie"), Some("SESSDATA=xxx"));
        let fields = fields(request);
        for (name, value) in [
            ("aid", "2"),
            ("cid", "62131"),
            ("type", "3"),
            ("video_duration", "213"),
            ("start_ts", "1592720840"),
            ("session", "sitting-1"),
            ("csrf", "yyy"),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
    }
    assert_eq!(room.beats()[2], ["4", "-1", "15"]);
}

#[tokio::test]
async fn beats_are_due_every_15_seconds_or_as_told() {
    for (interval, expected) in [(None, 15), (Some(5), 5)] {
        let room = Room::with(&[DONE; 2]).await;
        let mut heartbeats = room.heartbeats(cookie());
        if let Some(seconds) = interval {
            heartbeats = heartbeats.interval(Duration::from_secs(seconds));
        }
        heartbeats.start().end().await.unwrap();
        let intervals = room.intervals.lock().unwrap().clone();
        assert_eq!(intervals, [Duration::from_secs(expected); 2]);
    }
}

#[tokio::test]
async fn sittings_have_names_of_their_own() {
    let room = Room::with(&[DONE; 4]).await;
    for _ in 0..2 {
        room.heartbeats(cookie()).start().end().await.unwrap();
    }
    let received = room.server.received();
    let names: Vec<String> = received
        .iter()
        .map(|request| fields(request)["session"].clone())
        .collect();
    assert_eq!(names[0], names[1]);
    assert_eq!(names[2], names[3]);
    assert_ne!(names[0], names[2]);
}

#[tokio::test]
async fn what_happens_while_a_beat_is_tried_again_waits_and_keeps_its_order() {
    // The start is refused in passing; pause, resume and end are called before it gets through.
    let room = Room::with(&[DOWN, DONE, DONE, DONE, DONE]).await;
    let player = room.play();
    room.pass(1);
    player.position(31);
    player.pause();
    room.pass(60);
    player.resume();
    room.tick();
    room.pass(2);
    player.position(33);
    player.end().await.unwrap();
    let expected = [
        ["1", "30", "0"],
        ["1", "30", "0"],
        ["2", "31", "1"],
        ["3", "31", "1"],
        ["4", "33", "3"],
    ];
    assert_eq!(room.beats(), expected);
}

#[tokio::test]
async fn a_beat_that_fails_is_told_and_the_next_goes_out_all_the_same() {
    let room = Room::with(&[DONE, DOWN, DOWN, EXPIRED, DONE]).await;
    let player = room.play();
    room.came(1).await;
    room.tick();
    room.came(3).await;
    player.pause();
    room.came(4).await;
    player.end().await.unwrap();
    assert_eq!(
        room.failures(),
        [
            "refused with HTTP status 200, code -503: 服务暂不可用",
            "refused with HTTP status 200, code -101: 账号未登录",
        ]
    );
    let kinds: Vec<String> = room.beats().into_iter().map(|[kind, ..]| kind).collect();
    assert_eq!(kinds, ["1", "0", "0", "2", "4"]);
}

#[tokio::test]
async fn the_end_tells_whether_it_was_sent() {
    let room = Room::with(&[DONE, EXPIRED]).await;
    let error = room.play().end().await.unwrap_err();
    let expected = matches!(error, ClientError::Refused { code: -101, .. });
    assert!(expected, "{error}");

    let room = Room::with(&[]).await;
    let login = PlaybackLogin::AccessKey("key".to_owned());
    let error = room.heartbeats(login).start().end().await.unwrap_err();
    assert!(matches!(error, ClientError::InvalidRequest(_)), "{error}");
    assert_eq!((room.server.count(), room.failures().len()), (0, 2));
}

#[tokio::test]
async fn dropped_it_sends_what_was_due_and_then_nothing() {
    let room = Room::with(&[DONE, DONE]).await;
    let player = room.play();
    player.pause();
    player.position(99);
    drop(player);
    room.gone().await;
    assert_eq!(room.beats(), [["1", "30", "0"], ["2", "30", "0"]]);
}

#[tokio::test]
async fn an_end_that_nobody_awaits_is_sent() {
    let room = Room::with(&[DONE, DONE]).await;
    drop(room.play().finish());
    room.gone().await;
    assert_eq!(room.beats(), [["1", "30", "0"], ["4", "-1", "0"]]);
}
