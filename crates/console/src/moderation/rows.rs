//! Tickets as rows of a list.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::api::fill_path;
use crate::fault::Fault;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

use super::model::{Settings, Ticket};
use super::{app_name, labels, moment, span, texts};

/// Apps of a list whose labels are read.
const MOST_APPS: usize = 16;

/// A row.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) app_name: String,
    pub(super) state: String,
    pub(super) state_text: String,
    pub(super) category: String,
    pub(super) report_id: String,
    pub(super) received: String,
    pub(super) age: String,
    pub(super) users: i64,
    pub(super) infos: i64,
    pub(super) reports: i64,
    pub(super) claimed_by: Option<String>,
    pub(super) is_mine: bool,
    pub(super) follows: Option<String>,
    /// How many of the list are of its group, where it is the first of several.
    pub(super) group: Option<String>,
    /// It stands below another of its group.
    pub(super) is_grouped: bool,
    pub(super) is_open: bool,
    /// The label of its verdict.
    pub(super) label: Option<String>,
    pub(super) auditor: String,
    pub(super) judged: String,
    pub(super) select: String,
}

/// Settings of the apps of a list, by their ids.
pub(super) type AppSettings = HashMap<String, Settings>;

/// The settings of the apps of a list, for the texts of labels.
pub(super) async fn settings(visit: &Visit, apps: &BTreeSet<&str>) -> Result<AppSettings, Fault> {
    let mut all = AppSettings::new();
    let known = apps
        .iter()
        .filter(|app| super::app_of(visit, app).is_some());
    for app in known.take(MOST_APPS) {
        all.insert((*app).to_owned(), labels::settings(visit, app).await?);
    }
    Ok(all)
}

/// The text of a state of a ticket or a delivery.
pub(super) fn state_text(visit: &Visit, state: &str) -> String {
    let t = texts(visit);
    match state {
        "open" => t.open,
        "claimed" => t.claimed,
        "judged" => t.judged,
        "delivered" => t.delivered,
        "failed" => t.failed,
        "pending" => t.pending,
        "dead" => t.dead,
        "taken_back" => t.taken_back,
        other => other,
    }
    .to_owned()
}

/// The rows of tickets: those of one group stand together, where the first of them stands.
pub(super) fn rows(
    visit: &Visit,
    tickets: &[Ticket],
    settings: &AppSettings,
    query: &[(&str, &str)],
) -> Vec<Row> {
    let t = texts(visit);
    let mut groups: HashMap<(&str, &str), Vec<&Ticket>> = HashMap::new();
    for ticket in tickets {
        let group = groups.entry((&ticket.app_id, &ticket.group_id));
        group.or_default().push(ticket);
    }
    let mut rows = Vec::with_capacity(tickets.len());
    let mut seen = HashSet::new();
    for ticket in tickets {
        let key = (&*ticket.app_id, &*ticket.group_id);
        if !seen.insert(key) {
            continue;
        }
        let group = groups.get(&key).map_or(&[][..], Vec::as_slice);
        for (place, ticket) in group.iter().enumerate() {
            let mut row = row(visit, ticket, settings, query);
            row.is_grouped = place > 0;
            if place == 0 && group.len() > 1 {
                row.group = Some(fill(t.group_of, &[("n", &group.len().to_string())]));
            }
            rows.push(row);
        }
    }
    rows
}

/// The row of a ticket.
pub(super) fn row(
    visit: &Visit,
    ticket: &Ticket,
    settings: &AppSettings,
    query: &[(&str, &str)],
) -> Row {
    let t = texts(visit);
    let of_app = |at_ms| moment(visit, &ticket.app_id, at_ms);
    let path = fill_path("/console/tickets/{}", &[&ticket.ticket_id]);
    let label = ticket.dialogue_result.as_ref().map(|key| {
        let settings = settings.get(&ticket.app_id);
        settings.map_or_else(|| key.clone(), |settings| settings.label(visit.locale, key))
    });
    Row {
        address: super::address(&path, query),
        app_name: app_name(visit, &ticket.app_id),
        state: ticket.state.clone(),
        state_text: state_text(visit, &ticket.state),
        category: ticket.category.clone(),
        report_id: ticket.report_id.clone(),
        received: of_app(ticket.received_at),
        age: span(t, (visit.now_ms - ticket.received_at) / 1000),
        users: ticket.users,
        infos: ticket.infos,
        reports: ticket.reports,
        claimed_by: ticket.claimed_by.clone(),
        is_mine: ticket.claimed_by.as_deref() == Some(&*visit.person.name),
        follows: ticket
            .follows
            .as_ref()
            .map(|id| fill(t.follows, &[("id", id)])),
        group: None,
        is_grouped: false,
        is_open: ticket.is_open(),
        label,
        auditor: ticket.auditor.clone().unwrap_or_default(),
        judged: ticket.judged_at.map(of_app).unwrap_or_default(),
        select: fill(t.select, &[("id", &ticket.ticket_id)]),
        id: ticket.ticket_id.clone(),
    }
}

/// Rows as a table, for CSV.
pub(super) fn table(visit: &Visit, rows: &[Row]) -> Table {
    let t = texts(visit);
    let heads = [
        t.ticket,
        t.app,
        t.category,
        t.dialogue,
        t.state,
        t.received,
        t.reports,
        t.users,
        t.messages,
        t.claimed_by,
        t.follow_up,
        t.verdict,
        t.judged_by,
        t.judged_at,
    ];
    let mut table = Table::new(visit.locale, "tickets", "", &heads);
    for row in rows {
        let text = |text: &str| Cell::text(text);
        table.push(vec![
            text(&row.id),
            text(&row.app_name),
            text(&row.category),
            text(&row.report_id),
            text(&row.state_text),
            text(&row.received),
            Cell::number(row.reports),
            Cell::number(row.users),
            Cell::number(row.infos),
            text(row.claimed_by.as_deref().unwrap_or_default()),
            text(row.follows.as_deref().unwrap_or_default()),
            text(row.label.as_deref().unwrap_or_default()),
            text(&row.auditor),
            text(&row.judged),
        ]);
    }
    table
}
