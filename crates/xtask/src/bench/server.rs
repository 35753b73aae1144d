//! A server that runs on a data folder: start, stop, and what its process tells.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::bench::processor::processor_seconds;
use crate::bench::reportd::{Place, Reportd};
use crate::clock::Stopwatch;

/// The line that tells the address, when the server takes requests.
const READY_LINE: &str = "reportd listens on http://";
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_POLL: Duration = Duration::from_millis(10);

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
    /// Host and port.
    pub(crate) address: String,
    /// From the start of the process to the line that tells the address.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts it on a free port and waits until it is ready. `flags` go behind `serve`.
    pub(crate) fn start(reportd: &Reportd, place: &Place, flags: &str) -> anyhow::Result<Self> {
        Self::start_with(reportd, place, flags, &[])
    }

    /// The same with settings in its environment.
    pub(crate) fn start_with(
        reportd: &Reportd,
        place: &Place,
        flags: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let flags = format!("--listen 127.0.0.1:0 {flags}");
        Self::start_at(reportd, place, &flags, environment)
    }

    /// The same, where the flags say where it listens.
    pub(crate) fn start_at(
        reportd: &Reportd,
        place: &Place,
        flags: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let line = format!("serve {flags}");
        let log = place.data.with_extension("log");
        let mut command = reportd.command(place, line.trim_end());
        command.stdout(Stdio::piped()).stderr(File::create(&log)?);
        command.envs(environment.iter().copied());
        let watch = Stopwatch::start();
        let child = command.spawn().context("reportd cannot be started")?;
        let mut server = Self {
            child,
            log,
            address: String::new(),
            ready_after: Duration::ZERO,
        };
        let stdout = server.child.stdout.as_mut().context("no stdout")?;
        // The first start of a store tells of its first person before.
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.starts_with(READY_LINE));
        server.ready_after = watch.elapsed();
        match ready
            .as_deref()
            .and_then(|line| line.strip_prefix(READY_LINE))
        {
            Some(address) => address.clone_into(&mut server.address),
            None => bail!("the server did not start: {}", server.last_log_lines()),
        }
        Ok(server)
    }

    /// Stops it by SIGTERM; it must end by itself and well.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("sh")
            .args(["-c", "kill -TERM \"$1\"", "sh"])
            .arg(self.child.id().to_string())
            .status()?;
        if !told.success() {
            bail!("the server is gone already: {}", self.last_log_lines());
        }
        let watch = Stopwatch::start();
        while watch.elapsed() < STOP_TIMEOUT {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}: {}", self.last_log_lines()),
                None => sleep(STOP_POLL),
            }
        }
        bail!("the server did not stop in {} s", STOP_TIMEOUT.as_secs())
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The most memory that the process has held so far, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| path.clone())?;
        peak_memory(&status).with_context(|| format!("no VmHWM in {path}"))
    }

    /// Processor time that the process has taken so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> anyhow::Result<f64> {
        processor_seconds(self.child.id())
    }

    fn last_log_lines(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a stop it is gone, and there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn peak_memory(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        let status = "Name:\treportd\nVmHWM:\t   98304 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_memory(status), Some(98_304 * 1024));
        assert_eq!(peak_memory("Name:\tx\n"), None);
    }
}
