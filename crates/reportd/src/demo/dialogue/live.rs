//! Reports of conversations while the demo runs, and a moderator who helps where too many wait.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use reportd_client::{Bytes, Connection, DialogueClient, HeaderMap, header};
use reportd_platform::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::cases::RECEIVERS;
use super::scripts::Conversation;
use super::{SEED, Told, chinese, cipher, english};
use crate::demo::APP;
use crate::demo::draw::Draw;

/// Between two live reports.
const LIVE_INTERVAL: Duration = Duration::from_mins(3);
/// Where more wait, the demo's own moderator judges the oldest: a demo that runs all night stays a demo.
const MOST_WAITING: usize = 120;
const HELPER: &str = "night shift";

/// What live reports are sent with.
pub(in crate::demo) struct Live {
    pub(in crate::demo) url: String,
    pub(in crate::demo) aes_key: String,
    pub(in crate::demo) authorization: String,
    pub(in crate::demo) receiver_url: String,
}

/// Files live reports until it is aborted.
pub(in crate::demo) async fn send_live(live: Live, clock: Arc<SystemClock>) {
    let client = match DialogueClient::new(&live.url, APP, &cipher(&live.aes_key)) {
        Ok(client) => client,
        Err(error) => return tracing::warn!(%error, "no conversations are reported"),
    };
    if let Err(error) = live.put_settings().await {
        tracing::warn!(%error, "verdicts may not reach the demo's receiver");
    }
    let began_ms = clock.now_ms();
    let redirect = format!("{}{}", live.receiver_url, RECEIVERS[0]);
    for number in 0_u64.. {
        let mut draw = Draw::of(SEED ^ 7, began_ms.unsigned_abs() ^ number);
        let words = if draw.happens(550) {
            &chinese::WORDS
        } else {
            &english::WORDS
        };
        let conversation = Conversation::draw(words, draw.below(1_000), &mut draw);
        let told = Told {
            report_id: &format!("{began_ms}-{number}"),
            uniqid: &format!("player-{:04}", 1_000 + draw.skewed(46) * 37),
            redirect: &redirect,
            receiver_url: &live.receiver_url,
            at_ms: clock.now_ms(),
        };
        let report = conversation.report(&told, usize::MAX);
        if let Err(error) = client.file(&report).await {
            tracing::warn!(%error, "a report of a conversation was not taken");
        }
        if let Err(error) = live.help().await {
            tracing::debug!(%error, "no ticket was judged by the demo");
        }
        tokio::time::sleep(LIVE_INTERVAL).await;
    }
}

impl Live {
    /// The receiver may be at another port than it was the last time.
    async fn put_settings(&self) -> anyhow::Result<()> {
        let body = Bytes::from(super::settings(&self.receiver_url));
        let path = format!("/api/apps/{APP}/dialogue/settings");
        let mut connection = self.connect().await?;
        let (status, body) = connection.put(&path, self.headers()?, body).await?;
        ensure!(status.is_success(), "{}", String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Judges the oldest ticket where too many wait.
    async fn help(&self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let path = format!("/api/tickets?app={APP}&state=open&limit=200");
        let (_, body) = connection.get(&path, self.headers()?).await?;
        let waiting: Value = serde_json::from_slice(&body)?;
        let tickets = waiting["tickets"].as_array().cloned().unwrap_or_default();
        if tickets.len() <= MOST_WAITING {
            return Ok(());
        }
        let Some(ticket) = tickets[0]["ticket_id"].as_str() else {
            return Ok(());
        };
        let path = format!("/api/tickets/{ticket}/verdict");
        let verdict =
            json!({"dialogue_result": "normal", "note": "waited for too long"}).to_string();
        let verdict = Bytes::from(verdict);
        connection.post(&path, self.headers()?, verdict).await?;
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        Ok(Connection::connect(self.url.trim_start_matches("http://")).await?)
    }

    fn headers(&self) -> anyhow::Result<HeaderMap> {
        Ok(HeaderMap::from_iter([
            (header::AUTHORIZATION, self.authorization.parse()?),
            (header::CONTENT_TYPE, "application/json".parse()?),
            (
                header::HeaderName::from_static("x-auditor"),
                HELPER.parse()?,
            ),
        ]))
    }
}
