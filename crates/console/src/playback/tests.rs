//! Pages of playback over a stub of the API: what it tells is on them, and what strangers wrote does no harm.

mod access;
mod figures;
mod hostile;
mod viewer;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

/// What the API was asked: `GET /api/…?…` and the body.
type Asked = Arc<Mutex<Vec<String>>>;

/// A stub that tells of one video with this title, and notes what it is asked.
fn stub(title: &str) -> (Router, Asked) {
    let asked = Asked::default();
    let (title, noted) = (title.to_owned(), Arc::clone(&asked));
    let router = Router::new().fallback(move |request: Request<Body>| {
        let (title, noted) = (title.clone(), Arc::clone(&noted));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            let line = format!("{} {} {body}", parts.method, parts.uri);
            noted.lock().unwrap().push(line.trim_end().to_owned());
            let (status, told) = answer(&parts.method, parts.uri.path(), &title);
            let body = told.map_or_else(
                || "{\"type\":\"viewer\"}\n".to_owned(),
                |told| told.to_string(),
            );
            Response::builder()
                .status(status)
                .body(Body::from(body))
                .unwrap()
        }
    });
    (router, asked)
}

fn said(asked: &Asked) -> Vec<String> {
    std::mem::take(&mut asked.lock().unwrap())
}

/// What the stub says to a call; nothing where it is no JSON.
fn answer(method: &Method, path: &str, title: &str) -> (StatusCode, Option<Value>) {
    let rest = path.strip_prefix("/api/apps/bots/").unwrap();
    let told = match (method.as_str(), rest) {
        ("GET", "playback/days") => days(),
        ("GET", "playback/videos") => json!({"videos": [video(title)], "next_cursor": "50"}),
        ("GET", "playback/videos/170001" | "playback/videos/BV17x411w7KC") => video_by_day(title),
        ("GET", "playback/videos/170001/retention" | "playback/videos/BV17x411w7KC/retention") => {
            retention()
        }
        ("GET", "playback/catalogue/170001") => listing(title),
        ("GET", "playback/catalogue/BV17x411w7KC" | "playback/catalogue/9") => {
            let detail = "the video is not in the catalogue";
            return (StatusCode::NOT_FOUND, Some(json!({"detail": detail})));
        }
        ("GET", "playback/videos/9") => nothing_played(),
        ("GET", "playback/videos/9/retention") => {
            json!({"cid": null, "duration": null, "sessions": 0, "reached": [], "left_at": []})
        }
        ("GET", "playback/now") => json!({"viewers": 31, "videos": [{
            "aid": 170_001, "bvid": "BV17x411w7KC", "cid": 279_786, "title": title, "viewers": 30,
        }]}),
        ("GET", "playback/now/curve") => json!({"points": [
            {"at": 1_795_190_400_000_i64, "viewers": 4}, {"at": 1_795_191_000_000_i64, "viewers": 55},
        ]}),
        ("GET", "viewers/7/history") => history(title),
        ("GET", "viewers/404/history") => {
            json!({"is_paused": false, "entries": [], "next_cursor": null, "deletes": []})
        }
        ("GET", "viewers/7/sessions") => json!({"sessions": [{
            "id": 17, "label": title, "created_at": 1_795_190_400_000_i64, "expires_at": 1_795_276_800_000_i64,
        }]}),
        ("GET", "viewers/404/sessions") => json!({"sessions": []}),
        ("GET", "viewers/7/export") => return (StatusCode::OK, None),
        ("POST", "viewers/7/sessions") => json!({
            "id": 18, "SESSDATA": "the-sessdata", "csrf": "the-csrf", "access_key": "the-access-key",
            "expires_at": 1_795_276_800_000_i64,
        }),
        ("DELETE", "viewers/7") => json!({"erased": true}),
        ("GET", "session-keys") => json!({"keys": [
            {"id": 3, "kid": title, "algorithm": "EdDSA", "public_key": "cHVibGlj", "created_at": 1_795_190_400_000_i64},
            {"id": 4, "kid": "", "algorithm": "HS256", "created_at": 1_795_190_400_000_i64},
        ]}),
        ("GET", "playback/settings") => json!({
            "playback_hosts": ["api.example.com"], "cors_origins": ["https://www.example.com"],
            "finish": {"within_s": 5, "within_percent": 3},
        }),
        ("GET", "viewers/x/history") => {
            let told = json!({"detail": "expected a viewer's mid", "field": "mid"});
            return (StatusCode::BAD_REQUEST, Some(told));
        }
        ("GET", _) => panic!("{path}"),
        _ => json!({}),
    };
    (StatusCode::OK, Some(told))
}

