//! Apps and their credentials.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reportd_db::Tx;
use reportd_platform::access::Permission;
use reportd_platform::apps::{self as stored, AppError, DEFAULT_ZONE, NewApp};
use reportd_platform::credentials::{self, CredentialKind, Issued, Vault};
use reportd_platform::random::SystemRandom;
use reportd_platform::secret::Secret;
use reportd_platform::settings::parse_duration_ms;
use reportd_platform::web::openapi::{
    AppInPath, BodyProblems, CallProblems, ConflictProblem, ParameterProblem,
};
use reportd_platform::web::{Caller, Json, KeyCaller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Manage, TAG, of_all_apps, refused};
use crate::apps::{self, IssuedCredentials, ShownApp, app_settings};

/// How long a replaced credential works where the call does not say.
const DEFAULT_GRACE: &str = "24h";

/// All apps that the caller may touch.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::Apps)]
pub(super) struct Apps {
    /// By id.
    apps: Vec<ShownApp>,
}

/// All apps
///
/// For role admin; one who is limited to some apps sees those.
#[utoipa::path(
    get, path = "/api/apps", operation_id = "apps", tag = TAG, security(("ApiKey" = [])),
    responses((status = 200, description = "The apps.", body = Apps), CallProblems),
)]
pub(super) async fn get_apps(
    State(manage): State<Manage>,
    caller: KeyCaller,
) -> Result<Json<Apps>, Problem> {
    let key = caller.needs(Permission::Manage)?.principal().clone();
    let now_ms = manage.now_ms();
    let list = move |tx: &mut Tx<'_>| ShownApp::list(tx, now_ms, |app| key.may_touch(app.no));
    let apps = manage.running.state.read_async(list).await?;
    Ok(Json(Apps { apps }))
}

/// One app
///
/// For role admin.
#[utoipa::path(
    get, path = "/api/apps/{app}", operation_id = "app", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses((status = 200, description = "The app.", body = ShownApp), CallProblems),
)]
pub(super) async fn get_app(
    State(manage): State<Manage>,
    caller: Caller,
) -> Result<Json<ShownApp>, Problem> {
    let id = caller.needs(Permission::Manage)?.id.clone();
    let now_ms = manage.now_ms();
    let find = move |tx: &mut Tx<'_>| ShownApp::find(tx, &id, now_ms);
    let app = manage.running.state.read_async(find).await;
    Ok(Json(app.map_err(refused)?))
}

/// An app to be made. Secrets that are not given are drawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::NewApp, example = json!({"app_id": "bots", "name": "Bots", "zone": "Asia/Shanghai"}))]
pub(super) struct PostApp {
    /// Its id, for ever.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    app_id: String,
    /// Its name for people; the id where it is left out.
    #[serde(default)]
    #[schema(max_length = 128)]
    name: String,
    /// The zone of its days, by its IANA name.
    #[schema(default = "Asia/Shanghai")]
    zone: Option<String>,
    /// Settings by name.
    #[serde(default)]
    #[schema(value_type = Object, required = false, example = json!({"comm.max_age": "48h"}))]
    settings: BTreeMap<String, String>,
    /// Token of bot event reports.
    #[schema(value_type = Option<String>, write_only)]
    comm_token: Option<Secret>,
    /// Public half of the push credentials.
    #[schema(value_type = Option<String>)]
    appkey: Option<Secret>,
    /// Secret half of the push credentials.
    #[schema(value_type = Option<String>, write_only)]
    master_secret: Option<Secret>,
    /// Key of dialogue reports and callbacks: text, or behind `hex:` or `base64:`.
    #[schema(value_type = Option<String>, write_only)]
    aes_key: Option<Secret>,
}

impl PostApp {
    fn given(&mut self) -> Vec<Issued> {
        let given = [
            (CredentialKind::CommToken, self.comm_token.take()),
            (CredentialKind::Appkey, self.appkey.take()),
            (CredentialKind::MasterSecret, self.master_secret.take()),
            (CredentialKind::AesKey, self.aes_key.take()),
        ];
        let issued = |(kind, secret): (CredentialKind, Option<Secret>)| {
            let secret = secret?;
            Some(Issued { kind, secret })
        };
        given.into_iter().filter_map(issued).collect()
    }
}

