//! Push reports of the demo: a task to a list of devices and one to the whole app each day, what became of them, and who
//! was online.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use reportd_client::PushFeedClient;
use reportd_client::protocol::push::{
    Channel, Cids, Event, Phase, Quota, RECEIPT_OK, Reason, Receipt, Stage, TaskKind,
};
use reportd_platform::apps::DEFAULT_ZONE;
use reportd_platform::clock::{Clock, DAY_MS, HOUR_MS, SECOND_MS, SystemClock};
use reportd_platform::zones::{Zone, day_text};

use super::HISTORY_DAYS;
use crate::traffic::Traffic;

/// Devices on the first day, and how many each day brings.
const FIRST_DEVICES: u64 = 300;
const NEW_DEVICES: u64 = 15;
/// Devices that stay online while the demo runs.
const STEADY_DEVICES: u64 = 150;
/// A device says that it is online so often, so that it counts at each point.
const ONLINE_EVERY_MS: i64 = 600 * SECOND_MS;
/// Between two live requests.
const LIVE_INTERVAL: Duration = Duration::from_secs(2);
/// Live requests until each steady device was online again.
const TURNS: u64 = 300;
const CHANNELS: [(Channel, &str); 5] = [
    (Channel::Gt, "xiaomi"),
    (Channel::Gt, "oppo"),
    (Channel::Gt, "huawei"),
    (Channel::Hw, "huawei"),
    (Channel::Ios, "apple"),
];
/// Where and why devices are lost: they were offline, their user is none, notifications are off.
const REASONS: [(Phase, i64); 3] = [(Phase::Rs, 12), (Phase::Ts, 13_001), (Phase::Ts, 14_006)];

/// The task of a day that went to a list of devices.
pub(super) fn list_task(day: i64) -> String {
    task("RASL", day)
}

/// The task of a day that went to the whole app.
pub(super) fn app_task(day: i64) -> String {
    task("RASA", day)
}

fn task(prefix: &str, day: i64) -> String {
    format!("{prefix}_demo_{}", day_text(day).replace('-', ""))
}

/// Sends the history where it is wanted, then live events until it is aborted.
pub(super) async fn send(client: PushFeedClient, with_history: bool, clock: Arc<SystemClock>) {
    let mut pushes = Pushes {
        traffic: Traffic::new(clock.now_ms().cast_unsigned()),
        receipts: Vec::new(),
    };
    if with_history && let Err(error) = send_history(&client, &mut pushes, &clock).await {
        tracing::warn!(%error, "the history of push reports is not complete");
    }
    if let Err(error) = send_live(&client, &mut pushes, &clock).await {
        tracing::warn!(%error, "no live events are sent");
    }
}

/// Thirty days of devices, tasks and presence, and the last of them in steps as small as those of the curve.
async fn send_history(
    client: &PushFeedClient,
    pushes: &mut Pushes,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let zone = zone()?;
    let now_ms = clock.now_ms();
    for days_ago in (0..HISTORY_DAYS).rev() {
        let at_ms = now_ms - days_ago * DAY_MS - HOUR_MS;
        let (day, age) = (
            zone.day(at_ms),
            (HISTORY_DAYS - 1 - days_ago).cast_unsigned(),
        );
        let (mut events, devices) = (new_devices(age, at_ms), devices_of_age(age));
        for (task, kind, share) in [
            (list_task(day), TaskKind::List, 3),
            (app_task(day), TaskKind::App, 1),
        ] {
            events.push(announced(&task, kind, at_ms));
            pushes.push_task(&mut events, &task, devices / share, at_ms);
        }
        for hours in [0, 8, 16] {
            let at_ms = at_ms - hours * HOUR_MS;
            let online = pushes.traffic.below(devices / 2) + devices / 4;
            // Others at each time: on a day more are active than ever online together.
            let first = pushes.traffic.below(devices / 4);
            events.extend((first..first + online).map(|device| is_online(device, at_ms)));
        }
        client.send_events(&events).await?;
        client.send_receipts(&pushes.receipts).await?;
        pushes.receipts.clear();
    }
    client
        .send_events(&pushes.presence_of_a_day(now_ms))
        .await?;
    Ok(())
}

