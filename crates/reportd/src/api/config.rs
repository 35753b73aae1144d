//! The settings of the server, each with its origin.

use axum::extract::State;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::CallProblems;
use reportd_platform::web::{Json, KeyCaller, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Manage, TAG, of_all_apps};

/// A setting of the server.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = manage::Setting)]
pub(super) struct Setting {
    /// Its name.
    #[schema(example = "journal.linger_ms")]
    name: String,
    /// Its value as in the file of settings; one that is a secret is not shown.
    #[schema(example = "2")]
    value: String,
    /// Where it comes from: `default`, a file, a variable of the environment, or a flag.
    #[schema(example = "default")]
    origin: String,
}

impl From<&[String; 3]> for Setting {
    fn from([name, value, origin]: &[String; 3]) -> Self {
        Self {
            name: name.clone(),
            value: value.clone(),
            origin: origin.clone(),
        }
    }
}

/// All settings of the server.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::Settings)]
pub(super) struct ServerSettings {
    /// By name.
    settings: Vec<Setting>,
}

/// The settings of the server
///
/// As `reportd config` prints them: they are set by file, environment and flags alone. For role admin of all apps.
#[utoipa::path(
    get, path = "/api/settings", operation_id = "server_settings", tag = TAG, security(("ApiKey" = [])),
    responses((status = 200, description = "The settings as they hold.", body = ServerSettings), CallProblems),
)]
pub(super) async fn get_settings(
    State(manage): State<Manage>,
    caller: KeyCaller,
) -> Result<Json<ServerSettings>, Problem> {
    of_all_apps(caller, Permission::Manage)?;
    let settings = manage.settings.to_vec();
    Ok(Json(ServerSettings { settings }))
}
