//! Requests: the source's example, every tolerance of `spec dialogue-report`, and every refusal.

use proptest::prelude::*;
use reportd_protocol::dialogue::{
    AesMode, Cipher, CipherSettings, Code, InfoKind, IvSetting, MAX_BODY_BYTES, Report, Request,
    content_digest, content_text, open_content, report_form, sign,
};
use rstest::rstest;
use serde_json::{Value, json};

const CONTENTS: &str = include_str!("data/dialogue/contents.jsonl");
const SEED: &str = include_str!("data/dialogue/seed-report.json");

fn cipher() -> Cipher {
    Cipher::new(&CipherSettings {
        mode: AesMode::Aes128Cbc,
        iv: IvSetting::Zero,
        key: b"0123456789abcdef",
        php_key: false,
        zero_padding: false,
    })
    .expect("a cipher")
}

/// The example of the source with one value replaced; a place that ends with `-` is removed.
fn edited(place: &str, value: Value) -> String {
    let mut report: Value = serde_json::from_str(SEED).expect("the example");
    let (parent, name) = place.rsplit_once('/').expect("a place");
    let parent = report.pointer_mut(parent).expect("a parent");
    match (name.strip_suffix('-'), parent) {
        (Some(name), Value::Object(parent)) => drop(parent.shift_remove(name)),
        (None, Value::Object(parent)) => drop(parent.insert(name.to_owned(), value)),
        _ => panic!("not in an object: {place}"),
    }
    report.to_string()
}

fn refusal(json: &str) -> String {
    Report::read(json).expect_err("refused").to_string()
}

#[test]
fn the_sign_and_content_of_each_vector_are_right() {
    for line in CONTENTS.lines() {
        let vector: Value = serde_json::from_str(line).expect("a vector");
        let text = |name: &str| vector[name].as_str().expect("a text");
        assert_eq!(sign("app001", text("content")), text("sign"), "{line}");
    }
}

#[test]
fn the_example_of_the_source_is_read() {
    let report = Report::read(SEED).expect("a report");
    assert_eq!(report.uniqid.as_deref(), Some("123"));
    assert_eq!((&*report.report_id, &*report.category), ("123212", "场景1"));
    assert_eq!(report.redirect, None);
    assert_eq!(report.timestamp_ms, 1_231_231_231_312);
    assert_eq!(report.evidence.reason.as_deref(), Some("理由"));
    assert_eq!(
        report.evidence.images,
        ["http://xxx1.jpg", "http://xxx2.jpg"]
    );
    let keys: Vec<_> = report.users.iter().map(|user| user.key.as_str()).collect();
    assert_eq!(keys, ["id_1", "id_2", "id_3"]);
    assert_eq!(report.users[0].avatar.as_deref(), Some("1"));
    let kinds: Vec<_> = report.infos.iter().map(|info| info.kind).collect();
    assert_eq!(kinds, InfoKind::ALL);
    let users: Vec<_> = report.infos.iter().map(|info| info.user).collect();
    assert_eq!(users, [0, 1, 0, 1]);
    assert_eq!(report.infos[0].time_ms, 1_451_312_321_000);
    assert!(report.infos[3].is_deleted() && !report.infos[2].is_deleted());
}

#[test]
fn every_form_of_a_request_is_read() {
    let content = content_text(SEED.as_bytes(), &cipher(), [0; 16]);
    assert!(content.contains('+') && content.contains('/'));
    let sign = sign("app001", &content);
    let plain = format!("appid=app001&sign={sign}&content={content}");
    let json = json!({"appid": "app001", "sign": sign, "content": content}).to_string();
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = [("appid", "app001"), ("sign", &sign), ("content", &content)];
    let parts: String = parts.map(|(name, value)| part(name, value)).concat();
    let multipart = format!("{parts}--b--\r\n");
    for (content_type, body) in [
        (
            "application/x-www-form-urlencoded",
            report_form("app001", &content),
        ),
        ("application/x-www-form-urlencoded", plain),
        ("application/json;charset=utf-8", json.clone()),
        ("application/x-www-form-urlencoded", json),
        ("multipart/form-data; boundary=b", multipart),
        ("", report_form("app001", &content)),
    ] {
        let request = Request::read(Some(content_type.as_bytes()), body.as_bytes());
        let request = request.expect("a request");
        assert_eq!(request.app_id, "app001");
        assert_eq!(request.check_sign(), Ok(()), "{body}");
        assert_eq!(request.open(&cipher()).as_deref(), Ok(SEED), "{body}");
    }
}

