//! `reportd restore`: the store of a backup, in a folder that holds none.
//!
//! All is unpacked and checked in a folder inside the target (so on the same disk) before the first file takes its place;
//! the state, by which a folder is known as a store, comes last. Where anything fails, nothing stays.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use reportd_db::sqlite::files;
use reportd_platform::reseal::unopened;
use reportd_platform::seal::MasterKey;

use crate::archive::{Manifest, create_private, unpack};
use crate::backup::{contents, journal_days, refuse_postgres, sync_folder_of};
use crate::data_folder::DataFolder;
use crate::kinds::settle_state;
use crate::master_key::sealed_columns;
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::settings::{MASTER_KEY, Settings};
use crate::stores::Stores;

/// What makes up a store, in the order in which it is put into its place.
const PARTS: [&str; 4] = ["journal", "views.db", "base.db", "reportd.db"];
const KEY: &str = "master.key";
const ERASURES: &str = "erasures";

/// What was restored.
struct Restored {
    manifest: Manifest,
    /// Secrets that do not open, by name.
    unopened: Vec<String>,
    /// Whether a file told of erasures.
    knows_erasures: bool,
}

/// Restores a backup into the data folder. Erasures that were made since are made again: those of the file that is there,
/// and of the file `erasures`.
pub(crate) async fn restore(
    settings: &Settings,
    file: &Path,
    erasures: Option<PathBuf>,
) -> anyhow::Result<()> {
    refuse_postgres(settings)?;
    let (path, data) = (file.to_owned(), settings.data.clone());
    let restored =
        run_stoppable(move |stop| restore_into(&data, &path, erasures.as_deref(), &stop));
    let cause = || {
        format!(
            "{} was not restored, and nothing was changed",
            file.display()
        )
    };
    let Restored {
        manifest,
        unopened,
        knows_erasures,
    } = restored.await.with_context(cause)?;
    let data = settings.data.display();
    print_line(format_args!("{data} holds {} now.", contents(&manifest)))?;
    if !knows_erasures {
        print_line(
            "\nNote: viewers who were erased since this backup was made are named in it again, for no file of erasures is \
             known. If there were any, restore again, with --erasures FILE: it stands in the data folder of the store that \
             was backed up.",
        )?;
    }
    if unopened.is_empty() {
        return Ok(());
    }
    print_line(format_args!(
        "\nWarning: the master key for these is not there: {}.\nPut the key file of the store that was backed up at \
         {}, or its key into {MASTER_KEY}, before a server starts; else issue new ones: reportd app rotate APP --only KIND --grace 0s",
        unopened.join(", "),
        settings.data.join(KEY).display()
    ))
}

fn restore_into(
    data: &Path,
    file: &Path,
    erasures: Option<&Path>,
    stop: &Stop,
) -> anyhow::Result<Restored> {
    let bytes = fs::metadata(file)?.len();
    let mut target = Target::open(data)?;
    let work = target.work();
    let progress = Progress::start("unpack", Unit::Bytes, bytes, stop);
    let manifest = unpack(file, &work, &progress)
        .context("it is damaged, or no backup of reportd: take another one")?;
    drop(progress);
    check_stores(&work, stop)?;
    let unopened = bring_key(data, &work)?;
    let knows_erasures = bring_erasures(data, erasures, &work)?;
    let state = Stores::embedded(DataFolder::existing(&work)?).state()?;
    settle_state(&state, &DataFolder::at(&work))?;
    // Who has logged out since must not be in again.
    state.write(reportd_console::end_sessions)?;
    drop(state);
    target.put_in_place(manifest.has(KEY))?;
    Ok(Restored {
        manifest,
        unopened,
        knows_erasures,
    })
}

/// Brings the lines of the file of erasures in the target, which it has where it was the folder of the store, and those of
/// `other`. False where there is none.
fn bring_erasures(data: &Path, other: Option<&Path>, work: &Path) -> anyhow::Result<bool> {
    let there = data.join(ERASURES);
    let there = there.is_file().then_some(there.as_path());
    let other = other.filter(|other| there != Some(*other));
    let mut text = String::new();
    for file in [there, other].into_iter().flatten() {
        let read = fs::read_to_string(file);
        text.push_str(&read.with_context(|| format!("the erasures in {}", file.display()))?);
        text.push('\n');
    }
    if there.is_none() && other.is_none() {
        return Ok(false);
    }
    let mut file = create_private(&work.join(ERASURES))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(true)
}

