//! What each moderator of an app did.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::api::fill_path;
use crate::chart::{Chart, Line, Shape};
use crate::csv;
use crate::fault::Fault;
use crate::format::share;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::visit::Visit;

use super::model::Moderators;
use super::{address, choose_app, frame, texts};

/// Moderators of the chart.
const MOST_BARS: usize = 20;

/// What an address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) csv: String,
}

/// A chart above a table.
#[derive(Template)]
#[template(path = "moderation_moderators.html")]
struct ModeratorsPage {
    frame: Frame,
    chart: Option<String>,
    table: Table,
}

pub(super) async fn show_first(visit: Visit) -> Result<Response, Fault> {
    first(&visit, "/console/moderators")
}

/// Leads to the page of the first app.
pub(super) fn first(visit: &Visit, path: &str) -> Result<Response, Fault> {
    let app = visit.apps().next();
    let app = app.ok_or_else(|| Fault::not_found(|t| t.nothing))?;
    let address = fill_path(&format!("{path}/{{}}"), &[&app.id]);
    Ok(Redirect::to(&address).into_response())
}

pub(super) async fn show(
    visit: Visit,
    Path(app): Path<String>,
    Query(days): Query<Days>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = texts(&visit);
    let app = visit.app(&app)?;
    let range = Range::of(&days, &app, visit.now_ms, 30)?;
    let call = visit
        .get("/api/apps/{}/dialogue/moderators", &[&app.id])
        .with("from", &range.from)
        .with("to", &range.to);
    let mut frame = frame(&visit, t.moderators).json(&call);
    let found: Moderators = call.send().await?;
    let heads =
        [t.claims, t.judgements, t.undos, t.undo_share, t.reopens].map(|head| format!("#{head}"));
    let mut columns = vec![t.moderator];
    columns.extend(heads.iter().map(String::as_str));
    let mut table = Table::new(visit.locale, "moderators", "", &columns);
    let all: i64 = found.moderators.iter().map(|one| one.judged).sum();
    for one in &found.moderators {
        let judged = address(
            "/console/audit",
            &[("app", &app.id), ("actor", &one.moderator)],
        );
        table.push(vec![
            Cell::text(&one.moderator).to(judged),
            Cell::number(one.claimed),
            Cell::number(one.judged).share(one.judged, all),
            Cell::number(one.undone),
            Cell::text(share(one.undone, one.judged)),
            Cell::number(one.reopened),
        ]);
    }
    let here = fill_path("/console/moderators/{}", &[&app.id]);
    let table = table.with_csv(&format!("{here}?{}", range.query()));
    if asked.csv == table.name {
        return Ok(csv::reply(&table));
    }
    let shown = found.moderators.iter().take(MOST_BARS);
    let chart = (!found.moderators.is_empty()).then(|| Chart {
        title: t.judged_by_each.to_owned(),
        shape: Shape::Bars,
        labels: shown.clone().map(|one| one.moderator.clone()).collect(),
        lines: vec![Line::new(t.judgements, shown.map(|one| one.judged))],
    });
    choose_app(&visit, &mut frame, "/console/moderators", &app.id);
    let page = ModeratorsPage {
        frame: frame.range(range),
        chart: chart.map(|chart| chart.markup(visit.locale)),
        table,
    };
    Ok(visit.page(&page))
}