#[test]
fn base64_is_taken_as_clients_write_it() {
    use base64::Engine as _;
    let content = content_text(SEED.as_bytes(), &cipher(), [0; 16]);
    let twice = base64::engine::general_purpose::STANDARD.encode(&content);
    for content in [
        content.replace('+', " "),
        content.replace('+', "-").replace('/', "_"),
        content.trim_end_matches('=').to_owned(),
        format!("{}\r\n{}\n", &content[..76], &content[76..]),
        twice,
    ] {
        assert_eq!(open_content(&content, &cipher()).as_deref(), Ok(SEED));
    }
    for content in ["", "=", "a", "!!!!", &content[..content.len() - 8]] {
        assert!(open_content(content, &cipher()).is_err(), "{content}");
    }
}

#[rstest]
#[case("", "400: appid: missing")]
#[case("appid=&sign=1&content=1", "400: appid: missing")]
#[case("appid=a&content=1", "400: sign: missing")]
#[case("appid=a&sign=1", "400: content: missing")]
#[case(
    "appid=%f&sign=1&content=1",
    "400: appid: a cut-off percent code, or not UTF-8"
)]
#[case("{\"appid\":\"a\"", "400: body: not a JSON object")]
#[case("{\"appid\":[]}", "400: appid: expected a string, a number or a bool")]
#[case("{\"appid\":1,\"appid\":2}", "400: appid: given twice")]
fn a_request_without_its_fields_is_refused(#[case] body: &str, #[case] expected: &str) {
    let refused = Request::read(None, body.as_bytes()).expect_err("refused");
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn sign_content_and_size_have_codes_of_their_own() {
    let content = content_text(SEED.as_bytes(), &cipher(), [0; 16]);
    let form = report_form("app002", &content).replace("app002", "app001");
    let request = Request::read(None, form.as_bytes()).expect("a request");
    let code = |refusal: reportd_protocol::dialogue::Refusal| refusal.code;
    assert_eq!(request.check_sign().map_err(code), Err(Code::BadSign));
    let form = report_form("app001", "bm90IGVuY3J5cHRlZA==");
    let request = Request::read(None, form.as_bytes()).expect("a request");
    assert_eq!(
        request.open(&cipher()).map_err(code),
        Err(Code::CannotDecrypt)
    );
    let body = vec![b'a'; MAX_BODY_BYTES + 1];
    assert_eq!(
        Request::read(None, &body).map_err(code),
        Err(Code::TooLarge)
    );
}

#[rstest]
#[case("/report_id", json!(123), "report_id")]
#[case("/timestamp", json!("1231231231312"), "a time as text")]
#[case("/timestamp", json!(1_231_231_231), "a time of 10 digits")]
#[case("/report_evidence", json!([]), "an empty object as a list")]
#[case("/report_evidence-", json!(null), "no evidence")]
#[case("/report_evidence/images", json!({"0": "a", "2": "b"}), "a list with a gap")]
#[case("/redirect", json!(""), "an empty redirect")]
#[case("/report_info/users/id_1", json!([]), "a user without anything")]
#[case("/report_info/users/id_1/name", json!(7), "a number as name")]
#[case("/users", json!([{}, {"name": "a"}, {"name": "b"}]), "users as a list, at the top level")]
#[case("/infos", json!([{"id": "id_1", "type": "text", "content": 5, "time": "1451312321",
    "tag": "del"}]), "infos at the top level, an id with prefix, a number as content")]
#[case("/unknown", json!([[[[{"a": [1]}]]]]), "an unknown field")]
fn what_php_writes_is_tolerated(#[case] place: &str, #[case] value: Value, #[case] what: &str) {
    let json = edited(place, value);
    assert!(Report::read(&json).is_ok(), "{what}: {}", refusal(&json));
}

