//! The embedded store: its folder, who may serve it, and its databases.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reportd_db::{Database, DbError, sqlite};
use reportd_platform::random::Random;
use reportd_platform::seal::MasterKey;

use crate::settings::{MASTER_KEY, NEW_MASTER_KEY};

/// The folder of the embedded store.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder where it is missing; only its owner may look into one that was made here. Who may look into one
    /// that was there stays as it is.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// The folder of a store that is there already: a mistyped name must not become a new store.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        let folder = Self(path.to_owned());
        if !folder.state_file().is_file() {
            bail!(
                "there is no reportd store in {}: take the --data of the server, or begin one with reportd app create \
                 or reportd serve",
                path.display()
            );
        }
        Ok(folder)
    }

    /// A folder that may hold no store.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn state_file(&self) -> PathBuf {
        self.0.join("reportd.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Takes the lock that one server holds, until the file is dropped or the process is gone.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let path = self.0.join("serve.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("the lock {}", path.display()))?;
        if file.try_lock().is_err() {
            bail!(
                "another reportd serves the data folder {}: stop it, or take another --data",
                self.0.display()
            );
        }
        Ok(file)
    }

    /// The truth that is no journal: apps, keys, registry, rejected requests.
    pub(crate) fn state(&self) -> Result<Database, DbError> {
        let db = sqlite::open(sqlite::Options::durable(self.state_file()))?;
        reportd_platform::MIGRATIONS.apply(&db)?;
        reportd_comm::STATE_MIGRATIONS.apply(&db)?;
        Ok(db)
    }

    /// What is folded from the journal: it may be deleted.
    pub(crate) fn views(&self) -> Result<Database, DbError> {
        let db = sqlite::open(sqlite::Options {
            path: self.0.join("views.db"),
            durability: sqlite::Durability::Normal,
            readers: 8,
            checkpoint_bytes: 16 << 20,
            cache_bytes: 32 << 20,
        })?;
        reportd_journal::MIGRATIONS.apply(&db)?;
        reportd_comm::VIEW_MIGRATIONS.apply(&db)?;
        Ok(db)
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The key that seals secrets: from the environment, else from its file, which is made where it is missing.
    pub(crate) fn master_key(&self, random: &dyn Random) -> anyhow::Result<MasterKey> {
        match key_from_environment()? {
            Some(key) => Ok(key),
            None => Ok(MasterKey::load_or_create(&self.key_file(), random)?),
        }
    }

    /// [`Self::master_key`] where there is one: none is made.
    pub(crate) fn existing_master_key(&self) -> anyhow::Result<Option<MasterKey>> {
        match key_from_environment()? {
            Some(key) => Ok(Some(key)),
            None => Ok(MasterKey::load(&self.key_file())?),
        }
    }
}

/// The key in the environment, behind the new one while it is being replaced.
fn key_from_environment() -> anyhow::Result<Option<MasterKey>> {
    let variable = |name: &str| std::env::var(name).ok();
    match (variable(MASTER_KEY), variable(NEW_MASTER_KEY)) {
        (None, None) => Ok(None),
        (Some(key), None) => Ok(Some(MasterKey::parse(&key).context(MASTER_KEY)?)),
        (Some(key), Some(new)) => {
            MasterKey::parse(&key).context(MASTER_KEY)?;
            MasterKey::parse(&new).context(NEW_MASTER_KEY)?;
            Ok(Some(MasterKey::parse(&format!("{new}\n{key}"))?))
        }
        (None, Some(_)) => bail!(
            "{NEW_MASTER_KEY} is set and {MASTER_KEY} is not: set both while the key is being replaced; where the key is \
             in a file, reportd rotate-master-key draws the new one itself"
        ),
    }
}
