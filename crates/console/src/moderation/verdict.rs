//! The verdict: given, and the next ticket opened; or not given, and the form shown again as it was filled in.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::pairs::Pairs;
use crate::texts::fill;
use crate::visit::{Posted, Visit};

use super::acts::{along, open_next, ticket_address};
use super::labels::{self, NORMAL};
use super::model::{Ticket, TicketsPage, Verdict, Whole};
use super::notice::{Bad, Notice};
use super::ticket::{self, Asked};
use super::{moment, texts};

/// What a moderator filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filled {
    pub(super) dialogue: String,
    pub(super) users: BTreeMap<String, String>,
    pub(super) note: String,
    /// How many reports were on the page then.
    pub(super) seen: i64,
}

impl Filled {
    fn of(form: &Pairs) -> Self {
        let users = form.behind("user:");
        Self {
            dialogue: form.get("dialogue").to_owned(),
            users: users
                .map(|(user, label)| (user.to_owned(), label.to_owned()))
                .collect(),
            // Browsers send lines as CR LF.
            note: form.get("note").trim().replace("\r\n", "\n"),
            seen: form.get("seen").parse().unwrap_or(0),
        }
    }

    /// What a verdict that was given said.
    pub(super) fn of_verdict(verdict: &Verdict) -> Self {
        Self {
            dialogue: verdict.dialogue_result.clone(),
            users: verdict.user_result.clone(),
            note: verdict.note.clone().unwrap_or_default(),
            seen: 0,
        }
    }

    fn body(&self) -> Value {
        let users: BTreeMap<_, _> = self
            .users
            .iter()
            .filter(|(_, label)| *label != NORMAL)
            .collect();
        json!({
            "dialogue_result": self.dialogue, "user_result": users,
            "note": (!self.note.is_empty()).then_some(&self.note),
            "seen_reports": (self.seen > 0).then_some(self.seen),
        })
    }

    /// True where a verdict says just this: then the same form was sent twice.
    fn is_in(&self, verdict: &Verdict) -> bool {
        let named = |users: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let users = users.iter().filter(|(_, label)| *label != NORMAL);
            users
                .map(|(user, label)| (user.clone(), label.clone()))
                .collect()
        };
        verdict.undone_at.is_none()
            && verdict.dialogue_result == self.dialogue
            && named(&verdict.user_result) == named(&self.users)
            && verdict.note.as_deref().unwrap_or_default() == self.note
    }
}

pub(super) async fn judge(
    Path(id): Path<String>,
    posted: Posted<Pairs>,
) -> Result<Response, Fault> {
    let Posted { visit, form } = posted;
    let filled = Filled::of(&form);
    if filled.dialogue.is_empty() {
        let why = texts(&visit).choose_label;
        let fault = Fault::said(StatusCode::UNPROCESSABLE_ENTITY, why);
        return again(&visit, &id, &form, filled, fault).await;
    }
    let judged: Result<Ticket, Fault> = visit
        .call(Method::POST, "/api/tickets/{}/verdict", &[&id])
        .json(&filled.body())
        .send()
        .await;
    match judged {
        Ok(ticket) => go_on(&visit, &form, &ticket, false).await,
        Err(fault) => {
            if fault.status == StatusCode::CONFLICT
                && let Some(ticket) = sent_twice(&visit, &id, &filled).await?
            {
                return go_on(&visit, &form, &ticket, true).await;
            }
            again(&visit, &id, &form, filled, fault).await
        }
    }
}

/// The ticket, where the verdict that stands is the person's own and says the same: a double click, or a form that was
/// sent again.
async fn sent_twice(visit: &Visit, id: &str, filled: &Filled) -> Result<Option<Ticket>, Fault> {
    let whole: Whole = visit.get("/api/tickets/{}", &[id]).send().await?;
    let is_same = whole.verdicts.first().is_some_and(|verdict| {
        verdict.auditor == visit.person.name && filled.is_in(verdict) && !whole.ticket.is_open()
    });
    Ok(is_same.then_some(whole.ticket))
}

