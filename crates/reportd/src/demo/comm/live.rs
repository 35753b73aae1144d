//! What the bot reports while the demo runs.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use reportd_client::protocol::comm::{OutgoingReport, Ret};
use reportd_client::{ClientError, CommClient};
use reportd_platform::clock::{Clock, SECOND_MS, SystemClock};

use super::census::Census;
use super::groups::Groups;
use super::operations::newer_report;
use super::{REPORTS, SEED, days_of_history, item};
use crate::demo::HISTORY_DAYS;
use crate::demo::draw::Draw;
use crate::demo::rhythm::{CHATS, day};

/// Live requests of a usual day, of two or three reports each: as many as in the history. And the longest wait for one.
const REQUESTS: u64 = REPORTS / HISTORY_DAYS.unsigned_abs() / 5 * 2;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Sends live reports until it is aborted.
pub(in crate::demo) async fn send_live(
    client: CommClient,
    clock: Arc<SystemClock>,
    history_ends_ms: i64,
) {
    let began_ms = clock.now_ms();
    let mut groups = Groups::new(days_of_history(history_ends_ms));
    let mut census = Census::go_on(history_ends_ms, began_ms);
    let mut draw = Draw::of(SEED, began_ms.unsigned_abs());
    loop {
        let now_ms = clock.now_ms();
        groups.pass_to(day(now_ms));
        if tell_census(&client, census.due(&groups, now_ms)).await {
            census.tell(now_ms);
        }
        for report in talk(&groups, &mut draw, now_ms) {
            match client.send(&report).await {
                // The newer bot is refused until its operation is registered.
                Err(ClientError::Refused { code, .. }) if code == Ret::UnknownOperation.code() => {}
                Err(error) => not_taken(&error),
                Ok(()) => {}
            }
        }
        tokio::time::sleep(CHATS.pause(now_ms, REQUESTS, LONGEST_PAUSE)).await;
    }
}

/// False where the server could not take all of it now: it is told again at the next turn.
async fn tell_census(client: &CommClient, due: Vec<OutgoingReport>) -> bool {
    for report in due {
        if let Err(error) = client.send(&report).await {
            not_taken(&error);
            if error.is_retryable() {
                return false;
            }
        }
    }
    true
}

fn not_taken(error: &ClientError) {
    tracing::warn!(%error, "a live report was not taken");
}

/// What the bots say at a time.
fn talk(groups: &Groups, draw: &mut Draw, now_ms: i64) -> impl Iterator<Item = OutgoingReport> {
    let report = OutgoingReport::new(now_ms / SECOND_MS, format!("{:016x}", draw.next()));
    let reports = draw.between(1, 4);
    let report = (0..reports).fold(report, |report, _| {
        report.item(item(groups, draw, now_ms, false))
    });
    let newer = newer_report(groups, draw, (now_ms, reports.unsigned_abs()));
    iter::once(report).chain(newer)
}
