//! Start to ready on an empty folder: from the start of the process to the line that tells the address.

use tempfile::TempDir;

use crate::bench::reportd::{Place, Reportd};
use crate::bench::server::Server;
use crate::bench::{median, ms};

const STARTS: usize = 5;

/// Starts a few times, each in a folder that is new.
pub(super) fn measure(reportd: &Reportd) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let folder = TempDir::new_in(reportd.bench_folder()?)?;
        let server = Server::start(reportd, &Place::embedded(&folder.path().join("data")), "")?;
        times.push(server.ready_after);
        server.stop()?;
    }
    println!(
        "start to ready on an empty folder: {:.0} ms, the median of {STARTS}",
        ms(median(times))
    );
    Ok(())
}
