//! What every JSON API call starts with: the API key, the app in the path, and the query.

use std::sync::Arc;

use axum::Json as AxumJson;
use axum::extract::{FromRef, FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use utoipa::IntoParams;

use super::{BodyError, BodyLimits, ClientAddress, Object, Problem, misfit, read_body};
use crate::AppNo;
use crate::access::{Permission, Principal, PrincipalKind};
use crate::apps::App;
use crate::directory::{Directory, Snapshot};

/// What API calls share.
#[derive(Clone)]
pub struct Api {
    /// Apps and keys.
    pub directory: Arc<Directory>,
    /// Limits of bodies.
    pub body_limits: BodyLimits,
}

/// Who acts, where that is known before a request reaches the API: a person whom the console has logged in. It stands in
/// the extensions of a request, where nothing from outside can put it.
#[derive(Clone)]
pub struct Acting(pub Arc<Principal>);

/// Who calls, and the app in the path (`{app}`). Being there is no permission: see [`Self::needs`].
pub struct Caller {
    key: Arc<Principal>,
    app: Arc<App>,
}

impl Caller {
    /// The app in the path, where the caller's key may do what `permission` names.
    ///
    /// # Errors
    /// 403.
    pub fn needs(self, permission: Permission) -> Result<Arc<App>, Problem> {
        check(&self.key, permission)?;
        Ok(self.app)
    }
}

/// Who calls, where no app is in the path: what is read or done may be of any app that the key may touch.
pub struct KeyCaller {
    key: Arc<Principal>,
    directory: Arc<Snapshot>,
}

impl KeyCaller {
    /// The caller, where its key may do what `permission` names.
    ///
    /// # Errors
    /// 403.
    pub fn needs(self, permission: Permission) -> Result<Self, Problem> {
        check(&self.key, permission)?;
        Ok(self)
    }

    /// The caller: a key, or the person who is logged in.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.key
    }

    /// The app that a parameter names.
    ///
    /// # Errors
    /// As for an app in the path: 403 where the key is limited to another, 404 where there is none.
    pub fn app(&self, id: &str) -> Result<Arc<App>, Problem> {
        app_of(&self.key, &self.directory, id)
    }

    /// The id of an app by its number.
    #[must_use]
    pub fn app_id(&self, no: AppNo) -> Option<&str> {
        self.directory.app_of_no(no).map(|app| app.id.as_str())
    }
}

fn check(key: &Principal, permission: Permission) -> Result<(), Problem> {
    if key.role.may(permission) {
        return Ok(());
    }
    let (what, role) = (what(key), key.role);
    Err(Problem::forbidden(format!(
        "a {what} of role {role} may not do this"
    )))
}

/// What acts, in a word.
fn what(principal: &Principal) -> &'static str {
    match principal.kind {
        PrincipalKind::Key => "key",
        PrincipalKind::Person => "person",
    }
}

fn app_of(key: &Principal, directory: &Snapshot, id: &str) -> Result<Arc<App>, Problem> {
    let app = directory.app(id).cloned();
    // A key of one app learns nothing of the others, not even that they exist.
    let is_theirs = |app: &Arc<App>| key.may_touch(app.no);
    if key.apps.is_some() && !app.as_ref().is_some_and(is_theirs) {
        let what = what(key);
        let detail = format!("this {what} is limited to another app");
        return Err(Problem::forbidden(detail));
    }
    app.ok_or_else(|| Problem::not_found(format!("there is no app «{id}»")))
}

/// The key of a request, and the directory as it stood after the key was looked up.
async fn authenticate(
    parts: &Parts,
    directory: &Arc<Directory>,
) -> Result<(Arc<Principal>, Arc<Snapshot>), Problem> {
    if let Some(Acting(person)) = parts.extensions.get() {
        return Ok((Arc::clone(person), directory.snapshot()));
    }
    let address = ClientAddress::of(&parts.extensions);
    let Some(text) = bearer(&parts.headers) else {
        directory
            .count_failure(address)
            .await
            .map_err(Problem::too_many)?;
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "expected an API key: Authorization: Bearer <key>",
        ));
    };
    let key = directory.key(text, address).await?;
    Ok((key, directory.snapshot()))
}

impl<S: Send + Sync> FromRequestParts<S> for KeyCaller
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (key, directory) = authenticate(parts, &Api::from_ref(state).directory).await?;
        Ok(Self { key, directory })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (key, directory) = authenticate(parts, &Api::from_ref(state).directory).await?;
        let path = RawPathParams::from_request_parts(parts, state).await;
        let path = path.map_err(|_| Problem::not_found("the path cannot be read"))?;
        let id = path
            .iter()
            .find(|(name, _)| *name == "app")
            .map_or("", |(_, id)| id);
        let app = app_of(&key, &directory, id)?;
        Ok(Self { key, app })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The query, read into a type; what does not fit is a problem that says what is expected, as its description does.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs = || form_urlencoded::parse(text.as_bytes());
        let members = serde_urlencoded::Deserializer::new(pairs());
        let expected = |name: &str, error: serde_urlencoded::de::Error| {
            let said = pairs().find(|(known, _)| known == name);
            let said = said.map(|(_, value)| value).unwrap_or_default();
            misfit::of_parameter::<T>(name, &said).unwrap_or_else(|| error.to_string())
        };
        read("query", members, expected).map(Self)
    }
}

/// A JSON body, an object, in and out.
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T>
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = Api::from_ref(state).body_limits;
        let body = read_body(request.into_body(), limits)
            .await
            .map_err(|error| match error {
                BodyError::TooLarge => Problem::too_large(format!(
                    "expected a body of at most {} bytes",
                    limits.max_bytes
                )),
                BodyError::Incomplete => {
                    Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
                }
            })?;
        let mut text = serde_json::Deserializer::from_slice(&body);
        let expected = |_: &str, error| misfit::of_member(&error);
        let Object(value) = read("body", &mut text, expected)?;
        text.end()
            .map_err(|error| Problem::invalid("body", error.to_string()))?;
        Ok(Self(value))
    }
}

/// Reads a type; what does not fit is a problem that names the member, or `whole` where it lies with no one member, and says
/// what is `expected` of it.
fn read<'de, T, D>(
    whole: &str,
    members: D,
    expected: impl FnOnce(&str, D::Error) -> String,
) -> Result<T, Problem>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(members).map_err(|error| {
        let path = error.path().to_string();
        // Where nothing was read yet, or the text broke off before a name, there is no member to blame.
        let field = if matches!(&*path, "." | "?") {
            whole
        } else {
            &path
        };
        Problem::invalid(field, expected(field, error.into_inner()))
    })
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        AxumJson(self.0).into_response()
    }
}
