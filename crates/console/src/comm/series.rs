//! How often an operation was reported, by day or hour, in all or by the values of a field.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use reportd_platform::access::Permission;
use serde::Deserialize;

use super::parts::{Card, Choice, Select, reported_later, top_choices};
use super::texts::CommTexts;
use super::{ACTIVE_MESSAGE, Operation, Registry, address, field_name, frame, number};
use crate::chart::{Chart, Line, Shape};
use crate::compared::{Pair, Span};
use crate::csv;
use crate::fault::Fault;
use crate::format::{self, headline};
use crate::frame::Frame;
use crate::range::{Days, Range};
use crate::table::{Cell, Table};
use crate::texts::fill;
use crate::visit::Visit;

const DEFAULT_DAYS: i64 = 7;
const LIVE_SECONDS: u32 = 5;
/// A chart tells so many lines apart.
const MOST_LINES: usize = 6;
const TOPS: [u32; 6] = [5, 10, 20, 50, 100, 1000];

#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    oper_id: Option<String>,
    by: Option<String>,
    step: Option<String>,
    top: Option<String>,
    csv: Option<String>,
}

#[derive(Deserialize)]
struct Series {
    total: i64,
    series: Vec<KeyLine>,
    others: i64,
}

#[derive(Deserialize)]
struct KeyLine {
    key: Option<String>,
    total: i64,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    at: String,
    count: i64,
}

/// What is shown, as the address says or by default.
struct Shown {
    app: String,
    oper_id: i64,
    name: String,
    by: Option<String>,
    step: &'static str,
    top: String,
    range: Range,
}

#[derive(Template)]
#[template(path = "comm/series.html")]
struct SeriesPage {
    frame: Frame,
    t: &'static CommTexts,
    selects: Vec<Select>,
    cards: Vec<Card>,
    chart: String,
    table: Table,
    /// Where the counts of every line and step are.
    points: Option<String>,
    has_no_hours: bool,
}

pub(super) async fn page(
    visit: Visit,
    Path(app): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let known = visit.app(&app)?;
    let days = Days {
        from: asked.from.clone(),
        to: asked.to.clone(),
    };
    let range = Range::of(&days, &known, visit.now_ms, DEFAULT_DAYS)?;
    let registry = Registry::read(&visit, &app).await?;
    let shown = Shown::of(&visit, app, &asked, range, &registry)?;
    let t = CommTexts::of(visit.locale);
    let call = visit.get("/api/apps/{}/comm/series", &[&shown.app]);
    let call = call.with("oper_id", &shown.oper_id.to_string());
    let call = call
        .with("from", &shown.range.from)
        .with("to", &shown.range.to);
    let call = call
        .with("step", shown.step)
        .maybe("by", shown.by.as_deref());
    let call = call.maybe("top", shown.by.as_ref().map(|_| shown.top.as_str()));
    let mut frame = frame(&visit, &shown.app, t.series).json(&call);
    if shown.range.has_today() {
        frame = frame.live(LIVE_SECONDS);
    }
    let series: Series = call.send_fresh().await?.told(&mut frame);
    match asked.csv.as_deref() {
        Some("points") => return Ok(csv::reply(&points(&visit, &series))),
        Some(_) => return Ok(csv::reply(&shown.table(&visit, &series))),
        None => {}
    }
    let compared = shown.compared(&visit, series.total).await?;
    let has_points = shown.by.is_some() && !series.series.is_empty();
    let page = SeriesPage {
        selects: shown.selects(&visit, &registry),
        cards: shown.cards(&visit, &series, compared),
        chart: shown.chart(&series).markup(visit.locale),
        table: shown.table(&visit, &series).with_csv(&visit.address),
        points: has_points
            .then(|| points(&visit, &series).with_csv(&visit.address).csv)
            .flatten(),
        has_no_hours: asked.step.as_deref() == Some("hour") && shown.step == "day",
        frame: frame.range(shown.range),
        t,
    };
    Ok(visit.page(&page))
}

