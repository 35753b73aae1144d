//! Lists of tasks, and all that is known of one: what the seven reports cannot show.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::{Funnel, Loss, TaskKind, Total};

use super::rows::{COUNTERS, ask, brand, loss, total, unknown};
use super::tasks::{Named, TaskRow};
use crate::figures::TaskFigures;

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedTask {
    /// Its number in this store.
    pub(crate) no: i64,
    pub(crate) task_id: String,
    pub(crate) kind: TaskKind,
    pub(crate) group_name: Option<String>,
    /// As it was announced, or of the earliest event.
    pub(crate) created_at_ms: i64,
    /// A `task` event has come.
    pub(crate) is_announced: bool,
    pub(crate) total: Total,
}

/// What a list of tasks shows: newest first.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// When they were created, in ms.
    pub(crate) created_ms: RangeInclusive<i64>,
    pub(crate) group_name: Option<String>,
    /// The last task of the page before, as (`created_at_ms`, no).
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: i64,
}

/// When a task was created: as its index says it.
const CREATED: &str = "(CASE WHEN t.created_at >= 0 THEN t.created_at WHEN t.prefix_kind >= 0 THEN t.first_at ELSE -1 END)";

/// A page of tasks of all kinds.
pub(crate) fn list_tasks(
    tx: &mut Tx<'_>,
    app: AppNo,
    listing: &Listing,
) -> Result<Vec<ListedTask>, DbError> {
    // A task in a group was announced, and stands in the index of groups.
    let (created, of_group) = match &listing.group_name {
        Some(_) => ("t.created_at", "AND t.group_name = $6"),
        None => (CREATED, ""),
    };
    let (from_ms, to_ms) = (*listing.created_ms.start(), *listing.created_ms.end());
    let (to_ms, after_no) = listing.after.unwrap_or((to_ms, i64::MAX));
    let sql = format!(
        "SELECT t.id, t.task, {created}, CASE WHEN t.created_at >= 0 THEN t.kind ELSE t.prefix_kind END, t.group_name, \
         t.created_at, t.figures FROM push_task t \
         WHERE t.app = $1 AND {created} >= $2 AND {created} <= $3 AND ({created} < $3 OR t.id < $4) {of_group} \
         ORDER BY {created} DESC, t.id DESC LIMIT $5"
    );
    let mut values = vec![
        app.into(),
        from_ms.max(0).into(),
        to_ms.into(),
        after_no.into(),
        listing.limit.into(),
    ];
    values.extend(listing.group_name.as_ref().map(Value::from));
    let rows = tx.query(&sql, &values)?.into_iter();
    rows.map(|mut row| {
        let kind = usize::try_from(row.int(3)?).ok();
        let kind = kind.and_then(|place| TaskKind::ALL.get(place).copied());
        Ok(ListedTask {
            no: row.int(0)?,
            task_id: row.take_text(1)?,
            kind: kind.ok_or_else(|| unknown("kind"))?,
            group_name: Some(row.take_text(4)?).filter(|name| !name.is_empty()),
            created_at_ms: row.int(2)?,
            is_announced: row.int(5)? >= 0,
            total: TaskFigures::unpack(&row.take_text(6)?)?.total(),
        })
    })
    .collect()
}

/// All that is known of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownTask {
    pub(crate) task: ListedTask,
    /// With its brands, and its most frequent actions.
    pub(crate) funnel: Funnel,
    pub(crate) losses: Vec<Loss>,
    /// Its totals by day of the event, ascending.
    pub(crate) days: Vec<(i64, Total)>,
}

/// Actions and days of a task that are shown.
const MOST_ROWS: i64 = 1_000;

/// A task of any kind and age; `None` where it is not known, or neither announced nor of a known prefix.
pub(crate) fn task(
    tx: &mut Tx<'_>,
    app: AppNo,
    task_id: &str,
) -> Result<Option<ShownTask>, DbError> {
    let ids = [task_id.to_owned()];
    let named = Named::new(tx, app, &ids);
    let values = [named.values[0], named.values[1], MOST_ROWS.into()];
    let actions = named.query(
        "w.word, a.n",
        "CROSS JOIN push_task_action a CROSS JOIN push_word w",
        "AND a.task = t.id AND w.id = a.action ORDER BY a.n DESC, w.word LIMIT $3",
    );
    let losses = format!("{} ORDER BY l.phase, l.channel, l.reason", named.losses());
    let newest = named.query(
        "d.*",
        "CROSS JOIN push_task_day d",
        "AND d.task = t.id ORDER BY d.day DESC LIMIT $3",
    );
    let days = format!("SELECT day, {COUNTERS} FROM ({newest}) AS newest ORDER BY day");
    let queries = [
        (named.tasks(), &values[..2]),
        (named.brands(), &values[..2]),
        (actions, &values),
        (losses, &values[..2]),
        (days, &values),
    ];
    let queries = queries.each_ref();
    let queries = queries.map(|(sql, values)| Some((sql.as_str(), *values)));
    let [mut found, brands, actions, losses, days] = ask(tx, queries)?;
    let Some((task_id, found)) = found.pop().map_or(Ok(None), TaskRow::read)? else {
        return Ok(None);
    };
    let brands = brands.into_iter().map(|mut row| brand(&mut row, 1));
    let actions = (actions.into_iter()).map(|mut row| Ok((row.take_text(0)?, row.int(1)?)));
    let losses = losses.iter().map(|row| loss(row, 1));
    let days = days.iter().map(|row| Ok((row.int(0)?, total(row, 1)?)));
    let funnel = Funnel {
        brands: brands.collect::<Result<_, _>>()?,
        actions: actions.collect::<Result<_, DbError>>()?,
        ..found.funnel()?
    };
    Ok(Some(ShownTask {
        task: ListedTask {
            no: found.no,
            task_id,
            kind: found.kind,
            group_name: found.group_name,
            created_at_ms: found.created_at_ms,
            is_announced: found.is_announced,
            total: funnel.total,
        },
        funnel,
        losses: losses.collect::<Result<_, _>>()?,
        days: days.collect::<Result<_, DbError>>()?,
    }))
}
