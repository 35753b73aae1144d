//! Who may try a password, and whether it is right.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use reportd_db::DbError;
use reportd_platform::clock::Clock;
use reportd_platform::limiter::{Buckets, Limiter};
use reportd_platform::people::{PeopleError, Verifier, password_of};
use reportd_platform::random::Random;
use reportd_platform::rate_limit::Rate;
use reportd_platform::secret::{Secret, SecretHash, hex};
use reportd_platform::web::limit_key;

use crate::Console;

/// An address may stand for many people.
const ADDRESS_SHARE: u32 = 5;
const MOST_LIMITED: usize = 65_536;
/// No name is longer.
const MOST_NAME_CHARS: usize = 64;

/// What logging in takes.
pub(crate) struct Logins {
    pub(crate) random: Arc<dyn Random>,
    pub(crate) verifier: Verifier,
    /// Cookies go by TLS alone, whatever a proxy tells.
    pub(crate) secure_cookies: bool,
    names: Limiter<String>,
    addresses: Limiter<IpAddr>,
    per_minute: u32,
}

/// Why a password was not taken.
pub(crate) enum Refused {
    /// Too many were tried: wait that long.
    TooMany(Duration),
    /// It is wrong, or there is no such person in force.
    Wrong,
    /// It cannot be told now.
    Failed(PeopleError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl Logins {
    pub(crate) fn new(
        random: Arc<dyn Random>,
        buckets: &Buckets,
        clock: &Arc<dyn Clock>,
        (per_minute, secure_cookies): (u32, bool),
    ) -> Result<Self, PeopleError> {
        let verifier = Verifier::new(&*random)?;
        Ok(Self {
            random,
            verifier,
            secure_cookies,
            names: Limiter::new("login-name", MOST_LIMITED, buckets, Arc::clone(clock)),
            addresses: Limiter::new("login-address", MOST_LIMITED, buckets, Arc::clone(clock)),
            per_minute: per_minute.max(1),
        })
    }

    /// Takes one of the tries of an address and of an account.
    async fn take(&self, name: &str, address: IpAddr) -> Result<(), Refused> {
        let of_address = Rate {
            per_minute: self.per_minute.saturating_mul(ADDRESS_SHARE),
        };
        let of_name = Rate {
            per_minute: self.per_minute,
        };
        // A name may be anything that somebody has sent: buckets are by its hash.
        let bucket = hex(&SecretHash::of(name).0[..16]);
        let address = limit_key(address);
        let taken = self.addresses.take(address, 1, of_address).await;
        taken.map_err(Refused::TooMany)?;
        let taken = self.names.take(bucket, 1, of_name).await;
        taken.map_err(Refused::TooMany)
    }
}

/// Compares the password of a person; returns the generation that sessions begin with.
pub(crate) async fn check(
    console: &Console,
    name: &str,
    password: Secret,
    address: Option<IpAddr>,
) -> Result<i64, Refused> {
    let logins = &console.logins;
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    logins.take(name, address).await?;
    let is_name = name.chars().count() <= MOST_NAME_CHARS && !name.chars().any(char::is_control);
    let found = match is_name {
        true => {
            let (db, name) = (console.directory.db(), name.to_owned());
            let read = move |tx: &mut reportd_db::Tx<'_>| password_of(tx, &name);
            db.read_async::<_, DbError>(read).await?
        }
        false => None,
    };
    let (hash, generation) = found.unzip();
    let verified = logins.verifier.is_right(hash, password).await;
    match (verified.map_err(Refused::Failed)?, generation) {
        (true, Some(generation)) => Ok(generation),
        _ => Err(Refused::Wrong),
    }
}
