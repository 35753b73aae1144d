//! Auth, paths and queries: what real clients send, as data, and each refusal of `spec push-report`.

use reportd_protocol::push::{
    AuthRequest, Code, Date, GroupQuery, Refusal, TaskQuery, auth_request, group_name, is_app_id,
    task_ids, wants_brands,
};
use rstest::rstest;
use serde::Deserialize;

const NOW_MS: i64 = 1_763_700_000_000;
const SIGN: &str = "0486699931cc62a582148560efee5b98b12e6bfb962a98588691fa4fd14ccdb5";

#[derive(Deserialize)]
struct AuthCase {
    name: String,
    body: String,
}

#[derive(Deserialize)]
struct PathCase {
    name: String,
    segment: String,
    ids: Vec<String>,
}

fn lines<T: for<'a> Deserialize<'a>>(text: &str) -> impl Iterator<Item = T> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case"))
}

fn check(body: &[u8], now_ms: i64) -> Result<(), Refusal> {
    let request = AuthRequest::parse(body)?;
    request.check_app_key("appkey1")?;
    request.check_time(now_ms)?;
    request.check_sign(["older", "secret1"])
}

fn shown<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    let refusal = result.expect_err("must be refused");
    refusal.to_string()
}

fn today() -> Date {
    Date::parse("2026-11-22").expect("a day")
}

#[test]
fn each_code_leads_back_and_has_the_status_of_the_table() {
    let table: Vec<(u16, i64)> = Code::ALL
        .into_iter()
        .map(|code| (code.http_status(), code.code()))
        .collect();
    assert_eq!(
        table,
        [
            (200, 0),
            (200, 1),
            (400, 20001),
            (401, 10001),
            (401, 10003),
            (401, 10005),
            (403, 30017),
            (403, 30023),
            (404, 404),
            (405, 405),
            (503, 2),
        ]
    );
    for code in Code::ALL {
        assert_eq!(Code::from_code(code.code()), Some(code));
    }
}

