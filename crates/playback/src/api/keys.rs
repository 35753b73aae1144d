//! Session keys of an app.

use axum::extract::State;
use reportd_db::{DbError, Tx};
use reportd_platform::access::Permission;
use reportd_platform::secret::{Secret, parse_key_bytes};
use reportd_platform::web::openapi::{AppInPath, BodyProblems, CallProblems, ParameterProblem};
use reportd_platform::web::{Caller, Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TAG;
use crate::Playback;
use crate::sessions::{NewKey, NewKeyOf, SessionKeysError, ShownKey, list_keys, replace_keys};

/// All session keys of an app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutSessionKeys, example = json!({"keys": [
    {"kid": "2026-11", "algorithm": "HS256", "secret": "hex:6b65796b65796b65796b65796b65796b65796b65796b65796b65796b65796b65"},
    {"kid": "login", "algorithm": "EdDSA", "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
]}))]
pub(super) struct PutSessionKeys {
    /// At most 8.
    #[schema(max_items = 8)]
    keys: Vec<PutSessionKey>,
}

/// A key by which the sessions (JWT) of the site's own login service are verified.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = playback::PutSessionKey)]
struct PutSessionKey {
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
    /// The key; `index` is its place in the list.
    fn read(self, index: usize) -> Result<NewKey, Problem> {
        let problem = |field: &str, expected: String| {
            Problem::invalid(&format!("keys[{index}].{field}"), expected)
        };
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
        .map(|(index, key)| key.read(index))
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
    let (change, keys) = replaced.map_err(|error| match error {
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
    })?;
    playback.directory.refresh().await?;
    playback.registry.apply(&change);
    Ok(Json(keys.into()))
}
