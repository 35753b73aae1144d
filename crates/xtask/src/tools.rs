//! The tools that the tests need: looked for, and installed where they are missing.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Commands that tests start, each with the Debian package that has it.
const TOOLS: &[(&str, &str)] = &[
    ("strace", "strace"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("php", "php-cli"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    (POSTGRES, "postgresql"),
];
/// Debian keeps it out of PATH.
const POSTGRES: &str = "postgres";
/// Debian makes a cluster and starts it when the package is installed, unless this says no. Tests start their own.
const CLUSTER_SETTINGS: (&str, &str) = (
    "/etc/postgresql-common/createcluster.d/reportd.conf",
    "create_main_cluster = false\n",
);

/// Where a Python is looked for: one that comes first in the path may have no `venv`, and Debian's may have it.
const PYTHONS: &[&str] = &["python3", "/usr/bin/python3"];
/// What the Python must have: what makes environments, and an age that schemathesis runs on.
const PYTHON_CHECK: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
/// The Debian packages that have it.
const PYTHON_PACKAGES: &[&str] = &["python3", "python3-venv"];

/// Parts of the toolchain that the steps use, each with the component that has it.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Finds or installs all of them; what it cannot install it tells the person to.
pub(crate) fn install_missing() -> anyhow::Result<()> {
    for (subcommand, component) in COMPONENTS {
        if !succeeds("cargo", &[subcommand, "--version"]) {
            run(&["rustup", "component", "add", component])
                .with_context(|| format!("cargo {subcommand} is missing"))?;
        }
    }
    let mut packages = missing_packages(is_installed);
    if python().is_none() {
        packages.extend(PYTHON_PACKAGES);
    }
    if packages.is_empty() {
        return Ok(());
    }
    println!("missing: {}", packages.join(", "));
    install(&packages).with_context(|| {
        let packages = packages.join(" ");
        format!("run this and try again: apt-get install -y --no-install-recommends {packages} (as root)")
    })
}

/// A Python that can make environments.
pub(crate) fn python() -> Option<&'static str> {
    let fits = |python: &&&str| succeeds(python, &["-c", PYTHON_CHECK]);
    PYTHONS.iter().find(fits).copied()
}

/// The packages of the tools that are not there, each once.
fn missing_packages(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for (tool, package) in TOOLS {
        if !is_there(tool) && !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

fn is_installed(tool: &str) -> bool {
    if tool == POSTGRES {
        return reportd_testbed::find_programs().is_some();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(tool)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let as_root: &[&str] = if is_root() {
        &["env", "DEBIAN_FRONTEND=noninteractive"]
    } else if succeeds("sudo", &["-n", "true"]) {
        &["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"]
    } else {
        bail!("only root can install packages, and sudo wants a password");
    };
    if packages.contains(&"postgresql") {
        let (path, text) = CLUSTER_SETTINGS;
        let script = format!("mkdir -p $(dirname {path}) && printf '{text}' > {path}");
        run(&[as_root, &["sh", "-c", &script]].concat())?;
    }
    run(&[as_root, &["apt-get", "update"]].concat())?;
    let install = ["apt-get", "install", "-y", "--no-install-recommends"];
    run(&[as_root, &install, packages].concat())
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output();
    told.is_ok_and(|told| told.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &str, words: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    let line = words.join(" ");
    println!("{line}");
    let (program, words) = words.split_first().context("an empty command")?;
    let status = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{line}: cannot be started"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_tools_name_their_packages() {
        assert!(missing_packages(|_| true).is_empty());
        assert_eq!(
            missing_packages(|tool| tool == "postgres"),
            [
                "strace",
                "util-linux",
                "mount",
                "php-cli",
                "chromium",
                "chromium-driver"
            ]
        );
    }
}