#[rstest]
#[case("/report_id-", json!(null), "400: report_id: missing")]
#[case("/report_id", json!(""), "400: report_id: empty")]
#[case("/report_id", json!([]), "400: report_id: expected a string, a number or a bool")]
#[case("/report_id", json!("\0"), "400: report_id: holds the character U+0000")]
#[case("/category-", json!(null), "400: category: missing")]
#[case("/timestamp-", json!(null), "400: timestamp: missing")]
#[case("/timestamp", json!(12_345), "400: timestamp: expected a time of 10 or 13 digits")]
#[case("/timestamp", json!("-231231231312"), "400: timestamp: expected a time of 10 or 13 digits")]
#[case("/report_evidence", json!("a"), "400: report_evidence: expected an object")]
#[case("/report_evidence/images", json!("a"), "400: report_evidence.images: expected an object or a list")]
#[case("/report_info-", json!(null), "400: users: missing")]
#[case("/report_info/infos-", json!(null), "400: infos: missing")]
#[case("/report_info/users", json!([]), "400: report_info.users: empty")]
#[case("/report_info/infos", json!([]), "400: report_info.infos: empty")]
#[case("/report_info/users/id_2", json!(1), "400: report_info.users[1]: expected an object")]
#[case("/report_info/users/id_2/sex", json!({}), "400: report_info.users[1].sex: expected a string, a number or a bool")]
#[case("/infos", json!([{"id": "9"}]), "400: infos[0].id: names no user")]
#[case("/infos", json!([1]), "400: infos[0]: expected an object")]
#[case("/infos", json!([{"id": "1", "type": "Text"}]), "400: infos[0].type: expected text, image, audio or video")]
#[case("/infos", json!([{"id": 1, "type": "text"}]), "400: infos[0].content: missing")]
#[case("/infos", json!([{"id": 1, "type": "text", "content": "a"}]), "400: infos[0].time: missing")]
fn what_is_malformed_is_named(#[case] place: &str, #[case] value: Value, #[case] expected: &str) {
    assert_eq!(refusal(&edited(place, value)), expected);
}

#[test]
fn fifty_infos_are_taken_and_one_more_is_not() {
    let info = json!({"id": "1", "type": "text", "content": "a", "time": 1_451_312_321});
    let infos = |count| edited("/report_info/infos", vec![info.clone(); count].into());
    assert_eq!(Report::read(&infos(50)).expect("a report").infos.len(), 50);
    assert_eq!(
        refusal(&infos(51)),
        "413: more than 50 infos, or over 2 MiB"
    );
}

#[test]
fn nested_bombs_cost_no_stack() {
    let bomb = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for name in [
        "users",
        "infos",
        "report_evidence",
        "report_id",
        "x",
        "report_info",
    ] {
        let json = SEED.replacen('{', &format!("{{\"{name}\":{bomb},"), 1);
        let _ = Report::read(&json);
        assert!(content_digest(&json).is_some());
    }
}

#[test]
fn the_window_has_two_sides() {
    let report = Report::read(SEED).expect("a report");
    let sent_ms = report.timestamp_ms;
    for (now_ms, is_within) in [
        (-600_000, true),
        (600_000, true),
        (-600_001, false),
        (600_001, false),
    ] {
        let checked = report.check_window(sent_ms + now_ms, 600_000);
        assert_eq!(checked.is_ok(), is_within, "{now_ms}");
    }
}

#[test]
fn a_report_sent_again_has_the_same_digest() {
    let digest = content_digest(SEED).expect("a digest");
    assert_eq!(
        content_digest(&edited("/timestamp", json!(1_231_231_231_313_i64))),
        content_digest(&edited("/timestamp", json!(1)))
    );
    assert_ne!(
        content_digest(&edited("/category", json!("other"))),
        Some(digest)
    );
    assert_eq!(
        content_digest("{\"a\":1,\"b\":2}"),
        content_digest(" {\"b\":2, \"timestamp\":1, \"a\":1} ")
    );
    assert_eq!(content_digest("[]"), None);
}

#[test]
fn what_a_client_writes_reads_back() {
    let report = Report::read(SEED).expect("a report");
    let written = report.write();
    assert_eq!(Report::read(&written).as_ref(), Ok(&report));
}

proptest! {
    #[test]
    fn no_body_is_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200), place in 0..400_usize, byte in any::<u8>()) {
        let _ = Request::read(None, &body);
        let mut mutated = SEED.as_bytes().to_vec();
        mutated[place] = byte;
        if let Ok(json) = str::from_utf8(&mutated) {
            let _ = Report::read(json);
        }
    }
}
