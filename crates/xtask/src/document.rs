//! `cargo xtask openapi`: writes `docs/openapi.json` as the code says it. A test of the binary fails where they differ.

use std::fs;

use anyhow::Context;
use tempfile::TempDir;

use crate::bench::reportd::{Place, Reportd};
use crate::rooms::workspace_root;

/// Writes the document.
pub(crate) fn write() -> anyhow::Result<()> {
    let folder = TempDir::new().context("a folder")?;
    let text = Reportd::build("")?.run(&Place::embedded(folder.path()), "openapi")?;
    let path = workspace_root().join("docs/openapi.json");
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{} is written", path.display());
    Ok(())
}
