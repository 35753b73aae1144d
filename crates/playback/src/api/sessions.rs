//! Login sessions of a viewer, for the site's own login service.

use axum::extract::{Path, State};
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::clock::SECOND_MS;
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{TAG, viewer_in_path};
use crate::Playback;
use crate::registry::{FOR_GOOD, Revocation};
use crate::sessions::{self, Issued, ListedSession, SessionError, TokenId};

/// Most characters of the `jti` of a token.
const MOST_JTI_CHARS: usize = 512;

/// A session to issue.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = playback::NewSession, example = json!({"label": "phone", "life_seconds": 86_400}))]
pub(super) struct PostSession {
    /// What it is for, for people.
    #[schema(max_length = 64)]
    label: String,
    /// How long it lives; `playback.session_life` of the server's settings where it is not given.
    #[schema(minimum = 1, maximum = 315_360_000)]
    life_seconds: Option<i64>,
}

/// A session with its secrets, which are shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::IssuedSession)]
pub(super) struct ShownIssued {
    /// Its number.
    #[schema(example = 17)]
    id: i64,
    /// The cookie `SESSDATA`.
    #[serde(rename = "SESSDATA")]
    sessdata: String,
    /// The csrf token: the field `csrf`, and the cookie `bili_jct`.
    csrf: String,
    /// The field `access_key`.
    access_key: String,
    /// When it ends, in ms since 1970.
    #[schema(example = 1_810_785_600_000_i64)]
    expires_at: i64,
}

/// The sessions of a viewer.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Sessions)]
pub(super) struct ShownSessions {
    /// The newest first; those that have expired are left out, and so are the site's own tokens.
    sessions: Vec<ShownSession>,
}

/// A session, without its secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::Session)]
struct ShownSession {
    /// Its number.
    #[schema(example = 17)]
    id: i64,
    /// What it is for.
    #[schema(example = "phone")]
    label: String,
    /// When it was issued, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    created_at: i64,
    /// When it ends, in ms since 1970.
    #[schema(example = 1_810_785_600_000_i64)]
    expires_at: i64,
}

impl From<Issued> for ShownIssued {
    fn from(issued: Issued) -> Self {
        Self {
            id: issued.id,
            sessdata: issued.sessdata.reveal().to_owned(),
            csrf: issued.csrf.reveal().to_owned(),
            access_key: issued.access_key.reveal().to_owned(),
            expires_at: issued.expires_at_ms,
        }
    }
}

impl From<ListedSession> for ShownSession {
    fn from(listed: ListedSession) -> Self {
        Self {
            id: listed.id,
            label: listed.label,
            created_at: listed.created_at_ms,
            expires_at: listed.expires_at_ms,
        }
    }
}

/// Issue a session
///
/// The reply shows its secrets, this once. For roles ingest and admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/viewers/{mid}/sessions", operation_id = "playback_issue_session", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7)),
    request_body = PostSession, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The session.", body = ShownIssued),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn post_session(
    State(playback): State<Playback>,
    Path((_, mid)): Path<(String, String)>,
    caller: Caller,
    Json(new): Json<PostSession>,
) -> Result<Json<ShownIssued>, Problem> {
    let app = caller.needs(Permission::Feed)?;
    let viewer = (app.no, viewer_in_path(&mid)?);
    let life_ms = new.life_seconds.map(|life| life.saturating_mul(SECOND_MS));
    let life_ms = life_ms.unwrap_or(playback.limits.session_life_ms);
    let (random, now_ms) = (playback.random.clone(), playback.clock.now_ms());
    let create =
        move |tx: &mut Tx<'_>| sessions::create(tx, &*random, viewer, &new.label, now_ms, life_ms);
    let state = playback.directory.db();
    let issued = state
        .write_async(create)
        .await
        .map_err(|error| match error {
            SessionError::Db(error) => error.into(),
            SessionError::Invalid { field, expected } => {
                let field = if field == "life" {
                    "life_seconds"
                } else {
                    field
                };
                Problem::invalid(field, expected)
            }
            SessionError::Random(error) => {
                tracing::error!(%error, "a session cannot be drawn");
                Problem::try_later()
            }
        })?;
    sessions::remove_expired(state, now_ms).await;
    Ok(Json(issued.into()))
}

