//! `reportd load`: sends generated requests and measures.

mod comm;
mod dialogue;
mod playback;
mod push;
mod schedule;
mod sender;
mod summary;

use std::sync::Arc;

use anyhow::bail;
use reportd_platform::clock::{Clock, SystemClock};

use crate::cli::{Load, LoadRun};

/// Sends as asked, and prints what came of it.
pub(crate) async fn load(asked: Load) -> anyhow::Result<()> {
    match asked {
        Load::Comm(asked) => comm::load_comm(&asked).await,
        Load::Playback(asked) => playback::load_playback(&asked).await,
        Load::Push(asked) => push::load_push(asked).await,
        Load::Dialogue(asked) => dialogue::load_dialogue(asked).await,
    }
}

/// How requests are sent.
struct Plan {
    /// Host and port.
    address: String,
    connections: u32,
    /// Requests a second; 0 sends as fast as the server answers.
    rate: u32,
    seconds: u32,
    /// Latency of a connection that was idle counts from when its timer woke it, not from when it should have: timers go
    /// by whole milliseconds, which is much next to a read.
    counts_from_wake: bool,
    clock: Arc<dyn Clock>,
}

impl Plan {
    /// As asked, from now on.
    fn new(asked: &LoadRun, counts_from_wake: bool) -> anyhow::Result<Self> {
        Ok(Self {
            address: plain_address(&asked.url)?,
            connections: asked.connections,
            rate: asked.rate,
            seconds: asked.seconds,
            counts_from_wake,
            clock: Arc::new(SystemClock::start()),
        })
    }
}

/// Host and port of a base URL.
fn plain_address(url: &str) -> anyhow::Result<String> {
    let address = url
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/').to_owned());
    match address.filter(|address| !address.contains('/')) {
        Some(address) => Ok(address),
        None => bail!(
            "--url: expected http://host:port, without a path: the generator speaks plain HTTP"
        ),
    }
}
