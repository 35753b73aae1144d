//! The release binary, and its commands that answer in JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cargo::cargo;
use crate::rooms::workspace_root;

/// Where a store is: a data folder, and a database where it is not embedded.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) data: PathBuf,
    pub(crate) database_url: Option<String>,
}

impl Place {
    /// The embedded store of a folder.
    pub(crate) fn embedded(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            database_url: None,
        }
    }
}

/// The binary that is measured.
pub(crate) struct Reportd {
    binary: PathBuf,
}

impl Reportd {
    /// Builds it with a flag of cargo, and takes the path that cargo tells.
    pub(crate) fn build(flag: &str) -> anyhow::Result<Self> {
        let words = format!("build {flag} -p reportd --message-format=json-render-diagnostics");
        let built = cargo()
            .args(words.split_whitespace())
            .current_dir(workspace_root())
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be started")?;
        if !built.status.success() {
            bail!("cargo {words}: {}", built.status);
        }
        let told = String::from_utf8_lossy(&built.stdout);
        let binary = told.lines().filter_map(executable).next_back();
        let binary = binary.context("cargo did not tell where the binary is")?;
        Ok(Self { binary })
    }

    /// The folder that cargo builds in.
    pub(crate) fn target(&self) -> &Path {
        self.binary.ancestors().nth(2).unwrap_or(Path::new("."))
    }

    /// A folder for what is measured: next to the build, since temporary folders may be memory, where syncs cost nothing.
    pub(crate) fn bench_folder(&self) -> anyhow::Result<PathBuf> {
        let folder = self.target().join("bench");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }

    /// A command on a store.
    pub(crate) fn command(&self, place: &Place, line: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(line.split(' ')).arg("--data").arg(&place.data);
        if let Some(url) = &place.database_url {
            command.args(["--database-url", url]);
            // All nodes must have one; it protects nothing here.
            command.env("REPORTD_MASTER_KEY", format!("hex:{}", "0".repeat(64)));
        }
        command.stdin(Stdio::null());
        command
    }

    /// What a command with `--json` answers.
    pub(crate) fn ask(&self, place: &Place, line: &str) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.run(place, line)?)
            .with_context(|| format!("the answer of reportd {line}"))
    }

    /// Runs a command, which must succeed; returns what it prints.
    pub(crate) fn run(&self, place: &Place, line: &str) -> anyhow::Result<Vec<u8>> {
        let told = self
            .command(place, line)
            .output()
            .context("reportd cannot be started")?;
        if !told.status.success() {
            let problem = String::from_utf8_lossy(&told.stderr);
            bail!("reportd {line}: {}: {}", told.status, problem.trim());
        }
        Ok(told.stdout)
    }
}

/// The path in a message of cargo about the binary of reportd.
fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_reportd = message["target"]["name"] == "reportd";
    let path = message["executable"].as_str().filter(|_| is_reportd)?;
    Some(PathBuf::from(path))
}
