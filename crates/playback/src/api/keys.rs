//! Session keys of an app.

use axum::extract::{Path, State};
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::secret::{Secret, parse_key_bytes};
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Object, Problem, path_number};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use crate::Playback;
use crate::registry::Change;
use crate::sessions::{
    NewKey, NewKeyOf, SessionKeysError, ShownKey, add_key, list_keys, remove_key, replace_keys,
};

/// All session keys of an app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutSessionKeys, example = json!({"keys": [
    {"kid": "2026-11", "algorithm": "HS256", "secret": "hex:6b65796b65796b65796b65796b65796b65796b65796b65796b65796b65796b65"},
    {"kid": "login", "algorithm": "EdDSA", "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
]}))]
pub(super) struct PutSessionKeys {
    /// At most 8.
    #[schema(max_items = 8, value_type = Vec<PutSessionKey>)]
    keys: Vec<Object<PutSessionKey>>,
}

/// A key by which the sessions (JWT) of the site's own login service are verified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutSessionKey)]
pub(super) struct PutSessionKey {
    /// The `kid` of its tokens: a key that has it is tried first.
    #[serde(default)]
    #[schema(max_length = 128)]
    kid: String,
    /// How tokens are signed.
    algorithm: KeyAlgorithm,
    /// Of HS256: at least 32 bytes, as text, or behind `hex:` or `base64:`.
    #[schema(value_type = Option<String>, write_only)]
    secret: Option<Secret>,
    /// Of EdDSA: the Ed25519 public key, as PEM or base64.
    #[schema(max_length = 1024)]
    public_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = playback::KeyAlgorithm)]
enum KeyAlgorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// All session keys of an app, without secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::SessionKeys)]
pub(super) struct ShownSessionKeys {
    keys: Vec<ShownSessionKey>,
}

/// A session key. A shared secret is never shown.
#[derive(Serialize, ToSchema)]
#[schema(as = playback::SessionKey)]
struct ShownSessionKey {
    /// Its number, by which it is removed.
    #[schema(minimum = 1, example = 3)]
    id: i64,
    /// Empty where it has none.
    #[schema(example = "2026-11")]
    kid: String,
    /// How tokens are signed.
    #[schema(example = "EdDSA")]
    algorithm: &'static str,
    /// The public key, of EdDSA alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    public_key: Option<String>,
    /// When it was registered, in ms since 1970.
    #[schema(example = 1_795_233_600_000_i64)]
    created_at: i64,
}

impl From<Vec<ShownKey>> for ShownSessionKeys {
    fn from(keys: Vec<ShownKey>) -> Self {
        let shown = |key: ShownKey| ShownSessionKey {
            id: key.no,
            kid: key.kid,
            algorithm: key.algorithm.name(),
            public_key: key.public_key,
            created_at: key.created_at_ms,
        };
        Self {
            keys: keys.into_iter().map(shown).collect(),
        }
    }
}

impl PutSessionKey {
    /// The key; `place` is where it stands in the body: `keys[0].`, or nothing.
    fn read(self, place: &str) -> Result<NewKey, Problem> {
        let problem =
            |field: &str, expected: String| Problem::invalid(&format!("{place}{field}"), expected);
        let of = match (self.algorithm, self.secret, self.public_key) {
            (KeyAlgorithm::Hs256, Some(secret), None) => {
                let bytes = parse_key_bytes(secret.reveal());
                NewKeyOf::Shared(bytes.map_err(|expected| problem("secret", expected))?)
            }
            (KeyAlgorithm::EdDsa, None, Some(text)) => NewKeyOf::Public(text),
            (KeyAlgorithm::Hs256, ..) => {
                let expected = "expected a secret, and no public_key, for HS256";
                return Err(problem("secret", expected.to_owned()));
            }
            (KeyAlgorithm::EdDsa, ..) => {
                let expected = "expected a public_key, and no secret, for EdDSA";
                return Err(problem("public_key", expected.to_owned()));
            }
        };
        Ok(NewKey { kid: self.kid, of })
    }
}

/// The session keys of an app
///
/// Secrets are not shown. For role admin.
#[utoipa::path(
    get, path = "/api/apps/{app}/session-keys", operation_id = "playback_session_keys", tag = TAG,
    params(AppInPath), security(("ApiKey" = [])),
    responses((status = 200, description = "The keys.", body = ShownSessionKeys), CallProblems),
)]
pub(super) async fn get_session_keys(
    State(playback): State<Playback>,
    caller: Caller,
) -> Result<Json<ShownSessionKeys>, Problem> {
    let app = caller.needs(Permission::Manage)?.no;
    let list = move |tx: &mut Tx<'_>| list_keys(tx, app);
    let keys: Result<_, DbError> = playback.directory.db().read_async(list).await;
    Ok(Json(keys?.into()))
}

