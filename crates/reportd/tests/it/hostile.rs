//! What strangers write: markup, marks that turn the direction, and texts without end, through all four protocols; and
//! what the pages of the console make of it.

use std::collections::{BTreeMap, BTreeSet};

use reportd_client::protocol::dialogue::{Evidence, Info, InfoKind, Report, User};
use reportd_client::protocol::push::Receipt;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_testbed::StoreKind::Embedded;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::browser::Browser;
use crate::crawl::crawl;
use crate::harness::{Data, Http, Server, TOKEN, now_seconds, wait_until};
use crate::people::PASSWORD;
use crate::reporter::{AES_KEY, APP, Moderator, allow_loopback, post_text};
use crate::viewer::Viewer;

const MASTER_SECRET: &str = "secret-of-the-chat";
const OPER_ID: i64 = 77_001;
const AID: i64 = 170_001;
const MID: i64 = 7;

/// It is in every text, after a mark, so that fields of 32 characters have it too.
const SHORT: &str = "\u{202e}\"><img src onerror=pwned=1>";
const LONG: &str = "<script>pwned=1</script>'\"></textarea></title><svg onload=pwned=1>{{7*7}}{% raw %}&lt;\u{2067}\u{202e}\u{5d0}\u{5d1}";

/// Texts that are sent: of each, its mark tells which one is shown.
#[derive(Default)]
pub(crate) struct Texts {
    sent: BTreeMap<String, String>,
    /// Marks of texts that no page shows.
    quiet: BTreeSet<String>,
    /// Requests whose body may be shown as it came.
    bodies: Vec<Value>,
}

impl Texts {
    /// A text of just so many characters: what there is room for, then one word without end.
    fn of(&mut self, chars: usize) -> String {
        let mark = format!("«{:02}»", self.sent.len());
        let text = format!("{mark}{SHORT}{LONG}{}", "W".repeat(chars));
        let text: String = text.chars().take(chars).collect();
        self.sent.insert(mark, text.clone());
        text
    }

    /// The same for what no page shows.
    fn quiet(&mut self, chars: usize) -> String {
        let text = self.of(chars);
        self.quiet.extend(marks_in(&text).map(str::to_owned));
        text
    }

    /// What is wrong with a text that a page shows.
    fn fault(&self, shown: &str) -> Option<String> {
        let is_body =
            |body: &Value| serde_json::from_str::<Value>(shown).is_ok_and(|shown| shown == *body);
        if self.bodies.iter().any(is_body) {
            return None;
        }
        let sent = marks_in(shown).next().and_then(|mark| self.sent.get(mark));
        let is_right = sent.is_some_and(|sent| is_as_sent(shown, sent) || is_harmless(shown, sent));
        let begun: String = shown.chars().take(250).collect();
        (!is_right).then(|| format!("not as it was sent: {begun}"))
    }
}

/// The marks in a text, as `«07»`.
fn marks_in(text: &str) -> impl Iterator<Item = &str> {
    let marks = text.match_indices('«');
    marks.filter_map(|(at, _)| {
        let mark = text.get(at..at + "«00»".len())?;
        mark.ends_with('»').then_some(mark)
    })
}

fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let mut http = Http::connect(server.address());
    let method = match path {
        _ if path.contains("/operations/") || path.ends_with("/catalogue") => "PUT",
        _ => "POST",
    };
    let reply = http.call(method, path, headers, body.as_bytes()).unwrap();
    (reply.status, reply.text())
}

