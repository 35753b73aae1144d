//! What a person who reads Chinese is told where a form was filled in wrong: each form, over the real API, whose own words
//! are English.

use url::form_urlencoded;

use crate::harness::{Http, Reply, Server};
use crate::hostile::told_everything;
use crate::people::PASSWORD;

/// Fields of a form.
type Fields = &'static [(&'static str, &'static str)];

const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Forms of settings, and what does not fit.
const SETTINGS: &[(&str, Fields)] = &[
    (
        "apps",
        &[
            ("app_id", "bad id"),
            ("name", "x"),
            ("zone", "Asia/Shanghai"),
        ],
    ),
    (
        "apps",
        &[("app_id", "chat"), ("name", "x"), ("zone", "Asia/Shanghai")],
    ),
    (
        "apps",
        &[("app_id", "new"), ("name", "x"), ("zone", "Mars")],
    ),
    (
        "apps",
        &[("app_id", "new"), ("name", LONG), ("zone", "Asia/Shanghai")],
    ),
    (
        "apps",
        &[
            ("app_id", "new"),
            ("name", "x"),
            ("zone", "Asia/Shanghai"),
            ("aes_key", "hex:z"),
        ],
    ),
    (
        "apps",
        &[
            ("app_id", "new"),
            ("name", "x"),
            ("zone", "Asia/Shanghai"),
            ("aes_key", "base64:z"),
        ],
    ),
    ("apps/nope/state", &[("disabled", "true")]),
    (
        "apps/chat/set/general",
        &[("name", ""), ("zone", "Asia/Shanghai")],
    ),
    ("apps/chat/set/general", &[("name", "x"), ("zone", "Mars")]),
    (
        "apps/chat/set/general",
        &[("name", "x"), ("zone", "Europe/Berlin")],
    ),
    ("apps/chat/set/comm", &[("settings/comm.max_age", "soon")]),
    (
        "apps/chat/set/comm",
        &[
            ("settings/comm.max_age", "9999d"),
            ("settings/comm.max_ahead", "1m"),
        ],
    ),
    ("apps/chat/set/push", &[("quotas/vv/general", "-1")]),
    (
        "apps/chat/set/push",
        &[("quotas/vv/general", "99999999999999999999")],
    ),
    (
        "apps/chat/set/push",
        &[("channels_without_display", "nope")],
    ),
    ("apps/chat/set/playback", &[("playback_hosts", "a b")]),
    ("apps/chat/set/playback", &[("playback_hosts", "a\na")]),
    ("apps/chat/set/playback", &[("cors_origins", "example.com")]),
    (
        "apps/chat/set/playback",
        &[("finish/within_percent", "101")],
    ),
    ("apps/chat/set/playback", &[("finish/within_s", "-1")]),
    (
        "apps/chat/set/dialogue",
        &[("default_redirect", "ftp://example.com/")],
    ),
    (
        "apps/chat/set/dialogue",
        &[
            ("default_redirect", "http://x:y@example.com/"),
            ("success_ec", "0"),
        ],
    ),
    ("apps/chat/set/dialogue", &[("success_ec", "5")]),
    ("apps/chat/set/dialogue", &[("window_s", "0")]),
    ("apps/chat/set/dialogue", &[("undo_seconds", "999999")]),
    ("apps/chat/set/dialogue", &[("undo_seconds", "-5")]),
    (
        "apps/chat/set/dialogue",
        &[("categories", LONG), ("labels", "ad")],
    ),
    (
        "apps/chat/set/dialogue",
        &[("labels", "ad | ad | 广告 | Advertising")],
    ),
    (
        "apps/chat/set/dialogue",
        &[("labels", "normal|a|a|a\nnormal|b|b|b")],
    ),
    (
        "apps/chat/set/dialogue",
        &[("labels", "normal|a|a|a\nad|a|b|b")],
    ),
    ("apps/chat/set/dialogue", &[("labels", "Ad|a|a|a")]),
    (
        "apps/chat/set/cipher",
        &[
            ("settings/dialogue.aes_mode", "aes-128-cbc"),
            ("settings/dialogue.aes_iv", "xyz"),
        ],
    ),
    (
        "apps/chat/set/cipher",
        &[
            ("settings/dialogue.aes_mode", "des"),
            ("settings/dialogue.aes_iv", "zero"),
        ],
    ),
    ("apps/chat/credentials/aes_key", &[("grace", "soon")]),
    ("apps/chat/credentials/aes_key", &[("grace", "400d")]),
    (
        "apps/chat/credentials/aes_key",
        &[("grace", "1h"), ("secret", "hex:zz")],
    ),
    (
        "apps/chat/credentials/comm_token",
        &[("grace", "1h"), ("secret", "comm-token-of-the-tests")],
    ),
    ("keys", &[("name", ""), ("role", "viewer")]),
    ("keys", &[("name", "admin"), ("role", "viewer")]),
    (
        "keys",
        &[
            ("name", "k"),
            ("role", "viewer"),
            ("app_id", "chat"),
            ("categories", "a"),
        ],
    ),
    (
        "keys",
        &[("name", "k"), ("role", "moderator"), ("categories", "a")],
    ),
    ("keys", &[("name", "k"), ("role", "owner")]),
    ("keys/revoke", &[("name", "nobody")]),
    ("people", &[("name", ""), ("role", "viewer")]),
    ("people", &[("name", "admin"), ("role", "viewer")]),
    (
        "people",
        &[
            ("name", "p"),
            ("role", "viewer"),
            ("app_ids", "chat"),
            ("categories", "a"),
        ],
    ),
    (
        "people",
        &[("name", "p"), ("role", "viewer"), ("app_ids", "nope")],
    ),
    ("people/admin", &[("role", "viewer")]),
    ("people/admin/state", &[("disabled", "true")]),
    ("people/nobody", &[("role", "viewer")]),
    ("people/nobody/password", &[]),
];

