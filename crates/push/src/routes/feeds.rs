//! The feeds of gateways: `push/events` with an API key, `push/receipts` with a sign in each line.

mod body;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, ClientAddress, Json, Problem, limit_key};
use reportd_protocol::push::{
    Accepted, FeedError, FeedErrorKind, ReceiptApp, ReceiptMeaning, read_events, read_receipts,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::body::{Packing, Whole, read, with_whole};
use super::described::{EventsBody, FeedProblems, ReceiptsBody};
use super::{TAG, segments};
use crate::Push;
use crate::entry::Encoder;
use crate::feed_room::Feed;
use crate::registry::PushApp;

/// The feeds with their descriptions.
pub(super) fn calls() -> OpenApiRouter<Push> {
    OpenApiRouter::new()
        .routes(routes!(post_events))
        .routes(routes!(post_receipts))
}

/// What was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = push::Accepted)]
pub(super) struct ShownAccepted {
    /// How many events, each cid of `cids` being one; or how many receipts.
    #[schema(minimum = 0, maximum = 10_000, example = 2)]
    accepted: u32,
}

/// Feed what became of pushes
///
/// An array or NDJSON, at most 10,000 events, each cid of `cids` being one, and 8 MiB unpacked. All or nothing: an event
/// that is wrong refuses all of them, and the reply names it. What was sent before counts once. For roles ingest and
/// admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/push/events", operation_id = "push_events", tag = TAG,
    params(AppInPath, ("content-encoding" = Option<String>, Header, description = "`gzip`, or none.", example = "identity")),
    request_body = EventsBody, security(("ApiKey" = [])),
    responses((status = 200, description = "They are on disk.", body = ShownAccepted),
        ParameterProblem, BodyProblems, FeedProblems, CallProblems),
)]
async fn post_events(State(push): State<Push>, request: Request) -> Response {
    answer(&push, take_events(&push, request)).await
}

/// Feed receipts (消息回执)
///
/// One JSON object a line, as the vendor's callback sends them, at most 10,000. Each is authenticated by its own `sign`:
/// the MD5 of appid, cid, taskid, msgid and the app's master secret. All or nothing.
#[utoipa::path(
    post, path = "/api/apps/{app}/push/receipts", operation_id = "push_receipts", tag = TAG,
    params(AppInPath, ("content-encoding" = Option<String>, Header, description = "`gzip`, or none.", example = "identity")),
    request_body = ReceiptsBody, security(()),
    responses((status = 200, description = "They are on disk.", body = ShownAccepted),
        ParameterProblem, BodyProblems, FeedProblems, CallProblems),
)]
async fn post_receipts(State(push): State<Push>, request: Request) -> Response {
    answer(&push, take_receipts(&push, request)).await
}

async fn answer(push: &Push, outcome: impl Future<Output = Result<Accepted, Problem>>) -> Response {
    let started = push.clock.monotonic();
    let outcome = outcome.await;
    let took = push.clock.monotonic().saturating_sub(started);
    if let Ok(accepted) = &outcome {
        let unknown = u64::from(accepted.unknown_fields);
        push.metrics.unknown_fields.inc_by(unknown);
    }
    let events = outcome.as_ref().map(|accepted| accepted.events);
    let counted = events.map(u64::from);
    let response = match events {
        Ok(accepted) => Json(ShownAccepted { accepted }).into_response(),
        Err(problem) => problem.clone().into_response(),
    };
    let status = i64::from(response.status().as_u16());
    push.metrics
        .feeds
        .answered(took, counted.map_err(|_| status));
    response
}

async fn take_events(push: &Push, request: Request) -> Result<Accepted, Problem> {
    let (mut parts, body) = request.into_parts();
    let (app, packing) = admit_events(push, &mut parts).await?;
    let address = ClientAddress::of(&parts.extensions);
    let body = read(push, Feed::Events, address, body, packing).await?;
    let now_ms = push.clock.now_ms();
    let mut entry = Encoder::new(&app.zone);
    let accepted = with_whole(&body.bytes, || {
        read_events(&body.bytes, now_ms, |event| entry.event(&event))
    });
    let accepted = accepted.map_err(problem_of)?;
    push.store(&app, entry, body).await?;
    Ok(accepted)
}