/// An operation, a report of it, the same refused, and one that nobody knows.
fn report_as_a_bot(server: &Server, key: &str, texts: &mut Texts) {
    let dimensions = ["target_id", "ext1", "ext2", "ext10"];
    let operation = json!({
        "oper_id": OPER_ID, "name": texts.of(128), "kind": "event", "dimensions": dimensions,
        "required": [{"field": "scope", "equals": "channel"}, {"field": "ext9", "equals": texts.of(1_024)}],
    });
    let bearer = format!("Bearer {key}");
    let path = format!("/api/apps/{APP}/comm/operations/{OPER_ID}");
    let told = post(
        server,
        &path,
        &[("authorization", &bearer)],
        &operation.to_string(),
    );
    assert!(matches!(told.0, 200 | 201), "{told:?}");
    let ext9 = operation["required"][1]["equals"]
        .as_str()
        .unwrap()
        .to_owned();
    let item = |texts: &mut Texts, oper_id: i64, chars: usize| {
        json!({
            "oper_id": oper_id, "gid": 1, "target_id": texts.of(1_024), "to_uid": texts.of(1_024), "scope": "channel",
            "ext1": texts.of(chars), "ext2": texts.of(1_024), "ext9": ext9, "ext10": texts.of(1_024),
        })
    };
    let send = |nonce: &str, items: Value| {
        let body = json!({"ts": now_seconds(), "nonce": nonce, "data_list": items});
        let (status, told) = server.report(&body.to_string());
        (status, told, body)
    };
    let taken = item(texts, OPER_ID, 60);
    let (status, told, _) = send(&texts.quiet(128), json!([taken]));
    assert_eq!((status, &told["ret"]), (200, &json!(0)), "{told}");
    // The operation that lists messages by channel.
    let message = json!({
        "oper_id": 1_503_000_120_601_i64, "gid": 2, "target_id": texts.of(1_024), "scope": "channel",
        "ext1": "youtube", "ext2": texts.of(1_024),
    });
    let (status, told, _) = send("message", json!([message]));
    assert_eq!((status, &told["ret"]), (200, &json!(0)), "{told}");
    // Refused: a name of 10,000 characters, a scope and an operation that nobody knows.
    let endless = item(texts, OPER_ID, 10_000);
    let mut elsewhere = item(texts, OPER_ID, 60);
    elsewhere["scope"] = texts.of(10_000).into();
    let unknown = item(texts, 77_002, 60);
    for (nonce, bad) in [
        ("endless", endless),
        ("elsewhere", elsewhere),
        ("unknown", unknown),
    ] {
        let (status, told, body) = send(nonce, json!([bad]));
        assert_ne!((status, &told["ret"]), (200, &json!(0)), "{told}");
        texts.bodies.push(body);
    }
}

/// A task of a group, how far it came on devices of a brand, what was done there, and what was lost and why.
fn push_as_a_gateway(server: &Server, key: &str, texts: &mut Texts) {
    let at = SystemClock::start().now_ms();
    let (task, cid, brand) = (texts.of(128), texts.quiet(128), texts.of(64));
    let lines = [
        json!({"type": "task", "taskid": task, "kind": "list", "group_name": texts.of(100), "created_at": at}),
        json!({"type": "sendable", "taskid": task, "cids": [cid, "lost"], "at": at}),
        json!({"type": "sent", "taskid": task, "cids": [cid, "lost"], "channel": "gt", "brand": brand, "quota": "list", "at": at}),
        json!({"type": "received", "taskid": task, "cid": cid, "channel": "gt", "brand": brand, "at": at}),
        json!({"type": "displayed", "taskid": task, "cid": cid, "channel": "gt", "brand": brand, "at": at}),
        json!({"type": "clicked", "taskid": task, "cid": cid, "channel": "gt", "brand": brand, "at": at}),
        json!({"type": "action", "taskid": task, "cid": cid, "action_id": texts.of(64), "at": at}),
        json!({"type": "lost", "taskid": task, "cids": ["lost"], "channel": "gt", "phase": "ts", "reason": 13001, "at": at}),
        json!({"type": "device", "cid": cid, "brand": brand, "at": at}),
        json!({"type": "online", "cid": cid, "at": at}),
    ];
    let bearer = format!("Bearer {key}");
    let path = format!("/api/apps/{APP}/push/events");
    let body = lines.map(|line| line.to_string()).join("\n");
    let told = post(server, &path, &[("authorization", &bearer)], &body);
    assert_eq!(told.0, 200, "{told:?}");
    let mut lines = Vec::new();
    let receipt = Receipt {
        cid: texts.quiet(128).into(),
        task_id: task.into(),
        msg_id: texts.quiet(128).into(),
        code: 11,
        desc: texts.quiet(1_024).into(),
        action_id: "0".into(),
        at_ms: at,
        channel: None,
    };
    receipt.write(APP, MASTER_SECRET, &mut lines);
    let path = format!("/api/apps/{APP}/push/receipts");
    let told = post(server, &path, &[], &String::from_utf8(lines).unwrap());
    assert_eq!(told.0, 200, "{told:?}");
}

