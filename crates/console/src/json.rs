//! The JSON of what a page shows, for its reader: a cookie of the console is not one of the API, so a link from a page comes
//! here, and the API is asked as the visitor.

use axum::Router;
use axum::extract::{OriginalUri, Query};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::Console;
use crate::fault::Fault;
use crate::visit::Visit;

/// Where the paths of the API stand here, and there.
const HERE: &str = "/console/json/";
const THERE: &str = "/api/";

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/console/json/{*path}", get(show))
}

/// Where the visitor reads the reply of a call, by the call's own address.
pub(crate) fn address(call: &str) -> String {
    match call.strip_prefix(THERE) {
        Some(rest) => format!("{HERE}{rest}"),
        None => call.to_owned(),
    }
}

/// Asks the API and hands its reply on, where it is JSON: no page, no stream and no file comes this way.
async fn show(
    visit: Visit,
    OriginalUri(asked): OriginalUri,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    // The path as it came: what is percent-coded in it stays so.
    let path = asked.path().strip_prefix(HERE).unwrap_or_default();
    let mut call = visit.get(&format!("{THERE}{path}"), &[]);
    for (name, value) in &parameters {
        call = call.with(name, value);
    }
    let reply = call.exchange().await?;
    let kind = reply.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return Err(Fault::not_found(|t| t.no_page));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, reply.into_body()).into_response())
}

#[cfg(test)]
mod tests {
    use axum::extract::RawQuery;
    use axum::http::{Method, StatusCode};
    use axum::response::Redirect;
    use reportd_platform::access::Role;
    use reportd_platform::web::Acting;
    use reportd_testbed::run;

    use super::*;
    use crate::testing::{World, text};

    fn api() -> Router {
        let whose = |axum::Extension(Acting(person)): axum::Extension<Acting>,
                     axum::extract::Path(id): axum::extract::Path<String>,
                     RawQuery(query): RawQuery| async move {
            let told = serde_json::json!({"of": person.name, "id": id, "query": query});
            axum::Json(told)
        };
        let csv = || async { ([(header::CONTENT_TYPE, "text/csv")], "a,b") };
        let refused = || async { (StatusCode::FORBIDDEN, r#"{"detail":"not yours"}"#) };
        Router::new()
            .route("/api/tickets/{id}", get(whose).delete(|| async { "gone" }))
            .route("/api/export", get(csv))
            .route("/api/audit", get(refused))
            .route("/metrics", get(|| async { axum::Json(1) }))
            .route("/away", get(|| async { Redirect::to("/") }))
    }

    #[test]
    fn the_json_of_a_page_is_what_the_api_tells_its_reader() {
        run(async {
            let world = World::new(api());
            let visitor = world.visitor(Role::Viewer).await;
            let path = address("/api/tickets/a%2Fb?x=%26&x=2");
            let response = visitor.ask(Method::GET, &path, &[], "").await;
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(
                ["content-type", "x-content-type-options", "cache-control"].map(header),
                ["application/json", "nosniff", "no-store"]
            );
            let (status, body) = text(response).await;
            assert_eq!(status, StatusCode::OK);
            let told: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                told,
                serde_json::json!({"of": "viewer", "id": "a/b", "query": "x=%26&x=2"})
            );
        });
    }

    #[test]
    fn nothing_else_comes_this_way() {
        run(async {
            let world = World::new(api());
            let visitor = world.visitor(Role::Viewer).await;
            for (method, path, status) in [
                (
                    Method::DELETE,
                    "/console/json/tickets/9",
                    StatusCode::METHOD_NOT_ALLOWED,
                ),
                (Method::GET, "/console/json/export", StatusCode::NOT_FOUND),
                (Method::GET, "/console/json/audit", StatusCode::FORBIDDEN),
                (
                    Method::GET,
                    "/console/json/../metrics",
                    StatusCode::NOT_FOUND,
                ),
                (
                    Method::GET,
                    "/console/json/%2e%2e/metrics",
                    StatusCode::NOT_FOUND,
                ),
                (Method::GET, "/console/json//metrics", StatusCode::NOT_FOUND),
            ] {
                let response = visitor.ask(method, path, &[], "").await;
                assert_eq!(response.status(), status, "{path}");
            }
            let stranger = world.stranger().get("/console/json/tickets/9").await;
            assert_eq!(stranger.0, StatusCode::SEE_OTHER);
        });
    }
}