impl Shown {
    fn of(
        visit: &Visit,
        app: String,
        asked: &Asked,
        range: Range,
        registry: &Registry,
    ) -> Result<Self, Fault> {
        let default = registry.find(ACTIVE_MESSAGE).or(registry.0.first());
        let default = default.map_or(ACTIVE_MESSAGE, |operation| operation.oper_id);
        let oper_id = number("oper_id", asked.oper_id.as_deref())?.unwrap_or(default);
        // Of another operation than the one it was chosen for, a field may be no dimension.
        let counts = |by: &String| {
            let operation = registry.find(oper_id);
            operation.is_none_or(|operation| operation.dimensions.contains(by))
        };
        let is_hourly = match asked.step.as_deref() {
            None | Some("") => range.count() == 1,
            Some(step) => step == "hour",
        };
        let is_hourly = is_hourly && range.has_hours();
        let top = asked.top.clone().filter(|top| !top.is_empty());
        Ok(Self {
            app,
            oper_id,
            name: registry.name(oper_id, visit.locale),
            by: asked.by.clone().filter(|by| !by.is_empty()).filter(counts),
            step: if is_hourly { "hour" } else { "day" },
            top: top.unwrap_or_else(|| "10".to_owned()),
            range,
        })
    }

    fn selects(&self, visit: &Visit, registry: &Registry) -> Vec<Select> {
        let (t, locale) = (CommTexts::of(visit.locale), visit.locale);
        let chosen = self.oper_id.to_string();
        let operation = |operation: &Operation| {
            let name = format!(
                "{} · {}",
                headline(&operation.shown_name(locale)),
                operation.oper_id
            );
            Choice::new(operation.oper_id.to_string(), name, &chosen)
        };
        let mut operations: Vec<_> = registry.0.iter().map(operation).collect();
        let registered = registry.find(self.oper_id);
        if registered.is_none() {
            let text = fill(t.unregistered, &[("id", &chosen)]);
            operations.push(Choice::new(chosen.clone(), text, &chosen));
        }
        let by = self.by.as_deref().unwrap_or_default();
        let mut fields: Vec<_> =
            registered.map_or(Vec::new(), |operation| operation.dimensions.clone());
        if !by.is_empty() && !fields.iter().any(|field| field == by) {
            fields.push(by.to_owned());
        }
        let field = |field: String| {
            let name = field_name(&field, Some(self.oper_id), locale);
            Choice::new(field, name, by)
        };
        let nothing = Choice::new("", t.by_nothing, by);
        let mut steps = vec![Choice::new("day", t.by_day, self.step)];
        if self.range.has_hours() {
            steps.push(Choice::new("hour", t.by_hour, self.step));
        }
        let select = |name, label, choices| Select {
            name,
            label,
            choices,
        };
        let mut selects = vec![
            select("oper_id", t.operation, operations),
            select(
                "by",
                t.by,
                [nothing]
                    .into_iter()
                    .chain(fields.into_iter().map(field))
                    .collect(),
            ),
            select("step", t.step, steps),
        ];
        if self.by.is_some() {
            selects.push(select("top", t.top, top_choices(&TOPS, &self.top)));
        }
        selects
    }

    /// How many there were in the days that may be compared, and in those before them.
    async fn compared(&self, visit: &Visit, total: i64) -> Result<Option<(i64, i64, Pair)>, Fault> {
        let comparison = self.range.against_hours();
        let Some(pair) = comparison.pair() else {
            return Ok(None);
        };
        let of_days = async |days: Span| {
            let call = visit.get("/api/apps/{}/comm/series", &[&self.app]);
            let call = call.with("oper_id", &self.oper_id.to_string());
            let call = call.with("from", &days.from()).with("to", &days.to());
            Ok::<_, Fault>(call.send::<Series>().await?.total)
        };
        let now = match pair.is_part() {
            true => of_days(pair.now).await?,
            false => total,
        };
        let later = reported_later(visit, &self.app, self.oper_id, pair).await?;
        let before = of_days(pair.before).await?.saturating_sub(later);
        Ok(Some((now, before, *pair)))
    }

