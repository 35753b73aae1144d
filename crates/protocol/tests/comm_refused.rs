//! The error table of `spec comm-report`, row by row as far as the protocol alone decides.

use reportd_protocol::comm::{Refusal, Report, Ret, check_window, parse, standard_operations};
use rstest::rstest;

fn refusal(body: impl AsRef<[u8]>) -> (i64, String) {
    let Refusal { ret, msg } = parse(body.as_ref()).expect_err("must be refused");
    assert_eq!((ret.http_status(), ret.retryable()), (400, false));
    (ret.code(), msg)
}

/// A request with this list, right in all else.
fn with_list(list: &str) -> String {
    format!(r#"{{"ts":1763700000,"nonce":"n","data_list":{list}}}"#)
}

/// A request whose second item has these fields as well, and is right in all else.
fn with_fields(fields: &str) -> String {
    with_list(&format!(r#"[{{"oper_id":1}},{{"oper_id":1,{fields}}}]"#))
}

#[rstest]
#[case::empty("", "not JSON: EOF while parsing a value at line 1 column 0")]
#[case::cut_off("{\"ts\":1,", "not JSON: EOF while parsing a value at line 1 column 8")]
#[case::text("hello", "not JSON: expected value at line 1 column 1")]
#[case::trailing("{}\n {}", "not JSON: trailing characters at line 2 column 2")]
#[case::byte_order_mark("\u{feff}{}", "not JSON: expected value at line 1 column 1")]
#[case::list("[]", "not a JSON object at line 1 column 0")]
#[case::string("\"ts\"", "not a JSON object at line 1 column 4")]
#[case::null("null", "not a JSON object at line 1 column 4")]
fn row_40001_not_json_or_not_an_object(#[case] body: &str, #[case] msg: &str) {
    assert_eq!(refusal(body), (40001, msg.to_owned()));
}

#[test]
fn row_40001_not_utf8() {
    assert_eq!(
        refusal(b"{\"ts\":\"\xff\"}"),
        (40001, "not UTF-8 at byte 7".to_owned())
    );
}

#[rstest]
#[case(r#"{}"#, "ts: missing")]
#[case(r#"{"ts":null}"#, "ts: missing")]
#[case(r#"{"ts":"1"}"#, "ts: expected an integer")]
#[case(r#"{"ts":1.5}"#, "ts: expected an integer")]
#[case(r#"{"ts":-1}"#, "ts: out of range")]
#[case(r#"{"ts":9223372036854775808}"#, "ts: out of range")]
#[case(r#"{"ts":1}"#, "nonce: missing")]
#[case(r#"{"ts":1,"nonce":0}"#, "nonce: expected a string")]
#[case(r#"{"ts":1,"nonce":""}"#, "nonce: empty")]
#[case(r#"{"ts":1,"nonce":"n"}"#, "data_list: missing")]
#[case(r#"{"ts":1,"nonce":"n","ts":1}"#, "ts: given twice")]
fn row_40002_envelope(#[case] body: &str, #[case] msg: &str) {
    assert_eq!(refusal(body), (40002, msg.to_owned()));
}

#[test]
fn row_40002_nonce_has_at_most_128_characters() {
    let body = |chars| {
        format!(
            r#"{{"ts":1,"nonce":"{}","data_list":{{"oper_id":1}}}}"#,
            "随".repeat(chars)
        )
    };
    assert!(parse(body(128).as_bytes()).is_ok());
    assert_eq!(
        refusal(body(129)),
        (40002, "nonce: longer than 128 characters".to_owned())
    );
}

#[rstest]
#[case("null", "data_list: missing")]
#[case("\"[]\"", "data_list: expected a list of objects")]
#[case("7", "data_list: expected a list of objects")]
#[case("[7]", "data_list[0]: expected an object")]
#[case("[{\"oper_id\":1},null]", "data_list[1]: expected an object")]
#[case("[{\"oper_id\":1},[{}]]", "data_list[1]: expected an object")]
#[case("[[[]],7]", "data_list[0]: expected an object")]
#[case(
    r#"[{"\ud800":1}]"#,
    "data_list[0]: not readable: an invalid escape, a number out of range, or nested too deeply"
)]
#[case(
    "[1e999]",
    "data_list[0]: not readable: an invalid escape, a number out of range, or nested too deeply"
)]
#[case("[{}]", "data_list[0].oper_id: missing")]
#[case("{}", "data_list[0].oper_id: missing")]
#[case("[{\"oper_id\":\"1\"}]", "data_list[0].oper_id: expected an integer")]
fn row_40002_list_and_oper_id(#[case] list: &str, #[case] msg: &str) {
    assert_eq!(refusal(with_list(list)), (40002, msg.to_owned()));
}

