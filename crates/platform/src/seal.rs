//! Sealing of secrets that must be read back: AES-256-GCM with a master key that is not in the store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::{PoisonError, RwLock};

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use thiserror::Error;

use crate::random::{NoRandomness, Random};
use crate::secret::{Secret, hex, parse_key_bytes};

const NONCE_BYTES: usize = 12;
/// Keys that a file or a text may hold: the new one, and old ones that still open.
const MOST_KEYS: usize = 4;

/// Why a secret could not be sealed, unsealed, or the key not be had.
#[derive(Debug, Error)]
pub enum SealError {
    /// The master key has another length than 32 bytes, or there are none or too many.
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

/// Where the master key is read from, each time that secrets are opened: it may be replaced while a server runs. `None`
/// where there is none; else the error is for people.
pub type KeySource = Arc<dyn Fn() -> Result<Option<MasterKey>, String> + Send + Sync>;

/// The keys that seal secrets in the store: the first seals, each opens.
///
/// There is more than one only while the master key is being replaced (see [`crate::reseal`]). Keys that come from a file
/// are read again before each sealing, and where none of them opens a secret: so a process that runs seals with the
/// newest key, and opens at once what another process sealed with a key that it had not seen.
pub struct MasterKey {
    file: Option<PathBuf>,
    keys: RwLock<Vec<KeyBytes>>,
}

type KeyBytes = [u8; 32];

impl MasterKey {
    /// The keys in a text such as that of `REPORTD_MASTER_KEY`: one a line.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        Ok(Self {
            file: None,
            keys: RwLock::new(parse_keys(text)?),
        })
    }

    /// The keys in the file at `path`; `None` where there is no such file.
    pub fn load(path: &Path) -> Result<Option<Self>, SealError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self {
                file: Some(path.to_owned()),
                keys: RwLock::new(parse_keys(&text)?),
            })),
            Err(missing) if missing.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(file_error(path, cause)),
        }
    }

    /// The keys in the file at `path`, which is made, readable by its owner alone, where it is missing.
    pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<Self, SealError> {
        if let Some(found) = Self::load(path)? {
            return Ok(found);
        }
        let text = key_text(&[draw_key(random)?]);
        create_whole(path, &draft_of(path, random)?, &text)
            .map_err(|cause| file_error(path, cause))?;
        Self::load(path)?.ok_or_else(|| file_error(path, ErrorKind::NotFound.into()))
    }

    /// True while there is more than one key: a replacement has begun and not ended.
    #[must_use]
    pub fn is_being_replaced(&self) -> bool {
        self.held().len() > 1
    }

    /// The text of all keys, one a line: for a copy of the key file.
    #[must_use]
    pub fn text(&self) -> Secret {
        Secret::new(key_text(&self.held()))
    }

    /// Puts a new key in front of the one in the file; the old one still opens. Where a replacement has begun already,
    /// it goes on with the new key of that one. Durable when it returns. Keys that come from no file stay: whoever gave
    /// them has given the new one as well.
    pub(crate) fn begin_replacement(&self, random: &dyn Random) -> Result<(), SealError> {
        self.reload()?;
        let keys = self.held();
        match &self.file {
            Some(path) if keys.len() == 1 => {
                self.replace_file(path, vec![draw_key(random)?, keys[0]], random)
            }
            _ => Ok(()),
        }
    }

    /// Keeps the first key of the file alone. False where that is not the first of `sealed_with` any more.
    pub(crate) fn end_replacement(
        &self,
        sealed_with: &Self,
        random: &dyn Random,
    ) -> Result<bool, SealError> {
        self.reload()?;
        let keys = self.held();
        if keys.first() != sealed_with.held().first() {
            return Ok(false);
        }
        match &self.file {
            Some(path) if keys.len() > 1 => self.replace_file(path, vec![keys[0]], random)?,
            _ => {}
        }
        Ok(true)
    }

    /// The first key alone, which no file changes.
    pub(crate) fn newest(&self) -> Self {
        let mut keys = self.held();
        keys.truncate(1);
        Self {
            file: None,
            keys: RwLock::new(keys),
        }
    }

    fn held(&self) -> Vec<KeyBytes> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn hold(&self, keys: Vec<KeyBytes>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Reads the file again; true where it holds other keys than before.
    fn reload(&self) -> Result<bool, SealError> {
        let Some(path) = &self.file else {
            return Ok(false);
        };
        let text = fs::read_to_string(path).map_err(|cause| file_error(path, cause))?;
        let keys = parse_keys(&text)?;
        let changed = keys != self.held();
        self.hold(keys);
        Ok(changed)
    }

    fn replace_file(
        &self,
        path: &Path,
        keys: Vec<KeyBytes>,
        random: &dyn Random,
    ) -> Result<(), SealError> {
        let draft = draft_of(path, random)?;
        let replaced = write_new(&draft, &key_text(&keys))
            .and_then(|()| fs::rename(&draft, path))
            .and_then(|()| sync_folder_of(path));
        if let Err(cause) = replaced {
            // The draft may be gone already; what failed first is what is told.
            let _ = fs::remove_file(&draft);
            return Err(file_error(path, cause));
        }
        self.hold(keys);
        Ok(())
    }

    /// Seals `plain` for one `place` in the store; it opens nowhere else. Call it in the write transaction that keeps the
    /// sealed bytes, behind [`crate::changes::touch`]: then a replacement of the key either finds them, or has put its
    /// new key into the file before, which is read here.
    pub fn seal(
        &self,
        plain: &[u8],
        place: &str,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        self.reload()?;
        let key = self.held().first().copied().ok_or(SealError::KeyLength)?;
        let mut sealed = vec![0; NONCE_BYTES];
        random.fill(&mut sealed)?;
        let nonce = Nonce::try_from(&sealed[..]).map_err(|_| SealError::Unseal)?;
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        sealed.extend(
            cipher(&key)
                .encrypt(&nonce, payload)
                .map_err(|_| SealError::Unseal)?,
        );
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] sealed for `place`.
    pub fn unseal(&self, sealed: &[u8], place: &str) -> Result<Vec<u8>, SealError> {
        let opened = open_with(&self.held(), sealed, place);
        if opened.is_none() && self.reload()? {
            return open_with(&self.held(), sealed, place).ok_or(SealError::Unseal);
        }
        opened.ok_or(SealError::Unseal)
    }
}

