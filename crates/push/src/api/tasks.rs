//! Tasks of a period, and one task.

use std::ops::RangeInclusive;

use axum::extract::{Path, State};
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::{AppInPath, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Fresh, Json, Problem, Query, days, within};
use reportd_platform::zones::day_text;
use reportd_protocol::push::{ChannelSet, MAX_GROUP_NAME_CHARS, TASK_WINDOW_DAYS};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::TAG;
use super::shown::{ShownFunnel, ShownLoss, ShownTotal, shown_losses};
use crate::Push;
use crate::query::{self, ListedTask, Listing, ShownTask};

const DEFAULT_TASKS: i64 = 50;
const MOST_TASKS: i64 = 200;
const MOST_DAYS: i64 = 3_660;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TasksParameters {
    /// The first day on which a task was created, in the app's zone; 90 days ago where it is not given.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last such day, included; today where it is not given. At most 3,660 days.
    #[param(format = Date, example = "2026-11-21")]
    to: Option<String>,
    /// Only tasks of this group.
    #[param(max_length = 100)]
    group: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// Go on where an earlier reply ended: its `next_cursor`.
    #[param(pattern = r"^\d{1,18}\.\d{1,18}$")]
    cursor: Option<String>,
}

/// Tasks, newest first
///
/// Of all kinds, each with its totals. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/tasks", operation_id = "push_tasks", tag = TAG,
    params(AppInPath, TasksParameters), security(("ApiKey" = [])),
    responses(
        (status = 200, description = "A page.", body = TasksPage, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_tasks(
    State(push): State<Push>,
    caller: Caller,
    Query(asked): Query<TasksParameters>,
) -> Result<Fresh<TasksPage>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let created_ms = created_ms(&app, asked.from, asked.to, push.clock.now_ms())?;
    let named = asked.group.map(|name| group_name("group", name));
    let group_name = named.transpose()?;
    let limit = within("limit", asked.limit, DEFAULT_TASKS, MOST_TASKS)?;
    let listing = Listing {
        created_ms,
        group_name,
        after: asked.cursor.as_deref().map(read_cursor).transpose()?,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let no = app.no;
    let (lag_ms, found) = push
        .views
        .read(app.no, move |tx| query::list_tasks(tx, no, &listing))
        .await?;
    Ok(Fresh {
        lag_ms,
        body: Json(TasksPage::new(found, limit)),
    })
}

/// When tasks were created, from the days of a call.
pub(super) fn created_ms(
    app: &App,
    from: Option<String>,
    to: Option<String>,
    now_ms: i64,
) -> Result<RangeInclusive<i64>, Problem> {
    let today = app.zone.day(now_ms);
    let default = |days_ago| day_text(today - days_ago);
    let to = to.unwrap_or_else(|| default(0));
    let from = from.unwrap_or_else(|| default(TASK_WINDOW_DAYS));
    let (first, last) = days(&from, &to, MOST_DAYS)?;
    Ok(app.zone.start_of_day_ms(first)..=app.zone.start_of_day_ms(last + 1) - 1)
}

/// The name of a group, of a parameter.
pub(super) fn group_name(field: &str, name: String) -> Result<String, Problem> {
    let fits = (1..=MAX_GROUP_NAME_CHARS).contains(&name.chars().count()) && !name.contains('\0');
    if fits {
        return Ok(name);
    }
    let expected = format!("expected 1 to {MAX_GROUP_NAME_CHARS} characters");
    Err(Problem::invalid(field, expected))
}

/// The place of a task in the list: when it was created, and its number.
fn read_cursor(text: &str) -> Result<(i64, i64), Problem> {
    let number = |text: &str| {
        let is_number = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_number)
    };
    text.split_once('.')
        .and_then(|(created_at_ms, no)| Some((number(created_at_ms)?, number(no)?)))
        .ok_or_else(|| Problem::invalid("cursor", "expected the next_cursor of an earlier reply"))
}

/// A page of tasks, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = push::TasksPage)]
pub(super) struct TasksPage {
    /// The tasks.
    tasks: Vec<ShownListedTask>,
    /// The `cursor` of the next page; null where there is none.
    #[schema(required, example = "1795219200000.17")]
    next_cursor: Option<String>,
}

impl TasksPage {
    /// `found` may hold one more than `limit`.
    fn new(mut found: Vec<ListedTask>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = found.len() > limit;
        found.truncate(limit);
        let cursor = |task: &ListedTask| format!("{}.{}", task.created_at_ms, task.no);
        Self {
            next_cursor: found.last().filter(|_| has_more).map(cursor),
            tasks: found.into_iter().map(ShownListedTask::from).collect(),
        }
    }
}

/// A task with its totals.
#[derive(Serialize, ToSchema)]
#[schema(as = push::ListedTask)]
struct ShownListedTask {
    /// Its id.
    #[schema(example = "RASL_1")]
    taskid: String,
    /// list, app or single.
    #[schema(example = "list")]
    kind: &'static str,
    /// Its group.
    #[schema(required, example = "spring")]
    group_name: Option<String>,
    /// When it was created, in ms since 1970; of one that was not announced, when the earliest of its events was.
    #[schema(minimum = 0, example = 1_795_219_200_000_i64)]
    created_at: i64,
    /// A `task` event has come; else its id tells its kind.
    is_announced: bool,
    /// How far its pushes came.
    total: ShownTotal,
}

impl From<ListedTask> for ShownListedTask {
    fn from(task: ListedTask) -> Self {
        Self {
            taskid: task.task_id,
            kind: task.kind.name(),
            group_name: task.group_name,
            created_at: task.created_at_ms,
            is_announced: task.is_announced,
            total: task.total.into(),
        }
    }
}

/// One task
///
/// Of any kind and age. For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/push/tasks/{taskid}", operation_id = "push_task", tag = TAG,
    params(AppInPath, ("taskid" = String, Path, description = "The task.", max_length = 128, example = "RASL_1")),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The task.", body = ShownWholeTask, headers(("reportd-lag-ms" = u64))),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn get_task(
    State(push): State<Push>,
    caller: Caller,
    Path((_, task_id)): Path<(String, String)>,
) -> Result<Fresh<ShownWholeTask>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let without_display = push.known(&app)?.settings.without_display;
    let no = app.no;
    let (lag_ms, found) = push
        .views
        .read(app.no, move |tx| match task_id.contains('\0') {
            // No task has such an id, and not every store can be asked for it.
            true => Ok(None),
            false => query::task(tx, no, &task_id),
        })
        .await?;
    let task = found.ok_or_else(|| Problem::not_found("there is no such task"))?;
    Ok(Fresh {
        lag_ms,
        body: Json(ShownWholeTask::new(task, without_display)),
    })
}

/// All that is known of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Task)]
pub(super) struct ShownWholeTask {
    #[serde(flatten)]
    task: ShownListedTask,
    /// By channel, brand and action.
    funnel: ShownFunnel,
    /// What was lost, by phase, channel and reason.
    losses: Vec<ShownLoss>,
    /// Its totals by day of the event.
    days: Vec<ShownDay>,
}

/// A day of a task.
#[derive(Serialize, ToSchema)]
#[schema(as = push::TaskDay)]
struct ShownDay {
    /// The day, in the app's zone.
    #[schema(format = Date, example = "2026-11-21")]
    day: String,
    /// What happened that day.
    total: ShownTotal,
}

impl ShownWholeTask {
    fn new(task: ShownTask, without_display: ChannelSet) -> Self {
        let shown_day = |(day, total)| ShownDay {
            day: day_text(day),
            total: ShownTotal::from(total),
        };
        Self {
            task: task.task.into(),
            funnel: ShownFunnel::new(task.funnel, without_display),
            losses: shown_losses(task.losses),
            days: task.days.into_iter().map(shown_day).collect(),
        }
    }
}