/// Titles and names of a catalogue, and somebody who watches.
fn play_as_a_site(data: &Data, server: &Server, key: &str, texts: &mut Texts) {
    let line = |texts: &mut Texts, cid: i64| {
        json!({
            "aid": AID, "cid": cid, "title": texts.of(500), "cover": texts.quiet(2_000), "duration": 600, "page": cid,
            "part_title": texts.of(500), "author": {"mid": 9, "name": texts.of(100)},
        })
    };
    let body = [line(texts, 0), line(texts, 1)]
        .map(|line| line.to_string())
        .join("\n");
    let bearer = format!("Bearer {key}");
    let path = format!("/api/apps/{APP}/playback/catalogue");
    let told = post(server, &path, &[("authorization", &bearer)], &body);
    assert_eq!(told.0, 200, "{told:?}");
    let viewer = Viewer::create(|arguments| data.run(arguments), APP, MID);
    let encoded = |text: String| byte_serialize(text.as_bytes()).collect::<String>();
    viewer.beat(
        server,
        &format!(
            "aid={AID}&cid=1&played_time=60&realtime=60&start_ts={}&session={}&platform={}",
            now_seconds(),
            encoded(texts.quiet(128)),
            encoded(texts.quiet(32)),
        ),
    );
}

/// A dialogue whose every text is hostile; returns its ticket. Keys of users are shown where they are judged.
fn report_as_a_chat(server: &Server, texts: &mut Texts, is_open: bool) -> String {
    let now_ms = SystemClock::start().now_ms();
    let user = |texts: &mut Texts| User {
        key: if is_open {
            texts.of(256)
        } else {
            texts.quiet(256)
        },
        name: Some(texts.of(8_192).into()),
        avatar: Some(texts.quiet(8_192).into()),
        sex: Some(texts.quiet(100).into()),
    };
    let users = vec![user(texts), user(texts)];
    let info = |texts: &mut Texts, kind, user: usize, chars: usize| Info {
        id: users[user].key.clone().into(),
        user,
        kind,
        content: texts.of(chars).into(),
        time_ms: now_ms,
        tag: Some(texts.quiet(256).into()),
    };
    let infos = vec![
        info(texts, InfoKind::Text, 0, 150),
        info(texts, InfoKind::Text, 1, 10_000),
        info(texts, InfoKind::Image, 0, 10_000),
        info(texts, InfoKind::Audio, 1, 250),
        info(texts, InfoKind::Video, 0, 10_000),
    ];
    let (report_id, category) = (texts.of(256), texts.of(256));
    let mut report = Report {
        uniqid: Some(texts.of(256).into()),
        report_id: report_id.into(),
        category: category.into(),
        redirect: Some(texts.quiet(2_000).into()),
        timestamp_ms: now_ms,
        evidence: Evidence {
            reason: Some(texts.of(8_192).into()),
            images: vec![texts.of(8_192).into()],
        },
        users: users.clone(),
        infos: infos.clone(),
    };
    let send = |report: &Report<'_>| {
        let text = report.write();
        post_text(&mut Http::connect(server.address()), text.as_bytes()).unwrap()
    };
    // A verdict can be sent to an address alone, so markup is refused there; nobody listens at this one.
    assert_eq!(send(&report)["ec"], 405);
    report.redirect = Some(format!("http://127.0.0.1:9/{}", "W".repeat(2_000)).into());
    let told = send(&report);
    assert_eq!(told["ec"], 0, "{told}");
    told["data"]["ticket_id"].as_str().unwrap().to_owned()
}

/// True where a page shows a text as it was sent, or as much of its beginning as there is room for and then «…».
fn is_as_sent(shown: &str, sent: &str) -> bool {
    let is_begun = |(begun, rest): (&str, &str)| {
        // Two long values that begin alike are told apart by what stands behind.
        let rest = rest.trim();
        let is_hash = rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        sent.starts_with(begun) && (rest.is_empty() || is_hash)
    };
    shown == sent || shown.rsplit_once('…').is_some_and(is_begun)
}

