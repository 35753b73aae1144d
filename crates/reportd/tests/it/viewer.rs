//! A viewer of playback reports: a session that a command has issued, what it sends and what it reads back.

use std::io::Result;

use serde_json::Value;

use crate::harness::{Http, Reply, Server, wait_until};

/// The reply to a report that is stored.
pub(crate) const STORED: &str = r#"{"code":0,"message":"0","ttl":1}"#;
pub(crate) const HISTORY_REPORT: &str = "/x/v2/history/report";
pub(crate) const HEARTBEAT: &str = "/x/click-interface/web/heartbeat";

/// A session of a viewer.
#[derive(Clone)]
pub(crate) struct Viewer {
    pub(crate) sessdata: String,
    pub(crate) csrf: String,
    pub(crate) access_key: String,
}

impl Viewer {
    /// A session by `reportd viewer create`, run by `run`.
    pub(crate) fn create(run: impl Fn(&[&str]) -> String, app: &str, mid: i64) -> Self {
        let told = run(&["viewer", "create", app, &mid.to_string(), "--json"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["app_id"], app);
        assert_eq!(told["mid"], mid);
        Self::read(&told, "sessdata")
    }

    /// The session that a command or the API has told; the API calls the cookie by its name.
    pub(crate) fn read(told: &Value, cookie: &str) -> Self {
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self {
            sessdata: text(cookie),
            csrf: text("csrf"),
            access_key: text("access_key"),
        }
    }

    /// Posts a form with the cookie, as it stands.
    pub(crate) fn try_post(&self, http: &mut Http, path: &str, form: &str) -> Result<Reply> {
        let cookie = format!("SESSDATA={}", self.sessdata);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", cookie.as_str()),
        ];
        http.call("POST", path, &headers, form.as_bytes())
    }

    /// The code of the reply to a form that is posted with the csrf token.
    pub(crate) fn post(&self, server: &Server, path: &str, form: &str) -> i64 {
        let form = format!("{form}&csrf={}", self.csrf);
        let reply = self.try_post(&mut Http::connect(server.address()), path, &form);
        code(&reply.unwrap())
    }

    /// Reports a heartbeat, which must be stored.
    pub(crate) fn beat(&self, server: &Server, form: &str) {
        assert_eq!(self.post(server, HEARTBEAT, form), 0, "{form}");
    }

    /// Reads with all that was acknowledged, and gives `data`.
    pub(crate) fn read_back(&self, server: &Server, path: &str) -> Value {
        let cookie = format!("SESSDATA={}", self.sessdata);
        let mut data = Value::Null;
        // A read that could not wait for all that was acknowledged says so, on a busy machine.
        wait_until("the read is fresh", || {
            let mut http = Http::connect(server.address());
            let reply = http.call("GET", path, &[("cookie", &cookie)], b"").unwrap();
            assert_eq!(code(&reply), 0, "{path}: {}", reply.text());
            data = reply.json()["data"].clone();
            reply.header("reportd-lag-ms").is_none()
        });
        data
    }

    /// The aids of the first page of the history, the newest first.
    pub(crate) fn history(&self, server: &Server) -> Vec<i64> {
        let page = self.read_back(server, "/x/web-interface/history/cursor?ps=30");
        let list = page["list"].as_array().unwrap().iter();
        list.map(|entry| entry["history"]["oid"].as_i64().unwrap())
            .collect()
    }

    /// Where the player resumes a video, in ms.
    pub(crate) fn resume_ms(&self, server: &Server, aid: i64) -> i64 {
        let data = self.read_back(server, &format!("/x/player/v2?aid={aid}"));
        data["last_play_time"].as_i64().unwrap()
    }
}

/// The code of a reply, which is HTTP 200 in any case.
pub(crate) fn code(reply: &Reply) -> i64 {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["code"].as_i64().unwrap()
}

/// A read of the API with all that was acknowledged.
pub(crate) fn fresh(server: &Server, path: &str, key: &str) -> Value {
    let mut read = Value::Null;
    wait_until("the read is fresh", || {
        let reply = server.get(path, key);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        read = reply.json();
        reply.header("reportd-lag-ms").is_none()
    });
    read
}
