//! Each row of the error table, in one table (spec comm-report, Reply).

use std::io::Write;

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

fn rows() -> Vec<Row> {
    let good = active_message("good", 1);
    let now = now_seconds();
    let full = r#","gid":1,"target_id":"4","scope":"channel","ext1":"youtube","ext2":"U""#;
    let nested = format!(r#"{{"ts":{now},"nonce":"n","x":{}}}"#, "[".repeat(100_000));
    let listed = |items: &str| format!(r#"{{"ts":{now},"nonce":"n","data_list":{items}}}"#);
    let at = |ts: i64| {
        format!(r#"{{"ts":{ts},"nonce":"n","data_list":[{{"oper_id":{ACTIVE}{full}}}]}}"#)
    };
    let eleven = format!("[{}]", vec!["{\"oper_id\":1}"; 11].join(","));
    vec![
        row("accepted", 200, 0, "ok", good.clone()),
        row("accepted again", 200, 0, "ok", good.clone()),
        Row {
            token: "Bearer comm-token-of-the-tests",
            ..row("with Bearer", 200, 0, "ok", active_message("b", 1))
        },
        row(
            "one object for the list",
            200,
            0,
            "ok",
            listed(&format!(r#"{{"oper_id":{ACTIVE}{full}}}"#)),
        ),
        row("ts in ms", 200, 0, "ok", at(now * 1000 + 1)),
        row("no JSON", 400, 40001, "JSON", "ts=1&nonce=2"),
        row("empty", 400, 40001, "JSON", ""),
        row("no object", 400, 40001, "object", "[1]"),
        row(
            "truncated",
            400,
            40001,
            "",
            good[..good.len() - 3].to_owned(),
        ),
        row(
            "not UTF-8",
            400,
            40001,
            "UTF-8",
            b"{\"ts\":\"\xff\"}".to_vec(),
        ),
        row("nested deep and cut", 400, 40001, "", nested),
        row(
            "no ts",
            400,
            40002,
            "ts",
            r#"{"nonce":"n","data_list":[{"oper_id":1}]}"#,
        ),
        row(
            "ts as text",
            400,
            40002,
            "ts: expected an integer",
            good.replace(&now.to_string(), "\"1\""),
        ),
        row(
            "huge number",
            400,
            40002,
            "ts",
            r#"{"ts":1e400,"nonce":"n","data_list":[{"oper_id":1}]}"#,
        ),
        row(
            "a field twice",
            400,
            40002,
            "nonce",
            good.replace("{\"ts\"", "{\"nonce\":\"n\",\"ts\""),
        ),
        row(
            "empty nonce",
            400,
            40002,
            "nonce",
            good.replace("\"good\"", "\"\""),
        ),
        row(
            "gid as text",
            400,
            40002,
            "data_list[0].gid: expected an integer",
            message(r#","gid":"1""#),
        ),
        row(
            "unknown scope",
            400,
            40002,
            "data_list[0].scope",
            message(r#","scope":"guild""#),
        ),
        row(
            "long ext",
            400,
            40002,
            "data_list[0].ext3",
            message(&format!(r#","ext3":"{}""#, "长".repeat(1025))),
        ),
        row(
            "no list",
            400,
            40002,
            "data_list",
            format!(r#"{{"ts":{now},"nonce":"n"}}"#),
        ),
        row("empty list", 400, 40003, "data_list", listed("[]")),
        row("eleven items", 400, 40003, "data_list", eleven.as_str()).listed(now),
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
            message(&full.replace(r#","ext2":"U""#, "")),
        ),
        row(
            "not the value",
            400,
            40006,
            "data_list[0].ext1",
            message(&full.replace("youtube", "tube")),
        ),
        Row {
            token: "",
            ..row("no token", 401, 40101, "", good.clone())
        },
        Row {
            token: "unknown",
            ..row("unknown token", 401, 40101, "", good.clone())
        },
        Row {
            token: "token-of-the-disabled",
            ..row("disabled app", 401, 40101, "", good.clone())
        },
        Row {
            method: "GET",
            ..row("wrong method", 405, 40501, "", "")
        },
        Row {
            content_type: "text/plain",
            ..row("wrong type", 415, 41501, "", good.clone())
        },
        row("too large", 413, 41301, "262144", vec![b' '; 300_000]),
        Row {
            token: "token-of-the-limited",
            ..row("within the limit", 200, 0, "ok", good.clone())
        },
        Row {
            token: "token-of-the-limited",
            ..row("over the limit", 429, 42901, "", good)
        },
    ]
}

impl Row {
    /// Puts the list, which is the body so far, into an envelope.
    fn listed(self, ts: i64) -> Self {
        let list = String::from_utf8(self.body.clone()).unwrap();
        Self {
            body: format!(r#"{{"ts":{ts},"nonce":"n","data_list":{list}}}"#).into_bytes(),
            ..self
        }
    }

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

#[test]
fn each_row_of_the_error_table() {
    let data = Data::with_app();
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
    for row in rows() {
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

#[test]
fn a_client_reads_the_refusal_of_a_body_far_too_large() {
    let data = Data::with_app();
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
