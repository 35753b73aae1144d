//! Tasks of a period, newest first.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use form_urlencoded::Serializer;
use reportd_platform::apps::App;
use serde::Deserialize;

use super::cards::{Card, Compared, funnel_cards};
use super::funnel::{FunnelTables, days_chart, figure_cells, figure_heads, note, sum};
use super::models::{Day, Days as PushDays, Figures, Funnel, Settings};
use super::texts::PushTexts;
use super::{LIVE_SECONDS, csv_of, frame, names};
use crate::api::{Call, fill_path};
use crate::compared::{Comparison, Span};
use crate::fault::Fault;
use crate::format;
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

/// The most days of which the API tells the figures.
const MOST_DAYS: i64 = 366;
/// A CSV has all tasks of the days, up to so many pages of 200.
const MOST_CSV_PAGES: usize = 250;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    group: Option<String>,
    cursor: Option<String>,
    csv: Option<String>,
}

/// A task of a list.
#[derive(Debug, Clone, Deserialize)]
struct Task {
    taskid: String,
    kind: String,
    group_name: Option<String>,
    created_at: i64,
    total: Figures,
}

#[derive(Debug, Deserialize)]
struct Tasks {
    tasks: Vec<Task>,
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Group {
    funnel: Funnel,
}

/// What stands above the list.
#[derive(Default)]
struct Above {
    cards: Vec<Card>,
    /// Where the cards are sums of days.
    chart: Option<String>,
    /// What changes are against, or why there are none, in a sentence.
    changes: Option<String>,
    /// Where they are of a group.
    tables: Option<FunnelTables>,
}

#[derive(Template)]
#[template(path = "push/tasks.html")]
struct TasksPage {
    frame: Frame,
    t: &'static PushTexts,
    group: String,
    of_group: String,
    all_groups: String,
    groups: Vec<String>,
    cards: Vec<Card>,
    chart: Option<String>,
    changes: Option<String>,
    tables: Option<FunnelTables>,
    note: Option<String>,
    tasks: Table,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let t = PushTexts::of(visit.locale);
    let app = visit.app(&app)?;
    let (from, to) = (asked.from.clone(), asked.to.clone());
    let range = Range::of(&Days { from, to }, &app, visit.now_ms, 7)?;
    let list = Listed {
        visit: &visit,
        app: &app,
        range: &range,
        group: asked.group.as_deref().unwrap_or_default(),
    };
    match asked.csv.as_deref() {
        Some("tasks") => return list.csv().await,
        Some("channels" | "brands") => return list.group_csv(asked.csv.as_deref()).await,
        _ => {}
    }
    let call = list.call(None).maybe("cursor", asked.cursor.as_deref());
    let mut frame = frame(&visit, &app, t.push_tasks)
        .range(range.clone())
        .json(&call);
    if range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let found: Tasks = call.send_fresh().await?.told(&mut frame);
    let mut tasks = list.table(&found.tasks);
    tasks.next = found
        .next_cursor
        .map(|cursor| list.address(&[("cursor", &cursor)]));
    let (above, frame) = match list.group {
        "" => list.days(frame).await?,
        _ => list.group(frame).await?,
    };
    let mut groups: Vec<String> = found
        .tasks
        .into_iter()
        .filter_map(|task| task.group_name)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    Ok(visit.page(&TasksPage {
        frame,
        t,
        group: list.group.to_owned(),
        of_group: fill(t.of_group, &[("group", list.group)]),
        all_groups: format!("?{}", range.query()),
        groups,
        cards: above.cards,
        chart: above.chart,
        changes: above.changes,
        tables: above.tables,
        note: list.note().await?,
        tasks: tasks.with_csv(&list.address(&[])),
    }))
}

/// Where a task is shown. Browsers take ids of one or two dots for steps in the path: these have no page.
fn task_address(app: &str, task: &str) -> Option<String> {
    let address = fill_path("/console/apps/{}/push/tasks/{}", &[app, task]);
    (!matches!(task, "." | "..")).then_some(address)
}

/// The tasks that are asked for.
struct Listed<'a> {
    visit: &'a Visit,
    app: &'a App,
    range: &'a Range,
    /// Empty for all.
    group: &'a str,
}

