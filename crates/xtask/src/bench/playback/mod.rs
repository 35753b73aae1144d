//! `cargo xtask bench playback`: what a heartbeat costs, how many a server takes all the time, what a history costs to
//! read and to keep.

mod burst;
mod ground;
mod reads;
mod size;
mod sustained;

use crate::bench::reportd::Reportd;
use crate::command::{BenchPlayback, PlaybackPart};

/// Measures, and prints each figure when it is there.
pub(crate) fn measure(options: &BenchPlayback) -> anyhow::Result<()> {
    println!("building reportd in release");
    let reportd = Reportd::build("--release")?;
    let wants = |part| [PlaybackPart::All, part].contains(&options.part);
    if wants(PlaybackPart::Burst) {
        burst::measure(&reportd, options)?;
    }
    if wants(PlaybackPart::Sustained) {
        sustained::measure(&reportd, options)?;
    }
    if wants(PlaybackPart::Reads) {
        reads::measure(&reportd, options)?;
    }
    if wants(PlaybackPart::Size) {
        size::measure(&reportd, options)?;
    }
    Ok(())
}
