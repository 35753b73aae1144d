//! What the descriptions of all rooms share (OpenAPI 3.1): the API key, the app in the path, problem replies, headers.
//!
//! A room describes its calls beside their handlers, by `#[utoipa::path]`, and names what stands here instead of
//! writing it again. The binary puts the rooms' parts into [`shared`] and then calls [`complete`].

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::PathItem;
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    RefOr, ResponseBuilder,
};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use super::problem::ProblemDetails;

/// The security scheme of API keys. Calls write it out, for the macro takes no constant.
const API_KEY: &str = "ApiKey";

const PROBLEM_JSON: &str = "application/problem+json";
const REQUEST_ID: &str = "x-request-id";
const LAG_MS: &str = "reportd-lag-ms";
const RETRY_AFTER: &str = "retry-after";
const WWW_AUTHENTICATE: &str = "www-authenticate";

/// The app in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AppInPath {
    /// The id of the app.
    #[param(
        pattern = "^[A-Za-z0-9_-]+$",
        min_length = 1,
        max_length = 64,
        example = "bots"
    )]
    pub app: String,
}

/// Problems that every call with an API key may end in.
pub struct CallProblems;

/// The problem of parameters that do not fit.
pub struct ParameterProblem;

/// Problems of a call that takes a body.
pub struct BodyProblems;

/// The problem of a call that finds another state than it needs.
pub struct ConflictProblem;

/// The problem of a body that fits by its form and not by what it names.
pub struct MeaningProblem;

impl IntoResponses for ConflictProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[409])
    }
}

impl IntoResponses for MeaningProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[422])
    }
}

impl IntoResponses for CallProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[401, 403, 404, 429, 500, 503])
    }
}

impl IntoResponses for ParameterProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400])
    }
}

impl IntoResponses for BodyProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[408, 413])
    }
}

/// Problems by status: each stands in the document once.
const PROBLEMS: &[(u16, &str)] = &[
    (
        400,
        "A parameter or the body does not fit; `field` names it.",
    ),
    (401, "No API key, or one that is unknown or revoked."),
    (
        403,
        "The key's role may not do this, or the key is limited to another app.",
    ),
    (404, "There is no such app, or nothing of this number."),
    (408, "The body did not come in time."),
    (
        409,
        "It is not in the state that this needs, or somebody else holds it: read it again.",
    ),
    (
        413,
        "The body is larger than the server takes (`api.body_bytes`).",
    ),
    (
        422,
        "The body names what is not there; `field` tells which member.",
    ),
    (429, "Too many failed authentications from this address."),
    (
        500,
        "The server failed on this request; its log tells more, under the request's id.",
    ),
    (503, "The store is not available now: try again later."),
];

fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let named = |status: &u16| {
        (
            status.to_string(),
            Ref::from_response_name(name(*status)).into(),
        )
    };
    statuses.iter().map(named).collect()
}

/// The name of a problem among the components: its status in words.
fn name(status: u16) -> String {
    let words = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    words.unwrap_or("Problem").replace(' ', "")
}

fn problem(status: u16, description: &str) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ProblemDetails::name())))
        .build();
    let mut response = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content);
    if status == 401 {
        response = response.header_ref(WWW_AUTHENTICATE, Ref::new(header_place(WWW_AUTHENTICATE)));
    }
    if matches!(status, 429 | 503) {
        response = response.header_ref(RETRY_AFTER, Ref::new(header_place(RETRY_AFTER)));
    }
    response.build()
}

/// Where a header of the components is.
fn header_place(name: &str) -> String {
    format!("#/components/headers/{name}")
}

/// A reference to the header `retry-after`, for replies of protocols.
#[must_use]
pub fn retry_after_header() -> Ref {
    Ref::new(header_place(RETRY_AFTER))
}

/// The document without calls: what it is about, the API key, problems, headers.
#[must_use]
pub fn shared(title: &str, version: &str, description: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title(title)
        .version(version)
        .description(Some(description))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    let key = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key, made by `reportd key create NAME --role ROLE`. Its role tells what it may do, and it can be \
             limited to one app.",
        ))
        .build();
    let mut components = ComponentsBuilder::new()
        .schema(ProblemDetails::name(), ProblemDetails::schema())
        .security_scheme(API_KEY, SecurityScheme::Http(key));
    for (name, header) in headers() {
        components = components.header(name, header);
    }
    for &(status, description) in PROBLEMS {
        components = components.response(name(status), problem(status, description));
    }
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components.build()))
        .build()
}

fn headers() -> [(&'static str, Header); 4] {
    let header = |description: &str, schema: ObjectBuilder, example| {
        HeaderBuilder::new()
            .description(Some(description))
            .schema(Some(schema.build()))
            .example(Some(example))
            .build()
    };
    let object = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    let request_id = object(Type::String)
        .pattern(Some("^[A-Za-z0-9._-]+$"))
        .max_length(Some(64));
    let seconds = object(Type::Integer).minimum(Some(1)).maximum(Some(86_400));
    [
        (
            REQUEST_ID,
            header(
                "The id of the request: the one that it brought in this header, or one that the server made.",
                request_id,
                json!("5f2a9c01-2b"),
            ),
        ),
        (
            LAG_MS,
            header(
                "Only where the read could not wait for all that was acknowledged before it: how old is what it shows, \
                 in ms.",
                object(Type::Integer).minimum(Some(1)),
                json!(2_113),
            ),
        ),
        (
            RETRY_AFTER,
            header("Seconds after which to try again.", seconds, json!(1)),
        ),
        (
            WWW_AUTHENTICATE,
            header(
                "How to authenticate.",
                object(Type::String).enum_values(Some(["Bearer"])),
                json!("Bearer"),
            ),
        ),
    ]
}

/// The calls of a kind under its tag, which says what it is about.
#[must_use]
pub fn tagged(mut calls: OpenApi, tag: &str, about: &str) -> OpenApi {
    let tag = TagBuilder::new().name(tag).description(Some(about)).build();
    calls.tags = Some(vec![tag]);
    calls
}

/// Adds what every reply has, the header with the request's id, and tells once what the lag of a read is: a call says
/// no more than that it has that header.
pub fn complete(document: &mut OpenApi) {
    let shared = document.components.iter_mut();
    let shared = shared.flat_map(|components| components.responses.values_mut());
    let own = document.paths.paths.values_mut().flat_map(operations);
    let own = own.flat_map(|operation| operation.responses.responses.values_mut());
    for reply in shared.chain(own) {
        if let RefOr::T(reply) = reply {
            let shared = |name| RefOr::Ref(Ref::new(header_place(name)));
            reply
                .headers
                .insert(REQUEST_ID.to_owned(), shared(REQUEST_ID));
            if let Some(lag) = reply.headers.get_mut(LAG_MS) {
                *lag = shared(LAG_MS);
            }
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    let methods = [
        &mut path.get,
        &mut path.put,
        &mut path.post,
        &mut path.delete,
        &mut path.patch,
    ];
    methods.into_iter().flatten()
}