/// Create an app
///
/// With all its credentials: their secrets are told here, once. It works at once. For role admin of all apps.
#[utoipa::path(
    post, path = "/api/apps", operation_id = "create_app", tag = TAG,
    request_body = PostApp, security(("ApiKey" = [])),
    responses(
        (status = 201, description = "It is there; these are its credentials.", body = IssuedCredentials),
        ConflictProblem, ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn create_app(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Json(mut posted): Json<PostApp>,
) -> Result<Response, Problem> {
    let caller = of_all_apps(caller, Permission::Manage)?;
    let given = posted.given();
    let new = NewApp {
        id: posted.app_id,
        name: posted.name,
        zone: posted.zone.unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
        given,
    };
    let settings = own_settings(posted.settings)?;
    let (id, now_ms, master) = (new.id.clone(), manage.now_ms(), manage.master_key()?);
    let create = move |tx: &mut Tx<'_>| {
        let vault = Vault {
            master: &master,
            random: &SystemRandom,
        };
        let issued = apps::create(tx, &new, &settings, &vault, now_ms)?;
        IssuedCredentials::read(tx, &new.id, &issued)
    };
    let told = manage.running.state.write_async(create).await;
    let told = told.map_err(|error| refused(named_in_body(error)))?;
    tracing::info!(by = caller.principal().name, app = id, "an app was created");
    manage.changed().await?;
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// What to change about an app: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::ChangeApp, example = json!({"settings": {"comm.max_age": "48h"}, "disabled": false}))]
pub(super) struct PatchApp {
    /// Its name for people.
    #[schema(min_length = 1, max_length = 128)]
    name: Option<String>,
    /// The zone of its days, by its IANA name; it stays once there are reports.
    zone: Option<String>,
    /// Whether its credentials are refused.
    disabled: Option<bool>,
    /// Settings by name; those that are left out stay.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    settings: BTreeMap<String, String>,
}

/// Change an app
///
/// All of it or nothing. It acts within a second on every node. For role admin.
#[utoipa::path(
    patch, path = "/api/apps/{app}", operation_id = "change_app", tag = TAG,
    params(AppInPath), request_body = PatchApp, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The app as it is now.", body = ShownApp),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn change_app(
    State(manage): State<Manage>,
    who: KeyCaller,
    Path(id): Path<String>,
    Json(patch): Json<PatchApp>,
) -> Result<Json<ShownApp>, Problem> {
    let who = who.needs(Permission::Manage)?;
    who.app(&id)?;
    let mut changes = own_settings(patch.settings)?;
    let own = [("name", patch.name), ("zone", patch.zone)];
    changes.extend(
        own.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    let (now_ms, app) = (manage.now_ms(), id.clone());
    let change = move |tx: &mut Tx<'_>| {
        stored::set(tx, &id, &changes, &app_settings(), now_ms)?;
        if let Some(disabled) = patch.disabled {
            stored::set_disabled(tx, &id, disabled)?;
        }
        ShownApp::find(tx, &id, now_ms)
    };
    let changed = manage.running.state.write_async(change).await;
    let changed = changed.map_err(|error| refused(named_in_body(error)))?;
    tracing::info!(by = who.principal().name, app, "an app was changed");
    manage.changed().await?;
    Ok(Json(changed))
}

/// Settings of an app by name, without what is no setting but a member of its own.
fn own_settings(settings: BTreeMap<String, String>) -> Result<Vec<(String, String)>, Problem> {
    for name in ["name", "zone"] {
        if settings.contains_key(name) {
            let expected = format!("expected {name} as a member of the body itself");
            return Err(Problem::invalid(&format!("settings.{name}"), expected));
        }
    }
    Ok(settings.into_iter().collect())
}

/// Names the member of the body that a refusal is about.
fn named_in_body(error: AppError) -> AppError {
    let member = |field: String| match field.as_str() {
        "id" => "app_id".to_owned(),
        "name" | "zone" => field,
        given if CredentialKind::named(given).is_some() => field,
        _ => format!("settings.{field}"),
    };
    match error {
        AppError::Invalid { field, message } => AppError::Invalid {
            field: member(field),
            message,
        },
        other => other,
    }
}

/// How a credential is replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::Rotate, example = json!({"grace": "24h"}))]
pub(super) struct PostRotate {
    /// How long the old one still works.
    #[schema(default = "24h", example = "24h")]
    grace: Option<String>,
    /// The new one; it is drawn where it is left out.
    #[schema(value_type = Option<String>, write_only)]
    secret: Option<Secret>,
}

/// Replace a credential
///
/// The new one works at once, and is told here, once; the old one works until its grace ends. For role admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/credentials/{kind}/rotate", operation_id = "rotate_credential", tag = TAG,
    params(AppInPath, ("kind" = String, Path,
        description = "comm_token, appkey, master_secret, aes_key or callback_secret.", example = "comm_token")),
    request_body = PostRotate, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The new one.", body = IssuedCredentials),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn rotate_credential(
    State(manage): State<Manage>,
    who: KeyCaller,
    Path((id, kind)): Path<(String, String)>,
    Json(posted): Json<PostRotate>,
) -> Result<Json<IssuedCredentials>, Problem> {
    let who = who.needs(Permission::Manage)?;
    who.app(&id)?;
    let Some(kind) = CredentialKind::named(&kind) else {
        let known = CredentialKind::ALL.map(CredentialKind::name).join(", ");
        return Err(Problem::invalid("kind", format!("expected {known}")));
    };
    let grace_ms = parse_duration_ms(posted.grace.as_deref().unwrap_or(DEFAULT_GRACE))
        .map_err(|expected| Problem::invalid("grace", expected))?;
    let given = posted.secret.map(|secret| Issued { kind, secret });
    let given: Vec<_> = given.into_iter().collect();
    let (app, now_ms, master) = (id.clone(), manage.now_ms(), manage.master_key()?);
    let rotate = move |tx: &mut Tx<'_>| {
        let vault = Vault {
            master: &master,
            random: &SystemRandom,
        };
        let issued = credentials::rotate(tx, &id, &[kind], &given, grace_ms, &vault, now_ms)?;
        IssuedCredentials::read(tx, &id, &issued)
    };
    let told = manage.running.state.write_async(rotate).await;
    let told = told.map_err(|error| match error {
        AppError::Invalid { field, message } if field == kind.name() => {
            Problem::invalid("secret", message)
        }
        other => refused(other),
    })?;
    let kind = kind.name();
    tracing::info!(
        by = who.principal().name,
        app,
        kind,
        "a credential was replaced"
    );
    manage.changed().await?;
    Ok(Json(told))
}
