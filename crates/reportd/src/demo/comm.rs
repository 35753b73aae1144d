//! Bot event reports of the demo: a bot that tells 400 groups of new videos, and answers who asks for one.
//!
//! Groups come and go, some are busy and most are not, and one evening everybody asks for the same uploader. A few
//! requests are wrong, as they are in life: among them those of a newer bot that reports an operation which nobody has
//! registered yet.

mod groups;
mod uploaders;

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use axum::http::{Method, StatusCode};
use reportd_client::CommClient;
use reportd_client::protocol::comm::{OutgoingItem, OutgoingReport, PATH};
use reportd_platform::clock::{Clock, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, SystemClock};
use tokio::task::JoinSet;

use self::groups::{Group, Groups};
use self::uploaders::uploader;
use super::draw::{Draw, Shares};
use super::past::Caller;
use super::rhythm::{CHATS, day, start_of};
use super::steps::Steps;

/// Reports of the history: messages, and groups of the census.
const REPORTS: u64 = 150_000;
/// When the census of a day begins.
const CENSUS_AT_MS: i64 = 4 * HOUR_MS + 10 * MINUTE_MS;
const CENSUS_ITEMS: usize = 10;
/// Live requests of a usual day, of two or three messages each: as many as in the history. And the longest wait for one.
const LIVE_REQUESTS: u64 = REPORTS / 30 / 5 * 2;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Days before the last on which one uploader is asked for everywhere, and from which hour on.
const TALKED_ABOUT_DAYS_AGO: i64 = 11;
/// The operation that a newer bot reports and nobody has registered.
const NEW_OPERATION: i64 = 1_503_000_120_611;
/// Since when, in days, that bot runs in some groups.
const NEW_BOT_DAYS: i64 = 3;
const SEED: u64 = 0x636f_6d6d;

/// The bot in the history.
pub(super) struct Bots {
    caller: Caller,
    token: String,
    groups: Groups,
    shares: Shares,
    draw: Draw,
    /// Days of the history whose census was taken.
    census_until: i64,
    last_day: i64,
}

impl Bots {
    pub(super) fn new(caller: Caller, token: &str, steps: &Steps) -> Self {
        let days = (day(steps.begins_ms()), day(steps.ends_ms() - 1));
        let groups = Groups::new(days);
        let is_taken = |day: &i64| census_ms(*day) < steps.ends_ms();
        let census = (days.0..=days.1).filter(is_taken);
        let census: usize = census.map(|day| groups.on(day).count()).sum();
        Self {
            caller,
            token: token.to_owned(),
            shares: Shares::new(REPORTS - census as u64, steps.weight(&CHATS)),
            draw: Draw::of(SEED, 1),
            census_until: days.0,
            last_day: days.1,
            groups,
        }
    }

    /// What the bot reported in a step; returns how many reports.
    pub(super) async fn step(&mut self, (from_ms, to_ms): (i64, i64)) -> anyhow::Result<u64> {
        let mut bodies = Vec::new();
        if census_ms(self.census_until) < to_ms {
            self.take_census(&mut bodies);
        }
        let messages = self
            .shares
            .give(CHATS.at(from_ms) * (to_ms - from_ms).unsigned_abs());
        let mut left = messages;
        while left > 0 {
            let items = self.draw.between(1, 10).unsigned_abs().min(left);
            left -= items;
            let at_ms = self.draw.between(from_ms, to_ms - 1);
            bodies.push(self.messages(at_ms, items).to_json());
        }
        // A bot whose connection broke sends the same again; it counts once.
        if self.draw.happens(60)
            && let Some(body) = bodies.last().cloned()
        {
            bodies.push(body);
        }
        let told = messages;
        self.send_all(bodies).await?;
        self.send_mistakes(from_ms, to_ms).await?;
        Ok(told)
    }

    fn take_census(&mut self, bodies: &mut Vec<Vec<u8>>) {
        let day = self.census_until;
        self.census_until += 1;
        let groups: Vec<&Group> = self.groups.on(day).collect();
        for (batch, groups) in groups.chunks(CENSUS_ITEMS).enumerate() {
            let ts = census_ms(day) / SECOND_MS + (batch as u64).cast_signed();
            let report = OutgoingReport::new(ts, format!("{:016x}", self.draw.next()));
            let report = groups.iter().fold(report, |report, group| {
                report.item(OutgoingItem::group_census(
                    group.gid,
                    group.subscriptions_on(day),
                ))
            });
            bodies.push(report.to_json());
        }
    }

    fn messages(&mut self, at_ms: i64, items: u64) -> OutgoingReport {
        let report = OutgoingReport::new(at_ms / SECOND_MS, self.nonce());
        (0..items).fold(report, |report, _| {
            let is_talk = day(at_ms) == self.last_day - TALKED_ABOUT_DAYS_AGO
                && at_ms - start_of(day(at_ms)) > 19 * HOUR_MS
                && self.draw.happens(550);
            report.item(message(&self.groups, &mut self.draw, day(at_ms), is_talk))
        })
    }

