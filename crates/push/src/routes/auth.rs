//! `POST /v2/{app_id}/auth`, its DELETE, and who a token is.
//!
//! Nothing that is refused here tells whether an app exists: an app that is unknown or disabled is one without keys and
//! secrets, and goes the same way. Of an address that has failed too often only tokens that prove to be of the app are
//! looked up, so that guessing cannot load the store, and what is right passes on every node.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use reportd_platform::secret::{Secret, SecretHash};
use reportd_platform::web::{ClientAddress, read_body};
use reportd_protocol::push::{
    AuthRequest, Code, Fault, Refusal, TOKEN_HEADER, TOKEN_LIFE_MS, auth_reply, empty_reply,
};

use super::described::{AuthBody, AuthReplies, LogOutReplies};
use super::reply::{Answer, Refused};
use super::{TAG, answer, segments};
use crate::Push;
use crate::registry::PushApp;
use crate::tokens::{self, Holder, TokenKeyError};

/// Get a token
///
/// A token lives 24 hours; several may live at once. A header `token` is ignored here.
#[utoipa::path(
    post, path = "/v2/{app_id}/auth", operation_id = "push_auth", tag = TAG,
    params(("app_id" = String, Path, description = "The id of the app.", pattern = "^[A-Za-z0-9_-]{1,64}$", example = "bots")),
    request_body = AuthBody, security(()), responses(AuthReplies),
)]
pub(super) async fn log_in(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, issue(&push, request)).await
}

/// End a token
///
/// On all nodes at once. It needs no header, and takes any body.
#[utoipa::path(
    delete, path = "/v2/{app_id}/auth/{token}", operation_id = "push_end_token", tag = TAG,
    params(
        ("app_id" = String, Path, description = "The id of the app.", pattern = "^[A-Za-z0-9_-]{1,64}$", example = "bots"),
        ("token" = String, Path, description = "The token.", pattern = "^[A-Za-z0-9]+$"),
    ),
    security(()), responses(LogOutReplies),
)]
pub(super) async fn log_out(State(push): State<Arc<Push>>, request: Request) -> Response {
    answer(&push, end(&push, request)).await
}

async fn issue(push: &Push, request: Request) -> Result<Answer, Refused> {
    let (parts, body) = request.into_parts();
    let address = ClientAddress::of(&parts.extensions);
    let limited = |wait| Refused::limited(Code::AuthLimited, wait);
    let body = read_body(body, push.limits.auth_body)
        .await
        .map_err(Refused::of_body)?;
    let request = AuthRequest::parse(&body)?;
    let now_ms = push.clock.now_ms();
    request.check_time(now_ms)?;
    let id = segments::app_id(&parts.uri);
    let app = match signer(push, id, &request, now_ms) {
        Ok(app) => app,
        Err(_) => {
            push.directory
                .count_failure(address)
                .await
                .map_err(limited)?;
            // What was made or rotated just now is in the store already.
            push.directory.refresh().await?;
            signer(push, id, &request, now_ms)?
        }
    };
    push.limit_call(&app, "auth", push.limits.auth)
        .await
        .map_err(limited)?;
    new_token(push, &app, now_ms).await
}

/// The app that has signed a request.
fn signer(
    push: &Push,
    id: &str,
    request: &AuthRequest<'_>,
    now_ms: i64,
) -> Result<Arc<PushApp>, Refusal> {
    let app = push.registry.enabled(id);
    let (appkeys, secrets) = app.as_ref().map_or_else(Default::default, |app| {
        (app.appkeys(now_ms), app.master_secrets(now_ms))
    });
    let has_secret = !secrets.is_empty();
    // All are compared whatever the first says, and where there is none something is: no time tells which it was.
    let or_some = |found: Vec<_>| if found.is_empty() { vec![""] } else { found };
    let keyed = or_some(appkeys)
        .into_iter()
        .map(|key| request.check_app_key(key))
        .reduce(Result::or);
    let signed = request.check_sign(or_some(secrets));
    keyed.unwrap_or(Ok(()))?;
    signed?;
    app.filter(|_| has_secret)
        .ok_or_else(|| Refusal::parameter("sign", Fault::Invalid))
}

