//! The row of a ticket in words, as it stands at the top of its page.

use crate::api::fill_path;
use crate::texts::fill;
use crate::visit::Visit;

use super::super::model::Ticket;
use super::super::rows::state_text;
use super::super::{address, app_name, moment, span, texts};
use super::Asked;

/// The row of the ticket in words.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) path: String,
    /// The address of the page.
    pub(super) page: String,
    pub(super) app_name: String,
    pub(super) category: String,
    pub(super) report_id: String,
    pub(super) state: String,
    pub(super) state_text: String,
    pub(super) received: String,
    pub(super) age: String,
    pub(super) reports: i64,
    pub(super) users: i64,
    pub(super) infos: i64,
    pub(super) follows: Option<(String, String)>,
    /// `me`, `other` or empty.
    pub(super) held: &'static str,
    pub(super) held_text: String,
    pub(super) holder: String,
    pub(super) until_ms: i64,
    pub(super) is_open: bool,
    /// The dialogue is open to be claimed.
    pub(super) may_claim: bool,
}

pub(super) fn head(visit: &Visit, ticket: &Ticket, asked: &Asked) -> Head {
    let t = texts(visit);
    let at = |at_ms| moment(visit, &ticket.app_id, at_ms);
    let until_ms = ticket.claimed_until.unwrap_or(0);
    // A claim that has run out is nobody's, though the store may not have noted it yet.
    let holder = ticket
        .claimed_by
        .as_deref()
        .filter(|_| until_ms > visit.now_ms);
    let until = at(until_ms);
    let (held, held_text) = match holder {
        _ if !ticket.is_open() => ("", String::new()),
        Some(name) if name == visit.person.name => ("me", fill(t.held_by_you, &[("at", &until)])),
        Some(name) => ("other", fill(t.held_by, &[("name", name), ("at", &until)])),
        None => ("", t.not_held.to_owned()),
    };
    let follows = ticket.follows.as_ref();
    let path = fill_path("/console/tickets/{}", &[&ticket.ticket_id]);
    let along = [
        ("app", &*asked.app),
        ("category", &asked.category),
        ("sort", &asked.sort),
    ];
    Head {
        page: address(&path, &along),
        path,
        app_name: app_name(visit, &ticket.app_id),
        category: ticket.category.clone(),
        report_id: ticket.report_id.clone(),
        state: ticket.state.clone(),
        state_text: state_text(visit, &ticket.state),
        received: at(ticket.received_at),
        age: span(t, (visit.now_ms - ticket.received_at) / 1000),
        reports: ticket.reports,
        users: ticket.users,
        infos: ticket.infos,
        follows: follows.map(|id| {
            let text = fill(t.follows, &[("id", id)]);
            (text, fill_path("/console/tickets/{}", &[id]))
        }),
        held,
        held_text,
        holder: holder.unwrap_or_default().to_owned(),
        until_ms,
        is_open: ticket.is_open(),
        may_claim: ticket.is_open() && held.is_empty(),
        id: ticket.ticket_id.clone(),
    }
}
