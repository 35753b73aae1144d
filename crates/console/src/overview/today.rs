//! What came in today at one app, by kind, beside yesterday.

use std::sync::Arc;

use reportd_platform::access::Permission;
use reportd_platform::apps::App;
use reportd_platform::clock::HOUR_MS;
use reportd_platform::zones::day_text;
use serde::Deserialize;

use super::texts::OverviewTexts;
use crate::api::{Reply, fill_path};
use crate::compared::{time_of_day_ms, up_to};
use crate::fault::Fault;
use crate::visit::Visit;

/// Messages that bots sent by themselves, and in answer to a user.
const MESSAGES: [&str; 2] = ["1503000120601", "1503000120602"];
/// Days of a curve, today included.
const CURVE_DAYS: i64 = 14;

/// A kind of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Comm,
    Push,
    Playback,
    Dialogue,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Comm, Self::Push, Self::Playback, Self::Dialogue];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Comm => "comm",
            Self::Push => "push",
            Self::Playback => "playback",
            Self::Dialogue => "dialogue",
        }
    }

    /// What of it is counted.
    pub(super) fn name(self, t: &OverviewTexts) -> &'static str {
        match self {
            Self::Comm => t.messages,
            Self::Push => t.pushes,
            Self::Playback => t.plays,
            Self::Dialogue => t.reports,
        }
    }

    /// What of it is now.
    pub(super) fn now_text(self, t: &OverviewTexts) -> Option<&'static str> {
        match self {
            Self::Comm => None,
            Self::Push => Some(t.online_now),
            Self::Playback => Some(t.viewers_now),
            Self::Dialogue => Some(t.waiting_now),
        }
    }

    /// Its curve is by hour.
    pub(super) fn is_hourly(self) -> bool {
        self == Self::Comm
    }

    /// The page of it, where the person may see it.
    pub(super) fn address(self, visit: &Visit, app: &str) -> Option<String> {
        match self {
            Self::Dialogue => visit
                .may(Permission::Judge)
                .then(|| fill_path("/console/tickets?app={}", &[app])),
            other => Some(fill_path("/console/apps/{}/{}", &[app, other.key()])),
        }
    }
}

/// What came in, and the same before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: i64,
    /// Yesterday: all of it, or up to this time of day.
    pub(super) before: i64,
    pub(super) is_by_now: bool,
    pub(super) curve: Vec<i64>,
}

impl Sum {
    /// Several together; their curves end at the same time.
    pub(super) fn of_all<'a>(sums: impl Iterator<Item = &'a Self>, kind: Kind) -> Self {
        let mut all = Self {
            is_by_now: kind.is_hourly(),
            ..Self::default()
        };
        for sum in sums {
            all.count += sum.count;
            all.before += sum.before;
            let missing = sum.curve.len().saturating_sub(all.curve.len());
            all.curve.splice(0..0, std::iter::repeat_n(0, missing));
            let ahead = all.curve.len() - sum.curve.len();
            for (place, value) in sum.curve.iter().enumerate() {
                all.curve[ahead + place] += value;
            }
        }
        all
    }

    /// Of days, the last of which is today.
    fn of_days(mut days: Vec<(String, i64)>, today: &str) -> Self {
        if days.last().is_none_or(|(day, _)| day != today) {
            days.push((today.to_owned(), 0));
        }
        let curve: Vec<i64> = days.into_iter().map(|(_, count)| count).collect();
        Self {
            count: curve.last().copied().unwrap_or(0),
            before: curve.iter().rev().nth(1).copied().unwrap_or(0),
            is_by_now: false,
            curve,
        }
    }
}

/// A quota that is used up.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Quota {
    pub(super) channel: String,
    pub(super) kind: String,
    is_used_up: bool,
}

/// What came in today at an app; what could not be read is missing.
pub(super) struct Today {
    pub(super) app: Arc<App>,
    /// How far the most of it lags.
    pub(super) lag_ms: i64,
    comm: Option<Sum>,
    push: Option<Sum>,
    playback: Option<Sum>,
    dialogue: Option<Sum>,
    online: i64,
    viewers: i64,
    /// Tickets that nobody has judged.
    pub(super) waiting: i64,
    pub(super) oldest_waiting_seconds: Option<i64>,
    pub(super) used_up: Vec<Quota>,
}

/// The days of a zone.
struct When {
    today: String,
    yesterday: String,
    since: String,
    /// The time of day.
    passed_ms: i64,
}

