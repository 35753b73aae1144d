//! How a request carries its login session, and the check of its csrf token.

use std::borrow::Cow;

use super::code::Code;
use super::cookies::{Cookies, MAX_SECRET_BYTES};
use super::endpoint::{CsrfRule, Endpoint, Proof};
use super::form::Form;
use super::refusal::Refusal;

/// What a request carries as its session: nothing is true of it yet.
///
/// The steps of a server: read the form (a malformed one is -400), find the session by one of
/// [`secrets`](Self::secrets) (none: [`Refusal::not_logged_in`]), [`check_csrf`](Self::check_csrf),
/// then read the parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Carried<'a> {
    secrets: Vec<Cow<'a, str>>,
    is_cookie: bool,
}

impl<'a> Carried<'a> {
    /// What `form` and `cookies` carry that proves a session at this endpoint; `None` if there is
    /// nothing. An `access_key` goes before cookies, where it is allowed.
    #[must_use]
    pub fn find(endpoint: Endpoint, form: &'a Form<'_>, cookies: &'a Cookies<'_>) -> Option<Self> {
        if endpoint.proof() != Proof::Cookie
            && let Some(key) = form.access_key()
            && key.len() <= MAX_SECRET_BYTES
        {
            return Some(Self {
                secrets: vec![Cow::Borrowed(key)],
                is_cookie: false,
            });
        }
        let secrets = cookies.secrets().iter();
        let secrets: Vec<_> = secrets.map(|secret| Cow::Borrowed(&**secret)).collect();
        (!secrets.is_empty()).then_some(Self {
            secrets,
            is_cookie: true,
        })
    }

    /// The secrets, decoded, of which the first that is a session counts: a JWT
    /// ([`Jwt::parse`](super::Jwt::parse)), or one of which the server knows the hash. At least one.
    #[must_use]
    pub fn secrets(&self) -> &[Cow<'a, str>] {
        &self.secrets
    }

    /// Whether it came as a cookie, else as an `access_key`: a `SESSDATA` is no access key, nor the
    /// other way round.
    #[must_use]
    pub const fn is_cookie(&self) -> bool {
        self.is_cookie
    }

    /// Compares the csrf token that was sent with that of the session, not with a cookie: some
    /// clients send no csrf cookie. A server may know no more than a hash of the session's token:
    /// `is_the_sessions` compares, in constant time.
    ///
    /// # Errors
    /// -111 if it is not the session's, or is required and missing. An `access_key` needs none.
    pub fn check_csrf(
        &self,
        endpoint: Endpoint,
        form: &Form<'_>,
        is_the_sessions: impl FnOnce(&str) -> bool,
    ) -> Result<(), Refusal> {
        if !self.is_cookie {
            return Ok(());
        }
        match (endpoint.csrf_rule(), form.csrf()) {
            (CsrfRule::None, _) | (CsrfRule::WhenSent, None) => Ok(()),
            (CsrfRule::Required, None) => Err(Refusal::new(Code::BadCsrf, "csrf: missing")),
            (_, Some(sent)) if is_the_sessions(sent) => Ok(()),
            _ => Err(Refusal::new(Code::BadCsrf, "csrf: not the session's")),
        }
    }
}

impl std::fmt::Debug for Carried<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carried")
            .field("is_cookie", &self.is_cookie)
            .finish_non_exhaustive()
    }
}

impl Refusal {
    /// -101, for a request without a session that counts.
    #[must_use]
    pub fn not_logged_in(reason: &'static str) -> Self {
        Self::new(Code::NotLoggedIn, reason)
    }
}
