//! The protocol as the OpenAPI document describes it: what `reportd_protocol::dialogue` reads, and each reply.

#![expect(
    dead_code,
    reason = "these types describe what the protocol reads by hand; nothing is ever made of them"
)]

use std::collections::BTreeMap;

use reportd_platform::web::openapi::retry_after_header;
use reportd_protocol::dialogue::{Code, OTHER_SUCCESS_EC, SUCCESS_EC};
use serde_json::json;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, ResponseBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

use super::reply::CONTENT_TYPE;

/// A signed report.
#[derive(ToSchema)]
#[schema(as = dialogue::Report)]
pub(super) struct ReportBody {
    /// The id of the app.
    #[schema(max_length = 128, example = "app001")]
    appid: String,
    /// Lower-case hex SHA-1 of appid and content.
    #[schema(min_length = 40, max_length = 40)]
    sign: String,
    /// Base64 of the encrypted JSON of the report: `report_id`, `category`, `timestamp`, `users`, `infos`, and where they
    /// are there `uniqid`, `redirect` and `report_evidence`.
    content: String,
}

/// The replies of the call: HTTP status 200 always.
pub(super) struct ReportReplies;

impl IntoResponses for ReportReplies {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let success = format!(
            "`ec` {SUCCESS_EC}, or {OTHER_SUCCESS_EC} where the app has set it: the report is stored."
        );
        let refusals = Code::ALL
            .into_iter()
            .map(|code| format!("`ec` {}: {}.", code.code(), code.default_em()));
        let about: Vec<String> = std::iter::once(success).chain(refusals).collect();
        let codes = Code::ALL.into_iter().map(Code::code);
        let number = |about, kind| {
            ObjectBuilder::new()
                .schema_type(kind)
                .description(Some(about))
        };
        let data = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "`ticket_id` of a report that was taken; empty in a refusal.",
            ));
        let schema = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property(
                "ec",
                number("What became of the report.", Type::Integer).enum_values(Some(
                    [SUCCESS_EC, OTHER_SUCCESS_EC].into_iter().chain(codes),
                )),
            )
            .property("em", number("`success`, or what is wrong.", Type::String))
            .property("wt", number("Seconds of work.", Type::Number))
            .property(
                "timesec",
                number("Now, in seconds since 1970.", Type::Integer),
            )
            .property("data", data)
            .required("ec")
            .required("em")
            .required("wt")
            .required("timesec")
            .required("data");
        let example = json!({
            "ec": 0, "em": "success", "wt": 0.002, "timesec": 1_795_233_600, "data": {"ticket_id": "35474574"},
        });
        let content = ContentBuilder::new()
            .schema(Some(schema.build()))
            .example(Some(example));
        let response = ResponseBuilder::new()
            .description(about.join("\n\n"))
            .content(CONTENT_TYPE, content.build())
            .header_ref("retry-after", retry_after_header());
        BTreeMap::from([("200".to_owned(), response.build().into())])
    }
}
