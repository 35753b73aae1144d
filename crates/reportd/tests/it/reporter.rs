//! An app of dialogue reports: what it files, its moderators, and what the tests know of its tickets.

use std::collections::BTreeSet;
use std::io::Result;

use reportd_client::protocol::dialogue::{
    AesMode, Cipher, CipherSettings, Evidence, Info, InfoKind, IvSetting, Report, User, Verdict,
    content_text, report_form,
};
use reportd_platform::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::harness::{Http, Reply, Server};

pub(crate) const APP: &str = "chat";
pub(crate) const AES_KEY: &str = "0123456789abcdef";
pub(crate) const CREATE: [&str; 5] = ["app", "create", APP, "--aes-key", AES_KEY];
const PATH: &str = "/api/report/multiDialogue";
const FORM: &str = "application/x-www-form-urlencoded";

/// What both sides encrypt with.
pub(crate) fn cipher() -> Cipher {
    let settings = CipherSettings {
        mode: AesMode::Aes128Cbc,
        iv: IvSetting::Prepended,
        key: AES_KEY.as_bytes(),
        php_key: false,
        zero_padding: false,
    };
    Cipher::new(&settings).unwrap()
}

/// A report whose verdict goes to `redirect`.
pub(crate) fn report<'a>(report_id: &'a str, redirect: &'a str) -> Report<'a> {
    let now_ms = SystemClock::start().now_ms();
    let user = |key: &str| User {
        key: key.to_owned(),
        name: Some("小明".into()),
        ..User::default()
    };
    let info = |id: &'static str, user| Info {
        id: id.into(),
        user,
        kind: InfoKind::Text,
        content: "加我好友 <b>now</b>".into(),
        time_ms: now_ms,
        tag: None,
    };
    Report {
        uniqid: Some(format!("of {report_id}").into()),
        report_id: report_id.into(),
        category: "场景1".into(),
        redirect: Some(redirect.into()),
        timestamp_ms: now_ms,
        evidence: Evidence::default(),
        users: vec![user("id_1"), user(report_id)],
        infos: vec![info("1", 0), info("id_1", 0)],
    }
}

/// Posts the text of a report, encrypted.
pub(crate) fn post_text(http: &mut Http, text: &[u8]) -> Result<Value> {
    let form = report_form(APP, &content_text(text, &cipher(), [7; 16]));
    post_form(http, form.as_bytes())
}

/// Posts the body of a request.
pub(crate) fn post_form(http: &mut Http, body: &[u8]) -> Result<Value> {
    let reply = http.call("POST", PATH, &[("content-type", FORM)], body)?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(reply.json())
}

/// Files a report that must be taken, and returns its ticket.
pub(crate) fn file(http: &mut Http, report_id: &str, redirect: &str) -> String {
    let told = post_text(http, report(report_id, redirect).write().as_bytes()).unwrap();
    assert_eq!(told["ec"], 0, "{told}");
    told["data"]["ticket_id"].as_str().unwrap().to_owned()
}

/// Files that many reports to a server, side by side, and returns their tickets.
pub(crate) fn file_many(
    server: &Server,
    label: &str,
    count: usize,
    redirect: impl Fn(usize) -> String + Sync,
) -> Vec<String> {
    const SENDERS: usize = 16;
    let filed = std::thread::scope(|scope| {
        let sender = |sender| {
            let redirect = &redirect;
            scope.spawn(move || {
                let mut http = Http::connect(server.address());
                let file = |number: usize| {
                    file(&mut http, &format!("{label}-{number}"), &redirect(number))
                };
                (sender..count)
                    .step_by(SENDERS)
                    .map(file)
                    .collect::<Vec<_>>()
            })
        };
        let senders: Vec<_> = (0..SENDERS).map(sender).collect();
        let filed = senders.into_iter().map(|sender| sender.join().unwrap());
        filed.collect::<Vec<_>>()
    });
    // In the order of their numbers.
    let mut filed: Vec<_> = filed.into_iter().map(Vec::into_iter).collect();
    (0..count)
        .map(|number| filed[number % SENDERS].next().unwrap())
        .collect()
}

/// One person who moderates, on a connection of their own.
pub(crate) struct Moderator {
    http: Http,
    headers: [(&'static str, String); 3],
}

impl Moderator {
    pub(crate) fn new(server: &Server, key: &str, name: &str) -> Self {
        Self::over(Http::connect(server.address()), key, name)
    }

    pub(crate) fn over(http: Http, key: &str, name: &str) -> Self {
        let headers = [
            ("authorization", format!("Bearer {key}")),
            ("x-auditor", name.to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        Self { http, headers }
    }

    /// A call of the API, whatever comes of it.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Reply> {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.http.call(method, path, &headers, body.as_bytes())
    }

    /// Takes the oldest open ticket.
    pub(crate) fn next(&mut self) -> Option<String> {
        let reply = self.call("POST", "/api/tickets/next", "{}").unwrap();
        if reply.status == 204 {
            return None;
        }
        assert_eq!(reply.status, 200, "{}", reply.text());
        Some(reply.json()["ticket_id"].as_str().unwrap().to_owned())
    }

    /// Judges: the status.
    pub(crate) fn judge(&mut self, ticket: &str, label: &str) -> Result<u16> {
        let verdict = json!({"dialogue_result": label, "user_result": {"id_1": "abuse"}});
        let path = format!("/api/tickets/{ticket}/verdict");
        Ok(self.call("POST", &path, &verdict.to_string())?.status)
    }

    /// A GET that must succeed.
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let reply = self.call("GET", path, "").unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// Changes settings of the app; the others stay.
    pub(crate) fn set(&mut self, changes: &Value) {
        self.set_of(APP, changes);
    }

    /// Changes settings of an app; the others stay.
    pub(crate) fn set_of(&mut self, app: &str, changes: &Value) {
        let path = format!("/api/apps/{app}/dialogue/settings");
        let reply = self.call("PUT", &path, &changes.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// All tickets of a state.
    pub(crate) fn tickets(&mut self, state: &str) -> BTreeSet<String> {
        let (mut tickets, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = self.get(&format!("/api/tickets?state={state}&limit=200{cursor}"));
            let rows = page["tickets"].as_array().unwrap().iter();
            tickets.extend(rows.map(|row| row["ticket_id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return tickets,
            }
        }
    }
}

/// An admin of the app, who lets it send to this machine, at once.
pub(crate) fn allow_loopback(server: &Server, key: &str) {
    let settings = json!({"allow_private_callbacks": true, "undo_seconds": 0});
    Moderator::new(server, key, "admin").set(&settings);
}

/// The verdict in the body of a callback.
pub(crate) fn verdict_in(body: &[u8]) -> Verdict {
    Verdict::read(body, &cipher()).unwrap()
}
