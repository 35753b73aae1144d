//! The protocol as the OpenAPI document describes it: what `reportd_protocol::comm::parse` reads, and each reply.

#![expect(
    dead_code,
    reason = "these types describe what the protocol reads by hand; nothing is ever made of them"
)]

use std::collections::BTreeMap;

use reportd_platform::web::openapi::retry_after_header;
use reportd_protocol::comm::{Ret, Scope};
use serde_json::{Value, json};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

/// A request of a bot. It is all or nothing: one bad report refuses all of them. Fields that are not listed here are
/// ignored, and a field that is null counts as absent.
#[derive(ToSchema)]
#[schema(as = comm::CommReport, example = json!({
    "ts": 1_795_219_200, "nonce": "b7d1",
    "data_list": [{
        "oper_id": 1_503_000_120_601_i64, "gid": 106_201, "target_id": "553021",
        "scope": "channel", "ext1": "youtube", "ext2": "UP-7",
    }],
}))]
pub(super) struct CommReport {
    /// When it happened: seconds since 1970, or from 100000000000 on milliseconds. From 24 h ago to 10 min ahead, or what
    /// the app sets (`comm.max_age`, `comm.max_ahead`).
    #[schema(minimum = 0, example = 1_795_219_200)]
    ts: i64,
    /// Tells requests apart that are otherwise equal: give each its own. U+0000 is not taken, here and in other texts.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00]*$",
        example = "b7d1"
    )]
    nonce: String,
    data_list: Items,
}

/// What is reported: 1 to 10 reports, or one alone.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = comm::ReportItems)]
enum Items {
    List(List),
    One(Box<Item>),
}

#[derive(ToSchema)]
#[schema(as = comm::ReportList, min_items = 1, max_items = 10)]
struct List(Vec<Item>);

/// One reported happening. What it must have depends on its operation (`GET …/comm/operations`).
#[derive(ToSchema)]
#[schema(as = comm::ReportItem)]
struct Item {
    /// Which operation is reported.
    // One that requires nothing: fuzzing varies the other fields around it.
    #[schema(example = 42)]
    oper_id: i64,
    /// The group (群组ID).
    #[schema(example = 106_201)]
    gid: Option<i64>,
    /// The channel, or the other side of a private chat (频道ID).
    #[schema(example = "553021")]
    target_id: Option<Text>,
    /// Who the message was for; in scope `private` it is `target_id` where it is absent.
    to_uid: Option<ToUid>,
    /// Where the message went; `channel` where it is absent.
    scope: Option<Scope>,
    /// `ext1` to `ext10` mean what the operation says.
    ext1: Option<Ext>,
    ext2: Option<Ext>,
    ext3: Option<Ext>,
    ext4: Option<Ext>,
    ext5: Option<Ext>,
    ext6: Option<Ext>,
    ext7: Option<Ext>,
    ext8: Option<Ext>,
    ext9: Option<Ext>,
    ext10: Option<Ext>,
}

/// A text of at most 1,024 characters.
#[derive(ToSchema)]
#[schema(as = comm::Text, max_length = 1024, pattern = r"^[^\x00]*$")]
struct Text(String);

/// A person: an integer, a string, an array or an object, kept as it is sent; its JSON text has at most 6,144
/// characters.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = comm::ToUid)]
enum ToUid {
    Number(i64),
    Text(Text),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

/// A text, or a number or bool, which is kept as its text.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = comm::Ext)]
enum Ext {
    Text(Text),
    Number(f64),
    Flag(bool),
}

/// Every reply of the protocol, by status: each `ret` with what it means.
pub(super) struct Replies;

impl IntoResponses for Replies {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut by_status: BTreeMap<u16, Vec<Ret>> = BTreeMap::new();
        for ret in Ret::ALL {
            by_status.entry(ret.http_status()).or_default().push(ret);
        }
        by_status
            .into_iter()
            .map(|(status, rets)| (status.to_string(), reply(&rets).into()))
            .collect()
    }
}

fn reply(rets: &[Ret]) -> Response {
    let meaning = |ret: &Ret| match ret {
        Ret::Ok => "`ret` 0: the reports are on disk, or the request is a repeat of one that is."
            .to_owned(),
        ret => format!("`ret` {}: {}.", ret.code(), ret.default_msg()),
    };
    let meanings: Vec<String> = rets.iter().map(meaning).collect();
    let codes = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("0, or the status and what exactly is wrong."))
        .enum_values(Some(rets.iter().map(|ret| ret.code())));
    let msg = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("`ok`, or what is wrong and where."));
    let schema = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("ret", codes)
        .property("msg", msg)
        .required("ret")
        .required("msg");
    let example = rets
        .first()
        .map(|ret| json!({"ret": ret.code(), "msg": ret.default_msg()}));
    let content = ContentBuilder::new()
        .schema(Some(schema.build()))
        .example(example);
    let mut response = ResponseBuilder::new()
        .description(meanings.join("\n\n"))
        .content("application/json", content.build());
    if rets.iter().any(|ret| ret.retryable()) {
        response = response.header_ref("retry-after", retry_after_header());
    }
    response.build()
}
