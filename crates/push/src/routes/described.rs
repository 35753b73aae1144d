//! The protocol and the feeds as the OpenAPI document describes them: what `reportd_protocol::push` reads, and each reply.

#![expect(
    dead_code,
    reason = "these types describe what the protocol reads by hand; nothing is ever made of them"
)]

use std::collections::BTreeMap;

use reportd_platform::web::ProblemDetails;
use reportd_platform::web::openapi::retry_after_header;
use reportd_protocol::push::{CONTENT_TYPE, Code};
use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Type};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The app in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct AppInPath {
    /// The id of the app.
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "bots")]
    app_id: String,
}

/// Whether brands are shown.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Brands {
    /// `true` shows the ten brands with the most sent inside `gt`, and the rest as `others`; in any case of letters.
    #[param(rename = "needGetuiByBrand", required = false, example = "true")]
    need_getui_by_brand: Option<bool>,
}

/// Actions that are asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActionList {
    /// Actions for which `actionCntMap` is filled, parted by commas, at most 200.
    #[param(rename = "actionIdList", required = false, example = "90001,90002")]
    action_id_list: Option<String>,
}

/// The days of creation of a group's tasks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DatesInQuery {
    /// The first day on which a task was created; 70 days ago where it is not given, and not before.
    #[param(rename = "startDate", required = false, format = Date)]
    start_date: Option<String>,
    /// The last such day; today where it is not given.
    #[param(rename = "endDate", required = false, format = Date)]
    end_date: Option<String>,
}

/// A signed request for a token.
#[derive(ToSchema)]
#[schema(as = push::Auth)]
pub(super) struct AuthBody {
    /// Lower-case hex SHA-256 of appkey, timestamp and the app's master secret.
    #[schema(min_length = 64, max_length = 64)]
    sign: String,
    /// Milliseconds since 1970, 13 digits; at most 10 minutes from now.
    #[schema(example = "1795233600000")]
    timestamp: TextOrNumber,
    /// The app key.
    #[schema(min_length = 1, max_length = 128)]
    appkey: String,
}

/// A whole number or its text; of what is a name, either.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = push::TextOrNumber)]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

/// Events: an array, or one object a line (NDJSON), told by the first byte.
#[derive(ToSchema)]
#[schema(as = push::Events, max_items = 10_000, example = json!([
    {"type": "task", "taskid": "RASL_1", "kind": "list", "group_name": "spring", "created_at": 1_795_219_200_000_i64},
    {"type": "sent", "taskid": "RASL_1", "cids": ["c1", "c2"], "channel": "gt", "brand": "hw", "at": 1_795_219_200_000_i64},
    {"type": "clicked", "taskid": "RASL_1", "cid": "c1", "channel": "gt", "at": 1_795_219_260_000_i64},
]))]
pub(super) struct EventsBody(Vec<Event>);

/// An event. Which fields it has depends on its `type`.
#[derive(ToSchema)]
#[schema(as = push::Event)]
struct Event {
    /// What happened.
    r#type: EventType,
    /// The task; of all types but `device`, `online` and `offline`.
    #[schema(min_length = 1, max_length = 128)]
    taskid: Option<String>,
    /// The device; of all types but `task`.
    #[schema(min_length = 1, max_length = 128)]
    cid: Option<String>,
    /// Devices in place of `cid`; of `sendable`, `sent` and `lost`.
    cids: Option<Vec<String>>,
    /// gt, ios, hw, ho, xm, xmg, vv, mz, op, opg, wx or st; of `sent`, `received`, `displayed`, `clicked` and `lost`.
    channel: Option<String>,
    /// The brand of the device.
    #[schema(max_length = 64)]
    brand: Option<String>,
    /// The quota kind; of `sent` and `received`.
    quota: Option<String>,
    /// Between which stages it was lost: ts, rs, sf or fd; of `lost`.
    phase: Option<String>,
    /// Why it was lost, a class or a sub-code; of `lost`.
    #[schema(example = 13001)]
    reason: Option<TextOrNumber>,
    /// The action; of `action`.
    #[schema(example = "90001")]
    action_id: Option<TextOrNumber>,
    /// list, app or single; of `task`.
    kind: Option<String>,
    /// The group of the task; of `task`.
    #[schema(max_length = 100)]
    group_name: Option<String>,
    /// When the task was created, in ms since 1970; of `task`.
    created_at: Option<i64>,
    /// When it happened, in ms since 1970, at most 10 minutes ahead; of all types but `task`.
    at: Option<i64>,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = push::EventType)]
enum EventType {
    Task,
    Sendable,
    Sent,
    Received,
    Displayed,
    Clicked,
    Action,
    Lost,
    Device,
    Online,
    Offline,
}

/// A receipt, one a line.
#[derive(ToSchema)]
#[schema(as = push::Receipt)]
pub(super) struct ReceiptsBody {
    /// The app of the path.
    appid: String,
    /// The device.
    cid: String,
    /// The task.
    taskid: String,
    /// The message.
    #[schema(example = "OSS-1120_ce2b")]
    msgid: TextOrNumber,
    /// 200 where it counts.
    #[schema(example = 200)]
    code: TextOrNumber,
    /// What the vendor says about the code.
    desc: Option<String>,
    /// MD5 of appid, cid, taskid, msgid and the master secret, as hexadecimal digits.
    #[schema(min_length = 32, max_length = 32)]
    sign: String,
    /// What happened.
    #[serde(rename = "actionId")]
    #[schema(example = "10000")]
    action_id: TextOrNumber,
    /// When, in ms since 1970.
    #[schema(example = 1_795_219_260_000_i64)]
    recvtime: TextOrNumber,
    /// The channel, where the action does not tell it.
    channel: Option<String>,
}

