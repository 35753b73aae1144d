//! Lists of tasks, and all that is known of one: what the seven reports cannot show.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx, Value};
use reportd_platform::AppNo;
use reportd_protocol::push::{Funnel, Loss, TaskKind, Total};

use super::rows::{COUNTERS, loss, total, unknown};
use super::tasks::{OfTasks, ask, brands, channels, find_tasks, funnels};

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
         t.created_at, {COUNTERS} FROM push_task t LEFT JOIN push_task_count c ON c.task = t.id AND c.brand = 0 AND c.channel = 0 \
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
            total: total(&row, 6)?,
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
    let id = task_id.to_owned();
    let Some(Some(found)) = find_tasks(tx, app, std::slice::from_ref(&id))?.pop() else {
        return Ok(None);
    };
    let queries = [Some(channels as OfTasks), Some(brands)];
    let [channels, brands] = ask(tx, &[found.no], queries)?;
    let funnel = funnels(&channels, brands)?.remove(&found.no);
    let mut funnel = funnel.unwrap_or_default();
    let actions = "SELECT w.word, a.n FROM push_task_action a JOIN push_word w ON w.id = a.action WHERE a.task = $1 \
               ORDER BY a.n DESC, w.word LIMIT $2";
    let bound = [found.no.into(), MOST_ROWS.into()];
    let losses = "SELECT phase, channel, reason, n FROM push_task_loss WHERE task = $1 ORDER BY phase, channel, reason";
    let days = format!(
        "SELECT day, {COUNTERS} FROM (SELECT * FROM push_task_day WHERE task = $1 ORDER BY day DESC LIMIT $2) AS newest \
         ORDER BY day"
    );
    let told = tx.query_each(&[(actions, &bound), (losses, &bound[..1]), (&days, &bound)])?;
    let mut told = told.into_iter().map(Vec::into_iter);
    for mut row in told.next().unwrap_or_default() {
        funnel.actions.push((row.take_text(0)?, row.int(1)?));
    }
    let losses = told.next().unwrap_or_default();
    let losses = losses.map(|row| loss(&row, 0)).collect::<Result<_, _>>()?;
    let days = told.next().unwrap_or_default();
    let days = days.map(|row| Ok((row.int(0)?, total(&row, 1)?)));
    Ok(Some(ShownTask {
        task: ListedTask {
            no: found.no,
            task_id: id,
            kind: found.kind,
            group_name: found.group_name,
            created_at_ms: found.created_at_ms,
            is_announced: found.is_announced,
            total: funnel.total,
        },
        funnel,
        losses,
        days: days.collect::<Result<_, DbError>>()?,
    }))
}