/// The sessions of a viewer
///
/// Without secrets. For roles ingest and admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/viewers/{mid}/sessions", operation_id = "playback_sessions", tag = TAG,
    params(AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7)),
    security(("ApiKey" = [])),
    responses((status = 200, description = "The sessions.", body = ShownSessions), ParameterProblem, CallProblems),
)]
pub(super) async fn get_sessions(
    State(playback): State<Playback>,
    Path((_, mid)): Path<(String, String)>,
    caller: Caller,
) -> Result<Json<ShownSessions>, Problem> {
    let app = caller.needs(Permission::Feed)?;
    let viewer = (app.no, viewer_in_path(&mid)?);
    let now_ms = playback.clock.now_ms();
    let list = move |tx: &mut Tx<'_>| sessions::list(tx, viewer, now_ms);
    let listed: Result<_, DbError> = playback.directory.db().read_async(list).await;
    let sessions = listed?.into_iter().map(Into::into).collect();
    Ok(Json(ShownSessions { sessions }))
}

/// What ended.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::EndedSession)]
pub(super) struct ShownEnded {
    /// The session, as it was named.
    #[schema(example = "17")]
    ended: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EndParameters {
    /// Of a token: its `exp`, when it ends, in seconds since 1970. A day behind it the revocation is forgotten, so a token
    /// of this `jti` that ends later would be taken again. Without it the `jti` is revoked for good.
    #[param(
        minimum = 1,
        maximum = 9_223_372_036_854_775_i64,
        example = 1_795_233_600
    )]
    exp: Option<i64>,
}

impl EndParameters {
    /// When the token ends, in ms.
    fn ends_ms(&self) -> Result<i64, Problem> {
        let Some(exp) = self.exp else {
            return Ok(FOR_GOOD);
        };
        let ends_ms = exp.checked_mul(SECOND_MS).filter(|_| exp >= 1);
        let expected = || Problem::invalid("exp", "expected seconds since 1970, as in the token");
        ends_ms.ok_or_else(expected)
    }
}

/// End a session
///
/// It is refused within a second, on every node. `jti:` and the `jti` of a token of the site's own login service revokes
/// that token. For roles ingest and admin.
#[utoipa::path(
    delete, path = "/api/apps/{app}/viewers/{mid}/sessions/{id}", operation_id = "playback_end_session", tag = TAG,
    params(
        AppInPath, ("mid" = i64, Path, description = "The viewer.", minimum = 1, example = 7),
        ("id" = String, Path, description = "The number of an issued session, or `jti:` and the `jti` of a token.", example = "17"),
        EndParameters,
    ),
    security(("ApiKey" = [])),
    responses((status = 200, description = "It has ended.", body = ShownEnded), ParameterProblem, CallProblems),
)]
pub(super) async fn delete_session(
    State(playback): State<Playback>,
    Path((_, mid, id)): Path<(String, String, String)>,
    Query(asked): Query<EndParameters>,
    caller: Caller,
) -> Result<Json<ShownEnded>, Problem> {
    let app = caller.needs(Permission::Feed)?;
    let viewer = (app.no, viewer_in_path(&mid)?);
    let now_ms = playback.clock.now_ms();
    let state = playback.directory.db();
    let change = if let Some(jti) = id.strip_prefix("jti:") {
        if !(1..=MOST_JTI_CHARS).contains(&jti.chars().count()) {
            let expected = format!("expected a jti of 1 to {MOST_JTI_CHARS} characters");
            return Err(Problem::invalid("id", expected));
        }
        let revoked = Revocation {
            token: TokenId::of(viewer.0, viewer.1, jti),
            ends_ms: asked.ends_ms()?,
            at_ms: now_ms,
        };
        let revoke = move |tx: &mut Tx<'_>| sessions::revoke_token(tx, revoked);
        let change = state.write_async::<_, DbError>(revoke).await?;
        sessions::remove_ended_tokens(state, now_ms).await;
        change
    } else if asked.exp.is_some() {
        return Err(Problem::invalid("exp", "expected with jti: alone"));
    } else {
        let number = id.parse().map_err(|_| {
            Problem::invalid("id", "expected the number of a session, or jti: and a jti")
        })?;
        let end = move |tx: &mut Tx<'_>| sessions::end(tx, viewer, number, now_ms);
        let ended = state.write_async::<_, DbError>(end).await?;
        ended.ok_or_else(|| Problem::not_found(format!("the viewer has no session {number}")))?
    };
    playback.registry.apply(&change);
    Ok(Json(ShownEnded { ended: id }))
}