/// Presence of some devices and a few events of today's tasks, again and again.
async fn send_live(
    client: &PushFeedClient,
    pushes: &mut Pushes,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let zone = zone()?;
    let mut announced_day = None;
    for turn in 0_u64.. {
        let now_ms = clock.now_ms();
        let day = zone.day(now_ms);
        let mut events = Vec::new();
        if announced_day != Some(day) {
            events.push(announced(&list_task(day), TaskKind::List, now_ms));
            events.push(announced(&app_task(day), TaskKind::App, now_ms));
        }
        let steady = (0..STEADY_DEVICES).filter(|device| device % TURNS == turn % TURNS);
        events.extend(steady.map(|device| is_online(device, now_ms)));
        let device = pushes
            .traffic
            .below(devices_of_age(HISTORY_DAYS.cast_unsigned()));
        let (task, one) = (list_task(day), || Cids::One(cid(device).into()));
        events.push(sendable(&task, one(), now_ms));
        events.push(reached(Stage::Sent, &task, one(), device, now_ms));
        pushes.push_back(&mut events, &task, device, now_ms);
        let sent = match client.send_events(&events).await {
            Ok(_) => client.send_receipts(&pushes.receipts).await,
            error => error,
        };
        pushes.receipts.clear();
        match sent {
            Ok(_) => announced_day = Some(day),
            Err(error) => tracing::warn!(%error, "live events were not taken"),
        }
        tokio::time::sleep(LIVE_INTERVAL).await;
    }
    Ok(())
}

fn zone() -> anyhow::Result<Zone> {
    Zone::named(DEFAULT_ZONE).map_err(anyhow::Error::msg)
}

fn devices_of_age(days: u64) -> u64 {
    FIRST_DEVICES + days * NEW_DEVICES
}

fn cid(device: u64) -> String {
    format!("{:032x}", device.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn channel_of(device: u64) -> (Channel, &'static str) {
    let place = usize::try_from(device % CHANNELS.len() as u64).unwrap_or(0);
    CHANNELS[place]
}

fn announced(task: &str, kind: TaskKind, at_ms: i64) -> Event<'static> {
    let group = if kind == TaskKind::List {
        "news"
    } else {
        "sale"
    };
    Event::Task {
        task_id: task.to_owned().into(),
        kind,
        group_name: Some(Cow::Borrowed(group)),
        created_at_ms: at_ms,
    }
}

fn is_online(device: u64, at_ms: i64) -> Event<'static> {
    Event::Presence {
        is_online: true,
        cid: cid(device).into(),
        at_ms,
    }
}

/// The devices that register at a time; all of the first day at once.
fn new_devices(age: u64, at_ms: i64) -> Vec<Event<'static>> {
    let first = if age == 0 { 0 } else { devices_of_age(age - 1) };
    let register = |device| Event::Device {
        cid: cid(device).into(),
        brand: Some(Cow::Borrowed(channel_of(device).1)),
        at_ms,
    };
    (first..devices_of_age(age)).map(register).collect()
}