#[test]
fn a_refusal_has_an_object_as_data() {
    let reply = Refusal::from(Code::NotJson).reply();
    assert_eq!(reply, br#"{"code":1,"msg":"body is not JSON","data":{}}"#);
}

#[test]
fn recorded_auth_requests_are_accepted() {
    for AuthCase { name, body } in lines(include_str!("data/push/auth-accepted.jsonl")) {
        assert_eq!(check(body.as_bytes(), NOW_MS), Ok(()), "{name}");
    }
    let built = auth_request("appkey1", "secret1", NOW_MS);
    assert_eq!(check(&built, NOW_MS), Ok(()));
}

#[test]
fn an_auth_request_is_in_time_within_ten_minutes() {
    let body = auth_request("appkey1", "secret1", NOW_MS);
    for now_ms in [NOW_MS - 600_000, NOW_MS + 600_000] {
        assert_eq!(check(&body, now_ms), Ok(()));
    }
    for now_ms in [NOW_MS - 600_001, NOW_MS + 600_001, i64::MIN, i64::MAX] {
        assert_eq!(shown(check(&body, now_ms)), "20001: timestamp is invalid");
    }
}

#[test]
fn the_sign_and_the_key_must_be_the_apps() {
    let body = auth_request("appkey1", "another secret", NOW_MS);
    assert_eq!(shown(check(&body, NOW_MS)), "20001: sign is invalid");
    let body = auth_request("appkey2", "secret1", NOW_MS);
    assert_eq!(shown(check(&body, NOW_MS)), "20001: appkey is invalid");
    let upper = SIGN.to_uppercase();
    let body = format!(r#"{{"sign":"{upper}","timestamp":{NOW_MS},"appkey":"appkey1"}}"#);
    assert_eq!(
        shown(check(body.as_bytes(), NOW_MS)),
        "20001: sign is invalid"
    );
}

#[rstest]
#[case("", "1: body is not JSON")]
#[case("sign=1", "1: body is not JSON")]
#[case("{\"sign\":", "1: body is not JSON")]
#[case("null", "20001: body type error")]
#[case("[]", "20001: body type error")]
#[case("{}", "20001: sign can not be empty")]
#[case(r#"{"sign":null}"#, "20001: sign can not be empty")]
#[case(r#"{"sign":""}"#, "20001: sign can not be empty")]
#[case(r#"{"sign":7}"#, "20001: sign type error")]
#[case(r#"{"sign":"ab"}"#, "20001: sign is invalid")]
#[case(r#"{"sign":"ab","sign":"ab"}"#, "20001: sign is invalid")]
fn an_auth_body_that_is_refused(#[case] body: &str, #[case] expected: &str) {
    assert_eq!(shown(AuthRequest::parse(body.as_bytes())), expected);
}

#[rstest]
#[case("null", "timestamp can not be empty")]
#[case("\"\"", "timestamp can not be empty")]
#[case("true", "timestamp type error")]
#[case("[]", "timestamp type error")]
#[case("1763700000", "timestamp is invalid")]
#[case("1763700000000.0", "timestamp is invalid")]
#[case("\"+763700000000\"", "timestamp is invalid")]
#[case("17637000000000", "timestamp is invalid")]
#[case("\"111111111111111111111111111111111\"", "timestamp size over limit")]
fn a_timestamp_that_is_refused(#[case] timestamp: &str, #[case] expected: &str) {
    let body = format!(r#"{{"sign":"{SIGN}","timestamp":{timestamp},"appkey":"k"}}"#);
    let expected = format!("20001: {expected}");
    assert_eq!(shown(AuthRequest::parse(body.as_bytes())), expected);
}

#[test]
fn an_appkey_is_bounded() {
    let parse = |appkey: &str| {
        let body = format!(r#"{{"sign":"{SIGN}","timestamp":{NOW_MS},"appkey":"{appkey}"}}"#);
        AuthRequest::parse(body.as_bytes()).map(|request| request.appkey.len())
    };
    assert_eq!(parse(&"k".repeat(128)), Ok(128));
    assert_eq!(
        shown(parse(&"k".repeat(129))),
        "20001: appkey size over limit"
    );
    assert_eq!(shown(parse("")), "20001: appkey can not be empty");
}

#[test]
fn app_ids() {
    for id in ["a", "A-b_9", &"x".repeat(64)] {
        assert!(is_app_id(id), "{id}");
    }
    for id in ["", "a.b", "a b", "油", "a%2C", &"x".repeat(65)] {
        assert!(!is_app_id(id), "{id}");
    }
}

#[test]
fn recorded_task_ids_are_parted() {
    for case in lines::<PathCase>(include_str!("data/push/path-accepted.jsonl")) {
        assert_eq!(task_ids(&case.segment), Ok(case.ids), "{}", case.name);
    }
}

#[test]
fn at_most_200_task_ids_without_blanks_and_repeats() {
    let ids = |count: usize| {
        (0..count)
            .map(|id| format!("t{id},,t0"))
            .collect::<Vec<_>>()
    };
    assert_eq!(task_ids(&ids(200).join(",")).unwrap().len(), 200);
    let refusal = shown(task_ids(&ids(201).join("%2c")));
    assert_eq!(refusal, "20001: taskid size over limit");
}

#[rstest]
#[case("", "can not be empty")]
#[case(",%20,%2C", "can not be empty")]
#[case("a%2", "is invalid")]
#[case("a%zz", "is invalid")]
#[case("%ff", "is invalid")]
fn task_ids_that_are_refused(#[case] segment: &str, #[case] expected: &str) {
    assert_eq!(
        shown(task_ids(segment)),
        format!("20001: taskid {expected}")
    );
}

#[test]
fn an_id_that_no_task_can_have_is_unknown() {
    let segment = format!("a%00,{},b%0Ac", "x".repeat(129));
    assert_eq!(task_ids(&segment), Ok(Vec::new()));
}

#[test]
fn group_names_have_at_most_100_characters() {
    assert_eq!(group_name("%E5%8f%8c11+1%2C").unwrap(), "双11+1,");
    let long = "%e6%b2%b9".repeat(100);
    assert_eq!(group_name(&long).unwrap().chars().count(), 100);
    for (segment, expected) in [
        (long + "x", "size over limit"),
        (String::new(), "can not be empty"),
        ("%e6%b2".to_owned(), "is invalid"),
        ("%00".to_owned(), "is invalid"),
    ] {
        let expected = format!("20001: group_name {expected}");
        assert_eq!(shown(group_name(&segment)), expected, "{segment}");
    }
}

#[test]
fn booleans_are_read_in_any_case() {
    for (query, expected) in [
        (None, false),
        (Some(""), false),
        (Some("x=1&needGetuiByBrand=TRUE"), true),
        (Some("needGetuiByBrand=False"), false),
        (Some("needGetuiByBrand=tru%65"), true),
        (Some("needGetuiByBrand=false&needGetuiByBrand=true"), true),
    ] {
        assert_eq!(wants_brands(query), Ok(expected), "{query:?}");
    }
    for (value, expected) in [
        ("1", "is invalid"),
        ("yes", "is invalid"),
        ("%", "is invalid"),
        ("", "can not be empty"),
    ] {
        let query = format!("needGetuiByBrand={value}");
        let expected = format!("20001: needGetuiByBrand {expected}");
        assert_eq!(shown(TaskQuery::parse(Some(&query))), expected);
        assert_eq!(shown(GroupQuery::parse(Some(&query), today())), expected);
    }
}

#[test]
fn action_lists() {
    let actions = |query: &str| TaskQuery::parse(Some(query)).map(|query| query.actions);
    assert_eq!(
        actions("actionIdList=90001,%20b+c+,,b%20c%2C90001").unwrap(),
        ["90001", "b c"]
    );
    assert_eq!(
        actions("actionIdList=a&v=2&actionIdList=b").unwrap(),
        ["a", "b"]
    );
    assert_eq!(actions("actionIdList=").unwrap(), [""; 0]);
    let list = |count| (0..count).map(|id| format!("{id},")).collect::<String>();
    assert_eq!(
        actions(&format!("actionIdList={}", list(200)))
            .unwrap()
            .len(),
        200
    );
    for (value, expected) in [
        (list(201), "size over limit"),
        ("x".repeat(65), "size over limit"),
        ("a%00".to_owned(), "is invalid"),
        ("a%f".to_owned(), "is invalid"),
    ] {
        let refusal = shown(actions(&format!("actionIdList={value}")));
        assert_eq!(refusal, format!("20001: actionIdList {expected}"));
    }
}

#[test]
fn a_group_is_served_for_tasks_of_the_last_70_days() {
    let days = |query| {
        let read = GroupQuery::parse(query, today()).unwrap();
        format!("{} {}", read.start, read.end)
    };
    assert_eq!(days(None), "2026-09-13 2026-11-22");
    assert_eq!(days(Some("startDate=2026-09-13")), "2026-09-13 2026-11-22");
    assert_eq!(days(Some("endDate=2026-09-13")), "2026-09-13 2026-09-13");
    let same_day = "startDate=2026-11-20&endDate=2026-11-20&needGetuiByBrand=true";
    assert_eq!(days(Some(same_day)), "2026-11-20 2026-11-20");
    let later = "startDate=2026-11-23&endDate=2027-01-01";
    assert_eq!(days(Some(later)), "2026-11-23 2027-01-01");
}

#[rstest]
#[case("startDate=2026-09-12", "startDate is invalid")]
#[case("startDate=2026-11-23", "startDate is invalid")]
#[case("startDate=2026-11-21&endDate=2026-11-20", "startDate is invalid")]
#[case("startDate=2026-02-30", "startDate is invalid")]
#[case("startDate=2026-11-20T00", "startDate is invalid")]
#[case("startDate=", "startDate can not be empty")]
#[case("endDate=2026-09-12", "endDate is invalid")]
#[case("endDate=2026-11-31", "endDate is invalid")]
#[case("endDate", "endDate can not be empty")]
fn windows_that_are_refused(#[case] query: &str, #[case] expected: &str) {
    let refusal = shown(GroupQuery::parse(Some(query), today()));
    assert_eq!(refusal, format!("20001: {expected}"));
}
