//! The registry of operations.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use reportd_db::DbError;
use reportd_platform::access::Permission;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem, ProblemDetails, path_number};
use reportd_protocol::comm::{Field, Kind, Operation, Requirement};
use serde::{Deserialize, Serialize};
use utoipa::openapi::Array;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::{PartialSchema, ToSchema};

use super::TAG;
use super::figures::Dimension;
use crate::Comm;
use crate::registry::{self, RegistryError};

/// The registry of an app.
#[derive(Serialize, ToSchema)]
#[schema(as = comm::Operations)]
pub(super) struct Operations {
    /// Operations in force, by number.
    operations: Vec<Operation>,
}

/// The registered operations
///
/// For roles viewer, moderator, lead and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/comm/operations", operation_id = "comm_operations", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses((status = 200, description = "The registry.", body = Operations), CallProblems),
)]
pub(super) async fn get_operations(
    State(comm): State<Comm>,
    caller: Caller,
) -> Result<Json<Operations>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    let operations = known.operations().into_iter().cloned().collect();
    Ok(Json(Operations { operations }))
}

/// An operation as it is put.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = comm::PutOperation, example = json!({
    "name": "command used", "kind": "event",
    "required": [{"field": "gid"}, {"field": "ext1"}], "dimensions": ["ext1"],
}))]
pub(super) struct PutOperation {
    /// The number in the path; may be left out.
    oper_id: Option<i64>,
    /// What people call it.
    #[schema(min_length = 1, max_length = 128)]
    name: String,
    /// How its reports add up; fixed once there are reports.
    kind: Kind,
    /// What a report must have. A snapshot requires `gid`, and `ext1` as a non-negative integer.
    #[serde(default)]
    #[schema(max_items = 16)]
    required: Vec<Requirement>,
    /// By which fields its counts are broken down.
    #[serde(default)]
    #[schema(schema_with = dimensions)]
    dimensions: Vec<Field>,
}

fn dimensions() -> Array {
    ArrayBuilder::new()
        .items(Dimension::schema())
        .max_items(Some(8))
        .unique_items(true)
        .description(Some("By which fields its counts are broken down."))
        .build()
}

/// Register or change an operation
///
/// Reports from now on are taken and counted by it. For role admin.
#[utoipa::path(
    put, path = "/api/apps/{app}/comm/operations/{oper_id}", operation_id = "comm_put_operation", tag = TAG,
    params(AppInPath, ("oper_id" = i64, Path, description = "The operation's number.", example = 7)),
    request_body = PutOperation, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "It is registered.", body = Operation),
        (status = 409, description = "There are reports, so its kind is fixed; or the app has 1,000 operations already.",
            body = ProblemDetails, content_type = "application/problem+json"),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn put_operation(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, oper_id)): Path<(String, String)>,
    Json(put): Json<PutOperation>,
) -> Result<Json<Operation>, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let oper_id = path_number("oper_id", &oper_id)?;
    if put.oper_id.is_some_and(|given| given != oper_id) {
        return Err(Problem::invalid(
            "oper_id",
            "expected the number in the path, or none",
        ));
    }
    let operation = Operation {
        oper_id,
        name: put.name,
        kind: put.kind,
        required: put.required,
        dimensions: put.dimensions,
    };
    operation
        .validate()
        .map_err(|invalid| Problem::invalid(&invalid.field, invalid.problem.clone()))?;
    let (no, written) = (app.no, operation.clone());
    let told = comm
        .directory
        .db()
        .write_async(move |tx| registry::put(tx, no, &written))
        .await;
    told.map_err(|error| match error {
        RegistryError::Db(error) => error.into(),
        refused => Problem::new(StatusCode::CONFLICT, refused.to_string()),
    })?;
    comm.directory.refresh().await?;
    Ok(Json(operation))
}

/// Take an operation out of force
///
/// Its counts stay, and can still be read; its reports are refused from now on, as those of any operation that is not
/// registered. For role admin.
#[utoipa::path(
    delete, path = "/api/apps/{app}/comm/operations/{oper_id}", operation_id = "comm_delete_operation", tag = TAG,
    params(AppInPath, ("oper_id" = i64, Path, description = "The operation's number.", example = 7)),
    security(("ApiKey" = [])),
    responses((status = 204, description = "It is out of force."), ParameterProblem, CallProblems),
)]
pub(super) async fn delete_operation(
    State(comm): State<Comm>,
    caller: Caller,
    Path((_, oper_id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let app = caller.needs(Permission::Manage)?;
    let oper_id = path_number("oper_id", &oper_id)?;
    let no = app.no;
    let deleted = comm
        .directory
        .db()
        .write_async(move |tx| registry::delete(tx, no, oper_id))
        .await;
    if !deleted.map_err(|error: DbError| Problem::from(error))? {
        return Err(Problem::not_found(format!(
            "there is no operation {oper_id}"
        )));
    }
    comm.directory.refresh().await?;
    Ok(StatusCode::NO_CONTENT)
}
