//! Each row of the error table, in one table (spec comm-report, Reply).

use std::io::Write;

use reportd_testbed::StoreKind::{self, Embedded, Postgres};
use rstest::rstest;

use crate::harness::{Data, Http, Reply, TOKEN, now_seconds};
use crate::requests::{ACTIVE, active_message};

struct Row {
    name: &'static str,
    method: &'static str,
    token: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    status: u16,
    ret: i64,
    msg: &'static str,
}

/// A request that is right, and what a row changes about it.
fn row(
    name: &'static str,
    status: u16,
    ret: i64,
    msg: &'static str,
    body: impl Into<Vec<u8>>,
) -> Row {
    let (method, token, content_type) = ("POST", TOKEN, "application/json");
    Row {
        name,
        method,
        token,
        content_type,
        body: body.into(),
        status,
        ret,
        msg,
    }
}

fn with_item(item: &str) -> String {
    format!(
        r#"{{"ts":{},"nonce":"n","data_list":[{item}]}}"#,
        now_seconds()
    )
}

fn message(members: &str) -> String {
    with_item(&format!(r#"{{"oper_id":{ACTIVE}{members}}}"#))
}

/// The members of a message that has all it must have.
const FULL: &str = r#","gid":1,"target_id":"4","scope":"channel","ext1":"youtube","ext2":"U""#;

fn listed(items: &str) -> String {
    format!(
        r#"{{"ts":{},"nonce":"n","data_list":{items}}}"#,
        now_seconds()
    )
}

fn at(ts: i64) -> String {
    format!(r#"{{"ts":{ts},"nonce":"n","data_list":[{{"oper_id":{ACTIVE}{FULL}}}]}}"#)
}

fn accepted() -> Vec<Row> {
    let good = active_message("good", 1);
    let one = listed(&format!(r#"{{"oper_id":{ACTIVE}{FULL}}}"#));
    let bearer = row("with Bearer", 200, 0, "ok", active_message("b", 1));
    vec![
        row("accepted", 200, 0, "ok", good.clone()),
        row("accepted again", 200, 0, "ok", good),
        Row {
            token: "Bearer comm-token-of-the-tests",
            ..bearer
        },
        row("one object for the list", 200, 0, "ok", one),
        row("ts in ms", 200, 0, "ok", at(now_seconds() * 1000 + 1)),
    ]
}

fn unreadable() -> Vec<Row> {
    let good = active_message("good", 1);
    let nested = format!(r#"{{"ts":1,"nonce":"n","x":{}}}"#, "[".repeat(100_000));
    let refused = |name, msg, body: &[u8]| row(name, 400, 40001, msg, body);
    vec![
        refused("no JSON", "JSON", b"ts=1&nonce=2"),
        refused("empty", "JSON", b""),
        refused("no object", "object", b"[1]"),
        refused("truncated", "", &good.as_bytes()[..good.len() - 3]),
        refused("not UTF-8", "UTF-8", b"{\"ts\":\"\xff\"}"),
        refused("nested deep and cut", "", nested.as_bytes()),
    ]
}

fn bad_fields() -> Vec<Row> {
    let (good, now) = (active_message("good", 1), now_seconds().to_string());
    let long = format!(r#","ext3":"{}""#, "长".repeat(1025));
    let refused = |name, msg, body: String| row(name, 400, 40002, msg, body);
    let no_ts = r#"{"nonce":"n","data_list":[{"oper_id":1}]}"#;
    let huge = r#"{"ts":1e400,"nonce":"n","data_list":[{"oper_id":1}]}"#;
    vec![
        refused("no ts", "ts", no_ts.to_owned()),
        refused(
            "ts as text",
            "ts: expected an integer",
            good.replace(&now, "\"1\""),
        ),
        refused("huge number", "ts", huge.to_owned()),
        refused(
            "a field twice",
            "nonce",
            good.replace("{\"ts\"", "{\"nonce\":\"n\",\"ts\""),
        ),
        refused("empty nonce", "nonce", good.replace("\"good\"", "\"\"")),
        refused(
            "gid as text",
            "data_list[0].gid: expected an integer",
            message(r#","gid":"1""#),
        ),
        refused(
            "unknown scope",
            "data_list[0].scope",
            message(r#","scope":"guild""#),
        ),
        refused("long ext", "data_list[0].ext3", message(&long)),
        refused(
            "NUL",
            "data_list[0].target_id",
            message(r#","target_id":"\u0000""#),
        ),
        refused(
            "no list",
            "data_list",
            format!(r#"{{"ts":{now},"nonce":"n"}}"#),
        ),
    ]
}

fn bad_lists_times_and_operations() -> Vec<Row> {
    let now = now_seconds();
    let eleven = listed(&format!("[{}]", ["{\"oper_id\":1}"; 11].join(",")));
    let without = message(&FULL.replace(r#","ext2":"U""#, ""));
    let other = message(&FULL.replace("youtube", "tube"));
    vec![
        row("empty list", 400, 40003, "data_list", listed("[]")),
        row("eleven items", 400, 40003, "data_list", eleven),
        row("too old", 400, 40004, "ts", at(now - 86_400 - 60)),
        row("too far ahead", 400, 40004, "ts", at(now + 660)),
        row(
            "unknown operation",
            400,
            40005,
            "data_list[0].oper_id",
            with_item("{\"oper_id\":7}"),
        ),
        row(
            "missing for the operation",
            400,
            40006,
            "data_list[0].ext2",
            without,
        ),
        row("not the value", 400, 40006, "data_list[0].ext1", other),
    ]
}

fn bad_heads() -> Vec<Row> {
    let good = active_message("good", 1);
    let refused = |name, status, ret| row(name, status, ret, "", good.clone());
    vec![
        Row {
            token: "",
            ..refused("no token", 401, 40101)
        },
        Row {
            token: "unknown",
            ..refused("unknown token", 401, 40101)
        },
        Row {
            token: "token-of-the-disabled",
            ..refused("disabled app", 401, 40101)
        },
        Row {
            method: "GET",
            ..row("wrong method", 405, 40501, "", "")
        },
        Row {
            content_type: "text/plain",
            ..refused("wrong type", 415, 41501)
        },
        row("too large", 413, 41301, "262144", vec![b' '; 300_000]),
        Row {
            token: "token-of-the-limited",
            ..refused("within the limit", 200, 0)
        },
        Row {
            token: "token-of-the-limited",
            ..refused("over the limit", 429, 42901)
        },
    ]
}

impl Row {
    fn send(&self, address: &str) -> Reply {
        let mut headers = vec![("content-type", self.content_type)];
        if !self.token.is_empty() {
            headers.push(("authorization", self.token));
        }
        Http::connect(address)
            .call(self.method, "/api/v1/CommReport", &headers, &self.body)
            .unwrap()
    }
}

#[rstest]
fn each_row_of_the_error_table(#[values(Embedded, Postgres)] kind: StoreKind) {
    let data = Data::with_app(kind);
    data.run(&[
        "app",
        "create",
        "off",
        "--comm-token",
        "token-of-the-disabled",
    ]);
    data.run(&["app", "disable", "off"]);
    data.run(&[
        "app",
        "create",
        "limited",
        "--comm-token",
        "token-of-the-limited",
    ]);
    data.run(&["app", "set", "limited", "comm.rate_limit=1"]);
    let server = data.serve();
    let rows = [
        accepted(),
        unreadable(),
        bad_fields(),
        bad_lists_times_and_operations(),
        bad_heads(),
    ];
    for row in rows.into_iter().flatten() {
        let reply = row.send(server.address());
        let told = reply.json();
        assert_eq!(
            (reply.status, told["ret"].as_i64().unwrap()),
            (row.status, row.ret),
            "{}: {told}",
            row.name
        );
        assert!(
            told["msg"].as_str().unwrap().contains(row.msg),
            "{}: {told}",
            row.name
        );
        assert_eq!(
            reply.header("content-type"),
            Some("application/json"),
            "{}",
            row.name
        );
        assert_eq!(
            reply.header("retry-after").is_some(),
            row.status == 429,
            "{}",
            row.name
        );
    }
    // Only what was accepted is counted, and that once.
    assert_eq!(server.counted(&data.key("k", "viewer"), ACTIVE), 4);
}

#[rstest]
fn a_client_reads_the_refusal_of_a_body_far_too_large(
    #[values(Embedded, Postgres)] kind: StoreKind,
) {
    let data = Data::with_app(kind);
    let server = data.serve();
    let mut http = Http::connect(server.address());
    let head = format!(
        "POST /api/v1/CommReport HTTP/1.1\r\nhost: h\r\nauthorization: {TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    http.send(head.as_bytes()).unwrap();
    let mut chunk = Vec::new();
    write!(chunk, "{:x}\r\n", 64 << 10).unwrap();
    chunk.extend(vec![b' '; 64 << 10]);
    chunk.extend(b"\r\n");
    for _ in 0..14 {
        http.send(&chunk).unwrap();
    }
    http.send(b"0\r\n\r\n").unwrap();
    let reply = http.reply().unwrap();
    assert_eq!(
        (reply.status, reply.header("connection")),
        (413, Some("close"))
    );
    assert!(http.is_cut());
}
