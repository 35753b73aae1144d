//! The wire protocol: `POST /api/v1/CommReport` (seed comm-report).

mod described;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use reportd_platform::directory::Denied;
use reportd_platform::web::openapi::tagged;
use reportd_platform::web::{Afterwards, BodyError, ClientAddress, limit_key, read_body, reply};
use reportd_protocol::comm::{self, Refusal, Reply, Ret};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::described::{CommReport, Replies};
use crate::Comm;
use crate::intake::{Way, decide};
use crate::registry::CommApp;

/// The calls of the protocol with their descriptions.
fn calls() -> OpenApiRouter<Arc<Comm>> {
    let (schemas, paths, _) = routes!(report);
    // Every method comes here: what is no POST is refused in the protocol's own words.
    OpenApiRouter::new().routes((schemas, paths, any(report)))
}

/// The routes of the protocol.
pub fn protocol_routes(comm: Comm) -> Router {
    calls().with_state(Arc::new(comm)).into()
}

/// What the protocol adds to the OpenAPI document.
#[must_use]
pub fn protocol_openapi() -> OpenApi {
    let mut document = calls().into_openapi();
    let token = ApiKeyValue::with_description(
        "Authorization",
        "The app's `comm_token`, as it is or behind `Bearer `.",
    );
    let token = SecurityScheme::ApiKey(ApiKey::Header(token));
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme("CommToken", token);
    let about = "The wire protocol of bots: CommReport (通用数据上报).";
    tagged(document, "comm protocol", about)
}

/// The type of every reply.
const CONTENT_TYPE: &str = "application/json";

/// A refusal as it goes out.
struct Refused {
    refusal: Refusal,
    afterwards: Afterwards,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            afterwards: Afterwards::of_refusal(refusal.ret == Ret::Unavailable),
            refusal,
        }
    }
}

impl From<Ret> for Refused {
    fn from(ret: Ret) -> Self {
        Refusal::from(ret).into()
    }
}

impl Refused {
    /// A body that was not taken: what is left of it is not read, so the connection ends.
    fn of_body(error: BodyError, most_bytes: usize) -> Self {
        let refusal = match error {
            BodyError::TooLarge => Refusal::new(
                Ret::BodyTooLarge,
                format!("the body is larger than {most_bytes} bytes"),
            ),
            BodyError::Incomplete => Refusal::new(
                Ret::NotAnObject,
                "the body did not come whole, or not in time",
            ),
        };
        Self {
            afterwards: Afterwards::unread(),
            ..refusal.into()
        }
    }

    fn rate_limited(wait: Duration) -> Self {
        Self {
            afterwards: Afterwards::retry(wait),
            ..Ret::RateLimited.into()
        }
    }
}

/// Report what happened
///
/// `ret` 0 means that the reports are on disk. The same bytes can be sent again, and count once: a request is known by its
/// app, `ts`, `nonce` and the hash of its body. After a 429 or 503, or where no reply came, send them again.
#[utoipa::path(
    post, path = comm::PATH, operation_id = "comm_report", tag = "comm protocol",
    request_body = CommReport, security(("CommToken" = [])), responses(Replies),
)]
async fn report(State(comm): State<Arc<Comm>>, request: Request) -> Response {
    let started = comm.clock.monotonic();
    let outcome = take(&comm, request).await;
    let took = comm.clock.monotonic().saturating_sub(started);
    comm.metrics.protocol.answered(
        took,
        outcome
            .as_ref()
            .map(|count| *count)
            .map_err(|r| r.refusal.ret.code()),
    );
    match outcome {
        Ok(_) => reply(StatusCode::OK, CONTENT_TYPE, Reply::OK_JSON),
        Err(refused) => refused.into_response(),
    }
}

/// Takes a request; returns the number of its reports, which are durable then.
async fn take(comm: &Comm, request: Request) -> Result<u64, Refused> {
    let (parts, body) = request.into_parts();
    let app = admit(comm, &parts).await?;
    let body = read_body(body, comm.limits.body).await;
    let body = body.map_err(|error| Refused::of_body(error, comm.limits.body.max_bytes))?;
    let taken = accept(comm, &app, &body).await;
    if let Err(refusal) = &taken {
        comm.rejections
            .offer(&app.app, refusal, &body, comm.clock.now_ms());
    }
    Ok(taken?)
}

/// Checks what stands in the head of a request: method, token, limits and type.
async fn admit(comm: &Comm, parts: &Parts) -> Result<Arc<CommApp>, Refused> {
    if parts.method != Method::POST {
        return Err(Ret::MethodNotAllowed.into());
    }
    let address = ClientAddress::of(&parts.extensions);
    if let Some(rate) = comm.limits.per_address {
        comm.address_limiter
            .take(limit_key(address), 1, rate)
            .await
            .map_err(Refused::rate_limited)?;
    }
    let app = authenticate(comm, parts, address).await?;
    if let Some(rate) = app.settings.rate {
        comm.app_limiter
            .take(app.app.no, 1, rate)
            .await
            .map_err(Refused::rate_limited)?;
    }
    if is_json(parts) {
        Ok(app)
    } else {
        Err(Ret::UnsupportedMediaType.into())
    }
}

async fn authenticate(
    comm: &Comm,
    parts: &Parts,
    address: IpAddr,
) -> Result<Arc<CommApp>, Refused> {
    let Some(token) = token(parts) else {
        comm.directory
            .count_failure(address)
            .await
            .map_err(Refused::rate_limited)?;
        return Err(Ret::Unauthorized.into());
    };
    let app = comm
        .directory
        .app_of_comm_token(token, address)
        .await
        .map_err(|denied| match denied {
            Denied::Unknown => Ret::Unauthorized.into(),
            Denied::TooManyFailures(wait) => Refused::rate_limited(wait),
            Denied::Store(error) => {
                tracing::warn!(%error, "a token could not be looked up");
                Ret::Unavailable.into()
            }
        })?;
    // The registry is loaded before the tokens it belongs to can be seen; an app without one is being created.
    comm.registry
        .app(app.no)
        .ok_or_else(|| Ret::Unavailable.into())
}

/// The token: raw, as known bots send it, or behind `Bearer`.
fn token(parts: &Parts) -> Option<&str> {
    let value = parts
        .headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

fn is_json(parts: &Parts) -> bool {
    let value = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn accept(comm: &Comm, app: &CommApp, body: &Bytes) -> Result<u64, Refusal> {
    let accepted = decide(app, body, comm.clock.now_ms(), Way::Live)?;
    if accepted.report.unknown_fields > 0 {
        comm.metrics
            .unknown_fields
            .inc_by(u64::from(accepted.report.unknown_fields));
    }
    comm.store(app, &accepted, body, Way::Live).await?;
    Ok(accepted.count())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.refusal.ret.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
        let body = self.refusal.reply().encode().into_owned();
        let mut response = reply(status, CONTENT_TYPE, body);
        let headers = response.headers_mut();
        self.afterwards.tell(headers);
        if self.refusal.ret == Ret::MethodNotAllowed {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}
