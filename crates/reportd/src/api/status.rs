//! How the server stands.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::CallProblems;
use reportd_platform::web::{Json, KeyCaller, Problem};

use super::{Manage, TAG, of_all_apps};
use crate::running::Running;
use crate::status::{Counted, KindState, Status};

/// Looks that come closer together tell the rates of the look before.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// The rates between two looks at the counters.
pub(super) struct Rates {
    last: Mutex<(Counted, Vec<KindState>)>,
}

impl Rates {
    /// The first look.
    pub(super) fn start(running: &Running) -> Self {
        let counted = Counted::now(running);
        let rates = counted.since(&counted);
        Self {
            last: Mutex::new((counted, rates)),
        }
    }

    /// The rates since the last look, whoever took it.
    fn look(&self, running: &Running) -> Vec<KindState> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = Counted::now(running);
        if counted.at.saturating_sub(last.0.at) >= LEAST_INTERVAL {
            let rates = counted.since(&last.0);
            *last = (counted, rates);
        }
        last.1.clone()
    }
}

/// How the server stands
///
/// What `reportd status` tells, of this node: rates are those since the last call. For roles viewer, moderator, lead and
/// admin of all apps.
#[utoipa::path(
    get, path = "/api/status", operation_id = "status", tag = TAG, security(("ApiKey" = [])),
    responses((status = 200, description = "How it stands.", body = Status), CallProblems),
)]
pub(super) async fn get_status(
    State(manage): State<Manage>,
    caller: KeyCaller,
) -> Result<Json<Status>, Problem> {
    of_all_apps(caller, Permission::Figures)?;
    let kinds = manage.rates.look(&manage.running);
    Ok(Json(Status::look(&manage.running, kinds).await))
}