    fn nonce(&mut self) -> String {
        format!("{:016x}", self.draw.next())
    }

    /// Sends all at once: they share their commits.
    async fn send_all(&self, bodies: Vec<Vec<u8>>) -> anyhow::Result<()> {
        let mut sending = JoinSet::new();
        for body in bodies {
            let (caller, token) = (self.caller.clone(), self.token.clone());
            sending.spawn(async move {
                caller
                    .ask((Method::POST, PATH), (&token, ""), body)
                    .await
                    .map(|_| ())
            });
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        Ok(())
    }

    /// What bots send wrong. Only those of the last days are kept, so only those are sent.
    async fn send_mistakes(&mut self, from_ms: i64, to_ms: i64) -> anyhow::Result<()> {
        let days_ago = self.last_day - day(from_ms);
        // As many an hour, however long the step is.
        let per_mille = (to_ms - from_ms).unsigned_abs() * 170 / HOUR_MS.unsigned_abs();
        if days_ago > 6 || !self.draw.happens(per_mille) {
            return Ok(());
        }
        let at_ms = self.draw.between(from_ms, to_ms - 1);
        let body = self.mistake(at_ms, days_ago);
        let sent = self
            .caller
            .call((Method::POST, PATH), (&self.token, ""), body);
        let (status, reply) = sent.await?;
        let said = String::from_utf8_lossy(&reply);
        ensure!(
            status == StatusCode::BAD_REQUEST,
            "a mistake was taken: {said}"
        );
        Ok(())
    }

    fn mistake(&mut self, at_ms: i64, days_ago: i64) -> Vec<u8> {
        let group = self.groups.pick(&mut self.draw, day(at_ms));
        let (gid, channel) = (group.gid, group.channel(&mut self.draw));
        let (ts, nonce) = (at_ms / SECOND_MS, self.nonce());
        let name = uploader(self.draw.below(20));
        let report = |item| OutgoingReport::new(ts, nonce.clone()).item(item).to_json();
        match self.draw.below(if days_ago < NEW_BOT_DAYS { 8 } else { 3 }) {
            // The uploader is missing.
            0 => report(OutgoingItem {
                oper_id: 1_503_000_120_601,
                gid: Some(gid),
                target_id: Some(channel),
                ..OutgoingItem::default()
            }),
            // A group in words.
            1 => format!(
                "{{\"ts\":{ts},\"nonce\":\"{nonce}\",\"data_list\":[{{\"oper_id\":1503000120601,\"gid\":\"group {gid}\"}}]}}"
            )
            .into_bytes(),
            // A clock that stands.
            2 => OutgoingReport::new(ts - 9 * DAY_MS / SECOND_MS, nonce)
                .item(OutgoingItem::active_message(gid, channel, name))
                .to_json(),
            // A newer bot.
            _ => report(
                OutgoingItem::new(NEW_OPERATION)
                    .gid(gid)
                    .target_id(channel)
                    .ext::<1>(*self.draw.pick(&["subscribe", "unsubscribe", "mute"]))
                    .ext::<2>(name),
            ),
        }
    }
}

fn census_ms(day: i64) -> i64 {
    start_of(day) + CENSUS_AT_MS
}

/// Two of three the bot sends by itself, one answers somebody.
fn message(groups: &Groups, draw: &mut Draw, day: i64, is_talk: bool) -> OutgoingItem {
    let group = groups.pick(draw, day);
    let channel = group.channel(draw);
    let about = if is_talk { 7 } else { group.uploader(draw) };
    let uploader = uploader(about);
    if draw.happens(if is_talk { 250 } else { 640 }) {
        return OutgoingItem::active_message(group.gid, channel, uploader);
    }
    OutgoingItem::passive_message(group.gid, channel, group.person(draw), uploader)
}

/// Sends live reports until it is aborted.
pub(super) async fn send_live(client: CommClient, clock: Arc<SystemClock>) {
    let began_ms = clock.now_ms();
    let today = day(began_ms);
    let groups = Groups::new((today - super::HISTORY_DAYS + 1, today));
    let mut draw = Draw::of(SEED, began_ms.unsigned_abs());
    loop {
        let now_ms = clock.now_ms();
        let report = OutgoingReport::new(now_ms / SECOND_MS, format!("{:016x}", draw.next()));
        let items = draw.between(1, 4);
        let report = (0..items).fold(report, |report, _| {
            report.item(message(&groups, &mut draw, today, false))
        });
        if let Err(error) = client.send(&report).await {
            tracing::warn!(%error, "a live report was not taken");
        }
        let pause = CHATS.pause(now_ms, LIVE_REQUESTS, LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
    }
}
