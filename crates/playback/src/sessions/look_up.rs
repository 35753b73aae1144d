//! From the secrets of a request to its session, without a look at the store where it is known here.
//!
//! Guessing cannot load a server: signatures that cost much are verified only while the address has failures to spare; and
//! of those that have none left only few look into the store at once, since behind the same address there may be viewers
//! with good sessions. A secret that proved to be none is remembered too, so that a player with an old session costs
//! nothing and counts once.

use std::net::IpAddr;
use std::sync::Arc;

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::secret::SecretHash;
use reportd_protocol::playback::{Jwt, JwtAlgorithm, JwtFault};

use super::{KnownKey, SecretKey, SentAs, Session, issued};
use crate::Playback;
use crate::registry::{Apps, PlaybackApp};

/// Most keys that a token is tried with. Where all apps have more, a `kid` or the host must tell which.
const MOST_TRIED: usize = 64;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) app: Arc<PlaybackApp>,
    pub(crate) session: Session,
}

/// Why nobody is logged in.
#[derive(Debug)]
pub(crate) enum NoLogin {
    /// No secret is a session in force.
    None,
    /// The address has failed too often for a look.
    Limited,
    /// The store could not be asked.
    Store(DbError),
}

impl From<DbError> for NoLogin {
    fn from(error: DbError) -> Self {
        Self::Store(error)
    }
}

/// From where a secret comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender<'a> {
    pub(crate) host: Option<&'a str>,
    pub(crate) address: IpAddr,
}

impl Playback {
    /// The session of the first secret that is one in force.
    pub(crate) async fn log_in(
        &self,
        secrets: &[impl AsRef<str> + Sync],
        is_cookie: bool,
        sender: Sender<'_>,
    ) -> Result<Login, NoLogin> {
        let mut outcome = NoLogin::None;
        for secret in secrets {
            let secret = secret.as_ref();
            let found = match Jwt::parse(secret) {
                Some(jwt) => self.session_of_token(&jwt, secret, sender).await,
                None => self.issued_session(secret, is_cookie, sender).await,
            };
            match found {
                Ok(session) => match self.admit(session).await? {
                    Some(login) => return Ok(login),
                    None => continue,
                },
                Err(NoLogin::None) => {}
                Err(other) => outcome = other,
            }
        }
        Err(outcome)
    }

    /// The session, where it is in force and its app too.
    async fn admit(&self, session: Session) -> Result<Option<Login>, DbError> {
        let is_in_force = session.is_in_force(self.clock.now_ms());
        let is_revoked = session
            .token
            .is_some_and(|token| self.registry.is_revoked(token));
        if !is_in_force || is_revoked {
            return Ok(None);
        }
        let mut apps = self.registry.apps();
        if !apps.knows(session.app) {
            // It was made a moment ago, on another node.
            self.directory.refresh().await?;
            apps = self.registry.apps();
        }
        let app = apps.enabled(session.app).cloned();
        Ok(app.map(|app| Login { app, session }))
    }

    async fn issued_session(
        &self,
        secret: &str,
        is_cookie: bool,
        sender: Sender<'_>,
    ) -> Result<Session, NoLogin> {
        let sent_as = if is_cookie {
            SentAs::Cookie
        } else {
            SentAs::AccessKey
        };
        let hash = SecretHash::of(secret);
        let key = SecretKey::of(hash, sent_as);
        if let Some(known) = self.remembered(key)? {
            return Ok(known);
        }
        let _turn = match self.directory.check_failures(sender.address) {
            Ok(()) => None,
            // It is never closed: who waits is served.
            Err(_) => self.registry.suspect_look_ups.acquire().await.ok(),
        };
        let ticket = self.registry.sessions.ticket();
        let find = move |tx: &mut Tx<'_>| issued::find(tx, hash, sent_as);
        let found: Result<_, DbError> = self.directory.db().read_async(find).await;
        if let Some(session) = found? {
            self.registry.sessions.put(ticket, key, session);
            return Ok(session);
        }
        self.is_none(key, sender.address).await
    }

