//! `reportd backup`: an online, consistent copy of the embedded store in one file.
//!
//! The order of the steps is what makes it consistent, without a lock that would hold the server up:
//!
//! 1. the views, with their positions,
//! 2. the end of the journal is noted: all that the views have folded is before it, and so is all that was acknowledged
//!    before the backup began,
//! 3. the state: it knows every app that has an entry before that end, so no number of theirs is given again,
//! 4. the journal, day by day, without the blocks behind that end,
//! 5. what the views were before the first of those days (`base.db`): a day that was dropped meanwhile is in it.
//!
//! Each file is copied as it stands at one moment, packed, and removed again, so no more room is needed beside the backup
//! than the largest file takes.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reportd_db::sqlite::{self, files};
use reportd_journal::LOCAL_STREAM;
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::random::{Random, SystemRandom};
use reportd_platform::seal::MasterKey;
use reportd_platform::secret::hex;
use reportd_platform::zones::{parse_day, time_text};

use crate::archive::{Manifest, Writer, create_private};
use crate::cli::Backup;
use crate::data_folder::DataFolder;
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable, size_text};
use crate::settings::{MASTER_KEY, Settings};

/// Makes a backup.
pub(crate) async fn backup(settings: &Settings, options: Backup) -> anyhow::Result<()> {
    refuse_postgres(settings)?;
    let folder = DataFolder::existing(&settings.data)?;
    let file = options.file.clone();
    let refuse_existing = move || {
        if !options.force && file.exists() {
            bail!(
                "{} is there already: take another name, or --force",
                file.display()
            );
        }
        Ok(())
    };
    refuse_existing()?;
    let with_key = options.with_key;
    if with_key && std::env::var_os(MASTER_KEY).is_some() {
        bail!(
            "--with-key: the key comes from {MASTER_KEY}, not from a file: keep it where it is kept"
        );
    }
    let (source, path) = (folder.clone(), options.file.clone());
    let manifest = run_stoppable(move |stop| {
        let work = WorkFolder::beside(&path)?;
        let packed = work.path.join("backup");
        let manifest = pack(&source, &work, &packed, with_key, &stop)?;
        refuse_existing()?;
        fs::rename(&packed, &path)?;
        sync_folder_of(&path)?;
        Ok(manifest)
    });
    let cause = || format!("no backup was made to {}", options.file.display());
    let manifest = manifest.await.with_context(cause)?;
    let size = fs::metadata(&options.file).map_or(0, |file| file.len());
    print_line(format_args!(
        "{} holds {} ({}).",
        options.file.display(),
        contents(&manifest),
        size_text(size)
    ))?;
    if with_key {
        print_line("The master key is in it: who has the file can open the secrets.")
    } else {
        print_line("The master key is not in it: keep that too, and not beside it.")
    }
}

/// With PostgreSQL its own tools do this.
pub(crate) fn refuse_postgres(settings: &Settings) -> anyhow::Result<()> {
    if settings.database_url.reveal().is_empty() {
        return Ok(());
    }
    bail!(
        "backup and restore are for the embedded store: with PostgreSQL use pg_dump and pg_restore, and keep the master key"
    )
}

/// What a backup holds, for people.
pub(crate) fn contents(manifest: &Manifest) -> String {
    let until = manifest.until_ms.map_or_else(String::new, |until_ms| {
        format!(", until {}", time_text(until_ms))
    });
    format!(
        "{} apps and {} journal entries of {} days{until}",
        manifest.apps,
        manifest.entries,
        manifest.days()
    )
}

/// A folder for copies that goes when it is dropped.
pub(crate) struct WorkFolder {
    pub(crate) path: PathBuf,
}

