//! The file of erased numbers in the data folder: a line each, `app number time`. It names nobody.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use reportd_platform::AppNo;

use crate::entry::ViewerNo;

/// An erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Erased {
    pub(super) app: AppNo,
    pub(super) viewer: ViewerNo,
    pub(super) at_ms: i64,
}

/// The file of erasures. Lines are only added.
#[derive(Debug)]
pub struct ErasureFile {
    path: PathBuf,
    turn: Mutex<()>,
}

impl ErasureFile {
    /// The file at `path`, which is made when the first line is written.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            turn: Mutex::default(),
        }
    }

    /// Adds erasures; they are on disk when it returns. Blocks.
    pub(super) fn append(&self, erased: &[Erased]) -> io::Result<()> {
        if erased.is_empty() {
            return Ok(());
        }
        let path = &self.path;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        // What a write left that was cut off is ended first: its line is none.
        let mut lines = String::from(if is_new { "" } else { "\n" });
        for Erased { app, viewer, at_ms } in erased {
            lines.push_str(&format!("{app} {viewer} {at_ms}.\n"));
        }
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        if let Some(folder) = path.parent().filter(|_| is_new) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// All erasures, each once. Lines that were cut off are passed over: what they were to tell was not done.
    pub(super) fn read(&self) -> io::Result<Vec<Erased>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut met = HashSet::new();
        let all = text.lines().filter_map(read_line);
        Ok(all.filter(|erased| met.insert(erased.viewer)).collect())
    }
}

/// A whole line ends with a full stop.
fn read_line(line: &str) -> Option<Erased> {
    let mut numbers = line.strip_suffix('.')?.split(' ');
    let erased = Erased {
        app: numbers.next()?.parse().ok()?,
        viewer: numbers.next()?.parse().ok()?,
        at_ms: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures");
        let file = ErasureFile::at(path.clone());
        assert_eq!(file.read().unwrap(), []);
        let erased = |viewer| Erased {
            app: 3,
            viewer,
            at_ms: 1_795_233_600_000,
        };
        file.append(&[erased(1 << 62), erased(7)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().next(),
            Some("3 4611686018427387904 1795233600000.")
        );
        std::fs::write(&path, format!("{text}3 99 17952336")).unwrap();
        file.append(&[erased(7), erased(8)]).unwrap();
        assert_eq!(file.read().unwrap(), [1 << 62, 7, 8].map(erased));
    }
}
