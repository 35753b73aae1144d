//! How the server is: journal, views, callbacks, disk.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::texts::{OverviewTexts, span};
use crate::format::{bytes, count};
use crate::frame::Frame;
use crate::settings::is_limited;
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

#[derive(Deserialize)]
pub(super) struct Status {
    uptime_seconds: i64,
    requests_per_second: f64,
    reports_per_second: f64,
    pub(super) journal_writable: bool,
    journal_entries: i64,
    journal_bytes: u64,
    views_bytes: u64,
    state_bytes: u64,
    memory_bytes: u64,
    waiting: BTreeMap<String, i64>,
    pub(super) views: Vec<ViewState>,
    kinds: Vec<KindState>,
}

#[derive(Deserialize)]
pub(super) struct ViewState {
    pub(super) view: String,
    entries_behind: i64,
    pub(super) lag_ms: i64,
    pub(super) stuck: Option<String>,
}

#[derive(Deserialize)]
struct KindState {
    kind: String,
    requests: i64,
    reports: i64,
}

/// A part of how the server is.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// `good`, `bad`, and what it says.
    pub(super) badge: Option<(&'static str, &'static str)>,
}

/// How the server is, on the page.
pub(super) struct Health {
    pub(super) facts: Vec<Fact>,
    pub(super) views: Table,
    pub(super) kinds: Table,
}

/// Reads it, where the person may touch all apps: else it is of more than is theirs.
pub(super) async fn read(visit: &Visit, frame: &mut Frame) -> (Option<Health>, Option<Status>) {
    if is_limited(visit) {
        return (None, None);
    }
    let call = visit.get("/api/status", &[]);
    frame.json.push(call.address());
    match call.send::<Status>().await {
        Ok(status) => (Some(Health::new(visit, &status)), Some(status)),
        Err(_) => (None, None),
    }
}

impl Health {
    fn new(visit: &Visit, status: &Status) -> Self {
        let t = OverviewTexts::of(visit.locale);
        Self {
            facts: facts(t, status),
            views: views(visit, t, status),
            kinds: kinds(visit, t, status),
        }
    }
}

fn facts(t: &'static OverviewTexts, status: &Status) -> Vec<Fact> {
    let fact = |name, value| Fact {
        name,
        value,
        badge: None,
    };
    let waiting = |name: &str| count(status.waiting.get(name).copied().unwrap_or(0));
    let callbacks = [
        ("waiting", waiting("callbacks waiting")),
        ("dead", waiting("callbacks dead")),
    ];
    let sizes = [
        ("journal", bytes(status.journal_bytes)),
        ("views", bytes(status.views_bytes)),
        ("state", bytes(status.state_bytes)),
    ];
    let filled = |text: &str, values: &[(&str, String)]| {
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        fill(text, &values)
    };
    let journal = [("n", count(status.journal_entries))];
    let badge = match status.journal_writable {
        true => ("good", t.writable),
        false => ("bad", t.closed),
    };
    vec![
        fact(
            t.requests_rate,
            format!("{:.1}", status.requests_per_second),
        ),
        fact(t.reports_rate, format!("{:.1}", status.reports_per_second)),
        Fact {
            badge: Some(badge),
            ..fact(t.journal, filled(t.entries, &journal))
        },
        fact(t.callbacks, filled(t.callbacks_state, &callbacks)),
        fact(t.disk, filled(t.disk_state, &sizes)),
        fact(t.memory, bytes(status.memory_bytes)),
        fact(t.uptime, span(t, status.uptime_seconds)),
    ]
}

fn views(visit: &Visit, t: &OverviewTexts, status: &Status) -> Table {
    let behind = format!("#{}", t.behind);
    let lag = format!("#{}", t.lag);
    let heads = [t.view, &behind, &lag, t.state];
    let table = Table::new(visit.locale, "views", t.views, &heads);
    let mut table = table.with_csv("/console");
    for view in &status.views {
        let state = match &view.stuck {
            Some(why) => Cell::text(t.stuck).noted(why),
            None => Cell::text(t.well),
        };
        table.push(vec![
            Cell::text(&view.view),
            Cell::number(view.entries_behind),
            Cell::text(format!("{} ms", count(view.lag_ms))),
            state,
        ]);
    }
    table
}

fn kinds(visit: &Visit, t: &OverviewTexts, status: &Status) -> Table {
    let requests = format!("#{}", t.requests);
    let reports = format!("#{}", t.all_reports);
    let heads = [t.protocol, &requests, &reports];
    let table = Table::new(visit.locale, "kinds", t.since_start, &heads);
    let mut table = table.with_csv("/console");
    for kind in &status.kinds {
        table.push(vec![
            Cell::text(&kind.kind),
            Cell::number(kind.requests),
            Cell::number(kind.reports),
        ]);
    }
    table
}
