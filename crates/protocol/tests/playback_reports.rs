//! Reports of both endpoints, kept as data: those of the seed, what known clients make of them, and
//! what is refused.

use reportd_protocol::playback::{
    Beat, Code, Endpoint, Form, MAX_BODY_BYTES, MAX_FIELDS, MAX_QUERY_BYTES, Position, Refusal,
    Sent,
};
use serde::Deserialize;

const ACCEPTED: &str = include_str!("data/playback/reports-accepted.jsonl");
const REFUSED: &str = include_str!("data/playback/reports-refused.jsonl");

/// A request. A `content_type` that is absent is that of urlencoded forms, `null` is none.
#[derive(Deserialize)]
struct Case {
    name: String,
    endpoint: String,
    query: Option<String>,
    #[serde(default = "urlencoded")]
    content_type: Option<String>,
    body: String,
    #[serde(default)]
    beat: Expected,
    #[serde(default)]
    reason: String,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde takes it in place of the field's value"
)]
fn urlencoded() -> Option<String> {
    Some("application/x-www-form-urlencoded".to_owned())
}

/// A beat in numbers; what is absent is what a beat has where nothing was sent.
#[derive(Deserialize, Default, Debug, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Expected {
    aid: i64,
    cid: i64,
    position: i64,
    play_type: u8,
    session: Option<String>,
    platform: Option<String>,
    r#type: Option<u8>,
    sub_type: Option<u8>,
    dt: Option<u8>,
    epid: Option<i64>,
    sid: Option<i64>,
    duration: Option<u32>,
    realtime: Option<u32>,
    real_played: Option<u32>,
    start_ts: Option<i64>,
    last: Option<i64>,
    max: Option<i64>,
    ignored: u8,
}

impl From<Beat<'_>> for Expected {
    fn from(beat: Beat<'_>) -> Self {
        Self {
            aid: beat.aid,
            cid: beat.cid,
            position: beat.position.wire(),
            play_type: beat.play_type.number(),
            session: beat.session.map(Into::into),
            platform: beat.platform.map(Into::into),
            r#type: beat.video_type.map(|kind| kind.number()),
            sub_type: beat.season_type.map(|kind| kind.number()),
            dt: beat.device.map(|device| device.number()),
            epid: beat.episode_id,
            sid: beat.season_id,
            duration: beat.duration_s,
            realtime: beat.realtime_s,
            real_played: beat.real_played_s,
            start_ts: beat.start_ts,
            last: beat.last_progress.map(Position::wire),
            max: beat.max_progress.map(Position::wire),
            ignored: beat.ignored_values,
        }
    }
}

impl Case {
    fn read(&self) -> Result<Expected, Refusal> {
        let form = Form::read(&Sent {
            query: self.query.as_deref(),
            content_type: self.content_type.as_deref().map(str::as_bytes),
            body: self.body.as_bytes(),
        })?;
        let beat = match self.endpoint.as_str() {
            "history" => Beat::history_report(&form),
            "heartbeat" => Beat::heartbeat(&form),
            other => panic!("no such endpoint: {other}"),
        };
        beat.map(Expected::from)
    }
}

fn cases(lines: &str) -> impl Iterator<Item = Case> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is a case"))
}

#[test]
fn recorded_reports_are_accepted() {
    for case in cases(ACCEPTED) {
        let name = &case.name;
        let beat = case
            .read()
            .unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(beat, case.beat, "{name}");
    }
}

#[test]
fn malformed_reports_are_refused_and_the_place_is_named() {
    for case in cases(REFUSED) {
        let refusal = case.read().unwrap_err();
        assert_eq!(refusal.code, Code::BadRequest, "{}", case.name);
        assert_eq!(refusal.reason, case.reason, "{}", case.name);
    }
}

fn read(query: &str, content_type: &str, body: &[u8]) -> Result<(), String> {
    let sent = Sent {
        query: Some(query),
        content_type: Some(content_type.as_bytes()),
        body,
    };
    match Form::read(&sent) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

#[test]
fn more_than_the_limits_is_refused() {
    let urlencoded = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=b";
    let most = "a=1&".repeat(MAX_FIELDS);
    assert_eq!(read(&most, urlencoded, most.as_bytes()), Ok(()));
    let too_many = format!("{most}a=1");
    let refused = Err("-400: more than 128 fields".to_owned());
    assert_eq!(read(&too_many, urlencoded, b""), refused);
    assert_eq!(read("", urlencoded, too_many.as_bytes()), refused);
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let parts = |count| part.repeat(count) + "--b--";
    assert_eq!(read("", multipart, parts(MAX_FIELDS).as_bytes()), Ok(()));
    assert_eq!(
        read("", multipart, parts(MAX_FIELDS + 1).as_bytes()),
        refused
    );
    assert_eq!(read("", urlencoded, &vec![b'a'; MAX_BODY_BYTES]), Ok(()));
    let refused = Err("-400: body: longer than 64 KiB".to_owned());
    assert_eq!(
        read("", urlencoded, &vec![b'a'; MAX_BODY_BYTES + 1]),
        refused
    );
    let refused = Err("-400: query: longer than 16 KiB".to_owned());
    assert_eq!(
        read(&"a".repeat(MAX_QUERY_BYTES + 1), urlencoded, b""),
        refused
    );
    let boundary = format!("multipart/form-data; boundary={}", "b".repeat(71));
    assert!(read("", &boundary, b"x").is_err());
}

#[test]
fn bytes_that_are_no_text_are_ignored_in_unknown_fields_and_refused_in_known_ones() {
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(read("", urlencoded, b"x=\xff&\xff=1&aid=1"), Ok(()));
    assert!(read("", urlencoded, b"platform=\xff").is_err());
    let part = b"--b\nContent-Disposition: form-data; name=session\n\n\xff\n--b--";
    assert!(read("", "multipart/form-data; boundary=b", part).is_err());
}

#[test]
fn a_refusal_has_a_reply_that_repeats_nothing() {
    let sent = Sent {
        query: Some("aid=geheim"),
        ..Sent::default()
    };
    let form = Form::read(&sent).unwrap();
    let refusal = Beat::heartbeat(&form).unwrap_err();
    assert!(!refusal.to_string().contains("geheim") && !format!("{form:?}").contains("geheim"));
    assert_eq!(
        refusal.reply(),
        r#"{"code":-400,"message":"请求错误","ttl":1}"#
    );
    assert_eq!(Endpoint::Heartbeat.paths().len(), 2);
}