impl WorkFolder {
    pub(crate) fn beside(file: &Path) -> anyhow::Result<Self> {
        let name = file.file_name().context("expected the name of a file")?;
        let mut suffix = [0; 6];
        SystemRandom.fill(&mut suffix)?;
        let name = format!(".{}.{}.part", name.to_string_lossy(), hex(&suffix));
        let path = file.with_file_name(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // The command has told what went wrong, if anything did.
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(crate) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Copies files of the store and packs them.
struct Packer<'a> {
    work: &'a WorkFolder,
    writer: Writer,
    progress: Progress,
    manifest: Manifest,
}

fn pack(
    folder: &DataFolder,
    work: &WorkFolder,
    packed: &Path,
    with_key: bool,
    stop: &Stop,
) -> anyhow::Result<Manifest> {
    let path = folder.path();
    let days = journal_days(&folder.journal())?;
    let views = folder.views_file(folder.newest_views());
    let singles = [views, path.join("reportd.db"), path.join("base.db")];
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    let total: u64 = singles.iter().chain(&days).map(size).sum();
    let mut packer = Packer {
        work,
        writer: Writer::create(packed)?,
        // Each byte is copied, then packed.
        progress: Progress::start("backup", Unit::Bytes, 2 * total, stop),
        manifest: Manifest::new(SystemClock::start().now_ms()),
    };
    packer.add_views(folder)?;
    let end = journal_end(&days)?;
    packer.manifest.journal_ends.insert(LOCAL_STREAM, end);
    let key_before = key_text(folder, with_key)?;
    packer.add_store(path, "reportd.db", |manifest, copy| {
        manifest.apps = files::query(copy, "SELECT COUNT(*) FROM app", &[])?
            .first()
            .map_or(Ok(0), |row| row.uint(0))?;
        Ok(true)
    })?;
    packer.add_key(&key_before, &key_text(folder, with_key)?)?;
    // Days that began meanwhile may hold blocks before the end.
    for day in journal_days(&folder.journal())? {
        let name = day
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = format!("journal/{}", name.unwrap_or_default());
        packer.add_store(path, &name, |manifest, copy| cut_day(manifest, copy, end))?;
    }
    packer.add_store(path, "base.db", |_, _| Ok(true))?;
    packer.writer.finish(packer.manifest)
}

impl Packer<'_> {
    /// Adds a SQLite file of the store, where there is one. `look` is shown the copy before it is packed, and says
    /// whether it is wanted.
    fn add_store(
        &mut self,
        folder: &Path,
        name: &str,
        look: impl FnOnce(&mut Manifest, &Path) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.add_file(&folder.join(name), name, look)
    }

    /// Copies a file as it stands, and packs it under `name`.
    fn add_file(
        &mut self,
        source: &Path,
        name: &str,
        look: impl FnOnce(&mut Manifest, &Path) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let copy = self.work.path.join(name.replace('/', "-"));
        let copied = files::copy(source, &copy, &mut |bytes| self.progress.advance(bytes));
        match copied {
            Ok(()) => {}
            // It never was there, or its day was dropped just now.
            Err(_) if !source.exists() => return Ok(()),
            Err(error) => {
                let (from, to) = (source.display(), copy.display());
                return Err(error).with_context(|| format!("copying {from} to {to}"));
            }
        }
        let place = || copy.display().to_string();
        if look(&mut self.manifest, &copy).with_context(place)? {
            let added = self.writer.add(name, &copy, &self.progress);
            added.with_context(|| format!("packing {name}"))?;
        }
        Ok(fs::remove_file(&copy)?)
    }

    /// Adds the views that are served: where a rebuild changes over just now, those of the new number.
    fn add_views(&mut self, folder: &DataFolder) -> anyhow::Result<()> {
        loop {
            let number = folder.newest_views();
            let source = folder.views_file(number);
            self.add_file(&source, "views.db", |_, _| Ok(true))?;
            if self.manifest.has("views.db") || folder.newest_views() == number {
                return Ok(());
            }
        }
    }

    /// Adds the keys that were in the file before and after the state was copied: where the key was replaced meanwhile,
    /// the secrets in the copy are sealed with one of them.
    fn add_key(&mut self, before: &str, after: &str) -> anyhow::Result<()> {
        let mut keys: Vec<&str> = after.lines().collect();
        keys.extend(before.lines().filter(|key| !after.contains(key)));
        if keys.is_empty() {
            return Ok(());
        }
        let path = self.work.path.join("key");
        let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
        std::io::Write::write_all(&mut create_private(&path)?, text.as_bytes())?;
        Ok(self.writer.add("master.key", &path, &self.progress)?)
    }
}

/// The text of the key file where it is wanted.
fn key_text(folder: &DataFolder, is_wanted: bool) -> anyhow::Result<String> {
    if !is_wanted {
        return Ok(String::new());
    }
    let path = folder.key_file();
    let key = MasterKey::load(&path)?;
    let key = key.with_context(|| format!("--with-key: there is no {}", path.display()))?;
    Ok(key.text().reveal().to_owned())
}

/// Files of the journal, oldest first.
pub(crate) fn journal_days(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(folder.display().to_string()),
    };
    let is_day = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let day = name.and_then(|name| name.strip_suffix(".db"));
        day.is_some_and(|day| parse_day(day).is_ok())
    };
    let mut days: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(is_day)
        .collect();
    days.sort_unstable();
    Ok(days)
}

/// The sequence behind the newest block.
fn journal_end(days: &[PathBuf]) -> anyhow::Result<u64> {
    let sql = "SELECT first + count FROM block WHERE stream = $1 ORDER BY first DESC LIMIT 1";
    for day in days.iter().rev() {
        // A file that is being made has no table, and so no block.
        if files::has_table(day, "block")?
            && let Some(row) = files::query(day, sql, &[LOCAL_STREAM.into()])?.first()
        {
            return Ok(row.uint(0)?);
        }
    }
    Ok(1)
}

/// Drops what stands behind `end` from the copy of a day, and counts the rest; false where nothing is left.
fn cut_day(manifest: &mut Manifest, copy: &Path, end: u64) -> anyhow::Result<bool> {
    if !files::has_table(copy, "block")? {
        return Ok(false);
    }
    let behind = "SELECT 1 FROM block WHERE first >= $1 LIMIT 1";
    if !files::query(copy, behind, &[end.cast_signed().into()])?.is_empty() {
        let day = sqlite::open(sqlite::Options::durable(copy))?;
        let sql = "DELETE FROM block WHERE first >= $1";
        day.write(|tx| tx.execute(sql, &[end.cast_signed().into()]))?;
        day.checkpoint()?;
    }
    let sql = "SELECT COUNT(*), CAST(SUM(count) AS BIGINT), MAX(received_at) FROM block";
    let counted = files::query(copy, sql, &[])?;
    let row = counted.first().context("a count")?;
    if row.int(0)? == 0 {
        return Ok(false);
    }
    manifest.entries += row.uint(1)?;
    manifest.until_ms = manifest.until_ms.max(row.opt_int(2)?);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_that_is_interrupted_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&folder.path().join("data")).unwrap();
        crate::stores::Stores::embedded(data.clone())
            .state()
            .unwrap();
        let work = WorkFolder::beside(&folder.path().join("backup")).unwrap();
        let stop = Stop::default();
        stop.want();
        let stopped = pack(&data, &work, &work.path.join("backup"), false, &stop).unwrap_err();
        assert!(format!("{stopped:#}").contains("stopped"), "{stopped:#}");
        drop(work);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
