//! Reports as clients send them, kept as data beside the protocol: through the real routes to what reads back.

use axum::http::Method;
use reportd_protocol::playback::Position;
use reportd_protocol::playback::meaning::FinishRule;
use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;
use serde::Deserialize;
use serde_json::Value;

use crate::world::{ONE, Session, World};

const ACCEPTED: &str = include_str!("../../../protocol/tests/data/playback/reports-accepted.jsonl");
const REFUSED: &str = include_str!("../../../protocol/tests/data/playback/reports-refused.jsonl");
const HABITS: &str = include_str!("../../../protocol/tests/data/playback/habits.jsonl");

#[derive(Deserialize)]
struct Case {
    name: String,
    endpoint: String,
    #[serde(default)]
    query: String,
    /// Absent: that of forms; null: none.
    #[serde(default = "form")]
    content_type: Option<String>,
    body: String,
    #[serde(default)]
    beat: Value,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde takes it in place of the field's value"
)]
fn form() -> Option<String> {
    Some("application/x-www-form-urlencoded".to_owned())
}

fn path(endpoint: &str) -> &'static str {
    match endpoint {
        "history" => "/x/v2/history/report",
        _ => "/x/report/web/heartbeat",
    }
}

/// The form with the secrets of this session in place of those of the record.
fn with_secrets(form: &str, session: &Session) -> String {
    let fields = form.split('&').map(|field| match field.split_once('=') {
        Some(("csrf", _)) => format!("csrf={}", session.csrf),
        Some(("access_key", _)) => format!("access_key={}", session.access_key),
        _ => field.to_owned(),
    });
    fields.collect::<Vec<_>>().join("&")
}

impl Case {
    fn send(&self, world: &World, session: &Session) -> i64 {
        let body = if self.body.starts_with("--") {
            self.body.clone()
        } else {
            with_secrets(&self.body, session)
        };
        // What has no csrf has it in the query: an app's report needs one.
        let query = format!("{}&csrf={}", self.query, session.csrf);
        let path = format!("{}?{query}", path(&self.endpoint)).replace(' ', "%20");
        let cookie = session.cookie();
        let mut headers = vec![("cookie", cookie.as_str())];
        if let Some(content_type) = &self.content_type {
            headers.push(("content-type", content_type));
        }
        let reply = world.send(&Method::POST, &path, &headers, body);
        reply.code()
    }
}

#[rstest]
fn recorded_reports_are_taken_and_read_back(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (mid, line) in (1..).zip(ACCEPTED.lines()) {
        let case: Case = serde_json::from_str(line).unwrap();
        let session = world.session(ONE, mid);
        let before = world.entries();
        assert_eq!(case.send(&world, &session), 0, "{}", case.name);
        assert_eq!(world.entries(), before + 1, "{}", case.name);
        let number = |name: &str| case.beat[name].as_i64();
        let aid = number("aid").unwrap();
        let path = format!("/x/player/v2?aid={aid}");
        let player = world.fresh(&path, &session.cookie());
        assert_eq!(player["login_mid"], mid, "{}", case.name);
        assert_eq!(player["last_play_cid"], number("cid").unwrap_or(0));
        let position = Position::from_wire(number("position").unwrap_or(0)).unwrap();
        let duration_s = number("duration").map(|seconds| u32::try_from(seconds).unwrap());
        let position = FinishRule::default().read_back(position, duration_s);
        let shown = world.history(&session.cookie());
        assert_eq!(shown, [(aid, position.wire())], "{}", case.name);
    }
}

#[rstest]
fn malformed_reports_leave_nothing(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    let session = world.session(ONE, 7);
    for line in REFUSED.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let code = case.send(&world, &session);
        assert_eq!((code, world.entries()), (-400, 1), "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Habit {
    name: String,
    endpoint: String,
    beats: Vec<(i64, String)>,
    position: i64,
    view_at: i64,
}

#[rstest]
fn habits_of_clients_read_back_as_they_should(#[values(Embedded, Postgres)] kind: StoreKind) {
    let world = World::new(kind);
    for (mid, line) in (1..).zip(HABITS.lines()) {
        let habit: Habit = serde_json::from_str(line).unwrap();
        let session = world.session(ONE, mid);
        let start_ms = world.now_ms();
        for (at_s, form) in &habit.beats {
            let past_ms = world.now_ms() - start_ms;
            world.clock.advance(at_s * 1000 - past_ms);
            let form = format!("{}&csrf={}", with_secrets(form, &session), session.csrf);
            let reply = world.post(path(&habit.endpoint), &session.cookie(), &form);
            assert_eq!(reply.code(), 0, "{}", habit.name);
        }
        let path = "/x/web-interface/history/cursor";
        let page = world.fresh(path, &session.cookie());
        let item = &page["list"][0];
        let duration_s = item["duration"].as_u64().filter(|seconds| *seconds > 0);
        let duration_s = duration_s.map(|seconds| u32::try_from(seconds).unwrap());
        let position = Position::from_wire(habit.position).unwrap();
        let position = FinishRule::default().read_back(position, duration_s);
        let view_at = item["view_at"].as_i64().map(|at| at - start_ms / 1000);
        let read = (item["progress"].as_i64(), view_at);
        let expected = (Some(position.wire()), Some(habit.view_at));
        assert_eq!(read, expected, "{}", habit.name);
        world.clock.advance(1000);
    }
}
