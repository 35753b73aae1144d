//! Tasks and groups: their funnels, what was lost, and lists of them.

use std::ops::RangeInclusive;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_protocol::push::{Detail, Funnel, Loss, TaskKind, Total};

/// Which tasks a report serves.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// When they were created, in ms.
    pub(crate) created_ms: RangeInclusive<i64>,
    /// Tasks of kind `single` too.
    pub(crate) singles: bool,
}

/// The funnels of tasks that are known and served, in the order given. `actions` are those that are asked for.
pub(crate) fn task_funnels(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _ids: &[String],
    _served: &Served,
    _by_brand: bool,
    _actions: &[String],
) -> Result<Vec<(String, Funnel)>, DbError> {
    Ok(Vec::new())
}

/// The details of tasks that are known and served, in the order given.
pub(crate) fn task_details(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _ids: &[String],
    _served: &Served,
) -> Result<Vec<(String, Detail)>, DbError> {
    Ok(Vec::new())
}

/// The funnel of a group's tasks; `None` where no task of the group is served.
pub(crate) fn group_funnel(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _name: &str,
    _served: &Served,
    _by_brand: bool,
) -> Result<Option<Funnel>, DbError> {
    Ok(None)
}

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
    /// The last task of the page before, as (created_at_ms, no).
    pub(crate) after: Option<(i64, i64)>,
    pub(crate) limit: i64,
}

/// A page of tasks of all kinds.
pub(crate) fn list_tasks(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _listing: &Listing,
) -> Result<Vec<ListedTask>, DbError> {
    Ok(Vec::new())
}

/// All that is known of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownTask {
    pub(crate) task: ListedTask,
    /// With all its brands and actions.
    pub(crate) funnel: Funnel,
    pub(crate) losses: Vec<Loss>,
    /// Its totals by day of the event, ascending.
    pub(crate) days: Vec<(i64, Total)>,
}

/// A task of any kind and age; `None` where it is not known, or neither announced nor of a known prefix.
pub(crate) fn task(
    _tx: &mut Tx<'_>,
    _app: AppNo,
    _task_id: &str,
) -> Result<Option<ShownTask>, DbError> {
    Ok(None)
}