#[rstest]
#[case(r#""gid":"5""#, "gid: expected an integer")]
#[case(r#""gid":1e3"#, "gid: expected an integer")]
#[case(r#""gid":-9223372036854775809"#, "gid: out of range")]
#[case(r#""gid":1,"gid":1"#, "gid: given twice")]
#[case(r#""gid":null,"gid":null"#, "gid: given twice")]
#[case(r#""target_id":5"#, "target_id: expected a string")]
#[case(
    r#""target_id":"\ud800""#,
    "target_id: not readable: an invalid escape, a number out of range, or nested too deeply"
)]
#[case(r#""scope":"group""#, "scope: expected \"channel\" or \"private\"")]
#[case(r#""scope":"""#, "scope: expected \"channel\" or \"private\"")]
#[case(r#""scope":1"#, "scope: expected \"channel\" or \"private\"")]
#[case(
    r#""to_uid":true"#,
    "to_uid: expected an integer, a string, an array or an object"
)]
#[case(
    r#""to_uid":1.5"#,
    "to_uid: expected an integer, a string, an array or an object"
)]
#[case(r#""to_uid":99999999999999999999"#, "to_uid: out of range")]
#[case(
    r#""to_uid":["\ud800"]"#,
    "to_uid: not readable: an invalid escape, a number out of range, or nested too deeply"
)]
#[case(r#""ext1":{}"#, "ext1: expected a string, a number or a bool")]
#[case(r#""ext10":[]"#, "ext10: expected a string, a number or a bool")]
fn row_40002_other_fields_of_an_item(#[case] fields: &str, #[case] msg: &str) {
    assert_eq!(
        refusal(with_fields(fields)),
        (40002, format!("data_list[1].{msg}"))
    );
}

#[rstest]
#[case("target_id")]
#[case("to_uid")]
#[case("ext1")]
#[case("ext10")]
fn row_40002_texts_have_at_most_1024_characters(#[case] name: &str) {
    let most = 1024;
    let body = |chars: usize| with_fields(&format!(r#""{name}":"{}""#, "字".repeat(chars)));
    assert!(parse(body(most).as_bytes()).is_ok());
    assert_eq!(
        refusal(body(most + 1)),
        (
            40002,
            format!("data_list[1].{name}: longer than 1024 characters")
        )
    );
}

#[rstest]
#[case(0)]
#[case(11)]
#[case(5000)]
fn row_40003_list_of_1_to_10_items(#[case] count: usize) {
    let list = format!("[{}]", vec![r#"{"oper_id":1}"#; count].join(","));
    assert_eq!(
        refusal(with_list(&list)),
        (40003, format!("data_list: {count} items, expected 1 to 10"))
    );
}

#[test]
fn row_40004_ts_outside_the_window() {
    let refusal = check_window(0, 3_600_000, 60_000, 0).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "40004: ts: 3540 s too old; accepted from 60 s ago to 0 s ahead"
    );
    assert_eq!(refusal.ret.http_status(), 400);
}

#[test]
fn row_40005_names_the_operation() {
    let refusal = Refusal::unknown_operation(2, 77);
    assert_eq!(
        refusal.to_string(),
        "40005: data_list[2].oper_id: 77 is not registered for this app"
    );
}

#[rstest]
#[case(0, r#""ext1":"1""#, "gid: required")]
#[case(0, r#""gid":1"#, "ext1: required")]
#[case(0, r#""gid":1,"ext1":"""#, "ext1: required")]
#[case(0, r#""gid":1,"ext1":"-1""#, "ext1: must be a non-negative integer")]
#[case(0, r#""gid":1,"ext1":1.0"#, "ext1: must be a non-negative integer")]
#[case(1, r#""gid":1,"ext1":"youtube","ext2":"x""#, "target_id: required")]
#[case(
    1,
    r#""gid":1,"target_id":"t","scope":"private","ext1":"youtube","ext2":"x""#,
    "scope: must be \"channel\""
)]
#[case(
    1,
    r#""gid":1,"target_id":"t","ext1":"bilibili","ext2":"x""#,
    "ext1: must be \"youtube\""
)]
#[case(1, r#""gid":1,"target_id":"t","ext1":"youtube""#, "ext2: required")]
#[case(
    2,
    r#""gid":1,"target_id":"t","ext1":"youtube","ext2":"x""#,
    "to_uid: required"
)]
#[case(
    2,
    r#""gid":1,"target_id":"t","ext1":"youtube","ext2":"x","to_uid":"""#,
    "to_uid: required"
)]
fn row_40006_operation_requires(
    #[case] operation: usize,
    #[case] fields: &str,
    #[case] problem: &str,
) {
    let operation = &standard_operations()[operation];
    let body = with_fields(fields);
    let Report { items, .. } = parse(body.as_bytes()).unwrap();
    let refusal = operation.check(&items[1], 1).unwrap_err();
    assert_eq!(refusal.ret, Ret::RequirementUnmet);
    assert_eq!(
        refusal.msg,
        format!("data_list[1].{problem} for operation {}", operation.oper_id)
    );
}

