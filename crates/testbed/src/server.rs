//! A server of one's own, in a temporary folder.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::programs::{User, command, find_programs, user_if_root};

const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// A start after a crash reads the whole log again.
const MOST_POLLS: u32 = 6_000;
/// Tries to find a port that nobody takes in between.
const MOST_PORTS: usize = 5;

/// How a server runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether commits reach the disk: on to measure, off to test.
    pub fsync: bool,
    /// The files of a certificate and its key, for a server that speaks TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A PostgreSQL server of its own. It ends when this is dropped, and when the thread that started it dies.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    user: Option<User>,
    options: Options,
    port: u16,
    running: Option<Child>,
    folder: TempDir,
}

impl Postgres {
    /// Makes a cluster in a temporary folder and starts a server on it: on a free port of 127.0.0.1 and on a socket in
    /// [`Self::socket_folder`], with a superuser `postgres` that needs no password.
    ///
    /// # Errors
    /// Says what is missing, or quotes the server's log.
    pub fn start(options: Options) -> anyhow::Result<Self> {
        let programs = find_programs().context(
            "PostgreSQL is not installed: on Debian, apt-get install -y --no-install-recommends postgresql",
        )?;
        let mut server = Self {
            programs,
            user: user_if_root()?,
            options,
            port: 0,
            running: None,
            folder: tempfile::Builder::new().prefix("testbed").tempdir()?,
        };
        if let Some(user) = &server.user {
            chown(server.folder.path(), Some(user.uid), Some(user.gid))?;
        }
        server.make_cluster()?;
        server.take_certificate()?;
        for _ in 0..MOST_PORTS {
            server.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if server.try_start()? {
                return Ok(server);
            }
        }
        bail!("{MOST_PORTS} free ports were taken before the server could listen on them")
    }

    /// URL of the database `postgres`, as its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The process of the server, where it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(Child::id)
    }

    /// The folder of its Unix socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Does at once what the server would do by and by after much was written: so that it is at rest when it is measured.
    ///
    /// # Errors
    /// Quotes what `psql` says.
    pub fn settle(&self) -> anyhow::Result<()> {
        let mut settle = command(Path::new("psql"), self.user.as_ref());
        settle.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url()]);
        settle.args(["-c", "VACUUM ANALYZE", "-c", "CHECKPOINT"]);
        run(&mut settle, "psql")
    }

    /// Ends it as a crash does: connections are cut, nothing is written any more.
    ///
    /// # Errors
    /// Where it does not end.
    pub fn stop_at_once(&mut self) -> anyhow::Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let mut stop = command(&self.programs.join("pg_ctl"), self.user.as_ref());
        stop.arg("-D").arg(self.data());
        stop.args(["-m", "immediate", "-s", "-w", "stop"]);
        if !stop.status().is_ok_and(|status| status.success()) {
            running.kill()?;
        }
        running.wait()?;
        Ok(())
    }

    /// Starts it again, on the same data and the same port.
    ///
    /// # Errors
    /// Quotes the server's log.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.stop_at_once()?;
        if self.try_start()? {
            return Ok(());
        }
        bail!("another program has taken port {}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn make_cluster(&self) -> anyhow::Result<()> {
        let mut make = command(&self.programs.join("initdb"), self.user.as_ref());
        make.arg("-D").arg(self.data());
        make.args([
            "--no-locale",
            "-E",
            "UTF8",
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
        ]);
        run(&mut make, "initdb")
    }

    /// Copies the certificate and its key: a server takes no key that others may read.
    fn take_certificate(&self) -> anyhow::Result<()> {
        let Some((certificate, key)) = &self.options.tls else {
            return Ok(());
        };
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = self.data().join(name);
            fs::copy(from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?;
            if let Some(user) = &self.user {
                chown(&to, Some(user.uid), Some(user.gid))?;
            }
        }
        Ok(())
    }

    /// False where the port is taken.
    fn try_start(&mut self) -> anyhow::Result<bool> {
        let mut start = command(&self.programs.join("postgres"), self.user.as_ref());
        start.arg("-D").arg(self.data());
        start.arg("-k").arg(self.socket_folder());
        start.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        let on = if self.options.fsync { "on" } else { "off" };
        let ssl = if self.options.tls.is_some() {
            "on"
        } else {
            "off"
        };
        let settings = [
            &format!("ssl={ssl}"),
            &format!("fsync={on}"),
            &format!("full_page_writes={on}"),
            "max_connections=300",
            "timezone=UTC",
            "log_timezone=UTC",
        ];
        for setting in settings {
            start.args(["-c", setting]);
        }
        let log = File::create(self.log())?;
        start.stdout(log.try_clone()?).stderr(log);
        let running = start.spawn().context("setpriv cannot be started")?;
        self.running = Some(running);
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<bool> {
        let states = self.data().join("postmaster.pid");
        for _ in 0..MOST_POLLS {
            let is_ready = |text: String| text.lines().nth(7).map(str::trim) == Some("ready");
            let running = self
                .running
                .as_mut()
                .context("the server was not started")?;
            if let Some(status) = running.try_wait()? {
                self.running = None;
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                if log.contains("could not bind") {
                    return Ok(false);
                }
                bail!("the server ended, {status}: {log}");
            }
            // A file of a server that crashed names another process.
            let pid = running.id().to_string();
            let written = fs::read_to_string(&states).unwrap_or_default();
            if written.lines().next() == Some(pid.as_str()) && is_ready(written) {
                return Ok(true);
            }
            sleep(POLL_INTERVAL);
        }
        bail!("the server is not ready in time")
    }
}

/// Runs a program to its end.
fn run(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let told = command.output().context("setpriv cannot be started")?;
    if !told.status.success() {
        let text = String::from_utf8_lossy(&told.stderr);
        bail!("{name}: {}: {text}", told.status);
    }
    Ok(())
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The kernel ends what is left with the thread that started it.
        let _ = self.stop_at_once();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_listens_stops_and_starts_again() {
        let connects = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        let mut server = Postgres::start(Options::default()).unwrap();
        assert!(connects(server.port));
        server.stop_at_once().unwrap();
        assert!(!connects(server.port));
        server.start_again().unwrap();
        assert!(connects(server.port));
        server.settle().unwrap();
        let (port, folder) = (server.port, server.socket_folder().to_owned());
        drop(server);
        assert!(!connects(port));
        assert!(!folder.exists());
    }
}
