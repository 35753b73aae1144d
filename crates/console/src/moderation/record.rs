//! Records of the audit trail in words.

use serde_json::Value;

use crate::api::fill_path;
use crate::table::{Cell, Table};
use crate::visit::Visit;

use super::model::Record;
use super::rows::AppSettings;
use super::texts::ModerationTexts;
use super::{app_name, moment, texts};

/// Most characters of what else there is to say.
const MOST_CHARS: usize = 400;

/// A table of records; those of one ticket need neither its number nor its app. `settings` have the texts of labels.
pub(super) fn table(
    visit: &Visit,
    records: &[Record],
    settings: &AppSettings,
    is_of_ticket: bool,
) -> Table {
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
        let details = Cell::text(details(visit, record, settings));
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

/// What else there is to say of a record: `Reason: appeal 17 · Verdict: 4`.
fn details(visit: &Visit, record: &Record, settings: &AppSettings) -> String {
    let Value::Object(members) = &record.details else {
        return String::new();
    };
    let t = texts(visit);
    let part = |(name, value): (&String, &Value)| {
        let value = match (&**name, value) {
            (_, Value::Null) => return None,
            ("expired", _) => return Some(t.expired.to_owned()),
            ("changed", Value::Array(changes)) => {
                return Some(changes.iter().map(change).collect::<Vec<_>>().join(" · "));
            }
            ("dialogue_result", Value::String(label)) => {
                let settings = settings.get(&record.app_id);
                settings.map_or_else(|| label.clone(), |all| all.label(visit.locale, label))
            }
            ("from" | "to", Value::Number(at)) => {
                moment(visit, &record.app_id, at.as_i64().unwrap_or(0))
            }
            (_, value) => plain(value),
        };
        Some(format!("{}{}{value}", member(t, name), t.colon))
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

/// What the API calls this, as people say it.
fn member<'a>(t: &'static ModerationTexts, name: &'a str) -> &'a str {
    match name {
        "reason" => t.reason,
        "verdict" => t.verdict_no,
        "revision" => t.revision_no,
        "dialogue_result" => t.verdict,
        "reports" => t.reports,
        "auditor" => t.judged_by,
        "delivery" => t.delivery,
        "deliveries" => t.deliveries,
        "ticket" => t.ticket,
        "from" => t.since,
        "to" => t.up_to,
        "host" => t.host_port,
        other => other,
    }
}

/// A setting that was changed: `undo_seconds: 60 → 30`.
fn change(change: &Value) -> String {
    let part = |name: &str| plain(&change[name]);
    format!("{}: {} → {}", part("setting"), part("was"), part("is"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}
