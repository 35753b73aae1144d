//! Keeps the cores of this machine from sleeping while latencies are measured. A core with nothing to do sleeps, and on a
//! virtual machine it may take milliseconds to wake: longer than what is measured takes, though no core sleeps on a machine
//! that has work to do.

use std::fs::{File, OpenOptions};
use std::io::Write;

use anyhow::Context;

/// The kernel lets no core sleep from which it takes longer to wake than what was written here, in µs, while the file is open:
/// <https://docs.kernel.org/power/pm_qos_interface.html>.
const WAKE_LATENCY: &str = "/dev/cpu_dma_latency";

/// Whether cores with nothing to do sleep while something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// They do, as the machine is set.
    Free,
    /// They wait awake.
    Awake,
}

impl Cores {
    /// Keeps the cores so, until the file is dropped.
    ///
    /// # Errors
    /// Where the kernel may not be told: it takes the rights of root.
    pub(super) fn keep(self) -> anyhow::Result<Option<File>> {
        if self == Self::Free {
            return Ok(None);
        }
        let tell = || {
            let mut file = OpenOptions::new().write(true).open(WAKE_LATENCY)?;
            file.write_all(&0_i32.to_ne_bytes())?;
            Ok::<_, std::io::Error>(file)
        };
        let file = tell().with_context(|| {
            format!(
                "--cores awake: {WAKE_LATENCY} cannot be written, which takes the rights of root"
            )
        })?;
        Ok(Some(file))
    }
}