/// Checks that the files are whole stores, of versions that this reportd can read.
fn check_stores(work: &Path, stop: &Stop) -> anyhow::Result<()> {
    let mut stores = journal_days(&work.join("journal"))?;
    for day in &stores {
        let name = day.display();
        ensure!(
            files::has_table(day, "block")?,
            "{name} is no day of a journal"
        );
    }
    let singles = PARTS.map(|name| work.join(name));
    stores.extend(singles.into_iter().filter(|path| path.is_file()));
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    let progress = Progress::start("check", Unit::Bytes, stores.iter().map(size).sum(), stop);
    for store in &stores {
        files::check(store).with_context(|| store.display().to_string())?;
        ensure!(progress.advance(size(store)), "it was interrupted");
    }
    let stores = Stores::embedded(DataFolder::existing(work)?);
    stores.state().context("reportd.db")?;
    if work.join("views.db").is_file() {
        stores.views().context("views.db")?;
    }
    Ok(())
}

/// Puts the keys of a key file that is in the target already before those of the backup, and tells which secrets do not
/// open then.
fn bring_key(data: &Path, work: &Path) -> anyhow::Result<Vec<String>> {
    let (there, brought) = (data.join(KEY), work.join(KEY));
    if let (Some(first), Some(then)) = (MasterKey::load(&there)?, MasterKey::load(&brought)?) {
        let (first, then) = (first.text(), then.text());
        let mut text = first.reveal().to_owned();
        let known = |key: &&str| first.reveal().lines().any(|line| line == *key);
        for key in then.reveal().lines().filter(|key| !known(key)) {
            text.push_str(key);
            text.push('\n');
        }
        fs::remove_file(&brought)?;
        let mut file = create_private(&brought)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    let of = if brought.exists() { work } else { data };
    let master = DataFolder::at(of).existing_master_key()?;
    let state = Stores::embedded(DataFolder::existing(work)?).state()?;
    Ok(state.read(|tx| unopened(tx, &sealed_columns(), master.as_ref()))?)
}

/// The folder that a store is restored into. Where that does not come to its end, it is left as it was.
struct Target {
    path: PathBuf,
    was_made: bool,
    placed: Vec<PathBuf>,
    is_done: bool,
    _lock: File,
}

impl Target {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let was_made = !path.exists();
        let folder = DataFolder::open(path)?;
        let lock = folder.lock()?;
        // From here on its drop tidies up.
        let target = Self {
            path: path.to_owned(),
            was_made,
            placed: Vec::new(),
            is_done: false,
            _lock: lock,
        };
        for part in PARTS {
            if path.join(part).exists() {
                bail!(
                    "{} holds a store already ({part}): take another --data",
                    path.display()
                );
            }
        }
        // One that was killed left it; the lock says that it is gone.
        let _ = fs::remove_dir_all(target.work());
        DirBuilder::new().mode(0o700).create(target.work())?;
        Ok(target)
    }

    fn work(&self) -> PathBuf {
        self.path.join("restoring")
    }

    /// Moves what was unpacked into its place. The key comes first, the state last.
    fn put_in_place(&mut self, with_key: bool) -> anyhow::Result<()> {
        let work = self.work();
        let journal = work.join("journal");
        if journal.is_dir() {
            File::open(&journal)?.sync_all()?;
        }
        if with_key {
            let key = self.path.join(KEY);
            // One that was there is in the new one, and stays in any case.
            let was_there = key.exists();
            fs::rename(work.join(KEY), &key)?;
            self.placed.extend((!was_there).then_some(key));
        }
        let (brought, erasures) = (work.join(ERASURES), self.path.join(ERASURES));
        if brought.exists() {
            // Likewise.
            let was_there = erasures.exists();
            fs::rename(brought, &erasures)?;
            self.placed.extend((!was_there).then_some(erasures));
        }
        for part in PARTS {
            let (from, to) = (work.join(part), self.path.join(part));
            if from.exists() {
                if part == "reportd.db" {
                    sync_folder_of(&to)?;
                }
                fs::rename(&from, &to)?;
                self.placed.push(to);
            }
        }
        sync_folder_of(&self.path.join("reportd.db"))?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // What cannot be removed is told by the next try.
        let _ = fs::remove_dir_all(self.work());
        if self.is_done {
            return;
        }
        for part in &self.placed {
            let _ = fs::remove_file(part).or_else(|_| fs::remove_dir_all(part));
        }
        if self.was_made {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
