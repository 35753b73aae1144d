//! One verdict for several tickets.

use askama::Template;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use crate::api::fill_path;
use crate::fault::Fault;
use crate::frame::Frame;
use crate::pairs::Pairs;
use crate::said::Said;
use crate::texts::fill;
use crate::visit::Posted;

use super::acts::back;
use super::model::Bulk;
use super::texts::ModerationTexts;
use super::{frame, texts};

/// Which tickets were not judged, and why.
#[derive(Template)]
#[template(path = "moderation_bulk.html")]
struct BulkPage {
    frame: Frame,
    t: &'static ModerationTexts,
    said: String,
    /// Number, address and reason of each.
    not: Vec<(String, String, Said)>,
    back: String,
}

pub(super) async fn judge_all(posted: Posted<Pairs>) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    let t = texts(&visit);
    let tickets: Vec<&str> = form.all("ticket").collect();
    if tickets.is_empty() {
        return Err(Fault::said(StatusCode::BAD_REQUEST, t.bulk_none));
    }
    let note = form.get("note").trim();
    let body = json!({
        "ticket_ids": tickets, "dialogue_result": form.get("dialogue"),
        "note": (!note.is_empty()).then_some(note),
    });
    let done: Bulk = visit
        .call(Method::POST, "/api/tickets/bulk-verdict", &[])
        .json(&body)
        .send()
        .await?;
    let back = back(&form);
    let (judged, all) = (done.judged.to_string(), done.results.len().to_string());
    let not: Vec<_> = done
        .results
        .into_iter()
        .filter_map(|outcome| {
            let address = fill_path("/console/tickets/{}", &[&outcome.ticket_id]);
            let why = Said::of_api(&outcome.detail?, visit.locale);
            Some((outcome.ticket_id, address, why))
        })
        .collect();
    if not.is_empty() {
        let sign = if back.contains('?') { '&' } else { '?' };
        return Ok(Redirect::to(&format!("{back}{sign}bulk={judged}.{all}")).into_response());
    }
    let page = BulkPage {
        frame: frame(&visit, t.bulk),
        t,
        said: fill(t.bulk_judged, &[("n", &judged), ("all", &all)]),
        not,
        back,
    };
    Ok(visit.page(&page))
}
