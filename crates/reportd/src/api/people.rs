//! People of the console.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reportd_db::{DbError, Tx};
use reportd_platform::access::{Permission, Principal, Role};
use reportd_platform::people::{self, HashedPassword, Limits, ListedPerson, PeopleError};
use reportd_platform::random::SystemRandom;
use reportd_platform::secret::Secret;
use reportd_platform::web::openapi::{
    BodyProblems, CallProblems, ConflictProblem, ParameterProblem,
};
use reportd_platform::web::{Json, KeyCaller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Manage, TAG, in_body, is_within};

/// A person of the console.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manage::Person)]
pub(super) struct ShownPerson {
    /// The name, which stands in the records.
    #[schema(example = "mei")]
    name: String,
    /// viewer, moderator, lead or admin.
    #[schema(example = "moderator")]
    role: &'static str,
    /// The only apps; null where there is no limit.
    #[schema(required, example = json!(["chat"]))]
    app_ids: Option<Vec<String>>,
    /// The only categories of their tickets; null where there is no limit.
    #[schema(required)]
    categories: Option<Vec<String>>,
    /// The next log-in asks for a new password.
    must_change: bool,
    /// When it was made, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    created_at: i64,
    /// When it was disabled, in ms; null where it may log in.
    #[schema(required)]
    disabled_at: Option<i64>,
}

impl From<ListedPerson> for ShownPerson {
    fn from(listed: ListedPerson) -> Self {
        Self {
            name: listed.principal.name,
            role: listed.principal.role.name(),
            app_ids: listed.app_ids,
            categories: listed.principal.categories,
            must_change: listed.must_change,
            created_at: listed.created_at_ms,
            disabled_at: listed.disabled_at_ms,
        }
    }
}

/// People.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::People)]
pub(super) struct People {
    /// By name, disabled ones too.
    people: Vec<ShownPerson>,
}

/// A password that was just made: the only place where it is told.
#[derive(Serialize, ToSchema)]
#[schema(as = manage::IssuedPassword)]
pub(super) struct IssuedPassword {
    /// Whose it is.
    #[schema(example = "mei")]
    name: String,
    /// It is good for one log-in, which asks for another.
    password: String,
}

/// True where the caller may touch all that a person may.
fn is_of(caller: &Principal, listed: &ListedPerson) -> bool {
    is_within(caller, listed.principal.apps.as_deref())
}

/// The person of that name, where the caller may touch it.
fn find(tx: &mut Tx<'_>, caller: &Principal, name: &str) -> Result<ListedPerson, PeopleError> {
    let mut listed = people::list_people(tx)?.into_iter();
    let found = listed.find(|person| person.principal.name == name && is_of(caller, person));
    found.ok_or_else(|| PeopleError::Unknown(name.to_owned()))
}

/// All people
///
/// For role admin; one who is limited to some apps sees the people who are limited to them.
#[utoipa::path(
    get, path = "/api/people", operation_id = "people", tag = TAG, security(("ApiKey" = [])),
    responses((status = 200, description = "The people.", body = People), CallProblems),
)]
pub(super) async fn get_people(
    State(manage): State<Manage>,
    caller: KeyCaller,
) -> Result<Json<People>, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    let listed: Result<_, DbError> = manage.running.state.read_async(people::list_people).await;
    let listed = listed?.into_iter();
    let own = listed.filter(|person| is_of(caller.principal(), person));
    let people = own.map(ShownPerson::from).collect();
    Ok(Json(People { people }))
}

/// A person to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::NewPerson, example = json!({"name": "mei", "role": "moderator", "app_ids": ["chat"]}))]
pub(super) struct PostPerson {
    /// The name; those of disabled people are not free.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// viewer, moderator, lead or admin.
    #[schema(example = "moderator")]
    role: String,
    /// The only apps; all where there are none.
    #[serde(default)]
    #[schema(max_items = 64)]
    app_ids: Vec<String>,
    /// The only categories of their tickets, for moderators; all where there are none.
    #[serde(default)]
    #[schema(max_items = 32)]
    categories: Vec<String>,
}

