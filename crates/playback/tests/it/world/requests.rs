//! What players, sites and operators send.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use reportd_protocol::playback::{JwtClaims, SigningKey};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::World;

/// The content type of forms.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of a reply under `/x/`, which is always of status 200.
    pub(crate) fn code(&self) -> i64 {
        assert_eq!(self.status, 200, "{}", self.text);
        let content_type = "application/json; charset=utf-8";
        assert_eq!(self.header("content-type"), content_type);
        self.json()["code"].as_i64().unwrap()
    }

    /// The data of a reply that must be a success.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.code(), 0, "{}", self.text);
        self.json()["data"].clone()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A login session as its player knows it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: i64,
    pub(crate) sessdata: String,
    pub(crate) csrf: String,
    pub(crate) access_key: String,
}

impl Session {
    pub(crate) fn cookie(&self) -> String {
        format!("SESSDATA={}", self.sessdata)
    }
}

/// Text as a form has it.
pub(crate) fn urlencoded(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

impl World {
    /// Sends a request.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        self.runtime.block_on(async {
            let reply = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = reply.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Reply {
                status: head.status.as_u16(),
                headers: head.headers,
                text: String::from_utf8(body.to_vec()).unwrap(),
            }
        })
    }

    /// POSTs a form with a header `Cookie`.
    pub(crate) fn post(&self, path: &str, cookie: &str, form: &str) -> Reply {
        let headers = [FORM, ("cookie", cookie)];
        self.send(&Method::POST, path, &headers, form.to_owned())
    }

    /// GETs with a header `Cookie`.
    pub(crate) fn get(&self, path: &str, cookie: &str) -> Reply {
        self.send(&Method::GET, path, &[("cookie", cookie)], "")
    }

    /// GETs with all that was acknowledged: a read that could not wait so long, on a busy machine, says so and is asked
    /// again.
    pub(crate) fn fresh(&self, path: &str, cookie: &str) -> Value {
        for _ in 0..10 {
            let reply = self.get(path, cookie);
            if reply.header("reportd-lag-ms").is_empty() {
                return reply.data();
            }
        }
        panic!("{path}: no read was fresh");
    }

    /// Sends a heartbeat, which must be accepted.
    pub(crate) fn beat(&self, session: &Session, form: &str) {
        let reply = self.heartbeat(&session.cookie(), form);
        assert_eq!(reply.code(), 0, "{form}: {}", reply.text);
    }

    pub(crate) fn heartbeat(&self, cookie: &str, form: &str) -> Reply {
        self.post("/x/click-interface/web/heartbeat", cookie, form)
    }

    /// The videos of the first page of a history, by aid, with their progress.
    pub(crate) fn history(&self, cookie: &str) -> Vec<(i64, i64)> {
        let page = self.fresh("/x/web-interface/history/cursor?ps=30", cookie);
        let items = page["list"].as_array().unwrap().iter();
        let item = |item: &Value| {
            let oid = item["history"]["oid"].as_i64().unwrap();
            (oid, item["progress"].as_i64().unwrap())
        };
        items.map(item).collect()
    }

    /// Calls the API with a key, at a path behind `/api/apps/`.
    pub(crate) fn api(&self, key: &str, method: &Method, path: &str, body: &str) -> Reply {
        let path = format!("/api/apps/{path}");
        let key = format!("Bearer {key}");
        self.send(method, &path, &[("authorization", &key)], body.to_owned())
    }

    /// Calls the API with the admin's key; it must succeed.
    pub(crate) fn admin(&self, method: &Method, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let reply = self.api(&self.keys.admin, method, path, &body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    /// Issues a session.
    pub(crate) fn session(&self, app: &str, mid: i64) -> Session {
        self.session_for(app, mid, &json!({}))
    }

    pub(crate) fn session_for(&self, app: &str, mid: i64, body: &Value) -> Session {
        let path = format!("{app}/viewers/{mid}/sessions");
        let issued = self.admin(&Method::POST, &path, body);
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        Session {
            id: issued["id"].as_i64().unwrap(),
            sessdata: text("SESSDATA"),
            csrf: text("csrf"),
            access_key: text("access_key"),
        }
    }

    /// Ends a session, or a token by `jti:` and its jti.
    pub(crate) fn end_session(&self, app: &str, mid: i64, id: &str) -> Reply {
        let path = format!("{app}/viewers/{mid}/sessions/{id}");
        self.api(&self.keys.ingest, &Method::DELETE, &path, "")
    }

    /// Registers session keys in place of all that the app has.
    pub(crate) fn put_keys(&self, app: &str, keys: &Value) -> Value {
        let path = format!("{app}/session-keys");
        self.admin(&Method::PUT, &path, &json!({ "keys": keys }))
    }

    /// Changes the settings of an app.
    pub(crate) fn put_settings(&self, app: &str, settings: &Value) -> Value {
        self.admin(&Method::PUT, &format!("{app}/playback/settings"), settings)
    }

    /// A token of a site's own login service, an hour long.
    pub(crate) fn token(&self, key: &SigningKey, mid: i64, jti: Option<&str>) -> String {
        let claims = JwtClaims {
            mid,
            csrf: format!("csrf-of-{mid}"),
            expires_at_s: self.now_ms() / 1000 + 3600,
            id: jti.map(str::to_owned),
        };
        key.sign(&claims, None)
    }
}