async fn new_token(push: &Push, app: &PushApp, now_ms: i64) -> Result<Answer, Refused> {
    let state = push.directory.db();
    let key = token_key(push).await?;
    let token = tokens::draw(&*push.random, key, &app.app.id).map_err(|error| {
        tracing::error!(%error, "a token cannot be drawn");
        Refused::from(Code::Unavailable)
    })?;
    let expires_at_ms = now_ms.saturating_add(TOKEN_LIFE_MS);
    tokens::keep(state, app.app.no, token.hash(), expires_at_ms).await?;
    tokens::remove_expired(state, now_ms).await;
    Ok(auth_reply(token.reveal(), expires_at_ms).into())
}

async fn end(push: &Push, request: Request) -> Result<Answer, Refused> {
    let (parts, _) = request.into_parts();
    let token = segments::token(&parts.uri);
    let app = holder(push, &parts, Some(token)).await?;
    let hash = SecretHash::of(token);
    tokens::end(push.directory.db(), app.app.no, hash).await?;
    push.met_tokens.forget(&hash);
    Ok(empty_reply().into())
}

/// The app of the path, where the header `token` holds a token of it that is in force.
pub(super) async fn authenticate(push: &Push, parts: &Parts) -> Result<Arc<PushApp>, Refused> {
    holder(push, parts, token(&parts.headers)).await
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let token = headers.get(TOKEN_HEADER)?.to_str().ok()?.trim();
    (!token.is_empty()).then_some(token)
}

async fn holder(push: &Push, parts: &Parts, token: Option<&str>) -> Result<Arc<PushApp>, Refused> {
    let (address, id) = (
        ClientAddress::of(&parts.extensions),
        segments::app_id(&parts.uri),
    );
    let refused = |wait| Refused::limited(Code::BadToken, wait);
    if let Some(token) = token {
        let (hash, now) = (SecretHash::of(token), push.clock.monotonic());
        let mut holder = push.met_tokens.holder(&hash, now);
        if holder.is_none() {
            if !tokens::is_proved(token, token_key(push).await?, id) {
                push.directory.check_failures(address).map_err(refused)?;
            }
            holder = look_up(push, hash, now).await?;
        }
        if let Some(holder) = holder
            && let Some(app) = app_of(push, id, holder).await?
        {
            return Ok(app);
        }
    }
    push.directory
        .count_failure(address)
        .await
        .map_err(refused)?;
    Err(Code::BadToken.into())
}

/// What tells a token from one that was guessed.
async fn token_key(push: &Push) -> Result<&Secret, Refused> {
    let key = push.token_key.get(push.directory.db(), &*push.random).await;
    key.map_err(|error| match error {
        TokenKeyError::Db(error) => error.into(),
        TokenKeyError::Randomness(_) | TokenKeyError::Lost => {
            tracing::error!(%error, "there is no key of tokens");
            Code::Unavailable.into()
        }
    })
}

/// The app of the path, where a token that is in force is one of it.
async fn app_of(push: &Push, id: &str, holder: Holder) -> Result<Option<Arc<PushApp>>, Refused> {
    if holder.expires_at_ms <= push.clock.now_ms() {
        return Ok(None);
    }
    // A token of an app that is not known here: it was made a moment ago, on another node.
    if push.registry.app(id).is_none() {
        push.directory.refresh().await?;
    }
    let app = push.registry.enabled(id);
    Ok(app.filter(|known| known.app.no == holder.app))
}

/// Whose a token is as the store says; it is remembered as of `now`, by the monotonic clock.
async fn look_up(push: &Push, hash: SecretHash, now: Duration) -> Result<Option<Holder>, Refused> {
    let found = tokens::holder(push.directory.db(), hash).await?;
    if let Some(holder) = found {
        push.met_tokens.remember(hash, holder, now);
    }
    Ok(found)
}
