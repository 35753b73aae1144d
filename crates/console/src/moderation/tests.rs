//! The pages over a stub of the API: what they show, what they ask for, and what no report can make of them.

mod deliveries;
mod queue;
mod ticket;
mod verdict;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use reportd_platform::access::Role;
use serde_json::{Value, json};

use crate::testing::{NOW_MS, Visitor, World};

/// What the stub says to which call, and what was asked of it.
#[derive(Clone, Default)]
struct Stub(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    says: HashMap<String, (u16, Value)>,
    asked: Vec<(String, Value)>,
}

impl Stub {
    fn new() -> Self {
        let stub = Self::default();
        let labels = json!([
            {"key": "normal", "wire": "normal", "zh": "正常", "en": "Normal"},
            {"key": "ad", "wire": "ad", "zh": "广告", "en": "Advertising"},
        ]);
        let settings =
            json!({"categories": ["chat", "room"], "labels": labels, "undo_seconds": 60});
        for app in crate::testing::APPS {
            stub.say(
                &format!("GET /api/apps/{app}/dialogue/settings"),
                200,
                &settings,
            );
        }
        stub.say("GET /api/tickets/counts", 200, &counts());
        stub.say(
            "GET /api/tickets",
            200,
            &json!({"tickets": [], "next_cursor": null}),
        );
        stub
    }

    fn say(&self, call: &str, status: u16, body: &Value) {
        let mut inner = self.0.lock().unwrap();
        inner.says.insert(call.to_owned(), (status, body.clone()));
    }

    /// The calls of that method and path with their bodies.
    fn asked(&self, call: &str) -> Vec<(String, Value)> {
        let inner = self.0.lock().unwrap();
        let of_call = |(asked, _): &&(String, Value)| asked.starts_with(call);
        inner.asked.iter().filter(of_call).cloned().collect()
    }

    fn router(&self) -> Router {
        let stub = self.clone();
        Router::new().fallback(move |request: Request| stub.clone().answer(request))
    }

    async fn answer(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let call = format!("{} {}", parts.method, parts.uri.path());
        let mut inner = self.0.lock().unwrap();
        inner
            .asked
            .push((format!("{} {}", parts.method, parts.uri), body));
        match inner.says.get(&call) {
            Some((204, _)) => StatusCode::NO_CONTENT.into_response(),
            Some((status, body)) => {
                let status = StatusCode::from_u16(*status).unwrap();
                (status, Body::from(body.to_string())).into_response()
            }
            None => (
                StatusCode::NOT_FOUND,
                r#"{"detail":"there is no such ticket"}"#,
            )
                .into_response(),
        }
    }
}

fn counts() -> Value {
    json!({
        "open": 3, "claimed": 1, "claimed_by_me": 1, "judged": 2, "delivered": 10_000, "failed": 0,
        "oldest_open_seconds": 7_300, "most": 10_000,
        "categories": [{"app_id": "bots", "category": "chat", "waiting": 4}],
    })
}

fn row(id: &str, state: &str) -> Value {
    json!({
        "ticket_id": id, "app_id": "bots", "group_id": id, "state": state, "category": "chat", "report_id": format!("r{id}"),
        "received_at": NOW_MS - 60_000, "reports": 1, "users": 2, "infos": 2, "claimed_by": null, "claimed_until": null,
        "follows": null, "judged_at": null, "revision": 0,
    })
}

fn with(mut value: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
    }
    value
}

fn report(infos: &Value) -> Value {
    json!({
        "report_no": "41", "uniqid": "1", "redirect": "https://r.example/cb", "received_at": NOW_MS - 60_000,
        "report": {
            "report_evidence": {"reason": "刷屏", "images": ["https://evil.example/e.png"]},
            "users": {"id_1": {"name": "张三", "avatar": "http://evil.example/a.png", "sex": 1}, "id_2": {"name": "李四"}},
            "infos": infos,
        },
    })
}

fn text(user: &str, content: &str) -> Value {
    json!({"id": user, "type": "text", "content": content, "time": 1_795_233_000})
}

fn whole(ticket: Value, reports: &Value) -> Value {
    json!({
        "ticket": ticket, "reports": reports, "has_more_reports": false, "verdicts": [],
        "history": [{"user": "id_2", "tickets": [
            with(row("7", "delivered"), &json!({"dialogue_result": "ad", "user_result": "ad"})),
        ]}],
        "reporters": [{"reporter": "1", "tickets": 12, "judged": 10, "upheld": 2}],
        "deliveries": [], "audit": [],
    })
}

fn verdict(auditor: &str, label: &str) -> Value {
    json!({
        "revision": 1, "dialogue_result": label, "user_result": {"id_1": "normal", "id_2": "ad"}, "note": null,
        "auditor": auditor, "judged_at": NOW_MS - 5_000, "seen_reports": 1, "undone_at": null,
    })
}

fn conflict() -> Value {
    json!({"detail": "this ticket is judged already", "field": null})
}

/// A visitor over a stub that has ticket 9.
async fn visit(stub: &Stub, role: Role) -> (World, Visitor) {
    let talk = json!([text("1", "hello"), text("id_2", "加我微信")]);
    stub.say(
        "GET /api/tickets/9",
        200,
        &whole(row("9", "open"), &json!([report(&talk)])),
    );
    let world = World::new(stub.router());
    let visitor = world.visitor(role).await;
    (world, visitor)
}
