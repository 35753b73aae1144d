//! Logs: text on a terminal, JSON elsewhere; always on stderr.

use std::io::{IsTerminal, stderr};

use anyhow::{anyhow, bail};
use tracing_subscriber::filter::LevelFilter;

use crate::settings::Log;

/// Starts logging as the settings say.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let level: LevelFilter = log
        .level
        .parse()
        .map_err(|_| anyhow!("log.level: expected error, warn, info, debug or trace"))?;
    let as_json = match log.format.as_str() {
        "json" => true,
        "text" => false,
        "auto" => !stderr().is_terminal(),
        _ => bail!("log.format: expected text, json or auto"),
    };
    let logs = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(stderr)
        .with_target(false);
    if as_json {
        logs.json().flatten_event(true).with_span_list(false).init();
    } else {
        logs.with_ansi(stderr().is_terminal()).init();
    }
    Ok(())
}
