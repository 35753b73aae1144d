//! The rooms check: which crate may use which, and which names stay in which room (ARCHITECTURE.md, Invariants).

mod manifest;
mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: usize,
    problem: String,
}

/// The folder of the workspace.
pub(crate) fn workspace_root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Fails, naming file and line, where a crate of this workspace breaks a rule.
pub(crate) fn check_workspace() -> anyhow::Result<()> {
    let faults = check(workspace_root())?;
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.join("\n");
    bail!("these break the floors of ARCHITECTURE.md:\n{faults}")
}

/// What the crates of a workspace break, each with file and line.
fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut told = Vec::new();
    for folder in entries(&root.join("crates"))? {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let room = folder.file_name().unwrap_or_default().to_string_lossy();
        for path in [vec![manifest], rust_files(&folder)?].concat() {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let inner = path.strip_prefix(&folder).unwrap_or(&path);
            let shown = path.strip_prefix(root).unwrap_or(&path).display();
            for Fault { line, problem } in check_file(&room, inner, &text) {
                told.push(format!("{shown}:{line}: {problem}"));
            }
        }
    }
    Ok(told)
}

/// `inner` is the path inside the crate's folder.
fn check_file(room: &str, inner: &Path, text: &str) -> Vec<Fault> {
    if inner == Path::new("Cargo.toml") {
        rules::check_manifest(room, text)
    } else {
        rules::check_source(room, inner, text)
    }
}

/// What is in a folder, in the order of names.
fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{} cannot be listed", folder.display()))?;
    let mut paths: Vec<PathBuf> = listed.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_is_named_by_file_and_line() {
        let root = tempfile::tempdir().unwrap();
        let room = root.path().join("crates/comm");
        fs::create_dir_all(room.join("src")).unwrap();
        let manifest = "[dependencies]\nreportd-push.workspace = true\n";
        fs::write(room.join("Cargo.toml"), manifest).unwrap();
        fs::write(
            room.join("src/view.rs"),
            "//! Views.\n\nuse axum::Router;\n",
        )
        .unwrap();
        let expected = [
            "crates/comm/Cargo.toml:2: the kind comm uses the kind push",
            "crates/comm/src/view.rs:3: only web, routes, api and pages name axum",
        ];
        assert_eq!(check(root.path()).unwrap(), expected);
    }
}
