//! Sealing of secrets that must be read back: AES-256-GCM with a master key that is not in the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use thiserror::Error;

use crate::random::{NoRandomness, Random};
use crate::secret::{hex, parse_key_bytes};

const NONCE_BYTES: usize = 12;

/// Why a secret could not be sealed, unsealed, or the key not be had.
#[derive(Debug, Error)]
pub enum SealError {
    /// The master key has another length than 32 bytes.
    #[error(
        "the master key: expected 32 bytes, as 64 hexadecimal digits behind hex: or as base64 behind base64:"
    )]
    KeyLength,
    /// The key file cannot be read or made.
    #[error("the master key file {path}: {cause}")]
    KeyFile {
        /// Where it should be.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The sealed bytes are not of this key, or of another place, or were changed.
    #[error("a sealed secret cannot be opened with this master key")]
    Unseal,
    /// No randomness for a nonce.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// The key that seals secrets in the store.
pub struct MasterKey {
    cipher: Aes256Gcm,
}

impl MasterKey {
    /// The key from its text, as in `REPORTD_MASTER_KEY`.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let bytes = parse_key_bytes(text.trim()).map_err(|_| SealError::KeyLength)?;
        let key = Key::<Aes256Gcm>::try_from(&bytes[..]).map_err(|_| SealError::KeyLength)?;
        Ok(Self {
            cipher: Aes256Gcm::new(&key),
        })
    }

    /// The key in the file at `path`, which is made, readable by its owner alone, where it is missing.
    pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<Self, SealError> {
        let failed = |cause| SealError::KeyFile {
            path: path.display().to_string(),
            cause,
        };
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                let (mut key, mut suffix) = ([0; 32], [0; 8]);
                random.fill(&mut key)?;
                random.fill(&mut suffix)?;
                let draft = path.with_extension(format!("{}.draft", hex(&suffix)));
                let text = format!("hex:{}\n", hex(&key));
                create_whole(path, &draft, &text).map_err(failed)?;
                Self::parse(&fs::read_to_string(path).map_err(failed)?)
            }
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Seals `plain` for one `place` in the store; it opens nowhere else.
    pub fn seal(
        &self,
        plain: &[u8],
        place: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![0; NONCE_BYTES];
        random.fill(&mut sealed)?;
        let nonce = Nonce::try_from(&sealed[..]).map_err(|_| SealError::Unseal)?;
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        sealed.extend(
            self.cipher
                .encrypt(&nonce, payload)
                .map_err(|_| SealError::Unseal)?,
        );
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] sealed for `place`.
    pub fn unseal(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, SealError> {
        let (nonce, text) = sealed
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Unseal)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| SealError::Unseal)?;
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        self.cipher
            .decrypt(&nonce, payload)
            .map_err(|_| SealError::Unseal)
    }
}

/// Makes the file at `path` by way of `draft`, so that it appears whole: another process that starts at this moment
/// must not read half a key. Where that one was first, its file stands.
fn create_whole(path: &Path, draft: &Path, text: &str) -> io::Result<()> {
    let linked = write_new(draft, text).and_then(|()| match fs::hard_link(draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // The draft goes, whatever came of it; the first failure is the one to tell.
    let removed = fs::remove_file(draft);
    linked.and(removed)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::random::SeededRandom;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let random = SeededRandom::new(1);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let key = MasterKey::load_or_create(&path, &random).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        let sealed = key.seal(b"secret", "app 1", &random).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let again = MasterKey::load_or_create(&path, &random).unwrap();
        assert_eq!(again.unseal(&sealed, "app 1").unwrap(), b"secret");
        assert!(again.unseal(&sealed, "app 2").is_err());
        let other = MasterKey::parse(&format!("hex:{}", "0".repeat(64))).unwrap();
        assert!(other.unseal(&sealed, "app 1").is_err());
        assert!(MasterKey::parse("short").is_err());
    }

    #[test]
    fn a_key_file_is_made_beside_the_drafts_of_starts_that_failed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let stale = format!("master.{}.draft", std::process::id());
        fs::write(directory.path().join(stale), "half").unwrap();
        MasterKey::load_or_create(&path, &SeededRandom::new(1)).unwrap();
        let files = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files(), 2, "no draft of its own is left");

        let nowhere = directory.path().join("missing").join("master.key");
        assert!(MasterKey::load_or_create(&nowhere, &SeededRandom::new(1)).is_err());
    }

    #[test]
    fn the_key_that_was_there_first_stands() {
        let directory = tempfile::tempdir().unwrap();
        let (path, draft) = (directory.path().join("key"), directory.path().join("draft"));
        fs::write(&path, "first").unwrap();
        create_whole(&path, &draft, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert!(!draft.exists());
    }
}
