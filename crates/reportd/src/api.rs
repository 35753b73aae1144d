//! The JSON API of the server itself: apps and their credentials, keys, people, settings, and how it stands.
//!
//! What a kind of reports tells and takes is the API of its own room. Whoever is limited to some apps sees and changes
//! what belongs to those apps alone, and nothing of the server as a whole.

mod apps;
mod config;
mod keys;
mod people;
mod status;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use reportd_platform::AppNo;
use reportd_platform::access::{Permission, Principal};
use reportd_platform::apps::AppError;
use reportd_platform::seal::MasterKey;
use reportd_platform::web::{Api, BodyLimits, KeyCaller, Problem};
use utoipa::openapi::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::config::Setting;
use self::status::Rates;
use crate::running::Running;
use crate::settings::Settings;

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "manage";

/// What the calls work with.
#[derive(Clone)]
struct Manage {
    api: Api,
    running: Arc<Running>,
    settings: Arc<[Setting]>,
    rates: Arc<Rates>,
    /// A password takes 19 MiB and a core while it is hashed.
    hashing: Arc<tokio::sync::Mutex<()>>,
}

impl FromRef<Manage> for Api {
    fn from_ref(manage: &Manage) -> Self {
        manage.api.clone()
    }
}

/// The calls of the API, each with its description.
fn calls() -> OpenApiRouter<Manage> {
    OpenApiRouter::new()
        .routes(routes!(apps::get_apps, apps::create_app))
        .routes(routes!(apps::get_app, apps::change_app))
        .routes(routes!(apps::rotate_credential))
        .routes(routes!(keys::get_keys, keys::create_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(people::get_people, people::create_person))
        .routes(routes!(people::change_person))
        .routes(routes!(people::reset_password))
        .routes(routes!(config::get_settings))
        .routes(routes!(status::get_status))
}

/// The routes of the API.
pub(crate) fn routes(settings: &Settings, running: &Arc<Running>) -> Router {
    let body_limits = BodyLimits {
        max_bytes: settings.api.body_bytes,
        timeout: Duration::from_millis(settings.server.body_timeout_ms),
    };
    let manage = Manage {
        api: Api {
            directory: Arc::clone(&running.directory),
            body_limits,
        },
        running: Arc::clone(running),
        settings: settings.shown.iter().map(Setting::from).collect(),
        rates: Arc::new(Rates::start(running)),
        hashing: Arc::default(),
    };
    calls().with_state(manage).into()
}

/// What the API adds to the OpenAPI document.
pub(crate) fn openapi() -> OpenApi {
    let mut document = calls().into_openapi();
    let about =
        "The server itself: apps and credentials, keys, people, settings, and how it stands.";
    let tag = TagBuilder::new().name(TAG).description(Some(about)).build();
    document.tags = Some(vec![tag]);
    document
}

impl Manage {
    /// The present time, in ms.
    fn now_ms(&self) -> i64 {
        self.running.clock.now_ms()
    }

    /// The key that seals secrets. The server made sure of it when it started.
    fn master_key(&self) -> Result<MasterKey, Problem> {
        let folder = self.running.served.folder();
        folder
            .master_key(&reportd_platform::random::SystemRandom)
            .map_err(|error| {
                tracing::error!(error = format!("{error:#}"), "the master key is away");
                Problem::try_later()
            })
    }

    /// What was changed acts from now on.
    async fn changed(&self) -> Result<(), Problem> {
        Ok(self.running.directory.refresh().await?)
    }
}

/// The caller, where it may do what `permission` names with the server as a whole.
fn of_all_apps(caller: KeyCaller, permission: Permission) -> Result<KeyCaller, Problem> {
    let caller = caller.needs(permission)?;
    if caller.principal().apps.is_some() {
        let detail = "this is of all apps, and you are limited to some";
        return Err(Problem::forbidden(detail));
    }
    Ok(caller)
}

/// True where `caller` may touch all that one who is limited to `apps` may: all apps where there are none.
fn is_within(caller: &Principal, apps: Option<&[AppNo]>) -> bool {
    match apps {
        Some(apps) => apps.iter().all(|&app| caller.may_touch(app)),
        None => caller.apps.is_none(),
    }
}

/// The problem of what a body names and is not there: the path of the call is.
fn in_body(field: &str, problem: Problem) -> Problem {
    match problem.status() {
        StatusCode::NOT_FOUND => Problem::invalid(field, problem.detail()),
        _ => problem,
    }
}

/// Why a change was not made.
fn refused(error: AppError) -> Problem {
    match error {
        AppError::Db(error) => error.into(),
        AppError::Invalid { field, message } => Problem::invalid(&field, message),
        AppError::Unknown(id) => Problem::not_found(format!("there is no app «{id}»")),
        exists @ AppError::Exists(_) => Problem::conflict(exists.to_string()),
        failed @ (AppError::Seal(_) | AppError::Random(_)) => {
            tracing::error!(error = %failed, "a secret cannot be made");
            Problem::try_later()
        }
    }
}