/// Opens the next ticket, and says there that this one is judged and can be undone.
async fn go_on(
    visit: &Visit,
    form: &Pairs,
    ticket: &Ticket,
    is_again: bool,
) -> Result<Response, Fault> {
    let settings = labels::settings(visit, &ticket.app_id).await?;
    let until_ms = ticket.judged_at.unwrap_or(visit.now_ms) + settings.undo_seconds * 1000;
    let until = until_ms.to_string();
    let id = &*ticket.ticket_id;
    let said = [("judged", id), ("until", &*until)];
    let along = along(form);
    if form.get("then") == "stay" {
        let query = [&along[..], &said[..]].concat();
        return Ok(Redirect::to(&ticket_address(id, &query)).into_response());
    }
    if is_again && let Some(held) = held(visit).await? {
        // The first of the two has taken the next ticket already.
        let query = [&along[..], &said[..]].concat();
        return Ok(Redirect::to(&ticket_address(&held, &query)).into_response());
    }
    open_next(visit, along, id, &said).await
}

/// A ticket that the person holds.
async fn held(visit: &Visit) -> Result<Option<String>, Fault> {
    let page: TicketsPage = visit
        .get("/api/tickets", &[])
        .with("state", "claimed")
        .with("claimed_by", &visit.person.name)
        .with("sort", "newest")
        .with("limit", "1")
        .send()
        .await?;
    Ok(page
        .tickets
        .into_iter()
        .next()
        .map(|ticket| ticket.ticket_id))
}

/// The ticket again with the form as it was filled in, and why the verdict was not given.
async fn again(
    visit: &Visit,
    id: &str,
    form: &Pairs,
    filled: Filled,
    fault: Fault,
) -> Result<Response, Fault> {
    if !matches!(
        fault.status,
        StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::BAD_REQUEST
            | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return Err(fault);
    }
    let asked = Asked::along(form);
    let whole = ticket::read(visit, id, &asked).await?;
    let said = why(visit, &whole, &filled, &fault);
    let notice = Notice {
        bad: vec![said],
        ..Notice::default()
    };
    let page = ticket::build(visit, whole, &asked, Some(filled), notice).await?;
    let mut response = page.reply(visit);
    *response.status_mut() = fault.status;
    Ok(response)
}

/// The ticket of a verdict that could not be given, since the session had ended, with the form as it was filled in.
pub(crate) async fn resume(
    visit: &Visit,
    id: &str,
    fields: Vec<(String, String)>,
) -> Result<Response, Fault> {
    let form = Pairs(fields);
    let asked = Asked::along(&form);
    let whole = ticket::read(visit, id, &asked).await?;
    let notice = Notice {
        good: vec![texts(visit).not_sent.to_owned()],
        ..Notice::default()
    };
    let page = ticket::build(visit, whole, &asked, Some(Filled::of(&form)), notice).await?;
    Ok(page.reply(visit))
}

fn why(visit: &Visit, whole: &Whole, filled: &Filled, fault: &Fault) -> Bad {
    let t = texts(visit);
    let ticket = &whole.ticket;
    let other = Bad {
        text: t.not_given.to_owned(),
        why: Some(fault.told(visit.locale)),
    };
    if fault.status != StatusCode::CONFLICT {
        return other;
    }
    let verdict = whole
        .verdicts
        .iter()
        .find(|verdict| verdict.undone_at.is_none());
    if let Some(verdict) = verdict.filter(|_| !ticket.is_open()) {
        let at = moment(visit, &ticket.app_id, verdict.judged_at);
        // The label in words stands on the page below.
        let label = &verdict.dialogue_result;
        let values = [("name", &*verdict.auditor), ("at", &at), ("label", label)];
        return fill(t.was_judged, &values).into();
    }
    match &ticket.claimed_by {
        Some(name) if *name != visit.person.name => fill(t.was_claimed, &[("name", name)]).into(),
        _ if filled.seen > 0 && ticket.reports > filled.seen => t.more_came.to_owned().into(),
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_who_are_normal_are_left_out_and_make_no_difference() {
        let filled = Filled {
            dialogue: "ad".to_owned(),
            users: [("a", "ad"), ("b", NORMAL)]
                .map(|(user, label)| (user.to_owned(), label.to_owned()))
                .into(),
            note: String::new(),
            seen: 2,
        };
        let body = filled.body();
        assert_eq!(body["user_result"], json!({"a": "ad"}));
        assert_eq!(body["seen_reports"], 2);
        assert_eq!(body["note"], Value::Null);
        let mut verdict = Verdict {
            revision: 1,
            dialogue_result: "ad".to_owned(),
            user_result: [("a", "ad"), ("b", NORMAL), ("c", NORMAL)]
                .map(|(user, label)| (user.to_owned(), label.to_owned()))
                .into(),
            note: None,
            auditor: "mei".to_owned(),
            judged_at: 1,
            undone_at: None,
        };
        assert!(filled.is_in(&verdict));
        verdict.undone_at = Some(2);
        assert!(!filled.is_in(&verdict));
    }
}
