//! The demo, started on an empty folder.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::bench::reportd::{Place, Reportd};
use crate::clock::Stopwatch;

/// The last line that it prints when it is ready.
const LAST_LINE: &str = "Ctrl-C ends it.";

/// It runs; it is killed when it is dropped.
pub(super) struct Demo {
    child: Child,
    /// From the start of the process to its last line.
    pub(super) ready_after: Duration,
    /// What it says of that.
    pub(super) told_ready: String,
    pub(super) user: String,
    pub(super) password: String,
}

impl Demo {
    /// Starts it and waits until it is ready.
    pub(super) fn start(reportd: &Reportd, place: &Place) -> anyhow::Result<Self> {
        let mut command = reportd.command(place, "demo --listen 127.0.0.1:0");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let watch = Stopwatch::start();
        let child = command.spawn().context("reportd demo cannot be started")?;
        let mut demo = Self {
            child,
            ready_after: Duration::ZERO,
            told_ready: String::new(),
            user: String::new(),
            password: String::new(),
        };
        let stdout = demo.child.stdout.take().context("no stdout")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            for (name, value) in [
                ("user: ", &mut demo.user),
                ("password: ", &mut demo.password),
                ("Ready in ", &mut demo.told_ready),
            ] {
                if let Some(told) = line.strip_prefix(name) {
                    told.clone_into(value);
                }
            }
            if line == LAST_LINE {
                demo.ready_after = watch.elapsed();
                return Ok(demo);
            }
        }
        bail!("the demo ended before it was ready")
    }

    /// Stops it by SIGTERM; it must end well.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        let ended = self.child.wait()?;
        if !told.success() || !ended.success() {
            bail!("the demo ended with {ended}");
        }
        Ok(())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // After a stop it is gone, and there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
