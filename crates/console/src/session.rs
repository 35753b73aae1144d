//! Sessions of people: a secret in a cookie, its hash in the store.
//!
//! A session is looked up at most once in [`LOOK_INTERVAL`] on each node, and its person is the directory's: so the end
//! of either is seen within a second, and pages mostly need no store to know who asks.

mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use form_urlencoded::Serializer;
use reportd_db::DbError;
use reportd_platform::access::Principal;
use reportd_platform::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
use reportd_platform::people::PersonInForce;
use reportd_platform::random::{NoRandomness, Random};
use reportd_platform::secret::{Secret, SecretHash, hex};
use subtle::ConstantTimeEq;

use self::store::Stored;
use crate::Console;

/// The cookie that holds the secret of a session.
pub(crate) const SESSION: &str = "reportd_session";
/// The longest that a session lives, and that it lives without a page.
const LIFE_MS: i64 = 7 * DAY_MS;
const IDLE_MS: i64 = 12 * HOUR_MS;
/// How often it is noted that a session is in use.
const NOTE_EVERY_MS: i64 = 5 * MINUTE_MS;
/// How long what the store said of a session is believed.
const LOOK_INTERVAL: Duration = Duration::from_millis(700);
/// Most sessions that are remembered.
const MOST_HELD: usize = 1024;
const SECRET_CHARS: usize = 40;

/// A session that is in force.
pub(crate) struct Session {
    pub(crate) person: Arc<Principal>,
    /// The person must choose a password first of all.
    pub(crate) must_change: bool,
    pub(crate) csrf: String,
}

/// What is known of sessions just now.
#[derive(Default)]
pub(crate) struct Sessions {
    held: Mutex<HashMap<SecretHash, Held>>,
}

struct Held {
    stored: Stored,
    looked_at: Duration,
}

impl Sessions {
    fn held(&self) -> MutexGuard<'_, HashMap<SecretHash, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, hash: &SecretHash, now: Duration) -> Option<Stored> {
        let held = self.held();
        let found = held.get(hash)?;
        (now.saturating_sub(found.looked_at) < LOOK_INTERVAL).then(|| found.stored.clone())
    }

    fn hold(&self, hash: SecretHash, stored: Stored, looked_at: Duration) {
        let mut held = self.held();
        if held.len() >= MOST_HELD {
            held.retain(|_, held| looked_at.saturating_sub(held.looked_at) < LOOK_INTERVAL);
        }
        if held.len() < MOST_HELD {
            held.insert(hash, Held { stored, looked_at });
        }
    }

    fn forget(&self, hash: &SecretHash) {
        self.held().remove(hash);
    }
}

/// Begins a session and returns its secret.
///
/// # Errors
/// Those of the store.
pub(crate) async fn begin(
    console: &Console,
    person: &str,
    generation: i64,
) -> Result<Secret, DbError> {
    let secret = draw(&*console.logins.random).map_err(|error| {
        let message = error.to_string();
        DbError::Unavailable(message)
    })?;
    let now_ms = console.clock.now_ms();
    let (hash, stored) = (secret.hash(), Stored::new(person, generation, now_ms));
    let write = move |tx: &mut reportd_db::Tx<'_>| {
        store::drop_ended(tx, now_ms - LIFE_MS, now_ms - IDLE_MS)?;
        store::insert(tx, &hash, &stored)
    };
    console.directory.db().write_async(write).await?;
    Ok(secret)
}

fn draw(random: &dyn Random) -> Result<Secret, NoRandomness> {
    Secret::draw(random, SECRET_CHARS)
}

/// The session of a request's cookie.
///
/// # Errors
/// Those of the store.
pub(crate) async fn find(
    console: &Console,
    headers: &HeaderMap,
) -> Result<Option<Session>, DbError> {
    let Some(secret) = cookie(headers, SESSION) else {
        return Ok(None);
    };
    let hash = SecretHash::of(&secret);
    let Some(stored) = look_up(console, hash).await? else {
        return Ok(None);
    };
    let now_ms = console.clock.now_ms();
    let is_alive = now_ms < stored.created_at_ms + LIFE_MS && now_ms < stored.seen_at_ms + IDLE_MS;
    let person = match is_alive {
        true => person(console, &stored).await?,
        false => None,
    };
    let Some(person) = person else {
        end_hash(console, hash).await?;
        return Ok(None);
    };
    if now_ms >= stored.seen_at_ms + NOTE_EVERY_MS {
        note_use(console, hash, stored, now_ms).await?;
    }
    Ok(Some(Session {
        csrf: csrf_of(&secret, &person.principal.name),
        person: person.principal,
        must_change: person.must_change,
    }))
}

