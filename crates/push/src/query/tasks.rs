//! Tasks and groups: their funnels, and what was lost.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use reportd_db::{Column, DbError, Merge, Query, Row, Table, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::{Detail, Funnel, TaskKind};

use super::rows::{COUNTERS, channel, list, loss, total, unknown};
use crate::schema::WORD_FOUND;
use crate::view::kind_number;

/// Which tasks a report serves.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// When they were created, in ms.
    pub(crate) created_ms: RangeInclusive<i64>,
    /// Tasks of kind `single` too.
    pub(crate) singles: bool,
}

/// What is known of a task itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskRow {
    pub(super) no: i64,
    pub(super) kind: TaskKind,
    pub(super) group_name: Option<String>,
    pub(super) created_at_ms: i64,
    pub(super) is_announced: bool,
}

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

pub(crate) const TASK_ROW: Table = Table {
    name: "push_task",
    columns: &[
        column("app", Merge::Key),
        column("task", Merge::Key),
        column("id", Merge::Payload),
        column("created_at", Merge::Payload),
        column("kind", Merge::Payload),
        column("group_name", Merge::Payload),
        column("prefix_kind", Merge::Payload),
        column("first_at", Merge::Payload),
    ],
};

impl TaskRow {
    /// The columns of [`TASK_ROW`] beside its key; `None` of a task that is neither announced nor of a known prefix.
    fn read(mut row: Row) -> Result<Option<Self>, DbError> {
        let (announced_at_ms, group_name) = (row.int(1)?, row.take_text(3)?);
        let is_announced = announced_at_ms >= 0;
        let (kind, created_at_ms) = if is_announced {
            (row.int(2)?, announced_at_ms)
        } else {
            (row.int(4)?, row.int(5)?)
        };
        let Ok(kind) = usize::try_from(kind) else {
            return Ok(None);
        };
        Ok(Some(Self {
            no: row.int(0)?,
            kind: *TaskKind::ALL.get(kind).ok_or_else(|| unknown("kind"))?,
            group_name: Some(group_name).filter(|name| !name.is_empty()),
            created_at_ms,
            is_announced,
        }))
    }

    fn is_served(&self, served: &Served) -> bool {
        served.created_ms.contains(&self.created_at_ms)
            && (served.singles || self.kind != TaskKind::Single)
    }
}