#[rstest]
#[case(Ret::Unauthorized, 401, 40101, false)]
#[case(Ret::MethodNotAllowed, 405, 40501, false)]
#[case(Ret::UnsupportedMediaType, 415, 41501, false)]
#[case(Ret::BodyTooLarge, 413, 41301, false)]
#[case(Ret::RateLimited, 429, 42901, true)]
#[case(Ret::Unavailable, 503, 50301, true)]
fn rows_that_the_server_decides(
    #[case] ret: Ret,
    #[case] http: u16,
    #[case] code: i64,
    #[case] retryable: bool,
) {
    assert_eq!(
        (ret.http_status(), ret.code(), ret.retryable()),
        (http, code, retryable)
    );
    let reply = Refusal::from(ret).reply();
    assert_eq!((reply.ret, reply.msg.as_str()), (code, ret.default_msg()));
}

/// An attacker's favourite: the stack must not follow the nesting, wherever it stands.
#[rstest]
#[case::unknown_field(r#""x":"#, None)]
#[case::target_id(r#""target_id":"#, Some(40002))]
#[case::ext(r#""ext1":"#, Some(40002))]
#[case::to_uid(r#""to_uid":"#, Some(40002))]
fn deep_nesting_is_skipped_without_recursion(#[case] field: &str, #[case] ret: Option<i64>) {
    let depth = 100_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let body = with_fields(&format!("{field}{nested}"));
    assert_eq!(
        parse(body.as_bytes())
            .err()
            .map(|refusal| refusal.ret.code()),
        ret
    );
}

#[test]
fn deep_nesting_that_does_not_end_is_not_json() {
    let open = "[".repeat(200_000);
    assert_eq!(refusal(&open).0, 40001);
    assert_eq!(refusal(format!("{{\"x\":{open}")).0, 40001);
    assert_eq!(refusal(with_fields(&format!("\"x\":{open}"))).0, 40001);
    assert_eq!(refusal(with_list(&open)).0, 40001);
    let objects = "{\"a\":".repeat(40_000);
    assert_eq!(refusal(&objects).0, 40001);
}

/// Within its length a `to_uid` may still nest deeper than readers of JSON bear.
#[test]
fn a_to_uid_that_could_not_be_read_again_is_refused() {
    let nested = format!("\"to_uid\":{}{}", "[".repeat(500), "]".repeat(500));
    assert!(
        refusal(with_fields(&nested))
            .1
            .starts_with("data_list[1].to_uid: not readable")
    );
}
