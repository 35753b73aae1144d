//! The registry of operations.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use reportd_db::DbError;
use reportd_platform::access::Permission;
use reportd_platform::web::{Caller, Json, Problem, path_number};
use reportd_protocol::comm::Operation;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Comm;
use crate::registry::{self, RegistryError};

pub(super) async fn get_operations(
    State(comm): State<Comm>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let app = caller.needs(Permission::Figures)?;
    let known = comm.registry.app(app.no).ok_or_else(Problem::try_later)?;
    Ok(Json(json!({"operations": known.operations()})))
}

/// An operation as it is put; its number may be left to the path.
#[derive(Deserialize)]
pub(super) struct PutOperation {
    oper_id: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

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
    let mut members = put.rest;
    members.insert("oper_id".to_owned(), oper_id.into());
    let operation: Operation = serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::invalid("body", error.to_string()))?;
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