/// Tasks by their ids, in the order given.
pub(super) fn find_tasks(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
) -> Result<Vec<Option<TaskRow>>, DbError> {
    let keys: Vec<[Value<'_>; 2]> = ids.iter().map(|id| [app.into(), id.into()]).collect();
    let found = tx.find(&TASK_ROW, &keys)?.into_iter();
    found
        .map(|row| row.map_or(Ok(None), TaskRow::read))
        .collect()
}

/// The ids and numbers of the tasks that are known and served.
fn served_tasks(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
    served: &Served,
) -> Result<Vec<(String, i64)>, DbError> {
    let tasks = ids.iter().zip(find_tasks(tx, app, ids)?);
    Ok(tasks
        .filter_map(|(id, task)| {
            let task = task.filter(|task| task.is_served(served))?;
            Some((id.clone(), task.no))
        })
        .collect())
}

/// The funnels of tasks that are known and served, in the order given. `actions` are those that are asked for.
pub(crate) fn task_funnels(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
    served: &Served,
    by_brand: bool,
    actions: &[String],
) -> Result<Vec<(String, Funnel)>, DbError> {
    let tasks = served_tasks(tx, app, ids, served)?;
    let numbers: Vec<i64> = tasks.iter().map(|(_, no)| *no).collect();
    let queries = [
        Some(channels as OfTasks),
        by_brand.then_some(brands as OfTasks),
    ];
    let [channels, brands] = ask(tx, &numbers, queries)?;
    let mut funnels = funnels(&channels, brands)?;
    if !actions.is_empty() {
        add_actions(tx, app, &numbers, actions, &mut funnels)?;
    }
    let funnel = |(id, no)| (id, funnels.remove(&no).unwrap_or_default());
    Ok(tasks.into_iter().map(funnel).collect())
}

/// The details of tasks that are known and served, in the order given.
pub(crate) fn task_details(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
    served: &Served,
) -> Result<Vec<(String, Detail)>, DbError> {
    let tasks = served_tasks(tx, app, ids, served)?;
    let numbers: Vec<i64> = tasks.iter().map(|(_, no)| *no).collect();
    let [channels, lost] = ask(tx, &numbers, [Some(channels), Some(losses)])?;
    let mut funnels = funnels(&channels, Vec::new())?;
    let mut losses = HashMap::<i64, Vec<_>>::new();
    for row in lost {
        losses.entry(row.int(0)?).or_default().push(loss(&row, 1)?);
    }
    let detail = |(id, no)| {
        let funnel = funnels.remove(&no).unwrap_or_default();
        let detail = Detail {
            total: funnel.total,
            channels: funnel.channels,
            losses: losses.remove(&no).unwrap_or_default(),
        };
        (id, detail)
    };
    Ok(tasks.into_iter().map(detail).collect())
}

/// A query about tasks, of the list of their numbers.
pub(super) type OfTasks = fn(&str) -> String;

pub(super) fn channels(numbers: &str) -> String {
    format!(
        "SELECT task, channel, {COUNTERS} FROM push_task_count WHERE task IN ({numbers}) AND brand = 0"
    )
}

pub(super) fn brands(numbers: &str) -> String {
    format!(
        "SELECT c.task, w.word, {COUNTERS} FROM push_task_count c JOIN push_word w ON w.id = c.brand \
         WHERE c.task IN ({numbers}) AND c.brand > 0"
    )
}

fn losses(numbers: &str) -> String {
    format!("SELECT task, phase, channel, reason, n FROM push_task_loss WHERE task IN ({numbers})")
}

/// Asks about tasks by their numbers, all in one round trip.
pub(super) fn ask<const N: usize>(
    tx: &mut Tx<'_>,
    numbers: &[i64],
    queries: [Option<OfTasks>; N],
) -> Result<[Vec<Row>; N], DbError> {
    let (places, values) = list(numbers, 0);
    let texts = queries.map(|query| query.map(|query| query(&places)));
    let asked: Vec<Query<'_>> = (texts.iter().flatten())
        .map(|sql| (sql.as_str(), &values[..]))
        .collect();
    let mut told = tx.query_each(&asked)?.into_iter();
    Ok(queries.map(|query| query.and_then(|_| told.next()).unwrap_or_default()))
}

/// Funnels by the number of a task, or the day, that is in front of rows of channels and of brands; one without data is
/// left out.
pub(super) fn funnels(
    of_channels: &[Row],
    of_brands: Vec<Row>,
) -> Result<HashMap<i64, Funnel>, DbError> {
    let mut funnels = HashMap::<i64, Funnel>::new();
    for row in of_channels {
        add_counters(funnels.entry(row.int(0)?).or_default(), row, 1)?;
    }
    for mut row in of_brands {
        let brand = (row.take_text(1)?, total(&row, 2)?.figures);
        funnels.entry(row.int(0)?).or_default().brands.push(brand);
    }
    Ok(funnels)
}

/// Adds a row of a channel's number and its counters.
pub(super) fn add_counters(funnel: &mut Funnel, row: &Row, column: usize) -> Result<(), DbError> {
    let counters = total(row, column + 1)?;
    match channel(row, column)? {
        None => funnel.total = counters,
        Some(channel) => funnel.channels.push((channel, counters.figures)),
    }
    Ok(())
}

fn add_actions(
    tx: &mut Tx<'_>,
    app: AppNo,
    numbers: &[i64],
    actions: &[String],
    funnels: &mut HashMap<i64, Funnel>,
) -> Result<(), DbError> {
    let keys: Vec<[Value<'_>; 2]> = actions
        .iter()
        .map(|action| [app.into(), action.into()])
        .collect();
    let mut names = HashMap::new();
    for (action, row) in actions.iter().zip(tx.find(&WORD_FOUND, &keys)?) {
        if let Some(row) = row {
            names.insert(row.int(0)?, action);
        }
    }
    let words: Vec<i64> = names.keys().copied().collect();
    let (task_places, mut values) = list(numbers, 0);
    let (action_places, action_values) = list(&words, values.len());
    values.extend(action_values);
    let sql = format!(
        "SELECT task, action, n FROM push_task_action WHERE task IN ({task_places}) AND action IN ({action_places})"
    );
    for row in tx.query(&sql, &values)? {
        if let Some(action) = names.get(&row.int(1)?) {
            let count = ((*action).clone(), row.int(2)?);
            funnels.entry(row.int(0)?).or_default().actions.push(count);
        }
    }
    Ok(())
}

/// The tasks of a group that are served: app, name, first and last time of creation, and the kind that is not.
const OF_GROUP: &str = "t.app = $1 AND t.group_name = $2 AND t.created_at >= $3 AND t.created_at <= $4 AND t.kind <> $5";

/// The funnel of a group's tasks; `None` where no task of the group is served.
pub(crate) fn group_funnel(
    tx: &mut Tx<'_>,
    app: AppNo,
    name: &str,
    served: &Served,
    by_brand: bool,
) -> Result<Option<Funnel>, DbError> {
    let left_out = if served.singles {
        -1
    } else {
        kind_number(TaskKind::Single)
    };
    let values = [
        app.into(),
        name.into(),
        (*served.created_ms.start()).max(0).into(),
        (*served.created_ms.end()).into(),
        left_out.into(),
    ];
    let sums: Vec<_> = (COUNTERS.split(", "))
        .map(|counter| format!("CAST(SUM(c.{counter}) AS BIGINT)"))
        .collect();
    let sums = sums.join(", ");
    let any = format!("SELECT 1 FROM push_task t WHERE {OF_GROUP} LIMIT 1");
    let channels = format!(
        "SELECT c.channel, {sums} FROM push_task t JOIN push_task_count c ON c.task = t.id AND c.brand = 0 \
         WHERE {OF_GROUP} GROUP BY c.channel"
    );
    let brands = format!(
        "SELECT w.word, {sums} FROM push_task t JOIN push_task_count c ON c.task = t.id AND c.brand > 0 \
         JOIN push_word w ON w.id = c.brand WHERE {OF_GROUP} GROUP BY w.word"
    );
    let queries: [Query<'_>; 3] = [(&any, &values), (&channels, &values), (&brands, &values)];
    let asked = &queries[..if by_brand { 3 } else { 2 }];
    let mut told = tx.query_each(asked)?.into_iter();
    if told.next().is_none_or(|any| any.is_empty()) {
        return Ok(None);
    }
    let mut funnel = Funnel::default();
    for row in told.next().unwrap_or_default() {
        add_counters(&mut funnel, &row, 0)?;
    }
    for mut row in told.next().unwrap_or_default() {
        let figures = total(&row, 1)?.figures;
        funnel.brands.push((row.take_text(0)?, figures));
    }
    Ok(Some(funnel))
}
