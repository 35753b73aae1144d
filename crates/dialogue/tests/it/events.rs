//! Streams of events: what they say, where they go on, and when they end.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use reportd_dialogue::StreamOptions;
use reportd_platform::access::revoke_key;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::web::{Limits, TrustedProxies, serve};
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::world::{NOON_MS, ONE, Setup, TWO, World, moderator, report, with};

const LONG: Duration = Duration::from_secs(10);

/// A stream that is open.
struct Stream {
    body: Body,
    text: String,
}

/// A world whose streams are kept so.
fn world_with(kind: StoreKind, streams: StreamOptions) -> World {
    let setup = Setup {
        streams,
        ..Setup::default()
    };
    World::with(kind, setup)
}

impl World {
    fn open_stream(&self, query: &str, last: Option<i64>) -> Response {
        let path = format!("/api/tickets/events{query}");
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.admin));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        self.run(self.router.clone().oneshot(request)).unwrap()
    }

    fn stream(&self, query: &str, last: Option<i64>) -> Stream {
        let reply = self.open_stream(query, last);
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        Stream {
            body: reply.into_body(),
            text: String::new(),
        }
    }

    /// The next event of a stream: its id, its name and its data. `None` where the stream ends.
    fn next_event(&self, stream: &mut Stream) -> Option<(i64, String, Value)> {
        let read = async {
            loop {
                if let Some((event, rest)) = stream.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    stream.text = rest;
                    if event != ":" {
                        return Some(event);
                    }
                    continue;
                }
                let frame = stream.body.frame().await?.unwrap().into_data().unwrap();
                stream.text.push_str(str::from_utf8(&frame).unwrap());
            }
        };
        let event = self
            .run(async { tokio::time::timeout(LONG, read).await })
            .unwrap()?;
        let lines: Vec<_> = event.lines().collect();
        let field = |index: usize, name: &str| lines[index].strip_prefix(name).unwrap();
        let id = field(0, "id: ").parse().unwrap();
        let data = serde_json::from_str(field(2, "data: ")).unwrap();
        Some((id, field(1, "event: ").to_owned(), data))
    }

    /// The next piece of a stream as it was sent.
    fn next_piece(&self, stream: &mut Stream) -> Option<String> {
        let frame = self.run(async { tokio::time::timeout(LONG, stream.body.frame()).await });
        let piece = frame.unwrap()?.unwrap().into_data().unwrap();
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }

    /// Notes an event of a ticket in a category.
    fn note_event(&self, category: &str, ticket: i64) {
        let sql = "INSERT INTO dialogue_event (at, app, category, kind, ticket) VALUES ($1, 1, $2, 'new', $3)";
        let values = [NOON_MS.into(), category.into(), ticket.into()];
        self.dialogue.state.execute(sql, &values).unwrap();
    }

    /// The kinds and tickets of the next events.
    fn events(&self, stream: &mut Stream, count: usize) -> Vec<(String, String)> {
        (0..count)
            .map(|_| {
                let (_, kind, data) = self.next_event(stream).unwrap();
                (kind, data["ticket_id"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

fn seen(kind: &str, ticket: i64) -> (String, String) {
    (kind.to_owned(), ticket.to_string())
}

#[rstest]
fn what_happens_is_told_to_whom_it_concerns(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    world.file(ONE, &report("before")).ticket();
    let mut all = world.stream("", None);
    let mut of_two = world.stream("?app=two", None);
    let mut of_room = world.stream("?app=app-One_1&category=room", None);
    let one = world.file(ONE, &report("a")).ticket();
    let two = world.file(TWO, &report("b")).ticket();
    let room = world
        .file(ONE, &with(report("c"), "category", json!("room")))
        .ticket();
    world.claim(&moderator("mei"), two).unwrap();
    world
        .run(world.dialogue.release(moderator("mei"), two))
        .unwrap();
    let (id, kind, data) = world.next_event(&mut all).unwrap();
    assert!(id > 0 && kind == "new");
    assert_eq!(
        data,
        json!({"ticket_id": one.to_string(), "app_id": ONE.id, "category": "chat", "at": NOON_MS})
    );
    let expected = [
        seen("new", two),
        seen("new", room),
        seen("claimed", two),
        seen("released", two),
    ];
    assert_eq!(world.events(&mut all, 4), expected);
    let expected = [
        seen("new", two),
        seen("claimed", two),
        seen("released", two),
    ];
    assert_eq!(world.events(&mut of_two, 3), expected);
    assert_eq!(world.events(&mut of_room, 1), [seen("new", room)]);
}

#[rstest]
fn a_stream_goes_on_where_another_ended(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let mut first = world.stream("", None);
    let one = world.file(ONE, &report("a")).ticket();
    let (id, ..) = world.next_event(&mut first).unwrap();
    drop(first);
    let two = world.file(ONE, &report("b")).ticket();
    world.claim(&moderator("mei"), one).unwrap();
    let mut second = world.stream("", Some(id));
    assert_eq!(
        world.events(&mut second, 2),
        [seen("new", two), seen("claimed", one)]
    );
    let three = world.file(ONE, &report("c")).ticket();
    assert_eq!(
        world.events(&mut second, 1),
        [seen("new", three)],
        "each once"
    );
    // What is gone cannot be told: the client is told so, and goes on with what comes.
    world
        .dialogue
        .state
        .execute(
            "DELETE FROM dialogue_event WHERE id <= $1",
            &[(id + 1).into()],
        )
        .unwrap();
    for last in [id, 1_000_000] {
        let mut late = world.stream("", Some(last));
        let (_, kind, data) = world.next_event(&mut late).unwrap();
        assert_eq!((kind.as_str(), data), ("reset", json!({})), "{last}");
        let ticket = world.file(ONE, &report(&format!("d{last}"))).ticket();
        // Events of the moment before may come first.
        let comes = (0..3).any(|_| world.events(&mut late, 1) == [seen("new", ticket)]);
        assert!(comes, "{last}");
    }
    assert_eq!(world.open_stream("", Some(-1)).status(), 400);
}

#[test]
fn events_of_other_nodes_are_told_too() {
    let world = World::new(Postgres);
    let peer = world.peer().unwrap();
    let mut stream = world.stream("", None);
    let one = peer.file(ONE, &report("a")).ticket();
    let two = world.file(ONE, &report("b")).ticket();
    assert_eq!(
        world.events(&mut stream, 2),
        [seen("new", one), seen("new", two)]
    );
}

#[test]
fn a_number_that_shows_late_is_told() {
    let world = World::new(Embedded);
    let mut stream = world.stream("", None);
    let note = |id: i64, ticket: i64| {
        let sql = "INSERT INTO dialogue_event (id, at, app, category, kind, ticket) VALUES ($1, $2, 1, 'c', 'new', $3)";
        world
            .dialogue
            .state
            .execute(sql, &[id.into(), NOON_MS.into(), ticket.into()])
            .unwrap();
    };
    note(11, 1);
    note(13, 3);
    assert_eq!(
        world.events(&mut stream, 2),
        [seen("new", 1), seen("new", 3)]
    );
    note(12, 2);
    assert_eq!(world.events(&mut stream, 1), [seen("new", 2)]);
}

#[test]
fn there_are_only_so_many_streams_and_each_ends_with_its_key() {
    let world = World::new(Embedded);
    let mut streams: Vec<_> = (0..8).map(|_| world.stream("", None)).collect();
    let refused = world.open_stream("", None);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    streams.pop();
    streams.push(world.stream("", None));
    world
        .dialogue
        .state
        .write(|tx| revoke_key(tx, "admin", NOON_MS))
        .unwrap();
    world.dialogue.directory.reload_if_changed().unwrap();
    for stream in &mut streams {
        assert_eq!(world.next_event(stream), None);
    }
}

fn limits(write_timeout: Duration) -> Limits {
    Limits {
        connections: 8,
        header_timeout: LONG,
        write_timeout,
        shutdown_timeout: LONG * 6,
        trusted_proxies: TrustedProxies::default(),
    }
}

fn events_request(key: &str) -> String {
    format!("GET /api/tickets/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n")
}

#[test]
fn a_stream_ends_when_the_server_stops() {
    let world = World::new(Embedded);
    let (router, key) = (world.router.clone(), world.admin.clone());
    world.run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = limits(LONG);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, router, limits, async {
            let _ = stopped.await;
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(events_request(&key).as_bytes())
            .await
            .unwrap();
        let mut head = [0; 12];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        stop.send(()).unwrap();
        tokio::time::timeout(LONG, served).await.unwrap().unwrap();
    });
}

#[rstest]
fn a_quiet_stream_says_that_it_is_there(#[values(Embedded, Postgres)] kind: StoreKind) {
    let heartbeat = Duration::from_millis(200);
    let world = world_with(
        kind,
        StreamOptions {
            heartbeat,
            ..StreamOptions::default()
        },
    );
    let clock = SystemClock::start();
    // What others are told does not count as a word to this one.
    let mut stream = world.stream("?category=room", None);
    for count in 1..=3 {
        world.note_event("chat", count);
        assert_eq!(world.next_piece(&mut stream).as_deref(), Some(":\n\n"));
        let took = clock.monotonic();
        assert!(
            took >= heartbeat * u32::try_from(count).unwrap(),
            "{count}: {took:?}"
        );
    }
    world.note_event("room", 7);
    assert_eq!(world.events(&mut stream, 1), [seen("new", 7)]);
    let piece = |_| world.next_piece(&mut stream).unwrap();
    assert!((0..3).map(piece).all(|piece| piece == ":\n\n"));
    assert_eq!(StreamOptions::default().heartbeat, Duration::from_secs(15));
}

/// What is kept for those who are behind is kept once, and is as long as it is.
#[rstest]
fn one_that_does_not_read_is_cut_and_holds_up_nobody(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let world = world_with(
        kind,
        StreamOptions {
            behind: 8,
            ..StreamOptions::default()
        },
    );
    let mut idle = world.stream("", None);
    let mut slow = world.stream("", None);
    let mut quick = world.stream("", None);
    world.note_event("chat", 100);
    for stream in [&mut idle, &mut slow, &mut quick] {
        assert_eq!(world.events(stream, 1), [seen("new", 100)]);
    }
    let mut last = 0;
    for ticket in 1..=40 {
        world.note_event("chat", ticket);
        let (id, _, data) = world.next_event(&mut quick).unwrap();
        assert_eq!(data["ticket_id"], ticket.to_string(), "at once");
        if ticket % 4 == 0 {
            let told = (ticket - 3..=ticket).map(|ticket| seen("new", ticket));
            assert_eq!(world.events(&mut slow, 4), told.collect::<Vec<_>>());
        }
        if ticket == 1 {
            last = id;
        }
    }
    assert_eq!(
        world.next_event(&mut idle),
        None,
        "40 behind, where 8 are kept"
    );
    // It comes again, and is told what it has missed.
    let mut again = world.stream("", Some(last));
    let missed = (2..=40).map(|ticket| seen("new", ticket));
    assert_eq!(world.events(&mut again, 39), missed.collect::<Vec<_>>());
}

/// On a socket: what fills it is not waited for, nor kept.
#[test]
fn a_client_that_reads_nothing_is_cut_and_its_place_is_free() {
    let world = world_with(
        Embedded,
        StreamOptions {
            most: 1,
            ..StreamOptions::default()
        },
    );
    let (router, key) = (world.router.clone(), world.admin.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let (client, served) = world.run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = limits(Duration::from_millis(500));
        let served = tokio::spawn(serve(listener, router, limits, async {
            let _ = stopped.await;
        }));
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let mut client = socket.connect(address).await.unwrap();
        let request = events_request(&key);
        client.write_all(request.as_bytes()).await.unwrap();
        client.read_exact(&mut [0; 12]).await.unwrap();
        (client, served)
    });
    assert_eq!(
        world.open_stream("", None).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    // More than the sockets hold: 16 MiB.
    let large = "x".repeat(1 << 18);
    let sent = 64;
    for ticket in 1..=sent {
        world.note_event(&large, ticket);
    }
    let clock = SystemClock::start();
    while world.open_stream("", None).status() != StatusCode::OK {
        assert!(clock.monotonic() < LONG, "its place is still held");
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = world.run(async move {
        let (mut client, mut all) = (client, Vec::new());
        // It ends, or is reset.
        let _ = tokio::time::timeout(LONG, client.read_to_end(&mut all))
            .await
            .unwrap();
        stop.send(()).unwrap();
        tokio::time::timeout(LONG, served).await.unwrap().unwrap();
        all.len()
    });
    assert!(
        read < large.len() * usize::try_from(sent).unwrap(),
        "{read}"
    );
}
