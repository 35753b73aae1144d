//! The forms that change a ticket, but for its verdict: each is one call of the API, and then a page.

use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::fill_path;
use crate::fault::Fault;
use crate::visit::{Posted, Visit};

use super::address;
use super::model::Ticket;
use super::notice::is_number;

/// The fields of a form; a name may stand several times.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The value of a field; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// The fields whose names begin so, without that.
    pub(super) fn behind<'a>(&'a self, front: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let behind =
            move |(name, value): &'a (String, String)| Some((name.strip_prefix(front)?, &**value));
        self.0.iter().filter_map(behind)
    }

    /// From which queue the next ticket is taken.
    pub(super) fn along(&self) -> [(&'static str, &str); 2] {
        [("app", self.get("app")), ("category", self.get("category"))]
    }
}

/// Where a form goes back to: a page of this section, never another host.
pub(super) fn back(form: &Pairs) -> String {
    let back = form.get("back");
    let is_ours = back.starts_with("/console/") && !back.contains(['\\', '\r', '\n']);
    let back = if is_ours { back } else { "/console/tickets" };
    // What an earlier step left in the address is old.
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let kept: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .filter(|(name, _)| {
            ![
                "judged", "until", "undone", "released", "none", "bulk", "done",
            ]
            .contains(&&**name)
        })
        .collect();
    let kept: Vec<(&str, &str)> = kept
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    address(path, &kept)
}

fn go(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// The address of a ticket.
pub(super) fn ticket_address(id: &str, query: &[(&str, &str)]) -> String {
    address(&fill_path("/console/tickets/{}", &[id]), query)
}

/// The address of a form that was sent, asked for by itself: after a change of language, a reload, or logging in again.
pub(super) async fn to_ticket(_: Visit, Path(id): Path<String>) -> Response {
    go(&ticket_address(&id, &[]))
}

/// Takes the next ticket and opens it; `said` goes along in the address.
pub(super) async fn open_next(
    visit: &Visit,
    along: [(&str, &str); 2],
    said: &[(&str, &str)],
) -> Result<Response, Fault> {
    let [(_, app), (_, category)] = along;
    let mut asked = serde_json::Map::new();
    for (name, value) in along {
        // A category is a name of an app.
        if !value.is_empty() && !app.is_empty() {
            asked.insert(name.to_owned(), Value::from(value));
        }
    }
    let next: Option<Ticket> = visit
        .call(Method::POST, "/api/tickets/next", &[])
        .json(&asked)
        .send()
        .await?;
    let mut query = vec![("app", app), ("category", category)];
    query.extend_from_slice(said);
    Ok(match next {
        Some(ticket) => go(&ticket_address(&ticket.ticket_id, &query)),
        None => {
            query.push(("none", "1"));
            go(&address("/console/tickets", &query))
        }
    })
}

pub(super) async fn take_next(posted: Posted<Pairs>) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    open_next(&visit, form.along(), &[]).await
}

pub(super) async fn claim(
    Path(id): Path<String>,
    posted: Posted<Pairs>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    let claimed = visit
        .call(Method::POST, "/api/tickets/{}/claim", &[&id])
        .send::<Value>()
        .await;
    // Who holds it instead, or who judged it, is on the ticket's page.
    match claimed {
        Err(fault) if fault.status != axum::http::StatusCode::CONFLICT => Err(fault),
        _ => Ok(go(&ticket_address(&id, &form.along()))),
    }
}

pub(super) async fn release(
    Path(id): Path<String>,
    posted: Posted<Pairs>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit
        .call(Method::POST, "/api/tickets/{}/release", &[&id])
        .send::<Value>()
        .await?;
    let [app, category] = form.along();
    let query = [app, category, ("released", &*id)];
    Ok(go(&address("/console/tickets", &query)))
}

pub(super) async fn undo(Path(id): Path<String>, posted: Posted<Pairs>) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    visit
        .call(Method::POST, "/api/tickets/{}/undo", &[&id])
        .send::<Value>()
        .await?;
    let held = form.get("held");
    if is_number(held) && held != id {
        // The ticket that was open meanwhile goes back to the queue; where it is not the person's any more, it is not.
        let _ = visit
            .call(Method::POST, "/api/tickets/{}/release", &[held])
            .send::<Value>()
            .await;
    }
    let [app, category] = form.along();
    Ok(go(&ticket_address(&id, &[app, category, ("undone", "1")])))
}

pub(super) async fn reopen(
    Path(id): Path<String>,
    posted: Posted<Pairs>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    let reason = json!({ "reason": form.get("reason") });
    visit
        .call(Method::POST, "/api/tickets/{}/reopen", &[&id])
        .json(&reason)
        .send::<Value>()
        .await?;
    Ok(visit.done(&ticket_address(&id, &form.along())))
}
