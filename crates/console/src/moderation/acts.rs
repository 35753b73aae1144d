//! The forms that change a ticket, but for its verdict: each is one call of the API, and then a page.

use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use crate::api::fill_path;
use crate::fault::Fault;
use crate::links::own_address;
use crate::pairs::Pairs;
use crate::visit::{Posted, Visit};

use super::address;
use super::model::Ticket;
use super::notice::is_number;

/// From which queue the next ticket is taken.
pub(super) fn along(form: &Pairs) -> [(&'static str, &str); 3] {
    ["app", "category", "sort"].map(|name| (name, form.get(name)))
}

/// Where a form goes back to: a page of this section, never another host.
pub(super) fn back(form: &Pairs) -> String {
    let back = match own_address(form.get("back")) {
        "/console" => "/console/tickets",
        back => back,
    };
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

/// Takes the ticket that is next behind `after`, where that is one, and opens it; `said` goes along in the address.
pub(super) async fn open_next(
    visit: &Visit,
    along: [(&str, &str); 3],
    after: &str,
    said: &[(&str, &str)],
) -> Result<Response, Fault> {
    let [(_, app), (_, category), sort] = along;
    // A category is a name of an app.
    let category = if app.is_empty() { "" } else { category };
    let mut asked = serde_json::Map::new();
    for (name, value) in [("app", app), ("category", category), sort, ("after", after)] {
        if !value.is_empty() {
            asked.insert(name.to_owned(), Value::from(value));
        }
    }
    let next: Option<Ticket> = visit
        .call(Method::POST, "/api/tickets/next", &[])
        .json(&asked)
        .send()
        .await?;
    let mut query = along.to_vec();
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
    open_next(&visit, along(&form), form.get("after"), &[]).await
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
        _ => Ok(go(&ticket_address(&id, &along(&form)))),
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
    let [app, category, sort] = along(&form);
    let query = [app, category, sort, ("released", &*id)];
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
    let [app, category, sort] = along(&form);
    let query = [app, category, sort, ("undone", "1")];
    Ok(go(&ticket_address(&id, &query)))
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
    Ok(visit.done(&ticket_address(&id, &along(&form))))
}
