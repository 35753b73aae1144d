//! What went wrong, and the page that says so.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reportd_db::DbError;

use crate::Console;
use crate::said::Said;
use crate::texts::{Locale, Texts, fill};
use crate::visit::Visit;

/// What went wrong. Where a page ends in one, [`show`] makes a page of it.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    words: Words,
    /// The parameter or the member that is wrong, where one is.
    pub(crate) field: Option<String>,
}

/// Which words tell it.
#[derive(Debug, Clone)]
enum Words {
    /// Those of the API.
    Api(String),
    /// A text in the language of the page.
    Said(String),
    /// One of the texts that all pages share, and what fills its places.
    Text(FaultText, Vec<(&'static str, String)>),
}

type FaultText = fn(&Texts) -> &'static str;

impl Fault {
    /// In the words of the API.
    pub(crate) fn api(status: StatusCode, detail: String, field: Option<String>) -> Self {
        Self {
            status,
            words: Words::Api(detail),
            field,
        }
    }

    /// In a text of the page's language.
    pub(crate) fn said(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            words: Words::Said(text.into()),
            field: None,
        }
    }

    /// In a text that all pages share, with its places filled.
    pub(crate) fn text(
        status: StatusCode,
        text: FaultText,
        values: &[(&'static str, &str)],
    ) -> Self {
        let values = values
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self {
            status,
            words: Words::Text(text, values.collect()),
            field: None,
        }
    }

    /// 404 in a text that all pages share.
    pub(crate) fn not_found(text: FaultText) -> Self {
        Self::text(StatusCode::NOT_FOUND, text, &[])
    }

    /// 400 in a text that all pages share.
    pub(crate) fn invalid(field: &str, text: FaultText) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text, &[]).at(field)
    }

    /// It is about this field.
    #[must_use]
    pub(crate) fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// 500: a mistake of ours.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a page of the console failed");
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, |t| t.failed_here, &[])
    }

    /// What it says, in the language of a page where the console has words for it.
    pub(crate) fn told(&self, locale: Locale) -> Said {
        match &self.words {
            Words::Api(text) => Said::of_api(text, locale),
            Words::Said(text) => Said::own(text),
            Words::Text(text, values) => {
                let values: Vec<_> = values
                    .iter()
                    .map(|(name, value)| (*name, &**value))
                    .collect();
                Said::own(fill(text(Texts::of(locale)), &values))
            }
        }
    }

    /// True where its words are those of the API.
    pub(crate) fn is_of_api(&self) -> bool {
        matches!(self.words, Words::Api(_))
    }

    /// What its status means, to people.
    pub(crate) fn meaning(&self, t: &Texts) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => t.fault_invalid,
            StatusCode::FORBIDDEN => t.fault_forbidden,
            StatusCode::NOT_FOUND => t.fault_not_found,
            StatusCode::CONFLICT => t.fault_conflict,
            StatusCode::PAYLOAD_TOO_LARGE => t.fault_too_large,
            StatusCode::TOO_MANY_REQUESTS => t.fault_too_many,
            StatusCode::SERVICE_UNAVAILABLE => t.fault_busy,
            _ => t.fault_other,
        }
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        if error.is_transient() {
            return Self::text(StatusCode::SERVICE_UNAVAILABLE, |t| t.fault_busy, &[]);
        }
        Self::internal(error)
    }
}

impl Fault {
    /// In plain text, where there is no visit whose page it could be.
    pub(crate) fn into_text(self) -> Response {
        (self.status, self.told(Locale::En).text).into_response()
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Makes a page of a [`Fault`], in the language of the visit.
pub(crate) async fn show(State(console): State<Console>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visit = Visit::of(&mut parts, &console).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    match (response.extensions().get::<Fault>(), visit) {
        (Some(fault), Ok(visit)) => visit.fault_page(fault),
        (Some(fault), Err(_)) => fault.clone().into_text(),
        (None, _) => response,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{Method, StatusCode};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use reportd_platform::access::Role;
    use reportd_testbed::run;

    use crate::testing::{World, text};

    #[test]
    fn what_fails_is_told_in_the_language_of_the_page() {
        run(async {
            let told = || async {
                let body = r#"{"detail":"it is no day for this","field":"id"}"#;
                (StatusCode::NOT_FOUND, body).into_response()
            };
            let world = World::new(Router::new().route("/api/tickets/{id}", get(told)));
            let visitor = world.visitor(Role::Moderator).await.in_chinese();
            for (path, status, part) in [
                ("/console/nope", 404, "页面不存在。"),
                ("/console/apps/nope/comm", 404, "您名下没有应用「nope」。"),
                ("/console/apps/bots/comm?from=x", 400, "「x」不是日期"),
                ("/console/apps/bots/playback/access", 403, "仅管理员可管理"),
                ("/console/settings/people/none", 403, "管理员"),
                ("/console/tickets/9", 404, "内容不存在，或您无权查看。"),
            ] {
                let (found, html) = visitor.get(path).await;
                assert_eq!(found.as_u16(), status, "{path}");
                assert!(html.contains(part), "{path}: {html}");
                let has_english = html.contains(r#"<bdi lang="en">"#);
                assert_eq!(has_english, path == "/console/tickets/9", "{path}");
            }
            let (_, html) = visitor.get("/console/tickets/9").await;
            let api = r#"<p class="muted"><code>id</code>: <bdi lang="en">it is no day for this</bdi></p>"#;
            assert!(html.contains(api), "{html}");
        });
    }

    #[test]
    fn the_address_of_a_form_is_no_page_and_says_so() {
        run(async {
            let world = World::new(Router::new());
            let visitor = world.visitor(Role::Admin).await;
            for (method, path) in [
                (Method::GET, "/console/tickets/9/verdict"),
                (Method::PUT, "/console/tickets/9"),
                (Method::DELETE, "/console"),
            ] {
                let response = visitor.ask(method, path, &[], "").await;
                assert_eq!(
                    response.headers()["content-type"],
                    "text/html; charset=utf-8"
                );
                let (status, html) = text(response).await;
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
                assert!(html.contains("a form is sent to it"), "{html}");
            }
        });
    }

    #[test]
    fn a_page_that_answers_a_form_is_of_the_page_that_the_form_was_on() {
        run(async {
            let world = World::new(Router::new());
            let visitor = world.visitor(Role::Admin).await;
            let path = "/console/apps/bots/comm/operations";
            let language = |html: &str| {
                let link = html.split("/console/language?to=").nth(1).unwrap();
                link.split('"').next().unwrap().to_owned()
            };
            for (referer, back) in [
                (
                    "http://here:8300/console/settings/apps?a=1&done=1",
                    "%2Fconsole%2Fsettings%2Fapps%3Fa%3D1",
                ),
                ("http://evil.example/console/settings", "%2Fconsole"),
                ("", "%2Fconsole"),
            ] {
                let headers = [("referer", referer)];
                let form = [("oper_id", "x"), ("is_new", "1")];
                let (status, html) = text(visitor.post_with(path, &headers, &form).await).await;
                assert_eq!(status, StatusCode::BAD_REQUEST);
                assert_eq!(language(&html), back, "{referer}");
                assert!(!html.contains(r#"<p class="notice good""#), "{html}");
            }
        });
    }
}