impl Today {
    /// Reads all of it.
    pub(super) async fn read(visit: &Visit, app: Arc<App>) -> Self {
        let when = When::of(&app, visit.now_ms);
        let (comm, push, playback, viewers, dialogue) = tokio::join!(
            messages(visit, &app.id, &when),
            pushes(visit, &app.id, &when),
            plays(visit, &app.id, &when),
            viewers(visit, &app.id),
            reports(visit, &app.id, &when),
        );
        let mut today = Self {
            app,
            lag_ms: 0,
            comm: None,
            push: None,
            playback: None,
            dialogue: None,
            online: 0,
            viewers: viewers.unwrap_or(0),
            waiting: 0,
            oldest_waiting_seconds: None,
            used_up: Vec::new(),
        };
        today.comm = today.told(comm);
        today.playback = today.told(playback);
        if let Some((sum, push)) = today.told(push) {
            today.push = Some(sum);
            today.online = push.online.now;
            let quotas = push.quotas.into_iter();
            today.used_up = quotas.filter(|quota| quota.is_used_up).collect();
        }
        if let Some((sum, monitor)) = today.told(dialogue) {
            today.dialogue = Some(sum);
            today.waiting = monitor.waiting;
            today.oldest_waiting_seconds = monitor.oldest_waiting_seconds;
        }
        today
    }

    fn told<T>(&mut self, read: Result<Reply<T>, Fault>) -> Option<T> {
        let reply = read.ok()?;
        self.lag_ms = self.lag_ms.max(reply.lag_ms);
        Some(reply.body)
    }

    /// What came in of a kind.
    pub(super) fn of(&self, kind: Kind) -> Option<&Sum> {
        match kind {
            Kind::Comm => self.comm.as_ref(),
            Kind::Push => self.push.as_ref(),
            Kind::Playback => self.playback.as_ref(),
            Kind::Dialogue => self.dialogue.as_ref(),
        }
    }

    /// What is now of a kind.
    pub(super) fn now(&self, kind: Kind) -> Option<i64> {
        match kind {
            Kind::Comm => None,
            Kind::Push => Some(self.online),
            Kind::Playback => Some(self.viewers),
            Kind::Dialogue => Some(self.waiting),
        }
    }

    /// Something could not be read.
    pub(super) fn is_partial(&self) -> bool {
        Kind::ALL.into_iter().any(|kind| self.of(kind).is_none())
    }
}

impl When {
    fn of(app: &App, now_ms: i64) -> Self {
        let day = app.zone.day(now_ms);
        Self {
            today: day_text(day),
            yesterday: day_text(day - 1),
            since: day_text(day - CURVE_DAYS + 1),
            passed_ms: time_of_day_ms(&app.zone, now_ms),
        }
    }
}

#[derive(Deserialize)]
struct Series {
    series: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    at: String,
    count: i64,
}

async fn messages(visit: &Visit, app: &str, when: &When) -> Result<Reply<Sum>, Fault> {
    let series = async |oper_id: &str| {
        let call = visit.get("/api/apps/{}/comm/series", &[app]);
        let call = call.with("oper_id", oper_id).with("step", "hour");
        let call = call.with("from", &when.yesterday).with("to", &when.today);
        call.send_fresh::<Series>().await
    };
    let (active, passive) = tokio::join!(series(MESSAGES[0]), series(MESSAGES[1]));
    let (active, passive) = (active?, passive?);
    let mut points: Vec<(String, i64)> = Vec::new();
    for line in active.body.series.into_iter().chain(passive.body.series) {
        for (place, point) in line.points.into_iter().enumerate() {
            match points.get_mut(place) {
                Some((_, count)) => *count += point.count,
                None => points.push((point.at, point.count)),
            }
        }
    }
    Ok(Reply {
        body: of_hours(&points, when),
        lag_ms: active.lag_ms.max(passive.lag_ms),
    })
}

/// The hours of yesterday and today: those of today that are still to come are left out.
fn of_hours(points: &[(String, i64)], when: &When) -> Sum {
    let of_day = |day: &str| {
        let hours = points.iter().filter(|(at, _)| at.starts_with(day));
        hours.map(|(_, count)| *count).collect::<Vec<_>>()
    };
    let (yesterday, today) = (of_day(&when.yesterday), of_day(&when.today));
    let hour = usize::try_from(when.passed_ms / HOUR_MS).unwrap_or(0);
    let count = today.iter().sum();
    let before = up_to(&yesterday, when.passed_ms);
    let mut curve = yesterday;
    curve.extend(today.into_iter().take(hour + 1));
    Sum {
        count,
        before,
        is_by_now: true,
        curve,
    }
}

#[derive(Deserialize)]
struct PushToday {
    funnel: Funnel,
    quotas: Vec<Quota>,
    online: Online,
}

#[derive(Deserialize)]
struct Funnel {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    target_num: i64,
}

#[derive(Deserialize)]
struct Online {
    now: i64,
}

#[derive(Deserialize)]
struct Days<T> {
    days: Vec<T>,
}

#[derive(Deserialize)]
struct PushDay {
    day: String,
    total: Total,
}