/// Replace the session keys of an app
///
/// All of them: those that are left out are gone, and their sessions refused within a second. For role admin.
#[utoipa::path(
    put, path = "/api/apps/{app}/session-keys", operation_id = "playback_put_session_keys", tag = TAG,
    params(AppInPath), request_body = PutSessionKeys, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The keys as they are now.", body = ShownSessionKeys),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn put_session_keys(
    State(playback): State<Playback>,
    caller: Caller,
    Json(put): Json<PutSessionKeys>,
) -> Result<Json<ShownSessionKeys>, Problem> {
    let app = caller.needs(Permission::Manage)?.no;
    let keys = put.keys.into_iter().enumerate();
    let keys: Vec<_> = keys
        .map(|(index, Object(key))| key.read(&format!("keys[{index}].")))
        .collect::<Result<_, _>>()?;
    let (source, random) = (playback.master_keys.clone(), playback.random.clone());
    let now_ms = playback.clock.now_ms();
    let replace = move |tx: &mut Tx<'_>| {
        let master = source().map_err(DbError::Unavailable)?;
        let vault = master.as_ref().map(|master| (master, &*random));
        let change = replace_keys(tx, app, &keys, vault, now_ms)?;
        Ok((change, list_keys(tx, app)?))
    };
    let replaced = playback.directory.db().write_async(replace).await;
    playback.with_keys(replaced.map_err(problem_of)?).await
}

/// Add a session key to those of an app
///
/// The others stay. For role admin.
#[utoipa::path(
    post, path = "/api/apps/{app}/session-keys", operation_id = "playback_add_session_key", tag = TAG,
    params(AppInPath), request_body = PutSessionKey, security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The keys as they are now.", body = ShownSessionKeys),
        ParameterProblem, BodyProblems, CallProblems,
    ),
)]
pub(super) async fn post_session_key(
    State(playback): State<Playback>,
    caller: Caller,
    Json(put): Json<PutSessionKey>,
) -> Result<Json<ShownSessionKeys>, Problem> {
    let app = caller.needs(Permission::Manage)?.no;
    let key = put.read("")?;
    let (source, random) = (playback.master_keys.clone(), playback.random.clone());
    let now_ms = playback.clock.now_ms();
    let add = move |tx: &mut Tx<'_>| {
        let master = source().map_err(DbError::Unavailable)?;
        let vault = master.as_ref().map(|master| (master, &*random));
        let change = add_key(tx, app, &key, vault, now_ms)?;
        Ok((change, list_keys(tx, app)?))
    };
    let added = playback.directory.db().write_async(add).await;
    playback.with_keys(added.map_err(problem_of)?).await
}

/// Remove a session key of an app
///
/// Its sessions are refused within a second; the other keys stay. For role admin.
#[utoipa::path(
    delete, path = "/api/apps/{app}/session-keys/{id}", operation_id = "playback_remove_session_key", tag = TAG,
    params(AppInPath, ("id" = i64, Path, description = "The number of the key.", minimum = 1, example = 3)),
    security(("ApiKey" = [])),
    responses(
        (status = 200, description = "The keys as they are now.", body = ShownSessionKeys),
        ParameterProblem, CallProblems,
    ),
)]
pub(super) async fn delete_session_key(
    State(playback): State<Playback>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<ShownSessionKeys>, Problem> {
    let app = caller.needs(Permission::Manage)?.no;
    let no = path_number("id", &id)?;
    let now_ms = playback.clock.now_ms();
    let remove = move |tx: &mut Tx<'_>| match remove_key(tx, app, no, now_ms)? {
        Some(change) => Ok(Some((change, list_keys(tx, app)?))),
        None => Ok(None),
    };
    let removed = playback.directory.db().write_async::<_, DbError>(remove);
    let removed = removed.await?;
    let removed =
        removed.ok_or_else(|| Problem::not_found(format!("the app has no session key {no}")))?;
    playback.with_keys(removed).await
}

impl Playback {
    /// A change of keys acts here at once; the reply shows the keys as they are now.
    async fn with_keys(
        &self,
        (change, keys): (Change, Vec<ShownKey>),
    ) -> Result<Json<ShownSessionKeys>, Problem> {
        self.directory.refresh().await?;
        self.registry.apply(&change);
        Ok(Json(keys.into()))
    }
}

fn problem_of(error: SessionKeysError) -> Problem {
    match error {
        SessionKeysError::Db(error) => error.into(),
        SessionKeysError::Invalid { field, expected } => Problem::invalid(&field, expected),
        SessionKeysError::Seal(error) => {
            tracing::error!(%error, "a session key cannot be sealed");
            Problem::try_later()
        }
        SessionKeysError::NoMasterKey => {
            tracing::error!("there is no master key to seal session keys with");
            Problem::try_later()
        }
    }
}