/// Forms of an app.
const OF_APP: &[(&str, Fields)] = &[
    (
        "comm/operations",
        &[("oper_id", "x"), ("name", "x"), ("kind", "event")],
    ),
    (
        "comm/operations",
        &[("oper_id", "5"), ("name", ""), ("kind", "event")],
    ),
    (
        "comm/operations",
        &[("oper_id", "5"), ("name", LONG), ("kind", "event")],
    ),
    (
        "comm/operations",
        &[("oper_id", "5"), ("name", "x"), ("kind", "snapshot")],
    ),
    (
        "comm/operations",
        &[
            ("oper_id", "5"),
            ("name", "x"),
            ("kind", "event"),
            ("rule_gid", "equals"),
        ],
    ),
    (
        "comm/operations",
        &[
            ("oper_id", "5"),
            ("name", "x"),
            ("kind", "event"),
            ("by_to_uid", "1"),
        ],
    ),
    (
        "comm/operations",
        &[
            ("oper_id", "77001"),
            ("name", "x"),
            ("kind", "snapshot"),
            ("rule_gid", "present"),
            ("rule_ext1", "integer"),
        ],
    ),
    ("comm/operations/999/delete", &[]),
    ("comm/rejected/999999/replay", &[]),
    (
        "playback/videos/170001/catalogue",
        &[("title", "x"), ("duration", "-1")],
    ),
    (
        "playback/videos/170001/catalogue",
        &[("title", "x"), ("page", "-1")],
    ),
    (
        "playback/videos/170001/catalogue",
        &[("title", "x"), ("page", "x")],
    ),
    (
        "playback/access/keys",
        &[("kid", "a"), ("algorithm", "HS256"), ("key", "short")],
    ),
    (
        "playback/access/keys",
        &[("kid", "a"), ("algorithm", "HS256"), ("key", "hex:zz")],
    ),
    (
        "playback/access/keys",
        &[("kid", "a"), ("algorithm", "EdDSA"), ("key", "short")],
    ),
    (
        "playback/access/keys",
        &[("kid", LONG), ("algorithm", "EdDSA"), ("key", "short")],
    ),
    ("playback/access/keys/remove", &[("id", "999")]),
    (
        "playback/access/sessions",
        &[("mid", "0"), ("label", ""), ("life_days", "")],
    ),
    (
        "playback/access/sessions",
        &[("mid", "7"), ("label", ""), ("life_days", "x")],
    ),
    (
        "playback/access/sessions",
        &[("mid", "7"), ("label", ""), ("life_days", "99999")],
    ),
    (
        "playback/access/sessions",
        &[("mid", "7"), ("label", LONG), ("life_days", "1")],
    ),
    ("playback/access/tokens", &[("mid", "7"), ("jti", "")]),
    ("playback/access/tokens", &[("mid", "x"), ("jti", "a")]),
    ("playback/viewers/7/sessions/end", &[("id", "999")]),
    ("playback/viewers/7/undo", &[("id", "5")]),
    ("playback/viewers/7/erase", &[("confirm", "8")]),
];

