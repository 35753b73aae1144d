//! Where links and redirects may lead: to pages of the console, and of what strangers wrote to the web alone.

use axum::http::header;
use axum::http::request::Parts;

use crate::headers;

/// An address of the console, else its first page: nobody is led elsewhere.
pub(crate) fn own_address(address: &str) -> &str {
    let rest = address.strip_prefix("/console");
    let is_below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = address
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // A browser takes such steps before it goes anywhere, also where they are percent-coded.
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase().replace("%2e", ".");
    let has_steps = path
        .split('/')
        .any(|segment| segment == "." || segment == "..");
    if is_below && is_plain && !has_steps {
        address
    } else {
        "/console"
    }
}

/// The page of this site that a request came from, without what it says of the step before.
pub(crate) fn referring_page(parts: &Parts) -> String {
    let host = headers::text(&parts.headers, "host").unwrap_or_default();
    let referer = headers::text(&parts.headers, header::REFERER.as_str());
    let rest = referer.and_then(|address| address.split_once("://"));
    let address = rest.and_then(|(_, rest)| rest.strip_prefix(host));
    let address = own_address(address.unwrap_or_default());
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let is_lasting = |pair: &&str| !pair.is_empty() && !pair.starts_with("done=");
    let query: Vec<_> = query.split('&').filter(is_lasting).collect();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", query.join("&")),
    }
}

/// True of what strangers wrote where it is an address of the web: a link to `javascript:` would run in the console.
pub(crate) fn is_web_address(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| {
        text.len() > scheme.len()
            && text.is_char_boundary(scheme.len())
            && text[..scheme.len()].eq_ignore_ascii_case(scheme)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for own in [
            "/console",
            "/console?x=1",
            "/console/apps/a/comm?from=2026-11-21&to=2026-11-22",
        ] {
            assert_eq!(own_address(own), own);
        }
        for foreign in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/consoles",
            "/console\\evil",
            "/console/\r\nset-cookie: a=b",
            "/console/\u{202e}",
            "/console@evil.example",
            "/console/..//evil.example",
            "/console/%2E%2e//evil.example",
        ] {
            assert_eq!(own_address(foreign), "/console", "{foreign:?}");
        }
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        for (text, expected) in [
            ("https://a.example/c.jpg", true),
            ("HTTP://a.example/c.jpg", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//a.example/c.jpg", false),
            ("https://", false),
            ("字字字", false),
            ("", false),
        ] {
            assert_eq!(is_web_address(text), expected, "{text}");
        }
    }
}
