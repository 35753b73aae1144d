//! The JSON API of bot event reports (spec comm-report, Read API).

mod figures;
mod operations;
mod raw;
mod rejections;

use axum::Router;
use axum::extract::FromRef;
use reportd_db::{DbError, Tx};
use reportd_platform::apps::App;
use reportd_platform::web::{Api, Problem};
use utoipa::openapi::OpenApi;
use utoipa::openapi::tag::TagBuilder;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Comm, KIND};

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
    let mut document = calls().into_openapi();
    let about =
        "Bot event reports (通用数据上报): what they add up to, and the registry of operations.";
    let tag = TagBuilder::new().name(TAG).description(Some(about)).build();
    document.tags = Some(vec![tag]);
    document
}

impl Comm {
    /// Waits for what is acknowledged, then reads the views. Returns how far the read lags, in ms.
    async fn read_fresh<T: Send + 'static>(
        &self,
        app: &App,
        read: impl Fn(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(i64, T), Problem> {
        let of = (KIND, u64::from(app.no));
        let (lag, told) = self.journal.read(&self.views, of, read).await?;
        Ok((lag.ms, told))
    }
}