async fn admit_events(push: &Push, parts: &mut Parts) -> Result<(Arc<App>, Packing), Problem> {
    push.limit_address(parts).await?;
    let caller = Caller::from_request_parts(parts, push).await?;
    let app = caller.needs(Permission::Feed)?;
    if app.disabled {
        return Err(Problem::forbidden("the app is disabled"));
    }
    Ok((app, Packing::of(&parts.headers)?))
}

async fn take_receipts(push: &Push, request: Request) -> Result<Accepted, Problem> {
    let (parts, body) = request.into_parts();
    let packing = admit_receipts(push, &parts).await?;
    let address = ClientAddress::of(&parts.extensions);
    let body = read(push, Feed::Receipts, address, body, packing).await?;
    let id = segments::app_of_feed(&parts.uri);
    let app = push.registry.enabled(id);
    match read_signed(push, id, app.as_deref(), &body.bytes) {
        Err(Refused::BadSign(_)) => {}
        told => return store_receipts(push, told?, body).await,
    }
    let counted = push.directory.count_failure(address).await;
    counted.map_err(Problem::too_many)?;
    // What was made or rotated just now is in the store already.
    push.directory.refresh().await?;
    let app = push.registry.enabled(id);
    let signed = read_signed(push, id, app.as_deref(), &body.bytes)?;
    store_receipts(push, signed, body).await
}

async fn admit_receipts(push: &Push, parts: &Parts) -> Result<Packing, Problem> {
    push.limit_address(parts).await?;
    Packing::of(&parts.headers)
}

/// Why receipts are refused.
enum Refused {
    BadSign(FeedError),
    Other(Problem),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::BadSign(error) => problem_of(error),
            Refused::Other(problem) => problem,
        }
    }
}

/// Receipts that are signed as they should be.
struct Signed<'a> {
    accepted: Accepted,
    unknown_actions: u64,
    /// None where there was no receipt, and so none of any app.
    entry: Option<(&'a App, Encoder<'a>)>,
}

/// Reads receipts. An app that is unknown or disabled is one without secrets, so that a refusal does not tell it from one
/// whose sign is wrong.
fn read_signed<'a>(
    push: &Push,
    id: &str,
    app: Option<&'a PushApp>,
    body: &[u8],
) -> Result<Signed<'a>, Refused> {
    let now_ms = push.clock.now_ms();
    let secrets = app.map_or_else(Vec::new, |app| app.master_secrets(now_ms));
    let signer = ReceiptApp {
        app_id: id,
        master_secrets: &secrets,
    };
    let mut entry = app.map(|app| (&*app.app, Encoder::new(&app.app.zone)));
    let mut unknown_actions = 0;
    let accepted = with_whole(body, || {
        read_receipts(body, signer, now_ms, |receipt| {
            unknown_actions += u64::from(
                receipt.is_counted() && receipt.meaning() == ReceiptMeaning::UnknownAction,
            );
            if let Some((_, entry)) = &mut entry {
                entry.receipt(&receipt);
            }
        })
    });
    let accepted = accepted.map_err(|error| match error.kind {
        FeedErrorKind::BadSign => Refused::BadSign(error),
        FeedErrorKind::Malformed => Refused::Other(problem_of(error)),
    })?;
    Ok(Signed {
        accepted,
        unknown_actions,
        entry,
    })
}

/// Makes receipts durable, of a body that holds room until then.
async fn store_receipts(push: &Push, signed: Signed<'_>, body: Whole) -> Result<Accepted, Problem> {
    if let Some((app, entry)) = signed.entry {
        push.store(app, entry, body).await?;
    }
    push.metrics.unknown_actions.inc_by(signed.unknown_actions);
    Ok(signed.accepted)
}

fn problem_of(error: FeedError) -> Problem {
    let status = StatusCode::from_u16(error.kind.http_status());
    Problem::new(status.unwrap_or(StatusCode::BAD_REQUEST), error.msg)
}

impl Push {
    async fn limit_address(&self, parts: &Parts) -> Result<(), Problem> {
        let Some(rate) = self.limits.feeds_per_address else {
            return Ok(());
        };
        let key = limit_key(ClientAddress::of(&parts.extensions));
        let taken = self.address_limiter.take(key, 1, rate).await;
        taken.map_err(Problem::too_many)
    }
}
