//! Where an export goes: stdout, or a file that appears under its name when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use reportd_platform::random::{Random, SystemRandom};
use reportd_platform::secret::hex;

use crate::archive::create_private;
use crate::backup::sync_folder_of;

const BUFFER_BYTES: usize = 64 << 10;

/// Where an export goes.
pub(super) enum Output {
    Stdout(BufWriter<Stdout>),
    File(BufWriter<File>, Option<Part>),
}

/// A file that is being written under another name. Where it is not ended, it goes.
pub(super) struct Part {
    part: PathBuf,
    path: PathBuf,
    is_done: bool,
}

impl Output {
    /// A file that is there is replaced when the export is whole; what is no file, such as a pipe, is written to.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let stdout = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
            return Ok(Self::Stdout(stdout));
        };
        let opened = if path.exists() && !path.is_file() {
            let file = File::options().write(true).open(path);
            file.map(|file| (file, None)).map_err(anyhow::Error::from)
        } else {
            Part::create(path).map(|(file, part)| (file, Some(part)))
        };
        let (file, part) = opened.with_context(|| format!("cannot write {}", path.display()))?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self::File(file, part))
    }

    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    /// Writes what is left; a file takes its name.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if let Self::File(file, Some(part)) = self {
            file.get_ref().sync_all()?;
            part.take_name()?;
        }
        Ok(())
    }
}

impl Part {
    fn create(path: &Path) -> anyhow::Result<(File, Self)> {
        // A link stays, and its file is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = path.file_name().context("expected the name of a file")?;
        let mut suffix = [0; 6];
        SystemRandom.fill(&mut suffix)?;
        let part =
            path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), hex(&suffix)));
        let file = create_private(&part)?;
        let is_done = false;
        Ok((
            file,
            Self {
                part,
                path,
                is_done,
            },
        ))
    }

    fn take_name(mut self) -> io::Result<()> {
        fs::rename(&self.part, &self.path)?;
        self.is_done = true;
        sync_folder_of(&self.path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_done {
            // The command has told what went wrong.
            let _ = fs::remove_file(&self.part);
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file, _) => file.flush(),
        }
    }
}
