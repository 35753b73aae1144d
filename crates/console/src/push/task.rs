//! One task: its funnel, who has which share of it, its losses and its days.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::funnel::{FunnelTables, actions, days_chart, days_table, steps_table};
use super::models::{Day, Funnel, Loss};
use super::texts::PushTexts;
use super::{csv_of, frame, losses, names};
use crate::api::fill_path;
use crate::fault::Fault;
use crate::format;
use crate::frame::{Frame, Link};
use crate::table::Table;
use crate::visit::Visit;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// The table that is asked for as CSV.
    pub(super) csv: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Task {
    taskid: String,
    kind: String,
    group_name: Option<String>,
    created_at: i64,
    is_announced: bool,
    funnel: Funnel,
    losses: Vec<Loss>,
    days: Vec<Day>,
}

#[derive(Template)]
#[template(path = "push/task.html")]
struct TaskPage {
    frame: Frame,
    t: &'static PushTexts,
    id: String,
    kind: String,
    created: String,
    group: Option<Link>,
    is_announced: bool,
    steps: Table,
    tables: FunnelTables,
    actions: Option<Table>,
    losses_by_channel: Table,
    losses: Table,
    chart: Option<String>,
    days: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path((app, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let call = visit.get("/api/apps/{}/push/tasks/{}", &[&app.id, &id]);
    let mut frame = frame(&visit, &app, t.push_task).json(&call);
    let task: Task = call.send_fresh().await?.told(&mut frame);
    let (losses_by_channel, losses) = losses::tables(&visit, &task.losses);
    let of_day = |day: &str| Some(fill_path("/console/apps/{}/push/days/{}", &[&app.id, day]));
    let page = TaskPage {
        frame,
        t,
        kind: names::kind(t, &task.kind).to_owned(),
        created: format::moment(task.created_at, &app.zone),
        group: task.group_name.map(|name| group_link(&app.id, name)),
        is_announced: task.is_announced,
        steps: steps_table(&visit, &task.funnel),
        tables: FunnelTables::new(&visit, &task.funnel),
        actions: (!task.funnel.actions.is_empty()).then(|| actions(&visit, &task.funnel.actions)),
        losses_by_channel,
        losses,
        chart: (task.days.len() > 1).then(|| days_chart(visit.locale, &task.days)),
        days: days_table(&visit, &task.days, of_day),
        id: task.taskid,
    };
    let mut tables = vec![
        &page.steps,
        &page.tables.channels,
        &page.tables.brands,
        &page.losses_by_channel,
        &page.losses,
        &page.days,
    ];
    tables.extend(&page.actions);
    Ok(csv_of(asked.csv.as_deref(), &tables).unwrap_or_else(|| visit.page(&page)))
}

/// The tasks of its group.
fn group_link(app: &str, name: String) -> Link {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("group", &name);
    let path = fill_path("/console/apps/{}/push", &[app]);
    Link {
        address: format!("{path}?{}", query.finish()),
        text: name,
        is_current: false,
    }
}
