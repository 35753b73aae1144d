//! What a login goes on with: a page, or a form that was being sent when the session had ended.

use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;

use crate::headers;
use crate::session::own_address;

/// Most bytes of a form that is kept.
const MOST_KEPT_BYTES: usize = 256 << 10;
/// Forms with a field of such a name are not kept: what stands in them must not come back on a page.
const SECRET_WORDS: [&str; 3] = ["password", "secret", "token"];

/// What comes after a login; it stands in the login's form meanwhile.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The page to go to, or where the form goes.
    #[serde(default)]
    pub(crate) to: String,
    /// The form as it was sent, without its csrf token; empty where there is none.
    #[serde(default)]
    pub(crate) form: String,
    /// The page that the form was on.
    #[serde(default)]
    pub(crate) back: String,
}

impl Kept {
    /// A page.
    pub(crate) fn page(address: &str) -> Self {
        Self {
            to: own_address(address).to_owned(),
            ..Self::default()
        }
    }

    /// The form of a request whose session has ended.
    pub(crate) fn form(parts: &Parts, body: &[u8]) -> Self {
        let back = referring_page(parts);
        let fields = form_urlencoded::parse(body);
        let is_secret = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
        let holds_secret = fields.clone().any(|(name, _)| is_secret(&name));
        if holds_secret || body.len() > MOST_KEPT_BYTES {
            return Self::page(&back);
        }
        let rest = fields.filter(|(name, _)| name != "csrf");
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(rest);
        let path = parts.uri.path_and_query();
        let path = path.map_or("", |address| address.as_str());
        Self {
            to: own_address(path).to_owned(),
            form: form.finish(),
            back,
        }
    }

    /// True where a form is kept.
    pub(crate) fn has_form(&self) -> bool {
        !self.form.is_empty()
    }

    /// The page to go to: never one of another site.
    pub(crate) fn to(&self) -> &str {
        own_address(&self.to)
    }

    /// The page that the form was on.
    pub(crate) fn back(&self) -> &str {
        own_address(&self.back)
    }

    /// The fields of the form.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.form.as_bytes())
            .into_owned()
            .collect()
    }
}

/// The page of this site that a request came from.
fn referring_page(parts: &Parts) -> String {
    let host = headers::text(&parts.headers, "host").unwrap_or_default();
    let referer = headers::text(&parts.headers, header::REFERER.as_str());
    let rest = referer.and_then(|address| address.split_once("://"));
    let path = rest.and_then(|(_, rest)| rest.strip_prefix(host));
    own_address(path.unwrap_or_default()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(address: &str, referer: &str) -> Parts {
        let request = axum::http::Request::builder()
            .uri(address)
            .header("host", "here:1")
            .header("referer", referer);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_form_is_kept_without_what_is_of_the_session() {
        let parts = parts(
            "/console/tickets/7/verdict?x=1",
            "http://here:1/console/tickets/7",
        );
        let kept = Kept::form(
            &parts,
            b"csrf=abc&note=a+%26+b%3C%3E&user_result=1&user_result=2",
        );
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [
            field("note", "a & b<>"),
            field("user_result", "1"),
            field("user_result", "2"),
        ];
        assert_eq!(kept.fields(), fields);
        assert_eq!(
            (kept.to(), kept.back()),
            ("/console/tickets/7/verdict?x=1", "/console/tickets/7")
        );
    }

    #[test]
    fn secrets_and_heaps_are_not_kept() {
        let parts = parts(
            "/console/settings/people",
            "http://here:1/console/settings/people?new=1",
        );
        let heap = vec![b'x'; MOST_KEPT_BYTES + 1];
        for body in [&b"name=a&new_password=hush"[..], &heap] {
            let kept = Kept::form(&parts, body);
            assert!(!kept.has_form());
            assert_eq!(kept.to(), "/console/settings/people?new=1");
        }
        let elsewhere = Kept::form(
            &self::parts("/console/a", "https://evil.example/console/b"),
            b"a=1",
        );
        assert_eq!(elsewhere.back(), "/console");
    }
}
