//! The protocol as the OpenAPI document describes it: what `reportd_protocol::playback` reads, and each reply.

#![expect(
    dead_code,
    reason = "these types describe what the protocol reads by hand; nothing is ever made of them"
)]

use std::collections::BTreeMap;

use reportd_platform::web::openapi::retry_after_header;
use reportd_protocol::playback::{CONTENT_TYPE, Code};
use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder, Type};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Progress. Fields may stand in the query too; unknown ones are ignored.
#[derive(ToSchema)]
#[schema(as = playback::HistoryReport)]
pub(super) struct HistoryBody {
    /// The session, in place of the cookie.
    access_key: Option<String>,
    /// The session's csrf token; needed with a cookie. `csrf_token` is taken for it.
    csrf: Option<String>,
    /// The video.
    #[schema(minimum = 1, example = 13_662_970)]
    aid: i64,
    /// The part; 0 is the whole video.
    #[schema(minimum = 0, default = 0)]
    cid: Option<i64>,
    /// Seconds; -1 is the end.
    #[schema(minimum = -1, default = 0)]
    progress: Option<i64>,
    /// Where it is watched.
    #[schema(max_length = 32, example = "android")]
    platform: Option<String>,
    /// 3, 4 or 10.
    r#type: Option<i64>,
    /// 1, 2, 3, 4, 5 or 7; of type 4 alone.
    sub_type: Option<i64>,
    /// The device.
    dt: Option<i64>,
    /// How long the part is, in seconds.
    duration: Option<i64>,
    /// The season.
    sid: Option<i64>,
    /// The episode.
    epid: Option<i64>,
}

/// A heartbeat. Fields may stand in the query too; unknown ones, and unknown values of `type`, `sub_type`, `dt` and
/// `play_type`, are ignored.
#[derive(ToSchema)]
#[schema(as = playback::Heartbeat)]
pub(super) struct HeartbeatBody {
    /// The video; this or `bvid` is needed.
    #[schema(minimum = 1, example = 2)]
    aid: Option<i64>,
    /// The video; where both are there they must agree.
    #[schema(example = "BV1xx411c7mD")]
    bvid: Option<String>,
    /// The part; 0 is the whole video.
    #[schema(minimum = 0, default = 0)]
    cid: Option<i64>,
    /// The episode.
    epid: Option<i64>,
    /// The season.
    sid: Option<i64>,
    /// Ignored: the session says who.
    mid: Option<i64>,
    /// Seconds; -1 is the end.
    #[schema(minimum = -1, default = 0)]
    played_time: Option<i64>,
    /// For how long the player has been open, in seconds.
    realtime: Option<i64>,
    /// For how long it has played, in seconds.
    real_played_time: Option<i64>,
    /// When it began, in seconds since 1970.
    start_ts: Option<i64>,
    /// 3 a video, 4 an episode, 10 a lesson.
    r#type: Option<i64>,
    /// 1, 2, 3, 4, 5 or 7; of type 4 alone.
    sub_type: Option<i64>,
    /// The device.
    dt: Option<i64>,
    /// 0 playing, 1 start, 2 pause, 3 resume, 4 end.
    #[schema(default = 0)]
    play_type: Option<i64>,
    /// How long the part is, in seconds.
    video_duration: Option<i64>,
    /// Where the player was last.
    last_play_progress_time: Option<i64>,
    /// The furthest it has been.
    max_play_progress_time: Option<i64>,
    /// The player's own name of this sitting.
    #[schema(max_length = 128)]
    session: Option<String>,
    /// The session's csrf token. `csrf_token` is taken for it.
    csrf: Option<String>,
}

/// Which entry to delete.
#[derive(ToSchema)]
#[schema(as = playback::Delete)]
pub(super) struct DeleteBody {
    /// `archive_<aid>`, `pgc_<season>` or `cheese_<aid>`.
    #[schema(example = "archive_170001")]
    kid: String,
    /// The session's csrf token; not with an `access_key`.
    csrf: Option<String>,
    /// The session, in place of the cookie.
    access_key: Option<String>,
}

/// Deletes all.
#[derive(ToSchema)]
#[schema(as = playback::Clear)]
pub(super) struct ClearBody {
    /// The session's csrf token; not with an `access_key`.
    csrf: Option<String>,
    /// The session, in place of the cookie.
    access_key: Option<String>,
}

/// Pauses, or not.
#[derive(ToSchema)]
#[schema(as = playback::Switch)]
pub(super) struct SwitchBody {
    /// `true` or `1` pauses, `false` or `0` lets it go on.
    #[schema(example = "true")]
    switch: String,
    /// The session's csrf token; not with an `access_key`.
    csrf: Option<String>,
    /// The session, in place of the cookie.
    access_key: Option<String>,
}