fn sendable(task: &str, cids: Cids<'static>, at_ms: i64) -> Event<'static> {
    Event::Sendable {
        task_id: task.to_owned().into(),
        cids,
        at_ms,
    }
}

fn reached(stage: Stage, task: &str, cids: Cids<'static>, of: u64, at_ms: i64) -> Event<'static> {
    let (channel, brand) = channel_of(of);
    let is_limited = channel == Channel::Gt && stage == Stage::Sent;
    Event::Reached {
        stage,
        task_id: task.to_owned().into(),
        cids,
        channel,
        brand: Some(Cow::Borrowed(brand)),
        quota: is_limited.then_some(Quota::List),
        at_ms,
    }
}

/// What the channel hw says of a message that arrived; gateways forward such receipts as they come.
fn receipt(task: &str, device: u64, at_ms: i64) -> Receipt<'static> {
    Receipt {
        cid: cid(device).into(),
        task_id: task.to_owned().into(),
        msg_id: format!("{at_ms}-{device}").into(),
        code: RECEIPT_OK,
        desc: Cow::Borrowed("success"),
        action_id: Cow::Borrowed("110000"),
        at_ms,
        channel: None,
    }
}

/// Draws what becomes of pushes.
struct Pushes {
    traffic: Traffic,
    /// Receipts that are to be sent.
    receipts: Vec<Receipt<'static>>,
}

impl Pushes {
    /// True in so many of a hundred cases.
    fn happens(&mut self, percent: u64) -> bool {
        self.traffic.below(100) < percent
    }

    /// A task that goes to the devices from 0 to `devices`, channel by channel, and what comes back of it.
    fn push_task(
        &mut self,
        events: &mut Vec<Event<'static>>,
        task: &str,
        devices: u64,
        at_ms: i64,
    ) {
        let many = |devices: &[u64]| {
            let cids: Vec<String> = devices.iter().map(|&device| cid(device)).collect();
            Cids::many(cids.iter().map(String::as_str))
        };
        for first in 0..CHANNELS.len() as u64 {
            let meant: Vec<u64> = (first..devices).step_by(CHANNELS.len()).collect();
            events.push(sendable(task, many(&meant), at_ms));
            let (sent, lost): (Vec<u64>, Vec<u64>) =
                meant.into_iter().partition(|_| self.happens(92));
            if !lost.is_empty() {
                events.push(self.lost(task, many(&lost), channel_of(first).0, at_ms));
            }
            if sent.is_empty() {
                continue;
            }
            events.push(reached(Stage::Sent, task, many(&sent), first, at_ms));
            for device in sent {
                self.push_back(events, task, device, at_ms);
            }
        }
    }

    /// What comes back of a device that was sent to.
    fn push_back(&mut self, events: &mut Vec<Event<'static>>, task: &str, device: u64, at_ms: i64) {
        for (stage, percent) in [
            (Stage::Received, 85),
            (Stage::Displayed, 60),
            (Stage::Clicked, 15),
        ] {
            if !self.happens(percent) {
                return;
            }
            if stage == Stage::Received && channel_of(device).0 == Channel::Hw {
                self.receipts.push(receipt(task, device, at_ms));
                continue;
            }
            let one = Cids::One(cid(device).into());
            events.push(reached(stage, task, one, device, at_ms));
        }
        events.push(Event::Action {
            task_id: task.to_owned().into(),
            cid: cid(device).into(),
            action_id: Cow::Borrowed("90001"),
            at_ms,
        });
    }

    fn lost(
        &mut self,
        task: &str,
        cids: Cids<'static>,
        channel: Channel,
        at_ms: i64,
    ) -> Event<'static> {
        let number = self.traffic.below(REASONS.len() as u64);
        let (phase, reason) = usize::try_from(number).map_or(REASONS[0], |number| REASONS[number]);
        Event::Lost {
            task_id: task.to_owned().into(),
            cids,
            channel,
            phase,
            reason: Reason::from_code(reason).expect("a reason of the table"),
            at_ms,
        }
    }

    /// Who was online in the last 24 hours, at every point of the curve: most in the evening.
    fn presence_of_a_day(&mut self, now_ms: i64) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        for point in 1..=DAY_MS / ONLINE_EVERY_MS + 1 {
            let at_ms = now_ms - point * ONLINE_EVERY_MS;
            let hour = (at_ms.rem_euclid(DAY_MS) / HOUR_MS + 8) % 24;
            let busy = 24 - (hour - 20).unsigned_abs();
            let online = busy * 6 + self.traffic.below(10);
            events.extend((0..online).map(|device| is_online(device, at_ms)));
        }
        events
    }
}
