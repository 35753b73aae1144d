//! What needs a person, each with the page where it is seen to.

use reportd_platform::access::Permission;
use reportd_platform::clock::DAY_MS;
use serde::Deserialize;

use super::health::Status;
use super::texts::{OverviewTexts, span};
use super::today::Today;
use crate::api::fill_path;
use crate::fault::Fault;
use crate::format::{count, moment};
use crate::texts::fill;
use crate::visit::Visit;

/// A view that lags so far is worth a look.
const LONG_LAG_MS: i64 = 10_000;
/// Callbacks that are counted one by one.
const MOST_DEAD: usize = 200;
/// Characters of what a rejected request was told.
const MOST_TOLD_CHARS: usize = 160;

/// Something that needs a person.
pub(super) struct Need {
    pub(super) text: String,
    /// What the server says of it, in English.
    pub(super) why: String,
    pub(super) address: Option<String>,
    /// `bad` or `warn`.
    pub(super) level: &'static str,
}

/// All that needs somebody; what the person may not see to is left out.
pub(super) async fn read(visit: &Visit, days: &[Today], status: Option<&Status>) -> Vec<Need> {
    let t = OverviewTexts::of(visit.locale);
    let mut needs = Vec::new();
    if let Some(status) = status {
        of_server(t, status, &mut needs);
    }
    if visit.may(Permission::Judge) {
        needs.extend(tickets(t, days));
    }
    if visit.may(Permission::Oversee) {
        needs.extend(dead_callbacks(visit, t).await.unwrap_or_default());
    }
    for day in days {
        if visit.may(Permission::RawReports) {
            needs.extend(rejected(visit, t, day).await.unwrap_or_default());
        }
        needs.extend(used_up(t, day));
    }
    needs
}

fn of_server(t: &OverviewTexts, status: &Status, needs: &mut Vec<Need>) {
    let mut tell = |text: String, why: &str, level| {
        needs.push(Need {
            text,
            why: why.to_owned(),
            address: None,
            level,
        });
    };
    if !status.journal_writable {
        tell(t.journal_closed.to_owned(), "", "bad");
    }
    for view in &status.views {
        if let Some(why) = &view.stuck {
            tell(fill(t.view_stuck, &[("name", &view.view)]), why, "bad");
        } else if view.lag_ms > LONG_LAG_MS {
            let time = span(t, view.lag_ms / 1000);
            tell(
                fill(t.view_lags, &[("name", &view.view), ("time", &time)]),
                "",
                "warn",
            );
        }
    }
}

fn tickets(t: &OverviewTexts, days: &[Today]) -> Option<Need> {
    let waiting: i64 = days.iter().map(|day| day.waiting).sum();
    let oldest = days.iter().filter_map(|day| day.oldest_waiting_seconds);
    let time = span(t, oldest.max().unwrap_or(0));
    (waiting > 0).then(|| Need {
        text: fill(t.open_tickets, &[("n", &count(waiting)), ("time", &time)]),
        why: String::new(),
        address: Some("/console/tickets".to_owned()),
        level: "warn",
    })
}

#[derive(Deserialize)]
struct Deliveries {
    deliveries: Vec<Delivery>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Delivery {}

async fn dead_callbacks(visit: &Visit, t: &OverviewTexts) -> Result<Option<Need>, Fault> {
    let call = visit.get("/api/deliveries", &[]).with("state", "dead");
    let call = call.with("limit", &MOST_DEAD.to_string());
    let told: Deliveries = call.send().await?;
    let more = if told.next_cursor.is_some() { "+" } else { "" };
    let number = told.deliveries.len();
    Ok((number > 0).then(|| Need {
        text: fill(t.dead_callbacks, &[("n", &format!("{number}{more}"))]),
        why: String::new(),
        address: Some("/console/deliveries?state=dead".to_owned()),
        level: "bad",
    }))
}

#[derive(Deserialize)]
struct Rejections {
    rejections: Vec<Rejection>,
}

#[derive(Deserialize)]
struct Rejection {
    at: i64,
    msg: String,
}

/// The newest request that was rejected, where that is not long ago.
async fn rejected(visit: &Visit, t: &OverviewTexts, day: &Today) -> Result<Option<Need>, Fault> {
    let app = &day.app;
    let call = visit.get("/api/apps/{}/comm/rejections", &[&app.id]);
    let told: Rejections = call.with("limit", "1").send().await?;
    let newest = told.rejections.into_iter().next();
    let newest = newest.filter(|newest| newest.at > visit.now_ms - DAY_MS);
    Ok(newest.map(|newest| {
        let msg = newest.msg.chars().take(MOST_TOLD_CHARS).collect();
        let time = moment(newest.at, &app.zone);
        Need {
            text: fill(t.rejected, &[("app", &app.name), ("time", &time)]),
            why: msg,
            address: Some(fill_path("/console/apps/{}/comm/rejected", &[&app.id])),
            level: "warn",
        }
    }))
}

fn used_up(t: &OverviewTexts, day: &Today) -> Vec<Need> {
    let need = |quota: &super::today::Quota| {
        let values = [
            ("app", day.app.name.as_str()),
            ("channel", &quota.channel),
            ("kind", &quota.kind),
        ];
        Need {
            text: fill(t.quota_used, &values),
            why: String::new(),
            address: Some(fill_path("/console/apps/{}/push/quotas", &[&day.app.id])),
            level: "warn",
        }
    };
    day.used_up.iter().map(need).collect()
}
