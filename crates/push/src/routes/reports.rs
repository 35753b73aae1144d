//! The seven reports.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use reportd_db::{DbError, Tx};
use reportd_protocol::push::{
    Code, GroupQuery, Shape, TASK_WINDOW_DAYS, TaskQuery, count_report, day_report, detail_report,
    group_name, group_report, online_points, online_report, past_day, task_ids, task_report,
    user_report, wants_brands,
};

use super::auth::authenticate;
use super::described::{
    ActionList, AppInPath, Brands, CountReply, DatesInQuery, DayReply, DetailReply, GroupReply,
    OnlineReply, TaskReply, UsersReply,
};
use super::reply::{Answer, Refused};
use super::{TAG, answer, segments};
use crate::Push;
use crate::query::{self, Served};
use crate::registry::PushApp;

/// What became of tasks
///
/// At most 200 ids, of tasks created in the last 90 days and of kind `list` or `app`; `single` where the app has
/// `single_reports`. What is unknown is left out.
#[utoipa::path(
    get, path = "/v2/{app_id}/report/push/task/{taskids}", operation_id = "push_report_tasks", tag = TAG,
    params(AppInPath, ("taskids" = String, Path, description = "Task ids, parted by commas.", example = "RASL_1,RASL_2"),
        Brands, ActionList),
    security(("PushToken" = [])), responses(TaskReply),
)]
pub(super) async fn get_tasks(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, tasks(&push, &request.into_parts().0)).await
}

/// What became of tasks, and what was lost
///
/// Of the same tasks as `push_report_tasks`, where the app's settings allow it.
#[utoipa::path(
    get, path = "/v2/{app_id}/report/push/task/{taskids}/detail", operation_id = "push_report_details", tag = TAG,
    params(AppInPath, ("taskids" = String, Path, description = "Task ids, parted by commas.", example = "RASL_1,RASL_2")),
    security(("PushToken" = [])), responses(DetailReply),
)]
pub(super) async fn get_details(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, details(&push, &request.into_parts().0)).await
}

/// What became of a group of tasks
///
/// Of its tasks that were created in these days, of the last 70.
#[utoipa::path(
    get, path = "/v2/{app_id}/report/push/task_group/{group_name}", operation_id = "push_report_group", tag = TAG,
    params(AppInPath, ("group_name" = String, Path, description = "The group.", max_length = 100, example = "spring"),
        Brands, DatesInQuery),
    security(("PushToken" = [])), responses(GroupReply),
)]
pub(super) async fn get_group(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, group(&push, &request.into_parts().0)).await
}

/// What became of the pushes of a past day
#[utoipa::path(
    get, path = "/v2/{app_id}/report/push/date/{date}", operation_id = "push_report_day", tag = TAG,
    params(AppInPath, ("date" = String, Path, description = "A day before today.", format = Date, example = "2026-11-20"),
        Brands),
    security(("PushToken" = [])), responses(DayReply),
)]
pub(super) async fn get_day(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, day(&push, &request.into_parts().0)).await
}

/// Today's quotas, and what is left of them
///
/// Where the app's settings allow it; at most 60 times a minute.
#[utoipa::path(
    get, path = "/v2/{app_id}/report/push/count", operation_id = "push_report_count", tag = TAG,
    params(AppInPath), security(("PushToken" = [])), responses(CountReply),
)]
pub(super) async fn get_count(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, count(&push, &request.into_parts().0)).await
}

/// The users of a past day
#[utoipa::path(
    get, path = "/v2/{app_id}/report/user/date/{date}", operation_id = "push_report_users", tag = TAG,
    params(AppInPath, ("date" = String, Path, description = "A day before today.", format = Date, example = "2026-11-20")),
    security(("PushToken" = [])), responses(UsersReply),
)]
pub(super) async fn get_users(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, users(&push, &request.into_parts().0)).await
}

/// Users online in the last 24 hours
///
/// 144 points, 10 minutes apart.
#[utoipa::path(
    get, path = "/v2/{app_id}/report/online_user", operation_id = "push_report_online", tag = TAG,
    params(AppInPath), security(("PushToken" = [])), responses(OnlineReply),
)]
pub(super) async fn get_online(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, online(&push, &request.into_parts().0)).await
}

async fn tasks(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "task").await?;
    let ids = task_ids(segments::asked(&parts.uri))?;
    let asked = TaskQuery::parse(parts.uri.query())?;
    let served = push.served_tasks(&app);
    push.ask(&app, move |tx, app| {
        let (by_brand, actions) = (asked.by_brand, asked.actions.as_slice());
        let found = query::task_funnels(tx, app.app.no, &ids, &served, by_brand, actions)?;
        let shape = Shape {
            actions,
            ..shape(app, by_brand)
        };
        let funnels = found.iter().map(|(id, funnel)| (id.as_str(), funnel));
        Ok(task_report(funnels, shape))
    })
    .await
}

async fn details(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "detail").await?;
    if !app.settings.detail_allowed {
        return Err(Code::DetailForbidden.into());
    }
    let ids = task_ids(segments::asked(&parts.uri))?;
    let served = push.served_tasks(&app);
    push.ask(&app, move |tx, app| {
        let found = query::task_details(tx, app.app.no, &ids, &served)?;
        let details = found.iter().map(|(id, detail)| (id.as_str(), detail));
        Ok(detail_report(details, app.settings.without_display))
    })
    .await
}

