//! Secrets that were just made: shown once, on the page that answers the form.

use askama::Template;
use axum::response::Response;
use serde_json::Value;

use super::{SettingsTexts, frame};
use crate::fault::Fault;
use crate::frame::Frame;
use crate::texts::fill;
use crate::visit::Visit;

/// A secret, or what belongs to it.
struct Told {
    name: String,
    value: String,
}

#[derive(Template)]
#[template(path = "settings_secrets.html")]
struct Page {
    frame: Frame,
    t: &'static SettingsTexts,
    told: Vec<Told>,
    note: &'static str,
    back: String,
}

/// The page of what the API told once: each of `members` that is there, by its name; `back` leads on.
pub(super) fn page(
    visit: &Visit,
    whose: &str,
    told: &Value,
    members: &[(&str, &str)],
    back: String,
) -> Result<Response, Fault> {
    let t = super::managed(visit)?;
    let shown = |(member, name): &(&str, &str)| {
        let value = told.get(*member)?.as_str()?;
        Some(Told {
            name: (*name).to_owned(),
            value: value.to_owned(),
        })
    };
    let title = fill(t.made, &[("name", whose)]);
    let has_password = told.get("password").is_some();
    Ok(visit.page(&Page {
        frame: frame(visit, &title),
        t,
        told: members.iter().filter_map(shown).collect(),
        note: if has_password {
            t.one_time_password
        } else {
            ""
        },
        back,
    }))
}
