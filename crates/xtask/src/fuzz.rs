//! Fuzzing from the document: schemathesis reads `/api/openapi.json` of a running server, sends what it allows and what
//! it does not, and checks each reply against it.
//!
//! So the document is held to be true, and the server to answer nonsense with what the document says.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::reportd::{Place, Reportd};
use crate::bench::server::Server;
use crate::rooms::workspace_root;
use crate::tools;

/// Requests without a key are part of the game, all from one address.
const ENVIRONMENT: &[(&str, &str)] = &[("REPORTD_AUTH_FAILURES_PER_MINUTE", "1000000")];

/// Fuzzes the API and the protocol of a server of its own.
pub(crate) fn run() -> anyhow::Result<()> {
    let reportd = Reportd::build("")?;
    let schemathesis = install(&reportd.target().join("schemathesis"))?;
    let folder = TempDir::new().context("a folder for the server")?;
    let place = Place::embedded(&folder.path().join("data"));
    let app = reportd.ask(&place, "app create bots --json")?;
    let token = member(&app, "comm_token")?;
    let key = reportd.ask(&place, "key create fuzz --role admin --json")?;
    let key = member(&key, "key")?;
    let session = reportd.ask(&place, "viewer create bots 10086 --json")?;
    let (sessdata, csrf) = (member(&session, "sessdata")?, member(&session, "csrf")?);
    // Reports of any operation come through to the end.
    reportd.run(&place, "app set bots comm.unknown_operations=accept")?;
    let server = Server::start_with(&reportd, &place, "", ENVIRONMENT)?;
    let url = format!("http://{}", server.address);
    // Something to read.
    reportd.run(
        &place,
        &format!("load comm --url {url} --token {token} --rate 20 --seconds 1"),
    )?;
    reportd.run(
        &place,
        &format!(
            "load playback --url {url} --sessdata {sessdata} --csrf {csrf} --rate 20 --seconds 1"
        ),
    )?;
    let aes_key = member(&app, "aes_key")?;
    reportd.run(
        &place,
        &format!(
            "load dialogue --url {url} --app bots --aes-key {aes_key} --redirect https://a.example/ --rate 20 --seconds 1"
        ),
    )?;
    let push_token = push_token(&schemathesis, &url, &app)?;
    // It looks for both where it runs, and it runs where what it remembers goes: that would change the next run.
    for file in ["schemathesis.toml", "hooks.py"] {
        let kept = workspace_root().join("crates/xtask/fuzz").join(file);
        fs::copy(&kept, folder.path().join(file))
            .with_context(|| format!("{} cannot be copied", kept.display()))?;
    }
    let status = Command::new(schemathesis)
        .args(["run", &format!("{url}/api/openapi.json")])
        .envs([
            ("REPORTD_URL", &url),
            ("REPORTD_KEY", &key),
            ("REPORTD_TOKEN", &token),
            ("REPORTD_PUSH_TOKEN", &push_token),
            ("REPORTD_SESSDATA", &sessdata),
            ("REPORTD_CSRF", &csrf),
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .status()
        .context("schemathesis cannot be started")?;
    if !status.success() {
        bail!("the server and its document do not agree, see above: {status}");
    }
    server.stop()
}

fn member(answer: &Value, name: &str) -> anyhow::Result<String> {
    let text = answer[name].as_str().map(str::to_owned);
    text.with_context(|| format!("reportd does not tell «{name}»"))
}

/// A token of push reports, by the appkey and master secret of `app`; asked for by a script beside `schemathesis`.
fn push_token(schemathesis: &Path, url: &str, app: &Value) -> anyhow::Result<String> {
    let asked = Command::new(schemathesis.with_file_name("python"))
        .arg(workspace_root().join("crates/xtask/fuzz/push_token.py"))
        .env("REPORTD_URL", url)
        .env("REPORTD_APPKEY", member(app, "appkey")?)
        .env("REPORTD_MASTER_SECRET", member(app, "master_secret")?)
        .stdin(Stdio::null())
        .output()
        .context("the script that asks for a push token cannot be started")?;
    if !asked.status.success() {
        bail!("no push token: {}", String::from_utf8_lossy(&asked.stderr));
    }
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

/// Installs schemathesis of the pinned version into an environment of its own, where it is not there yet.
fn install(folder: &Path) -> anyhow::Result<PathBuf> {
    let pins = workspace_root().join("crates/xtask/fuzz/requirements.txt");
    let program = folder.join("bin/schemathesis");
    // Written last: where it fits, everything is there.
    let installed = folder.join("requirements.txt");
    if program.is_file() && fs::read(&installed).ok() == fs::read(&pins).ok() {
        return Ok(program);
    }
    let python = tools::python()
        .context("python3 of 3.10 or newer with venv is missing: cargo xtask test installs it")?;
    let venv = ["-m", "venv", "--clear"].map(OsStr::new);
    run_quietly(
        OsStr::new(python),
        &[&venv[..], &[folder.as_os_str()]].concat(),
    )?;
    let pip = ["-m", "pip", "install", "--quiet", "--requirement"].map(OsStr::new);
    let own_python = folder.join("bin/python");
    run_quietly(
        own_python.as_os_str(),
        &[&pip[..], &[pins.as_os_str()]].concat(),
    )?;
    fs::copy(&pins, &installed)?;
    Ok(program)
}

fn run_quietly(program: &OsStr, words: &[&OsStr]) -> anyhow::Result<()> {
    let status = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    if !status.success() {
        bail!("{} {words:?}: {status}", program.display());
    }
    Ok(())
}