fn cipher(key: &KeyBytes) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key))
}

fn open_with(keys: &[KeyBytes], sealed: &[u8], place: &str) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce = Nonce::try_from(nonce).ok()?;
    let open = |key: &KeyBytes| {
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        cipher(key).decrypt(&nonce, payload).ok()
    };
    keys.iter().find_map(open)
}

fn parse_keys(text: &str) -> Result<Vec<KeyBytes>, SealError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parse = |line: &str| {
        let bytes = parse_key_bytes(line).map_err(|_| SealError::KeyLength)?;
        KeyBytes::try_from(&bytes[..]).map_err(|_| SealError::KeyLength)
    };
    let keys: Vec<_> = lines.map(parse).collect::<Result<_, _>>()?;
    if (1..=MOST_KEYS).contains(&keys.len()) {
        Ok(keys)
    } else {
        Err(SealError::KeyLength)
    }
}

fn key_text(keys: &[KeyBytes]) -> String {
    keys.iter()
        .map(|key| format!("hex:{}\n", hex(key)))
        .collect()
}

fn draw_key(random: &dyn Random) -> Result<KeyBytes, NoRandomness> {
    let mut key = [0; 32];
    random.fill(&mut key)?;
    Ok(key)
}

/// A name beside `path` that nobody else takes.
fn draft_of(path: &Path, random: &dyn Random) -> Result<PathBuf, NoRandomness> {
    let mut suffix = [0; 8];
    random.fill(&mut suffix)?;
    Ok(path.with_extension(format!("{}.draft", hex(&suffix))))
}

fn file_error(path: &Path, cause: io::Error) -> SealError {
    SealError::KeyFile {
        path: path.display().to_string(),
        cause,
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
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
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
