//! The JSON API of bot event reports (spec comm-report, Read API).

mod figures;
mod operations;
mod raw;
mod rejections;

use axum::Router;
use axum::extract::FromRef;
use reportd_platform::web::Api;
use reportd_platform::web::openapi::tagged;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Comm;

impl FromRef<Comm> for Api {
    fn from_ref(comm: &Comm) -> Self {
        comm.api.clone()
    }
}

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "comm";

/// The calls of the API, each with its description.
fn calls() -> OpenApiRouter<Comm> {
    OpenApiRouter::new()
        .routes(routes!(figures::get_series))
        .routes(routes!(figures::get_messages))
        .routes(routes!(figures::get_census))
        .routes(routes!(raw::get_reports))
        .routes(routes!(operations::get_operations))
        .routes(routes!(
            operations::put_operation,
            operations::delete_operation
        ))
        .routes(routes!(rejections::get_rejections))
        .routes(routes!(rejections::replay_one))
        .routes(routes!(rejections::replay_all))
}

/// The routes of the API.
pub fn api_routes(comm: Comm) -> Router {
    calls().with_state(comm).into()
}

/// What the API adds to the OpenAPI document.
#[must_use]
pub fn api_openapi() -> OpenApi {
    let about =
        "Bot event reports (通用数据上报): what they add up to, and the registry of operations.";
    tagged(calls().into_openapi(), TAG, about)
}