async fn group(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "task_group").await?;
    let name = group_name(segments::asked(&parts.uri))?.into_owned();
    let asked = GroupQuery::parse(parts.uri.query(), app.today(push.clock.now_ms()))?;
    let zone = &app.app.zone;
    let end_ms = zone.start_of_day_ms(asked.end.days() + 1);
    let served = Served {
        created_ms: zone.start_of_day_ms(asked.start.days())..=end_ms - 1,
        singles: app.settings.single_reports,
    };
    // A large group is read page by page.
    push.read(&app, move |tx, app| {
        let by_brand = asked.by_brand;
        let found = query::group_funnel(tx, app.app.no, &name, &served, by_brand)?;
        Ok(group_report(&name, found.as_ref(), shape(app, by_brand)))
    })
    .await
}

async fn day(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "date").await?;
    let day = past_day(segments::asked(&parts.uri), app.today(push.clock.now_ms()))?;
    let by_brand = wants_brands(parts.uri.query())?;
    push.ask(&app, move |tx, app| {
        let found = query::day_funnel(tx, app.app.no, day.days(), by_brand)?;
        Ok(day_report(day, &found, shape(app, by_brand)))
    })
    .await
}

async fn count(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, COUNT).await?;
    if !app.settings.count_allowed {
        return Err(Code::CountForbidden.into());
    }
    let today = app.today(push.clock.now_ms()).days();
    push.ask(&app, move |tx, app| {
        let counts = query::quota_counts(tx, app.app.no, today)?;
        Ok(count_report(&app.settings.quota_uses(&counts)))
    })
    .await
}

async fn users(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "user").await?;
    let day = past_day(segments::asked(&parts.uri), app.today(push.clock.now_ms()))?;
    push.ask(&app, move |tx, app| {
        let zone = &app.app.zone;
        let ends = [day.days(), day.days() + 1].map(|day| zone.start_of_day_ms(day));
        let found = query::users(tx, app.app.no, day.days(), &ends)?.pop();
        Ok(user_report(day, found.unwrap_or_default()))
    })
    .await
}

async fn online(push: &Push, parts: &Parts) -> Result<Answer, Refused> {
    let app = push.admit(parts, "online_user").await?;
    let points: Vec<i64> = online_points(push.clock.now_ms()).collect();
    push.ask(&app, move |tx, app| {
        let (Some(&first), Some(&last)) = (points.first(), points.last()) else {
            return Ok(online_report([]));
        };
        // A point at which nobody is online is not stored, and is shown all the same.
        let nobody = points.iter().map(|point| (*point, 0));
        let some = query::online(tx, app.app.no, first..=last)?;
        Ok(online_report(nobody.chain(some)))
    })
    .await
}

/// The report whose rate is limited by default.
const COUNT: &str = "count";

fn shape(app: &PushApp, by_brand: bool) -> Shape<'static> {
    Shape {
        without_display: app.settings.without_display,
        by_brand,
        actions: &[],
    }
}

impl Push {
    /// Lets a call of a report in: token, then limit.
    async fn admit(&self, parts: &Parts, report: &'static str) -> Result<Arc<PushApp>, Refused> {
        let app = authenticate(self, parts).await?;
        let rate = match report {
            COUNT => self.limits.count,
            _ => self.limits.reports,
        };
        self.limit_call(&app, report, rate)
            .await
            .map_err(|wait| Refused::limited(Code::ReportLimited, wait))?;
        Ok(app)
    }

    /// Which tasks the reports of tasks serve: those created in the last 90 days, by day.
    fn served_tasks(&self, app: &PushApp) -> Served {
        let first = app.today(self.clock.now_ms()).minus_days(TASK_WINDOW_DAYS);
        Served {
            created_ms: app.app.zone.start_of_day_ms(first.days())..=i64::MAX,
            singles: app.settings.single_reports,
        }
    }

    /// Waits for what is acknowledged, then reads the views by one question and renders a reply.
    async fn ask(
        &self,
        app: &Arc<PushApp>,
        render: impl Fn(&mut Tx<'_>, &PushApp) -> Result<Vec<u8>, DbError> + Send + Sync + 'static,
    ) -> Result<Answer, Refused> {
        let (no, app) = (app.app.no, Arc::clone(app));
        let work = move |tx: &mut Tx<'_>| render(tx, &app);
        let (lag_ms, body) = self.views.ask(no, work).await?;
        Ok(Answer { body, lag_ms })
    }

    /// [`Self::ask`] by as many questions as it takes.
    async fn read(
        &self,
        app: &Arc<PushApp>,
        render: impl Fn(&mut Tx<'_>, &PushApp) -> Result<Vec<u8>, DbError> + Send + Sync + 'static,
    ) -> Result<Answer, Refused> {
        let (no, app) = (app.app.no, Arc::clone(app));
        let work = move |tx: &mut Tx<'_>| render(tx, &app);
        let (lag_ms, body) = self.views.read(no, work).await?;
        Ok(Answer { body, lag_ms })
    }
}
