//! API keys.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reportd_db::{DbError, Tx};
use reportd_platform::access::{self, ListedKey, NewKey, Permission, Principal, Role};
use reportd_platform::apps::AppError;
use reportd_platform::random::SystemRandom;
use reportd_platform::web::openapi::{BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Json, KeyCaller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Manage, TAG, in_body, is_within, refused};
use crate::keys::{IssuedKey, ShownKey};

/// Keys.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::Keys)]
pub(super) struct Keys {
    /// By name, revoked ones too.
    keys: Vec<ShownKey>,
}

/// All API keys
///
/// For role admin; one who is limited to some apps sees the keys that are limited to them.
#[utoipa::path(
    get, path = "/api/keys", operation_id = "keys", tag = TAG, security(("ApiKey" = [])),
    responses((status = 200, description = "The keys, without their texts.", body = Keys), CallProblems),
)]
pub(super) async fn get_keys(
    State(manage): State<Manage>,
    caller: KeyCaller,
) -> Result<Json<Keys>, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    let listed: Result<_, DbError> = manage.running.state.read_async(access::list_keys).await;
    let keys = listed?
        .into_iter()
        .filter(|key| is_of(caller.principal(), key));
    Ok(Json(Keys {
        keys: keys.map(ShownKey::from).collect(),
    }))
}

/// True where the caller may touch all that a key may.
fn is_of(caller: &Principal, listed: &ListedKey) -> bool {
    is_within(caller, listed.key.apps.as_deref())
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::NewKey, example = json!({"name": "dashboard", "role": "viewer", "app_id": "bots"}))]
pub(super) struct PostKey {
    /// Its name; those of revoked keys are not free.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// ingest, viewer, moderator, lead or admin.
    #[schema(example = "viewer")]
    role: String,
    /// The only app that it may touch.
    app_id: Option<String>,
    /// The only categories whose tickets it may touch: of moderators of one app.
    #[serde(default)]
    #[schema(max_items = 32)]
    categories: Vec<String>,
}

/// Create an API key
///
/// Its text is told here, once. It works at once. For role admin; one who is limited to some apps makes keys of those.
#[utoipa::path(
    post, path = "/api/keys", operation_id = "create_key", tag = TAG,
    request_body = PostKey, security(("ApiKey" = [])),
    responses(
        (status = 201, description = "It is there.", body = IssuedKey),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn create_key(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Json(posted): Json<PostKey>,
) -> Result<Response, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    match &posted.app_id {
        Some(id) => {
            let app = caller.app(id);
            app.map_err(|problem| in_body("app_id", problem))?;
        }
        None if caller.principal().apps.is_some() => {
            let detail = "you are limited to some apps: name one of them";
            return Err(Problem::forbidden(detail));
        }
        None => {}
    }
    let role: Role = posted
        .role
        .parse()
        .map_err(|expected: String| Problem::invalid("role", expected))?;
    let now_ms = manage.now_ms();
    let create = move |tx: &mut Tx<'_>| {
        let new = NewKey {
            name: &posted.name,
            role,
            app_id: posted.app_id.as_deref(),
            categories: &posted.categories,
        };
        let text = access::create_limited_key(tx, &new, &SystemRandom, now_ms)?;
        tracing::info!(
            by = caller.principal().name,
            key = new.name,
            "a key was created"
        );
        Ok::<_, AppError>(IssuedKey::new(&new, &text))
    };
    let told = manage.running.state.write_async(create).await;
    let told = told.map_err(|error| match error {
        AppError::Invalid { field, message } if field == "category" => {
            Problem::invalid("categories", message)
        }
        other => refused(other),
    })?;
    manage.changed().await?;
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// Revoke an API key
///
/// It is refused within a second on every node. For role admin.
#[utoipa::path(
    delete, path = "/api/keys/{name}", operation_id = "revoke_key", tag = TAG,
    params(("name" = String, Path, description = "The key's name.", example = "dashboard")),
    security(("ApiKey" = [])),
    responses((status = 204, description = "It is revoked."), CallProblems),
)]
pub(super) async fn revoke_key(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    let (now_ms, by, key) = (
        manage.now_ms(),
        caller.principal().name.clone(),
        name.clone(),
    );
    let revoke = move |tx: &mut Tx<'_>| {
        let listed = access::list_keys(tx)?;
        let mut same = listed.iter().filter(|listed| listed.key.name == name);
        if !same.any(|listed| is_of(caller.principal(), listed)) {
            return Ok::<_, DbError>(false);
        }
        access::revoke_key(tx, &name, now_ms)
    };
    if !manage.running.state.write_async(revoke).await? {
        let detail = format!("there is no key «{key}» in force");
        return Err(Problem::not_found(detail));
    }
    tracing::info!(by, key, "a key was revoked");
    manage.changed().await?;
    Ok(StatusCode::NO_CONTENT)
}
