//! Bot event reports of the demo: a bot that tells 400 groups of new videos, and answers who asks for one.
//!
//! Groups come and go, some are busy and most are not, and one evening everybody asks for the same uploader. Beside what
//! every app has, the bot reports two operations that the app registers. A few requests are wrong, as they are in life:
//! among them those of a newer bot that reports an operation which nobody has registered yet.

mod census;
mod groups;
mod live;
mod operations;
mod uploaders;

use anyhow::ensure;
use axum::http::{Method, StatusCode};
use reportd_client::protocol::comm::{ACTIVE_MESSAGE, OutgoingItem, OutgoingReport, PATH};
use reportd_platform::clock::{DAY_MS, HOUR_MS, SECOND_MS};
use tokio::task::JoinSet;

use self::census::Census;
use self::groups::Groups;
pub(super) use self::live::send_live;
pub(super) use self::operations::{NEW_OPERATION, register};
use self::operations::{newer_report, own_item};
use self::uploaders::uploader;
use super::HISTORY_DAYS;
use super::draw::{Draw, Shares};
use super::past::Caller;
use super::rhythm::{CHATS, day, start_of};
use super::steps::Steps;

/// Reports of the history: messages, and groups of the census.
const REPORTS: u64 = 150_000;
/// Days before the last on which one uploader is asked for everywhere, and from which hour on.
const TALKED_ABOUT_DAYS_AGO: i64 = 11;
/// For so many days, the last one included, a newer bot runs in some groups.
const NEW_BOT_DAYS: i64 = 3;
const SEED: u64 = 0x636f_6d6d;

/// The bot in the history.
pub(super) struct Bots {
    caller: Caller,
    token: String,
    groups: Groups,
    census: Census,
    shares: Shares,
    draw: Draw,
    last_day: i64,
}

impl Bots {
    pub(super) fn new(caller: Caller, token: &str, steps: &Steps) -> Self {
        let days = days_of_history(steps.ends_ms());
        let groups = Groups::new(days);
        let census = Census::told_until(steps.begins_ms());
        let due = census.due(&groups, steps.ends_ms());
        let listed: usize = due.iter().map(|report| report.data_list.len()).sum();
        Self {
            caller,
            token: token.to_owned(),
            shares: Shares::new(REPORTS - listed as u64, steps.weight(&CHATS)),
            draw: Draw::of(SEED, 1),
            census,
            last_day: days.1,
            groups,
        }
    }

    /// What the bot reported in a step; returns how many reports.
    pub(super) async fn step(&mut self, (from_ms, to_ms): (i64, i64)) -> anyhow::Result<u64> {
        let due = self.census.due(&self.groups, to_ms);
        self.census.tell(to_ms);
        let mut bodies: Vec<Vec<u8>> = due.iter().map(OutgoingReport::to_json).collect();
        let mut refused = Vec::new();
        let told = self
            .shares
            .give(CHATS.at(from_ms) * (to_ms - from_ms).unsigned_abs());
        let mut left = told;
        while left > 0 {
            let items = self.draw.between(1, 10).unsigned_abs().min(left);
            left -= items;
            let at_ms = self.draw.between(from_ms, to_ms - 1);
            bodies.push(self.report(at_ms, items).to_json());
            if self.last_day - day(from_ms) < NEW_BOT_DAYS {
                let newer = newer_report(&self.groups, &mut self.draw, (at_ms, items));
                refused.extend(newer.map(|report| report.to_json()));
            }
        }
        // A bot whose connection broke sends the same again; it counts once.
        if self.draw.happens(60)
            && let Some(body) = bodies.last().cloned()
        {
            bodies.push(body);
        }
        refused.extend(self.mistake_of(from_ms, to_ms));
        self.send_all(bodies).await?;
        self.send_refused(refused).await?;
        Ok(told)
    }

    fn report(&mut self, at_ms: i64, items: u64) -> OutgoingReport {
        let report = OutgoingReport::new(at_ms / SECOND_MS, self.nonce());
        (0..items).fold(report, |report, _| {
            let is_talk = day(at_ms) == self.last_day - TALKED_ABOUT_DAYS_AGO
                && at_ms - start_of(day(at_ms)) > 19 * HOUR_MS
                && self.draw.happens(550);
            report.item(item(&self.groups, &mut self.draw, at_ms, is_talk))
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

    /// What bots send wrong. Only what was refused in the last days is kept, so only then is something.
    fn mistake_of(&mut self, from_ms: i64, to_ms: i64) -> Option<Vec<u8>> {
        // As many an hour, however long the step is.
        let per_mille = (to_ms - from_ms).unsigned_abs() * 120 / HOUR_MS.unsigned_abs();
        if self.last_day - day(from_ms) > 6 || !self.draw.happens(per_mille) {
            return None;
        }
        let at_ms = self.draw.between(from_ms, to_ms - 1);
        Some(self.mistake(at_ms))
    }

    fn mistake(&mut self, at_ms: i64) -> Vec<u8> {
        let group = self.groups.pick(&mut self.draw, at_ms);
        let (gid, channel) = (group.gid, group.channel(&mut self.draw));
        let (ts, nonce) = (at_ms / SECOND_MS, self.nonce());
        let name = uploader(self.draw.below(20));
        match self.draw.below(3) {
            // The uploader is missing.
            0 => OutgoingReport::new(ts, nonce)
                .item(OutgoingItem::new(ACTIVE_MESSAGE).gid(gid).target_id(channel))
                .to_json(),
            // A group in words.
            1 => format!(
                "{{\"ts\":{ts},\"nonce\":\"{nonce}\",\"data_list\":[{{\"oper_id\":{ACTIVE_MESSAGE},\"gid\":\"group {gid}\"}}]}}"
            )
            .into_bytes(),
            // A clock that stands.
            _ => OutgoingReport::new(ts - 9 * DAY_MS / SECOND_MS, nonce)
                .item(OutgoingItem::active_message(gid, channel, name))
                .to_json(),
        }
    }

    async fn send_refused(&self, bodies: Vec<Vec<u8>>) -> anyhow::Result<()> {
        for body in bodies {
            let sent = self
                .caller
                .call((Method::POST, PATH), (&self.token, ""), body);
            let (status, reply) = sent.await?;
            let said = String::from_utf8_lossy(&reply);
            ensure!(
                status == StatusCode::BAD_REQUEST,
                "a mistake was taken: {said}"
            );
        }
        Ok(())
    }
}

/// The first and the last day of a history that ends at a time.
fn days_of_history(ends_ms: i64) -> (i64, i64) {
    let last = day(ends_ms - 1);
    (last - HISTORY_DAYS + 1, last)
}

/// Most reports are messages: two of three the bot sends by itself, one answers somebody.
fn item(groups: &Groups, draw: &mut Draw, at_ms: i64, is_talk: bool) -> OutgoingItem {
    if draw.happens(120) {
        return own_item(groups, draw, at_ms);
    }
    let group = groups.pick(draw, at_ms);
    let channel = group.channel(draw);
    let about = if is_talk { 7 } else { group.uploader(draw) };
    let uploader = uploader(about);
    if draw.happens(if is_talk { 250 } else { 640 }) {
        return OutgoingItem::active_message(group.gid, channel, uploader);
    }
    OutgoingItem::passive_message(group.gid, channel, group.person(draw), uploader)
}