impl Listed<'_> {
    /// A page of them.
    fn call(&self, cursor: Option<&str>) -> Call<'_> {
        let call = self.visit.get("/api/apps/{}/push/tasks", &[&self.app.id]);
        call.with("from", &self.range.from)
            .with("to", &self.range.to)
            .maybe("group", Some(self.group))
            .maybe("cursor", cursor)
    }

    /// This page with other parameters beside its days and its group.
    fn address(&self, others: &[(&str, &str)]) -> String {
        group_address(&self.app.id, self.range, self.group, others)
    }

    async fn csv(&self) -> Result<Response, Fault> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..MOST_CSV_PAGES {
            let call = self.call(cursor.as_deref()).with("limit", "200");
            let found: Tasks = call.send().await?;
            all.extend(found.tasks);
            cursor = found.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(crate::csv::reply(&self.file(&all)))
    }

    async fn group_csv(&self, asked: Option<&str>) -> Result<Response, Fault> {
        let group: Group = self.group_call().send().await?;
        let tables = FunnelTables::new(self.visit, &group.funnel);
        let found = csv_of(asked, &[&tables.channels, &tables.brands]);
        found.ok_or_else(|| Fault::not_found(|t| t.no_page))
    }

    /// On the page kind and time stand below the id.
    fn table(&self, tasks: &[Task]) -> Table {
        let t = PushTexts::of(self.visit.locale);
        let mut table = self.empty_table(&[t.task, t.group]);
        for task in tasks {
            let (kind, created) = self.about(task);
            let minute = created.get(..16).unwrap_or(&created);
            let mut id = Cell::text(&*task.taskid).noted(format!("{kind} · {minute}"));
            id.address = task_address(&self.app.id, &task.taskid);
            let group = match &task.group_name {
                Some(name) => {
                    Cell::text(&**name).to(group_address(&self.app.id, self.range, name, &[]))
                }
                None => Cell::text("–"),
            };
            table.push([id, group].into_iter().chain(self.figures(task)).collect());
        }
        table
    }

    /// In CSV each has a column.
    fn file(&self, tasks: &[Task]) -> Table {
        let t = PushTexts::of(self.visit.locale);
        let mut table = self.empty_table(&[t.task, t.kind, t.group, t.created]);
        for task in tasks {
            let (kind, created) = self.about(task);
            let group = task.group_name.as_deref().unwrap_or_default();
            let row = [&*task.taskid, kind, group, &created].map(Cell::text);
            table.push(row.into_iter().chain(self.figures(task)).collect());
        }
        table
    }

    fn empty_table(&self, first: &[&str]) -> Table {
        let t = PushTexts::of(self.visit.locale);
        let (figures, sendable) = (figure_heads(t), format!("#{}", t.sendable));
        let mut heads = first.to_vec();
        heads.push(&sendable);
        heads.extend(figures.iter().map(String::as_str));
        Table::new(self.visit.locale, "tasks", t.push_tasks, &heads)
    }

    /// The kind of a task, and when it was created.
    fn about<'t>(&self, task: &'t Task) -> (&'t str, String) {
        let kind = names::kind(PushTexts::of(self.visit.locale), &task.kind);
        (kind, format::moment(task.created_at, &self.app.zone))
    }

    fn figures(&self, task: &Task) -> impl Iterator<Item = Cell> + use<> {
        let t = PushTexts::of(self.visit.locale);
        let sendable = Cell::number(task.total.msg_num);
        std::iter::once(sendable).chain(figure_cells(t, &task.total, true))
    }

    /// The figures of all tasks, by the day on which something happened, beside those of days before.
    async fn days(&self, frame: Frame) -> Result<(Above, Frame), Fault> {
        let (range, visit) = (self.range, self.visit);
        let comparison = self.comparison();
        let before = comparison.pair().map(|pair| pair.before);
        let call = |from: &str| {
            let call = visit.get("/api/apps/{}/push/days", &[&self.app.id]);
            call.with("from", from).with("to", &range.to)
        };
        let mut frame = frame.json(&call(&range.from));
        let from = before.map_or_else(|| range.from.clone(), Span::from);
        let reply = call(&from).send_fresh::<PushDays>().await?;
        let days: Vec<Day> = reply.told(&mut frame).days;
        let (earlier, of_range): (Vec<Day>, Vec<Day>) = days
            .into_iter()
            .partition(|day| before.is_some_and(|before| before.has(&day.day)));
        let compared = comparison.pair().map(|pair| Compared {
            now: sum(of_range.iter().filter(|day| pair.now.has(&day.day))),
            before: sum(&earlier),
            pair: *pair,
        });
        let cards = funnel_cards(visit.locale, &sum(&of_range), compared.as_ref());
        let above = Above {
            cards,
            chart: Some(days_chart(visit.locale, &of_range)),
            changes: comparison.sentence(visit.locale),
            tables: None,
        };
        Ok((above, frame))
    }

    /// What the days are compared with: all of them are one call.
    fn comparison(&self) -> Comparison {
        let comparison = self.range.against_days();
        let before = comparison.pair().map_or(0, |pair| pair.before.count());
        match self.range.count() + before {
            ..=MOST_DAYS => comparison,
            _ => Comparison::TooLong,
        }
    }

    fn group_call(&self) -> Call<'_> {
        let segments = [self.app.id.as_str(), self.group];
        let call = self.visit.get("/api/apps/{}/push/groups/{}", &segments);
        call.with("from", &self.range.from)
            .with("to", &self.range.to)
    }

    /// The figures of a group.
    async fn group(&self, frame: Frame) -> Result<(Above, Frame), Fault> {
        let call = self.group_call();
        let mut frame = frame.json(&call);
        let group: Group = call.send_fresh().await?.told(&mut frame);
        let above = Above {
            cards: funnel_cards(self.visit.locale, &group.funnel.total, None),
            chart: None,
            changes: None,
            tables: Some(FunnelTables::new(self.visit, &group.funnel)),
        };
        Ok((above, frame))
    }

    /// Which channels give no display counts.
    async fn note(&self) -> Result<Option<String>, Fault> {
        let call = self
            .visit
            .get("/api/apps/{}/push/settings", &[&self.app.id]);
        let settings: Settings = call.send().await?;
        let codes = settings.channels_without_display.iter();
        let codes: Vec<&str> = codes.map(String::as_str).collect();
        Ok(note(self.visit.locale, &codes))
    }
}

/// The list of a group's tasks.
fn group_address(app: &str, range: &Range, group: &str, others: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query
        .append_pair("from", &range.from)
        .append_pair("to", &range.to);
    if !group.is_empty() {
        query.append_pair("group", group);
    }
    query.extend_pairs(others);
    let path = fill_path("/console/apps/{}/push", &[app]);
    format!("{path}?{}", query.finish())
}