    /// What is known here of a secret; an error where it is none.
    fn remembered(&self, key: SecretKey) -> Result<Option<Session>, NoLogin> {
        if let Some(known) = self.registry.sessions.get(&key) {
            return Ok(Some(known));
        }
        match self.registry.unknown.get(&key) {
            Some(()) => Err(NoLogin::None),
            None => Ok(None),
        }
    }

    async fn is_none(&self, key: SecretKey, address: IpAddr) -> Result<Session, NoLogin> {
        let ticket = self.registry.unknown.ticket();
        self.registry.unknown.put(ticket, key, ());
        // Where that was one too many the next look waits for its turn; what this one found is certain.
        let _ = self.directory.count_failure(address).await;
        Err(NoLogin::None)
    }

    /// The session of a token. A shared secret verifies as quickly as a look into memory; a public key takes two hundred
    /// times as long, so what it has verified is kept.
    async fn session_of_token(
        &self,
        jwt: &Jwt<'_>,
        secret: &str,
        sender: Sender<'_>,
    ) -> Result<Session, NoLogin> {
        let is_quick = jwt.algorithm() == JwtAlgorithm::Hs256;
        if is_quick && let Some(told) = self.verify(jwt, sender.host) {
            return told.map_err(|_| NoLogin::None);
        }
        let key = SecretKey::of(SecretHash::of(secret), SentAs::Token);
        if let Some(known) = self.remembered(key)? {
            return Ok(known);
        }
        let checked = self.directory.check_failures(sender.address);
        checked.map_err(|_| NoLogin::Limited)?;
        let ticket = self.registry.sessions.ticket();
        let unknown = self.registry.unknown.ticket();
        let mut told = if is_quick {
            None
        } else {
            self.verify(jwt, sender.host)
        };
        if told.is_none() {
            let counted = self.directory.count_failure(sender.address).await;
            counted.map_err(|_| NoLogin::Limited)?;
            // A key that was registered a moment ago is in the store already.
            self.directory.refresh().await?;
            told = self.verify(jwt, sender.host);
        }
        match told {
            Some(Ok(session)) => {
                if !is_quick {
                    self.registry.sessions.put(ticket, key, session);
                }
                Ok(session)
            }
            // It comes into force later.
            Some(Err(JwtFault::NotYet)) => Err(NoLogin::None),
            _ => {
                self.registry.unknown.put(unknown, key, ());
                Err(NoLogin::None)
            }
        }
    }

    /// What the key tells that has signed a token; `None` where no key has.
    fn verify(&self, jwt: &Jwt<'_>, host: Option<&str>) -> Option<Result<Session, JwtFault>> {
        let apps = self.registry.apps();
        let of_host = host.and_then(|host| apps.of_host(host));
        let of_host = of_host.map(|known| known.app.no);
        let now_ms = self.clock.now_ms();
        candidates(&apps, jwt, of_host)
            .take(MOST_TRIED)
            .find_map(|known| match jwt.verify(&known.key, now_ms) {
                Err(JwtFault::BadSignature) => None,
                told => Some(told.map(|claims| Session::of_token(known.app, &claims))),
            })
    }
}

/// The keys that may have signed a token, the likeliest first: those of the app of the host, of these and of all others
/// first that of the `kid`.
fn candidates<'a>(
    apps: &'a Apps,
    jwt: &'a Jwt<'_>,
    of_host: Option<AppNo>,
) -> impl Iterator<Item = &'a KnownKey> {
    let passes = [(true, true), (true, false), (false, true), (false, false)];
    passes.into_iter().flat_map(move |(is_of_host, has_kid)| {
        apps.keys.iter().filter(move |known| {
            known.key.algorithm() == jwt.algorithm()
                && (of_host == Some(known.app)) == is_of_host
                && (jwt.key_id() == Some(&*known.kid)) == has_kid
        })
    })
}
