//! Secrets that were just made, as the API told them.

use axum::response::Response;
use serde_json::Value;

use super::frame;
use crate::fault::Fault;
use crate::texts::fill;
use crate::told_once::{Told, ToldOnce};
use crate::visit::Visit;

/// The page of what the API told once: each of `members` that is there, by its name; `back` leads on.
pub(super) fn page(
    visit: &Visit,
    whose: &str,
    told: &Value,
    members: &[(&str, &'static str)],
    back: String,
) -> Result<Response, Fault> {
    let t = super::managed(visit)?;
    let shown = |(member, name): &(&str, &'static str)| {
        let value = told.get(*member)?.as_str()?;
        Some(Told {
            name,
            value: value.to_owned(),
            is_secret: true,
        })
    };
    let title = fill(t.made, &[("name", whose)]);
    let has_password = told.get("password").is_some();
    Ok(visit.page(&ToldOnce {
        frame: frame(visit, &title),
        told: members.iter().filter_map(shown).collect(),
        note: if has_password {
            t.one_time_password
        } else {
            ""
        },
        ways: vec![(t.done_back, back)],
    }))
}
