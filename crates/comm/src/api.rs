//! The JSON API of bot event reports (spec comm-report, Read API).

mod figures;
mod operations;
mod raw;
mod rejections;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post, put};
use reportd_db::{DbError, Tx};
use reportd_platform::apps::App;
use reportd_platform::web::{Api, Problem};

use crate::{Comm, KIND};

impl FromRef<Comm> for Api {
    fn from_ref(comm: &Comm) -> Self {
        comm.api.clone()
    }
}

/// The routes of the API.
pub fn api_routes(comm: Comm) -> Router {
    Router::new()
        .route("/api/apps/{app}/comm/series", get(figures::get_series))
        .route("/api/apps/{app}/comm/messages", get(figures::get_messages))
        .route(
            "/api/apps/{app}/comm/census/{date}",
            get(figures::get_census),
        )
        .route("/api/apps/{app}/comm/reports", get(raw::get_reports))
        .route(
            "/api/apps/{app}/comm/operations",
            get(operations::get_operations),
        )
        .route(
            "/api/apps/{app}/comm/operations/{oper_id}",
            put(operations::put_operation).delete(operations::delete_operation),
        )
        .route(
            "/api/apps/{app}/comm/rejections",
            get(rejections::get_rejections),
        )
        .route(
            "/api/apps/{app}/comm/rejections/{id}/replay",
            post(rejections::replay_one),
        )
        .route(
            "/api/apps/{app}/comm/rejections/replay",
            post(rejections::replay_all),
        )
        .with_state(comm)
}

impl Comm {
    /// Waits for what is acknowledged, then reads the views. Returns how far the read lags, in ms.
    async fn read_fresh<T: Send + 'static>(
        &self,
        app: &App,
        read: impl FnOnce(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Result<(i64, T), Problem> {
        let lag = self.journal.fresh(KIND, u64::from(app.no)).await;
        Ok((lag.ms, self.views.read_async(read).await?))
    }
}