async fn pushes(visit: &Visit, app: &str, when: &When) -> Result<Reply<(Sum, PushToday)>, Fault> {
    let today = visit.get("/api/apps/{}/push/today", &[app]);
    let days = visit.get("/api/apps/{}/push/days", &[app]);
    let days = days.with("from", &when.since).with("to", &when.yesterday);
    let (today, days) = tokio::join!(
        today.send_fresh::<PushToday>(),
        days.send_fresh::<Days<PushDay>>()
    );
    let (today, days) = (today?, days?);
    let past = days.body.days.into_iter();
    let mut counts: Vec<_> = past.map(|day| (day.day, day.total.target_num)).collect();
    counts.push((when.today.clone(), today.body.funnel.total.target_num));
    Ok(Reply {
        body: (Sum::of_days(counts, &when.today), today.body),
        lag_ms: today.lag_ms.max(days.lag_ms),
    })
}

#[derive(Deserialize)]
struct PlayDay {
    day: String,
    plays: i64,
}

async fn plays(visit: &Visit, app: &str, when: &When) -> Result<Reply<Sum>, Fault> {
    let call = visit.get("/api/apps/{}/playback/days", &[app]);
    let call = call.with("from", &when.since).with("to", &when.today);
    let told = call.send_fresh::<Days<PlayDay>>().await?;
    let days = told.body.days.into_iter();
    let counts = days.map(|day| (day.day, day.plays)).collect();
    Ok(Reply {
        body: Sum::of_days(counts, &when.today),
        lag_ms: told.lag_ms,
    })
}

#[derive(Deserialize)]
struct Now {
    viewers: i64,
}

async fn viewers(visit: &Visit, app: &str) -> Result<i64, Fault> {
    let call = visit.get("/api/apps/{}/playback/now", &[app]);
    Ok(call.with("limit", "1").send::<Now>().await?.viewers)
}

#[derive(Deserialize)]
struct Monitor {
    waiting: i64,
    oldest_waiting_seconds: Option<i64>,
    days: Vec<MonitorDay>,
}

#[derive(Deserialize)]
struct MonitorDay {
    day: String,
    received: i64,
}

async fn reports(visit: &Visit, app: &str, when: &When) -> Result<Reply<(Sum, Monitor)>, Fault> {
    let call = visit.get("/api/apps/{}/dialogue/monitor", &[app]);
    let call = call.with("from", &when.since).with("to", &when.today);
    let told = call.send_fresh::<Monitor>().await?;
    // Days on which nothing came are left out there.
    let received = |day: &str| {
        let found = told.body.days.iter().find(|known| known.day == day);
        found.map_or(0, |day| day.received)
    };
    let days = when.days();
    let counts = days.into_iter().map(|day| {
        let count = received(&day);
        (day, count)
    });
    let sum = Sum::of_days(counts.collect(), &when.today);
    Ok(Reply {
        body: (sum, told.body),
        lag_ms: told.lag_ms,
    })
}

impl When {
    /// The days of a curve, in order.
    fn days(&self) -> Vec<String> {
        let last = reportd_platform::zones::parse_day(&self.today).unwrap_or(0);
        (last - CURVE_DAYS + 1..=last).map(day_text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(passed_ms: i64) -> When {
        When {
            today: "2026-11-21".to_owned(),
            yesterday: "2026-11-20".to_owned(),
            since: "2026-11-08".to_owned(),
            passed_ms,
        }
    }

    #[test]
    fn yesterday_is_counted_up_to_this_time_of_day() {
        let point = |day: &str, hour: i64, count| (format!("{day}T{hour:02}:00"), count);
        let mut points: Vec<_> = (0..24).map(|hour| point("2026-11-20", hour, 60)).collect();
        points.extend((0..24).map(|hour| point("2026-11-21", hour, i64::from(hour < 3) * 10)));
        let sum = of_hours(&points, &when(2 * HOUR_MS + HOUR_MS / 2));
        assert_eq!((sum.count, sum.before), (30, 150));
        assert_eq!(sum.curve.len(), 27, "what is to come is no zero");
    }

    #[test]
    fn a_day_without_reports_is_none_of_yesterday() {
        let day = |day: &str, count| (day.to_owned(), count);
        let days = vec![day("2026-11-19", 5), day("2026-11-20", 7)];
        let sum = Sum::of_days(days.clone(), "2026-11-21");
        assert_eq!((sum.count, sum.before), (0, 7));
        let sum = Sum::of_days(days, "2026-11-20");
        assert_eq!((sum.count, sum.before), (7, 5));
    }

    #[test]
    fn curves_of_apps_end_together() {
        let sum = |curve: &[i64]| Sum {
            count: 1,
            before: 2,
            is_by_now: false,
            curve: curve.to_vec(),
        };
        let sums = [sum(&[1, 2]), sum(&[10, 20, 30]), sum(&[])];
        let all = Sum::of_all(sums.iter(), Kind::Push);
        assert_eq!((all.count, all.before), (3, 6));
        assert_eq!(all.curve, [10, 21, 32]);
    }
}
