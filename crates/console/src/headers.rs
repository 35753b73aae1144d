//! Headers of all pages, and what a request tells of where it comes from.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// A policy for pages: no script or style in a page, no page in a frame, and nothing from elsewhere but such images.
macro_rules! policy {
    ($images:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:",
            $images,
            "; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    };
}

const POLICY: &str = policy!("");
/// Of a page that shows images of other hosts to who asks for them. No other host learns of the page: see the referrer policy.
const POLICY_WITH_IMAGES: &str = policy!(" http: https:");

/// The page may show images of other hosts.
pub(crate) fn with_images(mut response: Response) -> Response {
    let policy = HeaderValue::from_static(POLICY_WITH_IMAGES);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Adds the headers that a page has not set itself.
pub(crate) async fn add(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The text of a header.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// True where a script asks, which has no use for a login page.
pub(crate) fn is_script(headers: &HeaderMap) -> bool {
    let of_scripts = ["application/json", "text/event-stream"];
    let accept = text(headers, "accept").unwrap_or_default();
    of_scripts.iter().any(|kind| accept.contains(kind)) || headers.contains_key("x-requested-with")
}

/// False where a browser says that a page of another site has sent this. What is no browser says nothing.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text(headers, "origin") {
        None => true,
        Some(origin) => {
            let host = text(headers, "host").unwrap_or_default();
            origin
                .split_once("://")
                .is_some_and(|(_, from)| from == host)
        }
    }
}

/// True where the browser has come by TLS, as a proxy in front tells. Who lies about this gets a cookie that does not come
/// back, and no more.
pub(crate) fn is_by_tls(headers: &HeaderMap) -> bool {
    let first = text(headers, "x-forwarded-proto").and_then(|all| all.split(',').next());
    first.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_are_told_from_this_one() {
        for (sent, is_here) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://h:1"), ("host", "h:1")], true),
            (&[("origin", "http://evil"), ("host", "h:1")], false),
            (&[("origin", "null"), ("host", "h:1")], false),
        ] {
            let named = |(name, value): &(&'static str, &'static str)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            };
            let headers: HeaderMap = sent.iter().map(named).collect();
            assert_eq!(is_from_here(&headers), is_here, "{sent:?}");
        }
    }
}