/// Forms of moderation; `{open}` and `{judged}` are tickets.
const MODERATION: &[(&str, Fields)] = &[
    ("tickets/{open}/verdict", &[("dialogue", "")]),
    ("tickets/{open}/verdict", &[("dialogue", "nope")]),
    (
        "tickets/{open}/verdict",
        &[("dialogue", "ad"), ("user:stranger", "ad")],
    ),
    ("tickets/{open}/undo", &[]),
    ("tickets/{judged}/verdict", &[("dialogue", "porn")]),
    ("tickets/{judged}/reopen", &[("reason", " ")]),
    ("tickets/999/claim", &[]),
    ("tickets/bulk", &[("dialogue", "ad")]),
    (
        "tickets/bulk",
        &[("dialogue", "nope"), ("ticket", "{open}")],
    ),
    (
        "tickets/bulk",
        &[("dialogue", "ad"), ("ticket", "{judged}")],
    ),
    ("deliveries/999/replay", &[]),
    (
        "password",
        &[
            ("current", "wrong"),
            ("new", "new password"),
            ("again", "new password"),
        ],
    ),
    (
        "password",
        &[
            ("current", "correct horse"),
            ("new", "short"),
            ("again", "short"),
        ],
    ),
];

/// Addresses that forms without a body make.
const ASKED: &[&str] = &[
    "apps/chat/comm?from=x",
    "apps/chat/comm?from=2000-01-01",
    "apps/chat/comm?from=2026-11-21&to=2026-11-20",
    "apps/chat/comm?oper_id=x",
    "apps/chat/comm?oper_id=77001&by=ext1&top=9999",
    "apps/chat/comm/census?date=x",
    "apps/chat/comm/raw?gid=x",
    "apps/chat/push?from=2000-01-01",
    "apps/chat/push/days/x",
    "apps/chat/push/quotas?date=x",
    "apps/chat/push/online?date=x",
    "apps/chat/push/tasks/nope",
    "apps/chat/playback?from=2000-01-01",
    "apps/chat/playback/videos/x",
    "apps/chat/playback/viewers/x",
    "tickets/x",
    "tickets?app=nope",
    "tickets?category=chat",
    "deliveries?state=nope",
    "deliveries?ticket=x",
    "audit?ticket=x",
];

/// Who is logged in, and reads Chinese.
struct Reader {
    http: Http,
    cookie: String,
    csrf: String,
}

impl Reader {
    fn log_in(server: &Server) -> Self {
        let mut http = Http::connect(server.address());
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("name", "admin"), ("password", PASSWORD)])
            .finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let reply = http.call("POST", "/console/login", &kind, form.as_bytes());
        let reply = reply.unwrap();
        let cookie = reply.header("set-cookie").unwrap();
        let mut reader = Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            http,
            csrf: String::new(),
        };
        let html = reader.get("/console/password").text();
        let csrf = html.split_once(r#"name="csrf" value=""#).unwrap().1;
        csrf.split('"').next().unwrap().clone_into(&mut reader.csrf);
        reader
    }

    fn get(&mut self, path: &str) -> Reply {
        let headers = [("cookie", &*self.cookie), ("accept-language", "zh-CN")];
        self.http.call("GET", path, &headers, b"").unwrap()
    }

    fn post(&mut self, path: &str, fields: &[(String, String)]) -> Reply {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("csrf", &self.csrf)
            .finish();
        let headers = [
            ("cookie", &*self.cookie),
            ("accept-language", "zh-CN"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let reply = self.http.call("POST", path, &headers, form.as_bytes());
        reply.unwrap()
    }
}

/// The inner text of each element whose tag says `attribute`, up to its end tag.
fn elements<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let places = html.match_indices(attribute);
    let inner = places.filter_map(|(place, _)| {
        let tag = html[..place].rsplit('<').next()?;
        let name = tag.split(' ').next()?;
        let inner = html[place..].split_once('>')?.1;
        inner.split(&format!("</{name}>")).next()
    });
    inner.collect()
}