/// Create a person
///
/// The password is told here, once; the first log-in asks for another. For role admin; one who is limited to some apps
/// makes people of those.
#[utoipa::path(
    post, path = "/api/people", operation_id = "create_person", tag = TAG,
    request_body = PostPerson, security(("ApiKey" = [])),
    responses(
        (status = 201, description = "The person can log in.", body = IssuedPassword),
        ConflictProblem, ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn create_person(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Json(posted): Json<PostPerson>,
) -> Result<Response, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    check_apps(&caller, &posted.app_ids)?;
    let role = role(&posted.role)?;
    let (password, hashed) = manage.new_password().await?;
    let (name, now_ms) = (posted.name.clone(), manage.now_ms());
    let create = move |tx: &mut Tx<'_>| {
        let limits = Limits {
            role,
            app_ids: &posted.app_ids,
            categories: &posted.categories,
        };
        people::create_person(tx, &posted.name, limits, &hashed, true, now_ms)
    };
    let created = manage.running.state.write_async(create).await;
    created.map_err(refused)?;
    let by = &caller.principal().name;
    tracing::info!(by, person = name, "a person was created");
    manage.changed().await?;
    let told = IssuedPassword {
        name,
        password: password.reveal().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// What to change about a person: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = manage::ChangePerson, example = json!({"role": "lead", "app_ids": []}))]
pub(super) struct PatchPerson {
    /// viewer, moderator, lead or admin.
    #[schema(example = "lead")]
    role: Option<String>,
    /// The only apps; all where the list is empty.
    #[schema(max_items = 64)]
    app_ids: Option<Vec<String>>,
    /// The only categories of their tickets; all where the list is empty.
    #[schema(max_items = 32)]
    categories: Option<Vec<String>>,
    /// Whether the person may not log in.
    disabled: Option<bool>,
}

/// Change a person
///
/// All of it or nothing. Disabling ends all sessions. The last admin of all apps stays. For role admin.
#[utoipa::path(
    patch, path = "/api/people/{name}", operation_id = "change_person", tag = TAG,
    params(("name" = String, Path, description = "The person's name.", example = "mei")),
    request_body = PatchPerson, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The person as it is now.", body = ShownPerson),
        ConflictProblem, ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn change_person(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Path(name): Path<String>,
    Json(patch): Json<PatchPerson>,
) -> Result<Json<ShownPerson>, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    if let Some(app_ids) = &patch.app_ids {
        check_apps(&caller, app_ids)?;
    }
    let role = patch.role.as_deref().map(role).transpose()?;
    let (who, person, now_ms) = (caller.principal().clone(), name.clone(), manage.now_ms());
    let change = move |tx: &mut Tx<'_>| {
        let before = find(tx, &who, &name)?;
        if role.is_some() || patch.app_ids.is_some() || patch.categories.is_some() {
            let app_ids = patch.app_ids.or(before.app_ids).unwrap_or_default();
            let categories = patch.categories.or(before.principal.categories);
            let limits = Limits {
                role: role.unwrap_or(before.principal.role),
                app_ids: &app_ids,
                categories: &categories.unwrap_or_default(),
            };
            people::set_limits(tx, &name, limits)?;
        }
        match patch.disabled {
            Some(true) => people::disable_person(tx, &name, now_ms)?,
            Some(false) => people::enable_person(tx, &name)?,
            None => {}
        }
        find(tx, &who, &name)
    };
    let changed = manage.running.state.write_async(change).await;
    let changed = changed.map_err(refused)?;
    let by = &caller.principal().name;
    tracing::info!(by, person, "a person was changed");
    manage.changed().await?;
    Ok(Json(changed.into()))
}

/// Give a person a new password
///
/// It is told here, once, and good for one log-in, which asks for another. The old one and all sessions end. For role
/// admin.
#[utoipa::path(
    post, path = "/api/people/{name}/password", operation_id = "reset_password", tag = TAG,
    params(("name" = String, Path, description = "The person's name.", example = "mei")),
    security(("ApiKey" = [])),
    responses((status = 200, description = "The new password.", body = IssuedPassword), CallProblems),
)]
pub(super) async fn reset_password(
    State(manage): State<Manage>,
    caller: KeyCaller,
    Path(name): Path<String>,
) -> Result<Json<IssuedPassword>, Problem> {
    let caller = caller.needs(Permission::Manage)?;
    let (password, hashed) = manage.new_password().await?;
    let (who, person) = (caller.principal().clone(), name.clone());
    let set = move |tx: &mut Tx<'_>| {
        find(tx, &who, &name)?;
        people::set_password(tx, &name, &hashed, true)
    };
    let set = manage.running.state.write_async(set).await;
    set.map_err(refused)?;
    let by = &caller.principal().name;
    tracing::info!(by, person, "a person was given a new password");
    manage.changed().await?;
    Ok(Json(IssuedPassword {
        name: person,
        password: password.reveal().to_owned(),
    }))
}

impl Manage {
    /// A password and its hash, which takes a part of a second of a thread: one at a time.
    async fn new_password(&self) -> Result<(Secret, HashedPassword), Problem> {
        let _turn = self.hashing.lock().await;
        let hashed = tokio::task::spawn_blocking(|| {
            let password = people::draw_password(&SystemRandom)?;
            let hashed = HashedPassword::of(&password, &SystemRandom)?;
            Ok((password, hashed))
        });
        let hashed = hashed.await;
        let hashed = hashed.map_err(|stopped| PeopleError::Hashing(stopped.to_string()));
        hashed.flatten().map_err(refused)
    }
}

fn role(name: &str) -> Result<Role, Problem> {
    let role = name.parse();
    role.map_err(|expected: String| Problem::invalid("role", expected))
}

/// Refuses apps that the caller may not touch: none is all.
fn check_apps(caller: &KeyCaller, app_ids: &[String]) -> Result<(), Problem> {
    if app_ids.is_empty() && caller.principal().apps.is_some() {
        let detail = "you are limited to some apps: name some of them";
        return Err(Problem::forbidden(detail));
    }
    for (index, id) in app_ids.iter().enumerate() {
        let app = caller.app(id);
        app.map_err(|problem| in_body(&format!("app_ids[{index}]"), problem))?;
    }
    Ok(())
}

/// Why nothing was changed.
fn refused(error: PeopleError) -> Problem {
    match error {
        PeopleError::Db(error) => error.into(),
        PeopleError::Invalid { field, message } => match field.as_str() {
            "app" => Problem::invalid("app_ids", message),
            "category" => Problem::invalid("categories", message),
            _ => Problem::invalid(&field, message),
        },
        PeopleError::Unknown(name) => Problem::not_found(format!("there is no person «{name}»")),
        PeopleError::Exists(name) => Problem::conflict(format!(
            "there is, or was, a person «{name}»: names stand in the records, take another"
        )),
        last @ PeopleError::LastAdmin(_) => Problem::conflict(last.to_string()),
        failed @ (PeopleError::Random(_) | PeopleError::Busy | PeopleError::Hashing(_)) => {
            tracing::error!(error = %failed, "a password cannot be made");
            Problem::try_later()
        }
    }
}