/// Where a page of the history starts. An empty parameter, or 0, is an absent one.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CursorParameters {
    /// `max` of the cursor; only with its `view_at`.
    #[param(required = false, minimum = 0)]
    max: Option<i64>,
    /// `business` of the cursor.
    #[param(required = false, example = "archive")]
    business: Option<String>,
    /// `view_at` of the cursor; alone, it asks for what is older than that second.
    #[param(required = false, minimum = 0)]
    view_at: Option<i64>,
    /// `all`, `archive`, `pgc` or `cheese`; there is nothing of any other.
    #[param(required = false, example = "all")]
    r#type: Option<String>,
    /// Entries of a page: 20 where it is not given, at most 30.
    #[param(required = false, minimum = 0)]
    ps: Option<i64>,
}

/// Which page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// From 1.
    #[param(required = false, minimum = 0)]
    pn: Option<i64>,
    /// Entries of a page: 100 where it is not given, at most 300.
    #[param(required = false, minimum = 0)]
    ps: Option<i64>,
}

/// Which video.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VideoParameters {
    /// The video; this or `bvid` is needed.
    #[param(required = false, minimum = 1, example = 170_001)]
    aid: Option<i64>,
    /// The video; where both are there they must agree.
    #[param(required = false, example = "BV17x411w7KC")]
    bvid: Option<String>,
    /// The part.
    #[param(required = false, minimum = 0)]
    cid: Option<i64>,
}

/// Defines the replies of a call: its data, and the codes that it may be refused with.
macro_rules! replies {
    ($($name:ident: $codes:expr, $about:literal, $data:expr;)+) => {$(
        #[doc = $about]
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let reply = reply($about, $data, $codes);
                BTreeMap::from([("200".to_owned(), reply.into())])
            }
        }
    )+};
}

const WRITES: &[Code] = &[
    Code::NotLoggedIn,
    Code::BadCsrf,
    Code::BadRequest,
    Code::Limited,
    Code::Unavailable,
];
const READS: &[Code] = &[
    Code::NotLoggedIn,
    Code::BadRequest,
    Code::Limited,
    Code::Unavailable,
];
const OPEN: &[Code] = &[
    Code::BadRequest,
    Code::NotFound,
    Code::Limited,
    Code::Unavailable,
];

replies! {
    ReportReply: WRITES, "accepted and durable.", None;
    DeedReply: WRITES, "done, and durable.", None;
    ShadowReply: READS, "whether it is paused.", Some(json!(false));
    CursorReply: READS, "a page and its cursor; at the end an empty list and a `max` of 0.",
        Some(json!({"cursor": {"max": 0, "view_at": 0, "business": "", "ps": 20}, "tab": [], "list": []}));
    ListReply: READS, "the entries of the page.", Some(json!([]));
    PlayerReply: OPEN, "where to resume, in milliseconds, and the newest part.",
        Some(json!({"aid": 170_001, "bvid": "BV17x411w7KC", "cid": 0, "login_mid": 7, "last_play_time": 60_000,
            "last_play_cid": 279_786, "now_time": 1_795_233_600, "online_count": 3}));
    OnlineReply: OPEN, "how many are viewing, and how many of them in browsers.",
        Some(json!({"total": "3", "count": "2", "show_switch": {"total": true, "count": true}}));
}

/// The reply of a call: always of one status, with one of these codes.
fn reply(about: &str, data: Option<Value>, codes: &[Code]) -> Response {
    let meaning = |code: &Code| format!("`code` {}: {}", code.code(), code.message());
    let mut meanings = vec![format!("`code` 0: {about}")];
    meanings.extend(codes.iter().map(meaning));
    let all = [&[Code::Ok], codes].concat();
    let numbers = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("0, or what is wrong."))
        .enum_values(Some(all.iter().map(|code| code.code())));
    let message = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("`0`, or what is wrong."));
    let ttl = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("Of no use; 1."));
    let mut schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("code", numbers)
        .property("message", message)
        .property("ttl", ttl)
        .required("code")
        .required("message")
        .required("ttl");
    let mut example = json!({"code": 0, "message": "0", "ttl": 1});
    let has_data = data.is_some();
    if let Some(data) = data {
        let about = "What was asked for; there is none in a refusal.";
        let any = ObjectBuilder::new().description(Some(about));
        let any = any.schema_type(type_of(&data));
        schema = schema.property("data", any);
        example["data"] = data;
    }
    let content = ContentBuilder::new()
        .schema(Some(schema.build()))
        .example(Some(example));
    let mut response = ResponseBuilder::new()
        .description(meanings.join("\n\n"))
        .content(CONTENT_TYPE, content.build())
        .header_ref("retry-after", retry_after_header());
    if has_data {
        response = response.header("reportd-lag-ms", HeaderBuilder::new().build());
    }
    response.build()
}

fn type_of(data: &Value) -> Type {
    match data {
        Value::Array(_) => Type::Array,
        Value::Bool(_) => Type::Boolean,
        _ => Type::Object,
    }
}
