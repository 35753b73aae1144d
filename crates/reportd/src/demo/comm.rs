//! Bot event reports of the demo.

use std::sync::Arc;
use std::time::Duration;

use reportd_client::CommClient;
use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport};
use reportd_platform::clock::{Clock, DAY_MS, HOUR_MS, SECOND_MS, SystemClock};

use super::HISTORY_DAYS;
use crate::traffic::{Traffic, gid};

const CENSUS_GROUPS: u64 = 40;
/// Between two live requests.
const LIVE_INTERVAL: Duration = Duration::from_millis(700);

/// Sends the history where it is wanted, then live reports until it is aborted.
pub(super) async fn send(client: CommClient, with_history: bool, clock: Arc<SystemClock>) {
    let mut traffic = Traffic::new(clock.now_ms().cast_unsigned());
    if with_history && let Err(error) = send_history(&client, &mut traffic, &clock).await {
        tracing::warn!(%error, "the history of bot event reports is not complete");
    }
    send_live(&client, &mut traffic, &clock).await;
}

/// Thirty days of messages and a census a day.
async fn send_history(
    client: &CommClient,
    traffic: &mut Traffic,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let now_ms = clock.now_ms();
    for days_ago in (0..HISTORY_DAYS).rev() {
        let day_ms = now_ms - days_ago * DAY_MS;
        send_census(client, traffic, day_ms, days_ago).await?;
        for _ in 0..traffic.below(8) + 8 {
            let ago_ms = traffic.below(DAY_MS.cast_unsigned()).cast_signed();
            let ts = (day_ms - ago_ms).max(now_ms - HISTORY_DAYS * DAY_MS) / SECOND_MS;
            client.send(&traffic.report(ts, 10)).await?;
        }
    }
    Ok(())
}

/// The bot gained a group every other day or so, and loses one now and then.
async fn send_census(
    client: &CommClient,
    traffic: &mut Traffic,
    day_ms: i64,
    days_ago: i64,
) -> anyhow::Result<()> {
    let groups: Vec<u64> = (0..CENSUS_GROUPS - days_ago.cast_unsigned() / 2)
        .filter(|group| !(group + days_ago.cast_unsigned()).is_multiple_of(17))
        .collect();
    for groups in groups.chunks(10) {
        let report = OutgoingReport::new((day_ms - HOUR_MS) / SECOND_MS, traffic.nonce());
        let report = groups.iter().fold(report, |report, &group| {
            report.item(OutgoingItem::group_census(gid(group), 1 + group % 6))
        });
        client.send(&report).await?;
    }
    Ok(())
}

async fn send_live(client: &CommClient, traffic: &mut Traffic, clock: &SystemClock) {
    loop {
        let items = u32::try_from(1 + traffic.below(4)).unwrap_or(1);
        let report = traffic.report(clock.now_ms() / SECOND_MS, items);
        if let Err(error) = client.send(&report).await {
            tracing::warn!(%error, "a live report was not taken");
        }
        tokio::time::sleep(LIVE_INTERVAL).await;
    }
}