fn days() -> Value {
    json!({"videos": 2, "plays": 1234, "watched_seconds": 45_000, "days": [
        {"day": "2026-11-20", "videos": 1, "plays": 234, "watched_seconds": 5_000},
        {"day": "2026-11-21", "videos": 2, "plays": 1000, "watched_seconds": 40_000},
    ]})
}

fn video(title: &str) -> Value {
    json!({
        "aid": 170_001, "bvid": "BV17x411w7KC", "title": title, "plays": 12, "viewers": 9,
        "watched_seconds": 4_321, "finish_rate": 0.25,
    })
}

fn video_by_day(title: &str) -> Value {
    let mut video = video(title);
    video["days"] = json!([
        {"day": "2026-11-20", "plays": 0, "viewers": 0, "watched_seconds": 0, "finish_rate": 0.0},
        {"day": "2026-11-21", "plays": 12, "viewers": 9, "watched_seconds": 4_321, "finish_rate": 0.25},
    ]);
    video["parts"] = json!([
        {"cid": 279_786, "page": 2, "title": title, "duration": 600, "plays": 12, "finish_rate": 0.25},
    ]);
    video
}

fn nothing_played() -> Value {
    json!({
        "aid": 9, "bvid": "BV1xx411c7mX", "title": "av9", "plays": 0, "viewers": 0, "watched_seconds": 0,
        "finish_rate": 0.0, "days": [], "parts": [],
    })
}

/// Sixty percent of 12 plays get to the middle of 600 s.
fn retention() -> Value {
    let share = |percent| if percent <= 50 { 0.6 } else { 0.25 };
    let reached: Vec<f64> = (0..=100).map(share).collect();
    let left_at: Vec<i64> = (0..100).map(|percent| percent % 3).collect();
    json!({"cid": 279_786, "duration": 600, "sessions": 12, "reached": reached, "left_at": left_at})
}

fn listing(title: &str) -> Value {
    json!({"aid": 170_001, "bvid": "BV17x411w7KC", "parts": [{
        "cid": 0, "title": title, "cover": "javascript:alert(1)", "duration": 600,
        "author": {"mid": 5, "name": title}, "page": 0, "part_title": title,
    }]})
}

fn history(title: &str) -> Value {
    json!({
        "is_paused": true, "next_cursor": "1795190400.170001.archive",
        "entries": [
            {
                "kid": "archive_170001", "business": "archive", "aid": 170_001, "bvid": "BV17x411w7KC",
                "cid": 279_786, "season_id": null, "episode_id": null, "title": title,
                "view_at": 1_795_190_400_000_i64, "progress": 61, "duration": 600, "device": 2,
            },
            {
                "kid": "pgc_5", "business": "pgc", "aid": 8, "bvid": "", "cid": 0, "season_id": 5,
                "episode_id": 77, "title": "av8", "view_at": 1_795_190_300_000_i64, "progress": -1,
                "duration": null, "device": null,
            },
        ],
        "deletes": [
            {"id": "4611686018427387904", "at": 1_795_190_400_000_i64, "kid": "all", "is_undone": false},
            {"id": "5", "at": 1_795_190_300_000_i64, "kid": "archive_1", "is_undone": true},
        ],
    })
}
