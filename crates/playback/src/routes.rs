//! The wire protocol under `/x/` (seed playback-report, spec playback-report): reports, the history, and what players ask.
//!
//! Every reply is HTTP 200: clients take any other status for a failure of the network. What a call is decided by comes
//! in one order: the form, the session, its csrf token, the parameters ([`call`]).

mod call;
mod cors;
mod deeds;
mod described;
mod reply;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::MethodRouter;
use reportd_platform::web::openapi::tagged;
use reportd_protocol::playback::{Code, Endpoint};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Paths, RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::described::{
    ClearBody, CursorParameters, CursorReply, DeedReply, DeleteBody, HeartbeatBody, HistoryBody,
    ListParameters, ListReply, OnlineReply, PlayerReply, ReportReply, ShadowReply, SwitchBody,
    VideoParameters,
};
use self::reply::{Answer, Refused};
use crate::Playback;

/// The tag of the calls in the OpenAPI document.
const TAG: &str = "playback protocol";

/// Defines a handler for each path, with its description.
macro_rules! handlers {
    ($($(#[$about:meta])* $name:ident: $endpoint:ident ($($path:tt)+);)+) => {$(
        $(#[$about])*
        #[utoipa::path(tag = TAG, $($path)+)]
        async fn $name(State(playback): State<Arc<Playback>>, request: Request) -> Response {
            answer(&playback, Endpoint::$endpoint, request).await
        }
    )+};
}

/// The calls with their descriptions.
fn calls() -> OpenApiRouter<Arc<Playback>> {
    [
        routes!(history_report),
        routes!(heartbeat),
        routes!(heartbeat_alias),
        routes!(history_cursor),
        routes!(history_list),
        routes!(delete),
        routes!(clear),
        routes!(set_shadow),
        routes!(shadow),
        routes!(player),
        routes!(player_alias),
        routes!(online_total),
    ]
    .into_iter()
    .map(with_own_refusal)
    .fold(OpenApiRouter::new(), OpenApiRouter::routes)
}

handlers! {
    /// Report progress
    ///
    /// By `access_key`, or by cookie and csrf.
    history_report: HistoryReport (post, path = "/x/v2/history/report", operation_id = "playback_history_report",
        request_body(content = HistoryBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(ReportReply));
    /// Report a heartbeat
    ///
    /// By cookie; a csrf that is sent must be the session's.
    heartbeat: Heartbeat (post, path = "/x/click-interface/web/heartbeat", operation_id = "playback_heartbeat",
        request_body(content = HeartbeatBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(ReportReply));
    /// Report a heartbeat, at its other path
    heartbeat_alias: Heartbeat (post, path = "/x/report/web/heartbeat", operation_id = "playback_heartbeat_alias",
        request_body(content = HeartbeatBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(ReportReply));
    /// The history, by a cursor
    ///
    /// One entry a video, with its newest part. With the cursor of a page the next one skips and repeats nothing.
    history_cursor: HistoryCursor (get, path = "/x/web-interface/history/cursor", operation_id = "playback_history_cursor",
        params(CursorParameters), security(("SESSDATA" = [])), responses(CursorReply));
    /// The history, by pages
    history_list: History (get, path = "/x/v2/history", operation_id = "playback_history",
        params(ListParameters), security(("SESSDATA" = [])), responses(ListReply));
    /// Delete an entry of the history
    ///
    /// It can be undone for 24 hours, by the admin API.
    delete: Delete (post, path = "/x/v2/history/delete", operation_id = "playback_history_delete",
        request_body(content = DeleteBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(DeedReply));
    /// Delete the whole history
    ///
    /// It can be undone for 24 hours, by the admin API.
    clear: Clear (post, path = "/x/v2/history/clear", operation_id = "playback_history_clear",
        request_body(content = ClearBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(DeedReply));
    /// Pause the history, or let it go on
    ///
    /// What is there stays. Reports that come meanwhile count for the site, and belong to nobody.
    set_shadow: SetShadow (post, path = "/x/v2/history/shadow/set", operation_id = "playback_set_shadow",
        request_body(content = SwitchBody, content_type = "application/x-www-form-urlencoded"),
        security(("SESSDATA" = [])), responses(DeedReply));
    /// Whether the history is paused
    shadow: Shadow (get, path = "/x/v2/history/shadow", operation_id = "playback_shadow",
        security(("SESSDATA" = [])), responses(ShadowReply));
    /// Where to resume a video
    ///
    /// Without a session nothing is known, and the call is answered all the same.
    player: Player (get, path = "/x/player/v2", operation_id = "playback_player",
        params(VideoParameters), security((), ("SESSDATA" = [])), responses(PlayerReply));
    /// Where to resume a video, at its other path
    player_alias: Player (get, path = "/x/player/wbi/v2", operation_id = "playback_player_alias",
        params(VideoParameters), security((), ("SESSDATA" = [])), responses(PlayerReply));
    /// How many are viewing a video
    online_total: OnlineTotal (get, path = "/x/player/online/total", operation_id = "playback_online_total",
        params(VideoParameters), security((), ("SESSDATA" = [])), responses(OnlineReply));
}

/// A call as [`routes!`] makes it.
type Call = (
    Vec<(String, RefOr<Schema>)>,
    Paths,
    MethodRouter<Arc<Playback>>,
);

/// A method that a path does not take is refused in the protocol's own words.
fn with_own_refusal((schemas, paths, methods): Call) -> Call {
    (schemas, paths, methods.fallback(refuse_method))
}

/// The routes of the protocol.
pub fn protocol_routes(playback: Playback) -> Router {
    let calls: Router<Arc<Playback>> = calls().into();
    let calls = calls
        .fallback(refuse_path)
        .with_state(Arc::new(playback))
        .into_service::<Body>();
    // All that is under `/x` goes to a router of its own, so that whatever it does not know is refused in the protocol's
    // words.
    ["/x", "/x/", "/x/{*rest}"]
        .into_iter()
        .fold(Router::new(), |routes, path| {
            routes.route_service(path, calls.clone())
        })
}

/// What the protocol adds to the OpenAPI document.
#[must_use]
pub fn protocol_openapi() -> OpenApi {
    let mut document = calls().into_openapi();
    let about = "A login session of a viewer, issued here or a JWT of the site. Where the call takes an `access_key`, \
                 that field may stand for it.";
    let cookie = ApiKeyValue::with_description("SESSDATA", about);
    document
        .components
        .get_or_insert_with(Components::new)
        .add_security_scheme("SESSDATA", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let about = "The wire protocol of playback reports (视频观看数据上报) under `/x`. Every reply is HTTP 200; its `code` \
                 tells what came of the call.";
    tagged(document, TAG, about)
}

/// Answers a call, and counts it.
async fn answer(playback: &Playback, endpoint: Endpoint, request: Request) -> Response {
    let started = playback.clock.monotonic();
    let origin = cors::origin(request.headers());
    let host = origin.as_ref().and_then(|_| host_of(&request));
    let mut app = None;
    let outcome = call::take(playback, endpoint, request, &mut app).await;
    let response = finish(playback, started, outcome);
    match origin {
        Some(origin) => {
            let apps = playback.registry.apps();
            cors::allow(response, &apps, origin, host.as_deref(), app)
        }
        None => response,
    }
}

fn host_of(request: &Request) -> Option<String> {
    call::host(request.headers(), request.uri()).map(str::to_owned)
}

fn finish(
    playback: &Playback,
    started: std::time::Duration,
    outcome: Result<Answer, Refused>,
) -> Response {
    let took = playback.clock.monotonic().saturating_sub(started);
    let counted = outcome.as_ref().map(|answer| answer.reports);
    let counted = counted.map_err(|refused| refused.code().code());
    playback.metrics.calls.answered(took, counted);
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn refuse_path(State(playback): State<Arc<Playback>>, request: Request) -> Response {
    refuse(&playback, request, Code::NotFound)
}

async fn refuse_method(State(playback): State<Arc<Playback>>, request: Request) -> Response {
    refuse(&playback, request, Code::BadRequest)
}

/// Refuses what no call is, but for what a browser asks before a call.
fn refuse(playback: &Playback, request: Request, code: Code) -> Response {
    let started = playback.clock.monotonic();
    let origin = cors::origin(request.headers());
    let response = if request.method() == Method::OPTIONS {
        cors::preflight(request.headers())
    } else {
        finish(playback, started, Err(Refused::unread(code)))
    };
    let Some(origin) = origin else {
        return response;
    };
    let host = host_of(&request);
    let apps = playback.registry.apps();
    cors::allow(response, &apps, origin, host.as_deref(), None)
}
