//! What a login goes on with: a page, or a form that was being sent when the session had ended.

use axum::http::request::Parts;
use serde::Deserialize;

use super::forms::Found;
use crate::links::{own_address, referring_page};
use crate::session;

/// Most bytes of a form that is kept.
const MOST_KEPT_BYTES: usize = 256 << 10;

/// What comes after a login; it stands in the login's form meanwhile.
#[derive(Debug, Clone, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The page to go to, or where the form goes.
    #[serde(default)]
    pub(crate) to: String,
    /// The fields of the form that are kept; empty where there is none.
    #[serde(default)]
    pub(crate) form: String,
    /// The page that the form was on.
    #[serde(default)]
    pub(crate) back: String,
    /// Who filled it in, as forms of a session tell it.
    #[serde(default)]
    pub(crate) of: String,
}

impl Kept {
    /// A page.
    pub(crate) fn page(address: &str) -> Self {
        Self {
            to: own_address(address).to_owned(),
            ..Self::default()
        }
    }

    /// The form of a request whose session has ended, where it is one that is kept; else the page that it was on.
    pub(crate) fn form(parts: &Parts, body: &[u8]) -> Self {
        let back = referring_page(parts);
        let path = parts.uri.path_and_query();
        let to = own_address(path.map_or("", |address| address.as_str()));
        let Some(found) = Found::at(to).filter(|_| body.len() <= MOST_KEPT_BYTES) else {
            return Self::page(&back);
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        let mut of = String::new();
        for (name, value) in form_urlencoded::parse(body) {
            if name == "csrf" {
                session::filled_in_by(&value).clone_into(&mut of);
            } else if found.has(&name) {
                form.append_pair(&name, &value);
            }
        }
        Self {
            to: to.to_owned(),
            form: form.finish(),
            back,
            of,
        }
    }

    /// True where a form is kept.
    pub(crate) fn has_form(&self) -> bool {
        !self.form.is_empty()
    }

    /// True where the person of that name filled the form in.
    pub(crate) fn is_of(&self, person: &str) -> bool {
        self.of == session::mark_of(person)
    }

    /// Where it goes on: never at another site.
    pub(crate) fn to(&self) -> &str {
        own_address(&self.to)
    }

    /// The page that the form was on.
    pub(crate) fn back(&self) -> &str {
        own_address(&self.back)
    }

    /// The page that one is on in the end: that of the form, where one is kept.
    pub(crate) fn own_page(&self) -> &str {
        match self.has_form() {
            true => self.back(),
            false => self.to(),
        }
    }

    /// The fields of the form. A browser has sent them, so they are looked at again.
    pub(crate) fn fields(&self, found: &Found) -> Vec<(String, String)> {
        form_urlencoded::parse(self.form.as_bytes())
            .filter(|(name, _)| found.has(name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parts(address: &str, referer: &str) -> Parts {
        let request = axum::http::Request::builder()
            .uri(address)
            .header("host", "here:1")
            .header("referer", referer);
        request.body(()).unwrap().into_parts().0
    }

    fn kept(address: &str, body: &[u8]) -> Kept {
        Kept::form(&parts(address, "http://here:1/console/a?x=1&done=1"), body)
    }

    #[test]
    fn a_form_is_kept_without_what_is_of_the_session() {
        let csrf = session::csrf_of("secret", "mei");
        let body = format!(
            "csrf={csrf}&note=a+%26+b%3C%3E&user%3Aid_1=1&user%3Aid_1=2&password=hush&sneaky=1"
        );
        let address = "/console/tickets/7/verdict?x=1";
        let kept = kept(address, body.as_bytes());
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = [
            field("note", "a & b<>"),
            field("user:id_1", "1"),
            field("user:id_1", "2"),
        ];
        let found = Found::at(kept.to()).unwrap();
        assert_eq!(kept.fields(&found), fields);
        assert_eq!((kept.to(), kept.back()), (address, "/console/a?x=1"));
        assert!(kept.is_of("mei") && !kept.is_of("lin") && !kept.is_of(""));
        let browser = Kept {
            form: "note=a&password=hush".to_owned(),
            ..kept
        };
        assert_eq!(browser.fields(&found), [field("note", "a")]);
    }

    #[test]
    fn what_no_form_names_and_heaps_are_not_kept() {
        let heap = vec![b'x'; MOST_KEPT_BYTES + 1];
        for (address, body) in [
            ("/console/settings/people", &b"name=a"[..]),
            ("/console/tickets/7/claim", b"app=a"),
            ("/console/settings/apps/bots/set/nope", b"name=a"),
            ("/console/tickets/7/verdict", &heap),
        ] {
            let kept = kept(address, body);
            assert!(!kept.has_form(), "{address}");
            assert_eq!(kept.to(), "/console/a?x=1");
        }
        let elsewhere = Kept::form(
            &parts("/console/tickets/bulk", "https://evil.example/console/b"),
            b"note=1",
        );
        assert_eq!(elsewhere.back(), "/console");
        let settings = kept(
            "/console/settings/apps/bots/set/cipher",
            b"settings%2Fdialogue.aes_iv=zero&secret=x",
        );
        assert_eq!(settings.form, "settings%2Fdialogue.aes_iv=zero");
    }

    /// The forms of a template that take a secret: by the text of their `action`.
    fn secret_forms(text: &str) -> impl Iterator<Item = &str> {
        let forms = text.split("<form").skip(1);
        let forms = forms.map(|form| form.split("</form>").next().unwrap_or_default());
        let secret = [r#"type="password""#, r#"name="key""#, r#"name="secret""#];
        let taken = forms.filter(move |form| secret.iter().any(|name| form.contains(name)));
        taken.map(|form| {
            let action = form.split("action=\"").nth(1).expect("an action");
            action.split('"').next().unwrap_or_default()
        })
    }

    fn walk(folder: &Path, look: &mut impl FnMut(&str, &str)) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, look),
                false => look(
                    &path.display().to_string(),
                    &std::fs::read_to_string(&path).unwrap(),
                ),
            }
        }
    }

    #[test]
    fn no_form_that_takes_a_secret_is_kept() {
        // What the template gets for its action, for all its uses that have a secret.
        let addresses = |action: &str| -> Vec<&'static str> {
            match action {
                "/console/login" => vec!["/console/login"],
                "/console/password" => vec!["/console/password"],
                "{{ page }}/keys" => vec!["/console/apps/a/playback/access/keys"],
                "{{ action }}" => vec![
                    "/console/settings/apps",
                    "/console/settings/apps/a/credentials/aes_key",
                ],
                other => panic!("{other}: say here where this form goes"),
            }
        };
        let mut all = 0;
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        walk(&templates, &mut |file, text| {
            for address in secret_forms(text).flat_map(addresses) {
                all += 1;
                let body = b"current=hush&new=hush&again=hush&key=hush&secret=hush&name=hush";
                assert!(!kept(address, body).has_form(), "{file}: {address}");
            }
        });
        assert_eq!(all, 5);
    }
}