/// Texts of a page that read as English, but for those that are marked as such.
fn unmarked_english(html: &str) -> Vec<String> {
    let body = html.split_once("<main").map_or(html, |(_, main)| main);
    let mut body = body.to_owned();
    for marked in elements(html, r#"lang="en""#) {
        body = body.replacen(marked, "", 1);
    }
    let texts = body.split('<').filter_map(|part| {
        let is_word = |word: &str| {
            let word = word.trim_end_matches(['.', ':']);
            word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        let text = part.split_once('>')?.1;
        let words: Vec<&str> = text.split_whitespace().collect();
        let is_english = words
            .windows(3)
            .any(|words| words.iter().all(|word| is_word(word)));
        is_english.then(|| text.to_owned())
    });
    texts.collect()
}

/// What is wrong with a reply that should say what was wrong.
fn fault(reply: &Reply) -> Option<String> {
    let html = reply.text();
    if reply.status < 400 && !html.contains("<main") {
        return Some(format!("it was taken: {}", reply.status));
    }
    let is_chinese = |text: &&str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let alerts = elements(&html, r#"role="alert""#);
    if !alerts.iter().any(is_chinese) && !html.contains("未判定") {
        return Some(format!("nothing in Chinese: {} {alerts:?}", reply.status));
    }
    let english = alerts
        .iter()
        .chain(&elements(&html, r#"class="muted""#))
        .any(|text| text.contains(r#"lang="en""#));
    if english {
        return Some(format!(
            "the console has no words for it: {alerts:?} {:?}",
            elements(&html, r#"lang="en""#)
        ));
    }
    let unmarked = unmarked_english(&html);
    (!unmarked.is_empty()).then(|| format!("not marked as English: {unmarked:?}"))
}

#[test]
fn what_is_wrong_with_a_form_is_told_in_chinese() {
    let (_data, server, _texts, [judged, open]) = told_everything();
    let mut reader = Reader::log_in(&server);
    let mut faults = Vec::new();
    let mut tell = |what: String, reply: &Reply| {
        faults.extend(fault(reply).map(|fault| format!("{what}: {fault}")));
    };
    let filled = |text: &str| text.replace("{open}", &open).replace("{judged}", &judged);
    for (front, forms) in [
        ("/console/settings/", SETTINGS),
        ("/console/apps/chat/", OF_APP),
        ("/console/", MODERATION),
    ] {
        for (path, fields) in forms {
            let path = filled(&format!("{front}{path}"));
            let mut all = all_fields(&path);
            for (name, value) in *fields {
                all.retain(|(known, _)| known != name);
                all.push(((*name).to_owned(), filled(value)));
            }
            tell(format!("{path} {fields:?}"), &reader.post(&path, &all));
        }
    }
    for address in ASKED {
        let address = format!("/console/{address}");
        let reply = reader.get(&address);
        tell(address, &reply);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The fields that a form cannot do without.
fn all_fields(path: &str) -> Vec<(String, String)> {
    let empty: &[&str] = match path {
        path if path.ends_with("/catalogue") => &[
            "cid",
            "title",
            "cover",
            "duration",
            "page",
            "part_title",
            "author_name",
            "author_mid",
            "back",
        ],
        _ => &[],
    };
    let pair = |name: &&str| ((*name).to_owned(), String::new());
    empty.iter().map(pair).collect()
}
