//! The programs of PostgreSQL, and the user that runs them: PostgreSQL refuses root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Where Debian keeps each version.
const VERSIONS: &str = "/usr/lib/postgresql";
const PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// The folder with PostgreSQL's programs: one on PATH, else the newest of Debian's. None where there is none.
#[must_use]
pub fn find_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_all = |folder: &PathBuf| PROGRAMS.iter().all(|name| folder.join(name).is_file());
    std::env::split_paths(&path)
        .find(has_all)
        .or_else(|| newest_version().filter(has_all))
}

fn newest_version() -> Option<PathBuf> {
    let entries = Path::new(VERSIONS).read_dir().ok()?;
    let versions = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        Some((number, path.join("bin")))
    });
    versions.max().map(|(_, folder)| folder)
}

/// A user other than root.
#[derive(Debug, Clone)]
pub(crate) struct User {
    name: &'static str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The user to run as; `None` where this process is not root, and runs PostgreSQL as itself.
pub(crate) fn user_if_root() -> anyhow::Result<Option<User>> {
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let (Ok(uid), Ok(gid)) = (id(&["-u", name]), id(&["-g", name])) {
            return Ok(Some(User { name, uid, gid }));
        }
    }
    bail!("PostgreSQL refuses root, and there is no user postgres or nobody to run it as")
}

fn id(words: &[&str]) -> anyhow::Result<u32> {
    let told = Command::new("id")
        .args(words)
        .stderr(Stdio::null())
        .output();
    let told = told.context("id cannot be started")?;
    Ok(String::from_utf8(told.stdout)?.trim().parse()?)
}

/// A command as that user, which the kernel ends when the thread that started it ends, however that comes.
pub(crate) fn command(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user.name, "--regid", &user.gid.to_string()]);
        command.arg("--clear-groups");
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    // What a developer has set for psql is not for this server.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command
}
