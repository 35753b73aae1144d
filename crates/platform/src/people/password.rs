//! Passwords: hashed by argon2id, which takes memory and time on purpose.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::PeopleError;
use super::invalid;
use crate::random::Random;
use crate::secret::Secret;

/// Characters of a password.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 10..=200;
/// Characters of a password that is drawn: over 110 random bits.
const DRAWN_CHARS: usize = 20;
const SALT_BYTES: usize = 16;

/// 19 MiB and two passes: what is recommended for a server that does other work as well.
fn argon2() -> Result<Argon2<'static>, PeopleError> {
    let params = Params::new(19 << 10, 2, 1, None).map_err(|error| hashing(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hashing(error: &dyn std::fmt::Display) -> PeopleError {
    PeopleError::Hashing(error.to_string())
}

/// The hash of a password, as it is stored: in PHC's notation, with its salt and costs.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(String);

impl HashedPassword {
    /// Hashes a password. Takes a part of a second of a thread: see [`Verifier`] for servers.
    ///
    /// # Errors
    /// [`PeopleError::Invalid`] where the password is too short or too long.
    pub fn of(password: &Secret, random: &dyn Random) -> Result<Self, PeopleError> {
        let password = password.reveal();
        if !PASSWORD_CHARS.contains(&password.chars().count()) {
            let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
            return Err(invalid(
                "password",
                format!("expected {least} to {most} characters"),
            ));
        }
        let mut salt = [0; SALT_BYTES];
        random.fill(&mut salt)?;
        let hash: PasswordHash = argon2()?
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|error| hashing(&error))?;
        Ok(Self(hash.to_string()))
    }

    pub(super) fn stored(text: String) -> Self {
        Self(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// True where it is the hash of that password.
    fn is_of(&self, password: &Secret) -> bool {
        let Ok(argon2) = argon2() else { return false };
        argon2
            .verify_password(password.reveal().as_bytes(), self.text())
            .is_ok()
    }
}

impl std::fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashedPassword(•••)")
    }
}

/// A password that nobody has chosen.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn draw_password(random: &dyn Random) -> Result<Secret, PeopleError> {
    Ok(Secret::draw(random, DRAWN_CHARS)?)
}

/// Hashes at once: each takes 19 MiB and all of a core.
const AT_ONCE: usize = 2;
/// Those that may wait for their turn.
const MOST_WAITING: usize = 32;

/// Hashes and compares passwords in a server: off the async threads, few at once.
pub struct Verifier {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What a password is compared with where there is no such person, so that the time does not tell.
    nobody: HashedPassword,
}

impl Verifier {
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn new(random: &dyn Random) -> Result<Self, PeopleError> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(MOST_WAITING)),
            nobody: HashedPassword::of(&draw_password(random)?, random)?,
        })
    }

    /// True where `hash` is of that password. Where there is none, it takes as long and is false.
    ///
    /// # Errors
    /// [`PeopleError::Busy`] where too many wait for their turn.
    pub async fn is_right(
        &self,
        hash: Option<HashedPassword>,
        password: Secret,
    ) -> Result<bool, PeopleError> {
        let (hash, is_known) = match hash {
            Some(hash) => (hash, true),
            None => (self.nobody.clone(), false),
        };
        let is_right = self.run(move || Ok(hash.is_of(&password))).await?;
        Ok(is_right && is_known)
    }

    /// [`HashedPassword::of`].
    ///
    /// # Errors
    /// As that, and [`PeopleError::Busy`] where too many wait for their turn.
    pub async fn hash(
        &self,
        password: Secret,
        random: Arc<dyn Random>,
    ) -> Result<HashedPassword, PeopleError> {
        self.run(move || HashedPassword::of(&password, &*random))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let busy = |_| PeopleError::Busy;
        let _place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| PeopleError::Busy)?;
        // It goes with the work, so that a client who left does not make room for another hash.
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(busy)?;
        let worked = tokio::task::spawn_blocking(move || {
            let worked = work();
            drop(turn);
            worked
        });
        worked
            .await
            .unwrap_or_else(|stopped| Err(hashing(&stopped)))
    }
}

#[cfg(test)]
mod tests {
    use reportd_testbed::run;

    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn a_password_is_right_with_its_own_hash_alone() {
        let random = SeededRandom::new(1);
        let password = Secret::new("correct horse");
        let hash = HashedPassword::of(&password, &random).unwrap();
        assert!(
            hash.text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.text()
        );
        assert!(hash != HashedPassword::of(&password, &random).unwrap());
        assert_eq!(format!("{hash:?}"), "HashedPassword(•••)");
        run(async {
            let verifier = Verifier::new(&random).unwrap();
            let right =
                async |hash, text: &str| verifier.is_right(hash, Secret::new(text)).await.unwrap();
            assert!(right(Some(hash.clone()), "correct horse").await);
            assert!(!right(Some(hash), "correct horsf").await);
            assert!(!right(None, "correct horse").await);
            let nonsense = HashedPassword::stored("nonsense".to_owned());
            assert!(!right(Some(nonsense), "correct horse").await);
        });
    }

    #[test]
    fn passwords_are_neither_short_nor_endless() {
        let random = SeededRandom::new(1);
        for (text, fits) in [
            ("123456789".to_owned(), false),
            ("1234567890".to_owned(), true),
            ("密".repeat(10), true),
            ("密".repeat(200), true),
            ("x".repeat(201), false),
        ] {
            let hashed = HashedPassword::of(&Secret::new(text.clone()), &random);
            assert_eq!(hashed.is_ok(), fits, "{text}");
        }
    }
}
