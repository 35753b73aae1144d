//! Tasks and groups: their funnels, and what was lost.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use reportd_db::{DbError, Row, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::{Detail, Funnel, TaskKind};

use super::rows::{COUNTERS, ask, brand, by_number, loss, unknown};
use crate::figures::TaskFigures;
use crate::view::kind_number;

/// Which tasks a report serves.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// When they were created, in ms.
    pub(crate) created_ms: RangeInclusive<i64>,
    /// Tasks of kind `single` too.
    pub(crate) singles: bool,
}

/// Tasks that are asked for by their ids. What there is of them is found by these alone, so that nothing waits for their
/// numbers: all of a report is one round trip.
pub(super) struct Named<'a> {
    /// The app and the ids.
    pub(super) values: [Value<'a>; 2],
    /// The ids as a table.
    ids: String,
}

impl<'a> Named<'a> {
    /// `ids` are each there once.
    pub(super) fn new(tx: &Tx<'_>, app: AppNo, ids: &'a [String]) -> Self {
        Self {
            values: [app.into(), Value::Texts(ids)],
            ids: tx.texts(2),
        }
    }

    /// A query for columns of them, `t`, and of what stands beside them. The joins say in which order rows are looked up.
    pub(super) fn query(&self, columns: &str, beside: &str, condition: &str) -> String {
        let ids = &self.ids;
        format!(
            "SELECT {columns} FROM {ids} AS asked CROSS JOIN push_task t {beside} \
             WHERE t.app = $1 AND t.task = asked.text {condition}"
        )
    }

    /// Their rows, as [`TaskRow::read`] takes them.
    pub(super) fn tasks(&self) -> String {
        let columns = "t.task, t.id, t.created_at, t.kind, t.group_name, t.prefix_kind, t.first_at, t.figures";
        self.query(columns, "", "")
    }

    /// The brands of each number.
    pub(super) fn brands(&self) -> String {
        self.query(
            &format!("c.task, w.word, {COUNTERS}"),
            "CROSS JOIN push_task_count c CROSS JOIN push_word w",
            "AND c.task = t.id AND c.brand > 0 AND w.id = c.brand",
        )
    }

    /// The losses of each number.
    pub(super) fn losses(&self) -> String {
        self.query(
            "l.task, l.phase, l.channel, l.reason, l.n",
            "CROSS JOIN push_task_loss l",
            "AND l.task = t.id",
        )
    }

    /// Of each number the actions that are bound to `$3`.
    fn actions(&self, tx: &Tx<'_>) -> String {
        let words = tx.texts(3);
        self.query(
            "a.task, w.word, a.n",
            &format!(
                "CROSS JOIN {words} AS word CROSS JOIN push_word w CROSS JOIN push_task_action a"
            ),
            "AND w.app = $1 AND w.word = word.text AND a.task = t.id AND a.action = w.id",
        )
    }
}

/// What is known of a task itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskRow {
    pub(super) no: i64,
    pub(super) kind: TaskKind,
    pub(super) group_name: Option<String>,
    pub(super) created_at_ms: i64,
    pub(super) is_announced: bool,
    /// Packed.
    figures: String,
}

impl TaskRow {
    /// A row of [`Named::tasks`], with the id; `None` of a task that is neither announced nor of a known prefix.
    pub(super) fn read(mut row: Row) -> Result<Option<(String, Self)>, DbError> {
        let (announced_at_ms, group_name) = (row.int(2)?, row.take_text(4)?);
        let is_announced = announced_at_ms >= 0;
        let (kind, created_at_ms) = if is_announced {
            (row.int(3)?, announced_at_ms)
        } else {
            (row.int(5)?, row.int(6)?)
        };
        let Ok(kind) = usize::try_from(kind) else {
            return Ok(None);
        };
        let task = Self {
            no: row.int(1)?,
            kind: *TaskKind::ALL.get(kind).ok_or_else(|| unknown("kind"))?,
            group_name: Some(group_name).filter(|name| !name.is_empty()),
            created_at_ms,
            is_announced,
            figures: row.take_text(7)?,
        };
        Ok(Some((row.take_text(0)?, task)))
    }

    /// Its funnel, without brands and actions.
    pub(super) fn funnel(&self) -> Result<Funnel, DbError> {
        Ok(TaskFigures::unpack(&self.figures)?.funnel())
    }

    fn is_served(&self, served: &Served) -> bool {
        served.created_ms.contains(&self.created_at_ms)
            && (served.singles || self.kind != TaskKind::Single)
    }
}

/// Of rows of tasks those that are served, in the order of `ids`.
fn served_tasks(
    rows: Vec<Row>,
    ids: &[String],
    served: &Served,
) -> Result<Vec<(String, TaskRow)>, DbError> {
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        known.extend(TaskRow::read(row)?.filter(|(_, task)| task.is_served(served)));
    }
    Ok(ids.iter().filter_map(|id| known.remove_entry(id)).collect())
}