/// What a feed may be refused with beside what all calls share.
pub(super) struct FeedProblems;

impl IntoResponses for FeedProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let about = "The body is packed by something else than gzip.";
        let schema = Ref::from_schema_name(ProblemDetails::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description(about)
            .content("application/problem+json", content);
        BTreeMap::from([("415".to_owned(), response.build().into())])
    }
}

/// Defines the replies of a call: its data, and the codes that it may be refused with.
macro_rules! replies {
    ($($name:ident: $codes:expr, $about:literal, $data:expr;)+) => {$(
        #[doc = $about]
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses($about, &$data, $codes)
            }
        }
    )+};
}

const AUTH: &[Code] = &[
    Code::NotJson,
    Code::BadParameter,
    Code::AuthLimited,
    Code::Unavailable,
];
const LOG_OUT: &[Code] = &[Code::BadToken, Code::Unavailable];
const PLAIN: &[Code] = &[Code::BadToken, Code::ReportLimited, Code::Unavailable];
const ASKED: &[Code] = &[
    Code::BadParameter,
    Code::BadToken,
    Code::ReportLimited,
    Code::Unavailable,
];
const DETAIL: &[Code] = &[
    Code::BadParameter,
    Code::BadToken,
    Code::ReportLimited,
    Code::DetailForbidden,
    Code::Unavailable,
];
const COUNT: &[Code] = &[
    Code::BadToken,
    Code::ReportLimited,
    Code::CountForbidden,
    Code::Unavailable,
];

replies! {
    AuthReplies: AUTH, "The token.",
        json!({"expire_time": "1795320000000", "token": "q8ZtV0c1"});
    LogOutReplies: LOG_OUT, "The token is ended.", json!({});
    TaskReply: ASKED, "By task id: `total`, each channel with data, and `actionCntMap` where actions were asked for.",
        json!({"RASL_1": {"total": total(), "gt": channel(), "actionCntMap": {"90001": 2}}});
    DetailReply: DETAIL,
        "By task id: `total`, each channel with data, and `failed_detail` by phase, channel, class and reason.",
        json!({"RASL_1": {"total": total(), "apn": channel(),
            "failed_detail": {"sf": {"apn": {"13": {"13001": 1, "total": 1}}}}}});
    GroupReply: ASKED, "By the group's name: `total` and each channel with data.",
        json!({"spring": {"total": total(), "ios": channel()}});
    DayReply: ASKED, "By the date: `total` and each channel with data.",
        json!({"2026-11-20": {"total": total(), "gt": channel()}});
    CountReply: COUNT, "By channel and kind: the quotas that are set, with their use today.",
        json!({"vv": {"general": {"push_num": 3, "total_num": "1000", "limit": false}},
            "gt": {"app": {"total_num": 500, "limit": false, "remain_num": 497}}});
    UsersReply: ASKED, "By the date: registered so far and that day, active, and the most online at once.",
        json!({"2026-11-20": {"accumulative_num": 9, "register_num": 1, "active_num": 4, "online_num": 3}});
    OnlineReply: PLAIN, "`online_statics`: users online by ms since 1970, 144 points.",
        json!({"online_statics": {"1795233600000": 3}});
}

fn total() -> Value {
    json!({"msg_num": 4, "target_num": 4, "receive_num": 4, "display_num": 2, "click_num": 2})
}

fn channel() -> Value {
    json!({"target_num": 2, "receive_num": 2, "display_num": 1, "click_num": 1})
}

/// Every reply of a call, by status: each code with what it means. Any call may be refused as an unknown path or method.
fn responses(about: &str, data: &Value, codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    let always = [Code::Ok, Code::NotFound, Code::MethodNotAllowed];
    for code in always.iter().chain(codes) {
        by_status.entry(code.http_status()).or_default().push(*code);
    }
    let reply =
        |(status, codes): (u16, Vec<Code>)| (status.to_string(), reply(about, data, &codes).into());
    by_status.into_iter().map(reply).collect()
}

fn reply(about: &str, data: &Value, codes: &[Code]) -> Response {
    let meaning = |code: &Code| match code {
        Code::Ok => format!("`code` 0: {about}"),
        code => format!("`code` {}: {}.", code.code(), code.default_msg()),
    };
    let meanings: Vec<String> = codes.iter().map(meaning).collect();
    let numbers = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("0, or what is wrong."))
        .enum_values(Some(codes.iter().map(|code| code.code())));
    let msg = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("`success`, or what is wrong."));
    let any = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "What was asked for; empty in a refusal. Counters end at 2147483647.",
        ))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)));
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("code", numbers)
        .property("msg", msg)
        .property("data", any)
        .required("code")
        .required("msg")
        .required("data");
    let is_ok = codes.contains(&Code::Ok);
    let example = codes.first().map(|code| {
        let data = if is_ok { data.clone() } else { json!({}) };
        json!({"code": code.code(), "msg": code.default_msg(), "data": data})
    });
    let content = ContentBuilder::new()
        .schema(Some(schema.build()))
        .example(example);
    let mut response = ResponseBuilder::new()
        .description(meanings.join("\n\n"))
        .content(CONTENT_TYPE, content.build());
    if codes.iter().any(|code| code.retryable()) {
        response = response.header_ref("retry-after", retry_after_header());
    }
    if is_ok {
        response = response.header("reportd-lag-ms", HeaderBuilder::new().build());
    }
    response.build()
}
