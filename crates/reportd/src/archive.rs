//! The file of a backup: a tar, compressed by zstd, of the store's files and a manifest with the size and the SHA-256 of
//! each.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use reportd_platform::secret::hex;
use reportd_platform::zones::parse_day;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::progress::Progress;

/// The format that is written and read.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// Blocks of the journal are compressed already: more work would gain little.
const COMPRESSION_LEVEL: i32 = 1;
/// A file for each day of more than a hundred years, and what else there is.
const MOST_MEMBERS: usize = 40_000;
const MOST_MANIFEST_BYTES: u64 = 16 << 20;

/// What a backup holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    /// Version of the reportd that made it.
    pub(crate) reportd: String,
    pub(crate) made_at_ms: i64,
    pub(crate) apps: u64,
    /// Entries of the journal, and the time of arrival of the newest.
    pub(crate) entries: u64,
    pub(crate) until_ms: Option<i64>,
    /// The sequence behind the last entry of each stream.
    pub(crate) journal_ends: BTreeMap<u32, u64>,
    pub(crate) members: Vec<Member>,
}

impl Manifest {
    pub(crate) fn new(made_at_ms: i64) -> Self {
        Self {
            format: FORMAT,
            reportd: env!("CARGO_PKG_VERSION").to_owned(),
            made_at_ms,
            apps: 0,
            entries: 0,
            until_ms: None,
            journal_ends: BTreeMap::new(),
            members: Vec::new(),
        }
    }

    /// Days of the journal.
    pub(crate) fn days(&self) -> usize {
        let is_day = |member: &&Member| member.name.starts_with("journal/");
        self.members.iter().filter(is_day).count()
    }

    /// True where it holds that file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The only names that a backup may hold. Whatever else it names, also by way of `..`, is refused.
fn is_known(name: &str) -> bool {
    let is_day = |name: &str| {
        name.strip_suffix(".db")
            .is_some_and(|day| parse_day(day).is_ok())
    };
    ["reportd.db", "views.db", "base.db", "master.key"].contains(&name)
        || name.strip_prefix("journal/").is_some_and(is_day)
}

/// Makes a new file that its owner alone may read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A backup that is being written.
pub(crate) struct Writer {
    tar: tar::Builder<zstd::Encoder<'static, File>>,
    members: Vec<Member>,
}

impl Writer {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut encoder = zstd::Encoder::new(create_private(path)?, COMPRESSION_LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self {
            tar: tar::Builder::new(encoder),
            members: Vec::new(),
        })
    }

    /// Adds the file at `path`, which nobody writes any more, as `name`.
    pub(crate) fn add(&mut self, name: &str, path: &Path, progress: &Progress) -> io::Result<()> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut reader = Watched::new(file, progress);
        self.append(name, bytes, &mut reader)?;
        if reader.count != bytes {
            return Err(io::Error::other(format!(
                "{name} changed while it was read"
            )));
        }
        self.members.push(Member {
            name: name.to_owned(),
            bytes,
            sha256: reader.sha256(),
        });
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: u64, reader: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        self.tar.append_data(&mut header, name, reader)
    }

    /// Writes the manifest, and all of it to the disk.
    pub(crate) fn finish(mut self, mut manifest: Manifest) -> anyhow::Result<Manifest> {
        manifest.members = std::mem::take(&mut self.members);
        let text = serde_json::to_vec_pretty(&manifest)?;
        self.append(MANIFEST, text.len() as u64, &text[..])?;
        self.tar.into_inner()?.finish()?.sync_all()?;
        Ok(manifest)
    }
}

/// Unpacks the backup at `path` into the empty folder `into`, checks each file against the manifest, and brings all of
/// it to the disk. `progress` counts bytes of the backup.
pub(crate) fn unpack(path: &Path, into: &Path, progress: &Progress) -> anyhow::Result<Manifest> {
    let file = File::open(path)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(Watched::new(file, progress))?);
    let (mut found, mut manifest) = (Vec::new(), None);
    let mut names = HashSet::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        ensure!(entry.header().entry_type().is_file(), "«{name}» is no file");
        ensure!(names.insert(name.clone()), "«{name}» is in it twice");
        ensure!(names.len() <= MOST_MEMBERS, "it holds too many files");
        if name == MANIFEST {
            let mut text = Vec::new();
            entry.take(MOST_MANIFEST_BYTES).read_to_end(&mut text)?;
            manifest = Some(serde_json::from_slice(&text).context("its manifest")?);
        } else {
            ensure!(is_known(&name), "«{name}» is no file of a store");
            found.push(unpack_member(name, &mut entry, into, progress)?);
        }
    }
    // Only at its end does the checksum of the whole tell.
    let mut rest = archive.into_inner();
    let mut tail = Vec::new();
    rest.by_ref().take(1 << 20).read_to_end(&mut tail)?;
    ensure!(
        tail.iter().all(|&byte| byte == 0),
        "something stands behind its end"
    );
    let manifest: Manifest = manifest.context("it has no manifest: it is not whole")?;
    check_manifest(&manifest, &found)?;
    Ok(manifest)
}

fn unpack_member(
    name: String,
    from: &mut impl Read,
    into: &Path,
    progress: &Progress,
) -> anyhow::Result<Member> {
    let target = into.join(&name);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = create_private(&target)?;
    let mut reader = Watched::silent(from, progress);
    io::copy(&mut reader, &mut file)?;
    file.sync_all()?;
    Ok(Member {
        name,
        bytes: reader.count,
        sha256: reader.sha256(),
    })
}

fn check_manifest(manifest: &Manifest, found: &[Member]) -> anyhow::Result<()> {
    if manifest.format != FORMAT {
        bail!(
            "its format is {}, made by reportd {}: use that version",
            manifest.format,
            manifest.reportd
        );
    }
    ensure!(manifest.has("reportd.db"), "it holds no reportd.db");
    for member in &manifest.members {
        let unpacked = found.iter().find(|found| found.name == member.name);
        let unpacked = unpacked.with_context(|| format!("{} is missing", member.name))?;
        ensure!(unpacked == member, "{} is damaged", member.name);
    }
    for member in found {
        ensure!(
            manifest.has(&member.name),
            "{} is not in its manifest",
            member.name
        );
    }
    Ok(())
}

/// A reader that counts, hashes, and ends where the command is to stop.
struct Watched<'a, R> {
    inner: R,
    progress: &'a Progress,
    counts: bool,
    count: u64,
    hasher: Sha256,
}

impl<'a, R: Read> Watched<'a, R> {
    fn new(inner: R, progress: &'a Progress) -> Self {
        Self {
            inner,
            progress,
            counts: true,
            count: 0,
            hasher: Sha256::new(),
        }
    }

    /// One whose bytes are no progress.
    fn silent(inner: R, progress: &'a Progress) -> Self {
        Self {
            counts: false,
            ..Self::new(inner, progress)
        }
    }

    fn sha256(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.hasher.update(&into[..count]);
        self.count += count as u64;
        let counted = if self.counts { count as u64 } else { 0 };
        if self.progress.advance(counted) {
            Ok(count)
        } else {
            Err(io::Error::other("it was interrupted"))
        }
    }
}