/// The funnels of tasks that are known and served, in the order given. `ids` are each there once, and so are `actions`, those
/// that are asked for.
pub(crate) fn task_funnels(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
    served: &Served,
    by_brand: bool,
    actions: &[String],
) -> Result<Vec<(String, Funnel)>, DbError> {
    let named = Named::new(tx, app, ids);
    let values = [named.values[0], named.values[1], Value::Texts(actions)];
    let (tasks, of_brands, of_actions) = (named.tasks(), named.brands(), named.actions(tx));
    let queries = [
        Some((tasks.as_str(), &values[..2])),
        by_brand.then_some((&of_brands, &values[..2])),
        (!actions.is_empty()).then_some((&of_actions, &values)),
    ];
    let [tasks, of_brands, of_actions] = ask(tx, queries)?;
    let mut of_brands = by_number(of_brands, |row| brand(row, 1))?;
    let mut of_actions = by_number(of_actions, |row| Ok((row.take_text(1)?, row.int(2)?)))?;
    let funnel = |(id, task): (String, TaskRow)| {
        let funnel = Funnel {
            brands: of_brands.remove(&task.no).unwrap_or_default(),
            actions: of_actions.remove(&task.no).unwrap_or_default(),
            ..task.funnel()?
        };
        Ok((id, funnel))
    };
    let tasks = served_tasks(tasks, ids, served)?.into_iter();
    tasks.map(funnel).collect()
}

/// The details of tasks that are known and served, in the order given. `ids` are each there once.
pub(crate) fn task_details(
    tx: &mut Tx<'_>,
    app: AppNo,
    ids: &[String],
    served: &Served,
) -> Result<Vec<(String, Detail)>, DbError> {
    let named = Named::new(tx, app, ids);
    let (tasks, losses) = (named.tasks(), named.losses());
    let queries = [&tasks, &losses].map(|sql| Some((sql.as_str(), &named.values[..])));
    let [tasks, losses] = ask(tx, queries)?;
    let mut losses = by_number(losses, |row| loss(row, 1))?;
    let detail = |(id, task): (String, TaskRow)| {
        let funnel = task.funnel()?;
        let detail = Detail {
            total: funnel.total,
            channels: funnel.channels,
            losses: losses.remove(&task.no).unwrap_or_default(),
        };
        Ok((id, detail))
    };
    let tasks = served_tasks(tasks, ids, served)?.into_iter();
    tasks.map(detail).collect()
}

/// The tasks of a group that are served: app, name, first and last time of creation, and the kind that is not.
const OF_GROUP: &str = "t.app = $1 AND t.group_name = $2 AND t.created_at >= $3 AND t.created_at <= $4 AND t.kind <> $5";

/// Tasks of a group whose figures are in memory at once, and read in one round trip.
pub(super) const GROUP_PAGE: u32 = 2_000;

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
    let first_ms = (*served.created_ms.start()).max(0);
    let mut values = [
        app.into(),
        name.into(),
        first_ms.into(),
        (*served.created_ms.end()).into(),
        left_out.into(),
        // The task before the page, whose time stands above: numbers begin with 1.
        0_i64.into(),
        GROUP_PAGE.into(),
    ];
    let page = format!(
        "SELECT t.created_at, t.id, t.figures FROM push_task t WHERE {OF_GROUP} AND (t.created_at, t.id) > ($3, $6) \
         ORDER BY t.created_at, t.id LIMIT $7"
    );
    let sums: Vec<_> = (COUNTERS.split(", "))
        .map(|counter| format!("CAST(SUM(c.{counter}) AS BIGINT)"))
        .collect();
    let brands = format!(
        "SELECT w.word, {} FROM push_task t JOIN push_task_count c ON c.task = t.id AND c.brand > 0 \
         JOIN push_word w ON w.id = c.brand WHERE {OF_GROUP} GROUP BY w.word",
        sums.join(", ")
    );
    let first = [
        Some((page.as_str(), &values[..])),
        by_brand.then_some((&brands, &values[..5])),
    ];
    let [mut rows, brands] = ask(tx, first)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut figures = TaskFigures::default();
    while let Some(last) = rows.last() {
        (values[2], values[5]) = (last.int(0)?.into(), last.int(1)?.into());
        let is_full = rows.len() == GROUP_PAGE as usize;
        for row in &mut rows {
            figures.add(&TaskFigures::unpack(&row.take_text(2)?)?);
        }
        rows = if is_full {
            tx.query(&page, &values)?
        } else {
            Vec::new()
        };
    }
    let brands = brands.into_iter().map(|mut row| brand(&mut row, 0));
    Ok(Some(Funnel {
        brands: brands.collect::<Result<_, _>>()?,
        ..figures.funnel()
    }))
}