    fn cards(
        &self,
        visit: &Visit,
        series: &Series,
        compared: Option<(i64, i64, Pair)>,
    ) -> Vec<Card> {
        let t = CommTexts::of(visit.locale);
        let mut total = Card::new(t.reports, format::count(series.total));
        if let Some((now, before, pair)) = compared {
            total = total.changed(now, before, &pair, visit.locale);
        }
        let a_day = self.range.a_day(series.total);
        let a_day = a_day.map(|a_day| Card::new(t.a_day, format::count(a_day)));
        let mut cards: Vec<Card> = [Some(total), a_day].into_iter().flatten().collect();
        if self.by.is_some() {
            let shown = i64::try_from(series.series.len()).unwrap_or(i64::MAX);
            let others = format::share(series.others, series.total);
            cards.push(Card::new(t.values, format::count(shown)));
            cards.push(Card::new(t.others_card, format::count(series.others)).note(others));
        } else if let Some(highest) = highest(series) {
            cards.push(
                Card::new(t.highest, format::count(highest.count))
                    .note(highest.at.replace('T', " ")),
            );
        }
        cards
    }

    fn chart(&self, series: &Series) -> Chart {
        let labels = series.series.first().map_or(Vec::new(), |line| {
            line.points.iter().map(|point| point.at.clone()).collect()
        });
        let line = |line: &KeyLine| {
            let name = line.key.as_ref().unwrap_or(&self.name);
            Line::new(name, line.points.iter().map(|point| point.count))
        };
        Chart {
            title: self.name.clone(),
            shape: if self.by.is_none() && self.step == "hour" {
                Shape::Bars
            } else {
                Shape::Lines
            },
            labels,
            lines: series.series.iter().take(MOST_LINES).map(line).collect(),
        }
    }

    fn table(&self, visit: &Visit, series: &Series) -> Table {
        let t = CommTexts::of(visit.locale);
        let Some(by) = &self.by else {
            let head = if self.step == "hour" { t.time } else { t.day };
            let heads = [head, &format!("#{}", t.reports)];
            let mut table = Table::new(visit.locale, "series", &self.name, &heads);
            let most = highest(series).map_or(0, |point| point.count);
            let points = series
                .series
                .iter()
                .flat_map(|line| line.points.iter().rev());
            for point in points {
                let count = Cell::number(point.count).share(point.count, most);
                table.push(vec![Cell::text(point.at.replace('T', " ")), count]);
            }
            return table;
        };
        let field = field_name(by, Some(self.oper_id), visit.locale);
        let heads = [field.as_str(), &format!("#{}", t.reports), "#%"];
        let mut table = Table::new(
            visit.locale,
            "values",
            format!("{} · {field}", headline(&self.name)),
            &heads,
        );
        let lines = series
            .series
            .iter()
            .map(|line| (line.key.as_deref(), line.total));
        let others = (series.others > 0).then_some((None, series.others));
        for (key, total) in lines.chain(others) {
            let share = Cell::text(format::share(total, series.total)).share(total, series.total);
            table.push(vec![self.value(visit, by, key), Cell::number(total), share]);
        }
        table
    }

    /// A value of the field; raw reports can be asked for those of a group or channel.
    fn value(&self, visit: &Visit, by: &str, key: Option<&str>) -> Cell {
        let Some(key) = key else {
            return Cell::text(CommTexts::of(visit.locale).others);
        };
        if !matches!(by, "gid" | "target_id") || !visit.may(Permission::RawReports) {
            return Cell::text(key);
        }
        let mut query = form_urlencoded::Serializer::new(self.range.query());
        query.append_pair("oper_id", &self.oper_id.to_string());
        query.append_pair(by, key);
        Cell::text(key).to(format!("{}?{}", address(&self.app, "/raw"), query.finish()))
    }
}

fn highest(series: &Series) -> Option<&Point> {
    let points = series.series.iter().flat_map(|line| &line.points);
    // Of equal ones the newest.
    points.max_by_key(|point| point.count)
}

/// The counts of every line and step.
fn points(visit: &Visit, series: &Series) -> Table {
    let t = CommTexts::of(visit.locale);
    let heads = [t.value, t.time, &format!("#{}", t.reports)];
    let mut table = Table::new(visit.locale, "points", "", &heads);
    for line in &series.series {
        for point in &line.points {
            let key = Cell::text(line.key.clone().unwrap_or_default());
            table.push(vec![
                key,
                Cell::text(point.at.clone()),
                Cell::number(point.count),
            ]);
        }
    }
    table
}
