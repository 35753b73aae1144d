//! Records of the audit trail in words.

use serde_json::Value;

use crate::api::fill_path;
use crate::table::{Cell, Table};
use crate::visit::Visit;

use super::model::Record;
use super::{app_name, moment, texts};

/// Most characters of what else there is to say.
const MOST_CHARS: usize = 400;

/// A table of records; those of one ticket need neither its number nor its app.
pub(super) fn table(visit: &Visit, records: &[Record], is_of_ticket: bool) -> Table {
    let t = texts(visit);
    let caption = if is_of_ticket { t.trail } else { "" };
    let heads: &[&str] = if is_of_ticket {
        &[t.at, t.who, t.action, t.details]
    } else {
        &[t.at, t.who, t.key, t.action, t.app, t.ticket, t.details]
    };
    let mut table = Table::new(visit.locale, "audit", caption, heads);
    for record in records {
        let at = Cell::text(moment(visit, &record.app_id, record.at));
        let who = Cell::text(&record.actor);
        let action = Cell::text(action(visit, &record.action));
        let details = Cell::text(details(&record.details));
        if is_of_ticket {
            table.push(vec![at, who, action, details]);
            continue;
        }
        let ticket = record
            .ticket_id
            .as_ref()
            .map(|id| Cell::text(id).to(fill_path("/console/tickets/{}", &[id])));
        table.push(vec![
            at,
            who,
            Cell::text(&record.key),
            action,
            Cell::text(app_name(visit, &record.app_id)),
            ticket.unwrap_or_default(),
            details,
        ]);
    }
    table
}

fn action(visit: &Visit, action: &str) -> String {
    let t = texts(visit);
    match action {
        "saw" => t.saw,
        "claimed" => t.did_claim,
        "released" => t.did_release,
        "judged" => t.did_judge,
        "undone" => t.did_undo,
        "reopened" => t.did_reopen,
        "replayed" => t.did_replay,
        "settings" => t.did_settings,
        other => other,
    }
    .to_owned()
}

/// `reason: appeal 17 · verdict: 4`, the names as the API has them.
fn details(details: &Value) -> String {
    let Value::Object(members) = details else {
        return String::new();
    };
    let part = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) => Some(format!("{name}: {text}")),
        other => Some(format!("{name}: {other}")),
    };
    let text = members
        .iter()
        .filter_map(part)
        .collect::<Vec<_>>()
        .join(" · ");
    let mut cut: String = text.chars().take(MOST_CHARS).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