async fn look_up(console: &Console, hash: SecretHash) -> Result<Option<Stored>, DbError> {
    let now = console.clock.monotonic();
    if let Some(known) = console.sessions.known(&hash, now) {
        return Ok(Some(known));
    }
    let db = console.directory.db();
    let found = db.read_async::<_, DbError>(move |tx| store::find(tx, &hash));
    let found = found.await?;
    match &found {
        Some(stored) => console.sessions.hold(hash, stored.clone(), now),
        None => console.sessions.forget(&hash),
    }
    Ok(found)
}

/// The person of a session, where it is still the one that has logged in.
async fn person(console: &Console, stored: &Stored) -> Result<Option<PersonInForce>, DbError> {
    let in_force = || {
        let snapshot = console.directory.snapshot();
        let found = snapshot.person(&stored.person);
        found
            .filter(|person| person.generation == stored.generation)
            .cloned()
    };
    if let Some(person) = in_force() {
        return Ok(Some(person));
    }
    // The session may be of a person, or a password, that this node has not heard of yet.
    console.directory.refresh().await?;
    Ok(in_force())
}

async fn note_use(
    console: &Console,
    hash: SecretHash,
    stored: Stored,
    now_ms: i64,
) -> Result<(), DbError> {
    let seen = Stored {
        seen_at_ms: now_ms,
        ..stored
    };
    let now = console.clock.monotonic();
    console.sessions.hold(hash, seen, now);
    let db = console.directory.db();
    db.write_async(move |tx| store::note_use(tx, &hash, now_ms))
        .await
}

/// Ends the session of a request's cookie.
///
/// # Errors
/// Those of the store.
pub(crate) async fn end(console: &Console, headers: &HeaderMap) -> Result<(), DbError> {
    match cookie(headers, SESSION) {
        Some(secret) => end_hash(console, SecretHash::of(&secret)).await,
        None => Ok(()),
    }
}

async fn end_hash(console: &Console, hash: SecretHash) -> Result<(), DbError> {
    console.sessions.forget(&hash);
    let db = console.directory.db();
    db.write_async(move |tx| store::remove(tx, &hash)).await
}

/// Ends all sessions.
///
/// # Errors
/// Those of the store.
pub fn end_sessions(tx: &mut reportd_db::Tx<'_>) -> Result<(), DbError> {
    tx.execute("DELETE FROM console_session", &[]).map(|_| ())
}

/// The header that gives a browser the secret of a session, or takes it away.
pub(crate) fn set_cookie(secret: Option<&Secret>, is_secure: bool) -> String {
    let (value, seconds) = match secret {
        Some(secret) => (secret.reveal(), LIFE_MS / 1000),
        None => ("", 0),
    };
    let secure = if is_secure { "; Secure" } else { "" };
    format!(
        "{SESSION}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    )
}

/// What forms of a session send back: a token that tells nothing of the session's secret and, behind a dot, whose form it
/// is. Where the session has ended, only the latter can still be told.
pub(crate) fn csrf_of(secret: &str, person: &str) -> String {
    let token = hex(&SecretHash::of(&format!("csrf of {secret}")).0);
    format!("{token}.{}", mark_of(person))
}

/// True where the csrf token of a form is that of the session.
pub(crate) fn is_csrf(expected: &str, sent: &str) -> bool {
    let token = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    token(expected)
        .as_bytes()
        .ct_eq(token(sent).as_bytes())
        .into()
}

/// What stands for a person in what a browser keeps.
pub(crate) fn mark_of(person: &str) -> String {
    hex(&SecretHash::of(&format!("form of {person}")).0[..12])
}

/// Who filled in the form of a csrf token, as [`mark_of`] tells it.
pub(crate) fn filled_in_by(csrf: &str) -> &str {
    csrf.split_once('.').map_or("", |(_, mark)| mark)
}

/// Where one logs in and then comes back to `address`.
pub(crate) fn login_address(address: &str) -> String {
    let query = Serializer::new(String::new())
        .append_pair("to", address)
        .finish();
    format!("/console/login?{query}")
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            "a=1; reportd_session=x=y ;b=2".parse().unwrap(),
        );
        headers.append(header::COOKIE, "c=3".parse().unwrap());
        for (name, value) in [
            ("a", Some("1")),
            (SESSION, Some("x=y")),
            ("c", Some("3")),
            ("d", None),
        ] {
            assert_eq!(cookie(&headers, name).as_deref(), value, "{name}");
        }
    }
}
