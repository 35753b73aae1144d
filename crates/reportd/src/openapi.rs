//! The OpenAPI document of all that this server serves, and the page that shows it.
//!
//! Each room describes its calls beside their handlers; here the parts are put together. `docs/openapi.json` is the
//! document with every room in it: a test fails where it says something else than the code, and `cargo xtask openapi`
//! writes it anew.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use reportd_platform::web::{Problem, openapi};
use utoipa::openapi::OpenApi;

use crate::kinds::{KINDS, ReportKind};
use crate::settings::Settings;
use crate::{api, health};

const ABOUT: &str = "One server for the reports of an app. Clients speak the wire protocols, with credentials of the \
app: bots report their messages with its token; push clients read what became of pushes with a token that they obtain by \
appkey and master secret. Programs feed, read and manage by the API, with an API key; receipts of pushes carry a sign \
each.

A read shows all that was acknowledged before it. Days are those of the app's zone. Numbers are 64 bits wide: some, such \
as `gid`, may be beyond what a JavaScript number holds exactly. Errors of the API are problem details (RFC 9457); the \
wire protocols have replies of their own. A request whose method is not listed here is answered with 405 and the header `Allow`.";

/// No script or style but the files of this server; the pictures of the style sheet are in it.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Files of the page: name, type, content, and whether that is gzipped.
const FILES: &[(&str, &str, &[u8], bool)] = &[
    (
        "swagger-ui-bundle.js",
        "text/javascript; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")),
        true,
    ),
    (
        "swagger-ui.css",
        "text/css; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")),
        true,
    ),
    (
        "start.js",
        "text/javascript; charset=utf-8",
        include_bytes!("openapi/start.js"),
        false,
    ),
];

/// The document, with the protocols that are spoken.
fn document(is_spoken: impl Fn(&ReportKind) -> bool) -> OpenApi {
    let mut document = openapi::shared("reportd", env!("CARGO_PKG_VERSION"), ABOUT);
    for kind in KINDS {
        if is_spoken(kind) {
            document.merge((kind.protocol_openapi)());
        }
        document.merge((kind.api_openapi)());
    }
    document.merge(api::openapi());
    document.merge(health::openapi());
    openapi::complete(&mut document);
    document
}

/// The document as it is checked in.
pub(crate) fn text() -> anyhow::Result<String> {
    Ok(document(|_| true).to_pretty_json()? + "\n")
}

/// The routes of the document and of the page that shows it. Neither needs a key.
pub(crate) fn routes(settings: &Settings) -> anyhow::Result<Router> {
    let json: Arc<str> = document(|kind| (kind.is_enabled)(settings))
        .to_json()?
        .into();
    let json = move || async move { ([content_type("application/json")], json.to_string()) };
    Ok(Router::new()
        .route("/api/openapi.json", get(json))
        .route("/api/docs", get(page))
        .route(
            "/api/docs/",
            get(|| async { Redirect::permanent("../docs") }),
        )
        .route("/api/docs/{file}", get(file)))
}

fn content_type(kind: &'static str) -> (HeaderName, HeaderValue) {
    (header::CONTENT_TYPE, HeaderValue::from_static(kind))
}

async fn page() -> Response {
    let policy = (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    let sniffing = (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let headers = [content_type("text/html; charset=utf-8"), policy, sniffing];
    (headers, include_str!("openapi/page.html")).into_response()
}

async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, bytes, gzipped)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return Problem::not_found("there is nothing at this path").into_response();
    };
    let mut reply = ([content_type(kind)], *bytes).into_response();
    let headers = reply.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
    if *gzipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_that_is_checked_in_says_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            checked_in == text().unwrap(),
            "docs/openapi.json differs from the code: run `cargo xtask openapi`"
        );
    }

    #[test]
    fn every_reference_has_what_it_names() {
        let document = serde_json::to_value(document(|_| true)).unwrap();
        let mut places = Vec::new();
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            match value {
                serde_json::Value::Object(members) => {
                    places.extend(members.get("$ref").and_then(|place| place.as_str()));
                    waiting.extend(members.values());
                }
                serde_json::Value::Array(items) => waiting.extend(items),
                _ => {}
            }
        }
        assert!(!places.is_empty());
        for place in places {
            let found = place.strip_prefix('#').and_then(|at| document.pointer(at));
            assert!(found.is_some(), "{place}");
        }
    }
}
