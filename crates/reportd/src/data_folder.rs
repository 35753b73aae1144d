//! The folder of a server's data: its lock, its names, and the key that seals secrets.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use reportd_platform::random::Random;
use reportd_platform::seal::{KeySource, MasterKey};
use reportd_platform::secret::hex;

use crate::settings::{MASTER_KEY, NEW_MASTER_KEY};

const NODE_NAME_BYTES: usize = 12;

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

    pub(crate) fn state_file(&self) -> PathBuf {
        self.0.join("reportd.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The numbers of erased viewers: a restore leaves this file where it is.
    pub(crate) fn erasures(&self) -> PathBuf {
        self.0.join("erasures")
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

    /// The file of the views of a number. A rebuild makes a file of the next number: connections that still read the old
    /// one keep it, and its log, for themselves.
    pub(crate) fn views_file(&self, number: i64) -> PathBuf {
        self.0.join(match number {
            1 => "views.db".to_owned(),
            number => format!("views.{number}.db"),
        })
    }

    /// The greatest number of a views file; 1 where there is none.
    pub(crate) fn newest_views(&self) -> i64 {
        self.views_numbers().into_iter().max().unwrap_or(1)
    }

    /// The numbers of the views files that are there.
    pub(crate) fn views_numbers(&self) -> Vec<i64> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten();
        let number = |entry: std::fs::DirEntry| match entry.file_name().to_str()? {
            "views.db" => Some(1),
            name => name
                .strip_prefix("views.")?
                .strip_suffix(".db")?
                .parse()
                .ok(),
        };
        entries.filter_map(Result::ok).filter_map(number).collect()
    }

    /// Where a rebuild makes its views, until they are whole.
    pub(crate) fn rebuild_file(&self) -> PathBuf {
        self.0.join("rebuild.db")
    }

    pub(crate) fn base_file(&self) -> PathBuf {
        self.0.join("base.db")
    }

    /// The name of the node whose folder this is, drawn at first start: after a restart it takes its own stream back.
    /// The caller holds the folder's lock.
    pub(crate) fn node_name(&self, random: &dyn Random) -> anyhow::Result<String> {
        let path = self.0.join("node.id");
        let read = || Some(std::fs::read_to_string(&path).ok()?.trim().to_owned());
        if let Some(name) = read().filter(|name| name.len() == 2 * NODE_NAME_BYTES) {
            return Ok(name);
        }
        let mut bytes = [0; NODE_NAME_BYTES];
        random.fill(&mut bytes)?;
        let name = hex(&bytes);
        std::fs::write(&path, format!("{name}\n"))
            .with_context(|| format!("the node's name {}", path.display()))?;
        Ok(name)
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

    /// Reads the key anew each time, where there is one.
    pub(crate) fn key_source(&self) -> KeySource {
        let folder = self.clone();
        Arc::new(move || {
            folder
                .existing_master_key()
                .map_err(|error| format!("{error:#}"))
        })
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
