//! Who acts: the API key and the person for whom it acts, or the person who is logged in.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use reportd_platform::AppNo;
use reportd_platform::access::{Permission, PrincipalKind};
use reportd_platform::apps::App;
use reportd_platform::web::{Api, KeyCaller, Problem};
use utoipa::IntoParams;

use crate::tickets::{Actor, TicketError};

const AUDITOR: HeaderName = HeaderName::from_static("x-auditor");
const MAX_AUDITOR_CHARS: usize = 64;

/// The person for whom a program acts.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(
    dead_code,
    reason = "only described: the header is read by hand, since it may be UTF-8"
)]
pub(super) struct AuditorHeader {
    /// Who acts, in the audit trail and in callbacks: up to 64 characters, UTF-8. The key's name where it is not given.
    #[param(rename = "X-Auditor", max_length = 64, example = "mei")]
    auditor: Option<String>,
}

/// Who calls, where no app is in the path.
pub(super) struct Acting {
    caller: KeyCaller,
    /// Who acts.
    pub(super) actor: Actor,
}

impl Acting {
    /// The caller, where the key may do what `permission` names.
    pub(super) fn needs(self, permission: Permission) -> Result<Self, Problem> {
        let caller = self.caller.needs(permission)?;
        Ok(Self { caller, ..self })
    }

    /// The caller, where it may know how many callbacks there are: they are not counted by category, so who is limited to some
    /// does not.
    pub(super) fn needs_callback_counts(self) -> Result<Self, Problem> {
        match self.actor.categories {
            Some(_) => self.needs(Permission::Oversee),
            None => self.needs(Permission::Judge),
        }
    }

    /// The app that a parameter names, if one does.
    pub(super) fn app(&self, id: Option<&str>) -> Result<Option<Arc<App>>, Problem> {
        id.map(|id| self.caller.app(id)).transpose()
    }

    /// The number of the app that a parameter names, else of the only one that the caller may touch.
    pub(super) fn app_no(&self, id: Option<&str>) -> Result<Option<AppNo>, Problem> {
        let named = self.app(id)?.map(|app| app.no);
        let only = match self.actor.apps.as_deref() {
            Some(&[only]) => Some(only),
            _ => None,
        };
        Ok(named.or(only))
    }

    /// The number of the app that a parameter names, else of those that the caller may touch; `None` for all.
    pub(super) fn app_nos(&self, id: Option<&str>) -> Result<Option<Vec<AppNo>>, Problem> {
        let named = self.app(id)?.map(|app| vec![app.no]);
        Ok(named.or_else(|| self.actor.apps.clone()))
    }

    /// The id of an app by its number.
    pub(super) fn app_id(&self, no: AppNo) -> String {
        self.caller.app_id(no).unwrap_or_default().to_owned()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Acting
where
    Api: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = KeyCaller::from_request_parts(parts, state).await?;
        let principal = caller.principal();
        // A person speaks for itself.
        let (auditor, key) = match principal.kind {
            PrincipalKind::Person => (None, String::new()),
            PrincipalKind::Key => (auditor(&parts.headers)?, principal.name.clone()),
        };
        let actor = Actor {
            name: auditor.unwrap_or_else(|| principal.name.clone()),
            key,
            apps: principal.apps.clone(),
            categories: principal.categories.clone(),
            is_lead: principal.role.may(Permission::Oversee),
        };
        Ok(Self { caller, actor })
    }
}

fn auditor(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(AUDITOR) else {
        return Ok(None);
    };
    let fits = |name: &&str| {
        (1..=MAX_AUDITOR_CHARS).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
    };
    let name = str::from_utf8(value.as_bytes())
        .ok()
        .map(str::trim)
        .filter(fits);
    let expected = || Problem::invalid("X-Auditor", "expected 1 to 64 printable characters, UTF-8");
    name.map(|name| Some(name.to_owned())).ok_or_else(expected)
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        let text = error.to_string();
        match error {
            TicketError::Db(error) => error.into(),
            TicketError::Unknown => Self::not_found(text),
            TicketError::Forbidden(_) => Self::forbidden(text),
            TicketError::ClaimedByAnother
            | TicketError::AlreadyJudged
            | TicketError::NotJudged
            | TicketError::MoreReports(_)
            | TicketError::TooLate(_) => Self::conflict(text),
            TicketError::Invalid { field, expected } => Self::unprocessable(&field, expected),
            TicketError::NoKey => Self::busy(text),
        }
    }
}