/// True where it stands beside words of the page, as in the name of a choice: then no mark in it may turn those.
fn is_harmless(shown: &str, sent: &str) -> bool {
    let turns =
        |character: &char| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = sent.chars().filter(|character| !turns(character)).collect();
    let begun = plain.chars().take(60).collect::<String>();
    !shown.chars().any(|character| turns(&character)) && shown.contains(&begun)
}

/// An app that was told all of it, its texts, and its tickets: one is judged, one waits.
pub(crate) fn told_everything() -> (Data, Server, Texts, [String; 2]) {
    let data = Data::empty(Embedded);
    data.run(&[
        "app",
        "create",
        APP,
        "--comm-token",
        TOKEN,
        "--master-secret",
        MASTER_SECRET,
        "--aes-key",
        AES_KEY,
    ]);
    data.person("admin", "admin");
    let key = data.key("admin", "admin");
    let server = data.serve();
    allow_loopback(&server, &key);
    let mut texts = Texts::default();
    report_as_a_bot(&server, &key, &mut texts);
    push_as_a_gateway(&server, &key, &mut texts);
    play_as_a_site(&data, &server, &key, &mut texts);
    let tickets = [false, true].map(|is_open| report_as_a_chat(&server, &mut texts, is_open));
    let verdict = json!({"dialogue_result": "ad", "note": texts.of(4_000)});
    let path = format!("/api/tickets/{}/verdict", tickets[0]);
    let judged = Moderator::new(&server, &key, "admin").call("POST", &path, &verdict.to_string());
    assert_eq!(judged.unwrap().status, 200);
    wait_until("what was refused is stored", || {
        let refused = server
            .get(&format!("/api/apps/{APP}/comm/rejections"), &key)
            .json();
        refused["rejections"]
            .as_array()
            .is_some_and(|list| list.len() == 3)
    });
    (data, server, texts, tickets)
}

#[test]
fn what_strangers_write_is_text_on_every_page() {
    let (_data, server, texts, [judged, open]) = told_everything();
    let browser = Browser::start(&server, "en");
    browser.log_in("admin", PASSWORD);
    let app = format!("/console/apps/{APP}");
    let begin = [
        "/console".to_owned(),
        format!("{app}/comm?oper_id={OPER_ID}&by=ext1"),
        format!("{app}/comm?oper_id={OPER_ID}&by=ext2"),
        format!("{app}/comm/raw?oper_id={OPER_ID}"),
        format!("/console/tickets/{judged}"),
        format!("/console/tickets/{open}"),
    ];
    let begin = begin.each_ref().map(String::as_str);
    let (mut wrong, mut shown) = (BTreeSet::new(), BTreeSet::new());
    let pages = crawl(&browser, &begin, 150, |address| {
        let page: String = address.chars().take(80).collect();
        for width in [375, 1440] {
            browser.set_width(width);
            let seen = browser.script(include_str!("hostile.js"));
            let list = |name: &str| -> Vec<String> {
                let list = seen[name]
                    .as_array()
                    .unwrap_or_else(|| panic!("{page}: no page, or a dialog"));
                list.iter()
                    .map(|text| text.as_str().unwrap().to_owned())
                    .collect()
            };
            let of_texts = list("shown");
            let faults = of_texts.iter().filter_map(|text| texts.fault(text));
            let faults = faults.chain(list("wrong"));
            wrong.extend(faults.map(|fault| format!("{page} at {width}: {fault}")));
            let marks = of_texts.iter().flat_map(|text| marks_in(text));
            shown.extend(marks.map(str::to_owned));
        }
        wrong.extend(
            browser
                .complaints()
                .into_iter()
                .map(|fault| format!("{page}: {fault}")),
        );
    });
    assert!(
        pages.len() < 150,
        "there are more pages than were looked at"
    );
    let seen: BTreeSet<_> = shown.union(&texts.quiet).collect();
    let unseen: Vec<_> = texts
        .sent
        .keys()
        .filter(|mark| !seen.contains(mark))
        .collect();
    assert!(unseen.is_empty(), "never shown: {unseen:?} on {pages:#?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
