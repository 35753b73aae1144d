//! How far the views lag: read from `/readyz`, which looks at the journal at that moment.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use crate::bench::http::Connection;
use crate::bench::server::Server;
use crate::bench::store::Store;
use crate::clock::Stopwatch;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Views that take longer have a fault, and nothing more can be measured.
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);

/// The lag of the view that lags most, in ms.
fn lag_ms(connection: &mut Connection) -> anyhow::Result<u64> {
    let ready: Value = serde_json::from_str(&connection.get("/readyz")?)?;
    let views = ready["views"].as_array().context("no views in /readyz")?;
    if let Some(stuck) = views.iter().find(|view| view["stuck"] == true) {
        bail!("a view is stuck: {stuck}");
    }
    let lags = views.iter().filter_map(|view| view["lag_ms"].as_u64());
    lags.max().context("no lag_ms in /readyz")
}

/// Waits until the views hold all that is acknowledged; tells how long that took.
pub(super) fn wait_until_level(store: &Store<'_>, server: &Server) -> anyhow::Result<Duration> {
    let watch = Stopwatch::start();
    let mut connection = store.connect(server)?;
    while lag_ms(&mut connection)? > 0 {
        if watch.elapsed() > LONGEST_WAIT {
            bail!("the views are not level after {} s", LONGEST_WAIT.as_secs());
        }
        sleep(POLL_INTERVAL);
    }
    Ok(watch.elapsed())
}

/// Does `work` and looks at the lag meanwhile; tells the most that was seen.
pub(super) fn watch_lag<T>(
    store: &Store<'_>,
    server: &Server,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    let mut connection = store.connect(server)?;
    let (stop, stopped) = channel::<()>();
    scope(|threads| {
        let watching = threads.spawn(move || {
            let mut most = 0;
            loop {
                let told = stopped.recv_timeout(SAMPLE_INTERVAL);
                most = most.max(lag_ms(&mut connection)?);
                // The sender was dropped: the work is done.
                if told == Err(RecvTimeoutError::Disconnected) {
                    return anyhow::Ok(most);
                }
            }
        });
        let done = work();
        drop(stop);
        let most = watching
            .join()
            .map_err(|_| anyhow!("watching the lag stopped"))?;
        Ok((done?, most?))
    })
}
