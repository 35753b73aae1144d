//! Push reports by the letter of the spec: plain sets of what happened, and the reports that follow from them.

use std::collections::{BTreeMap, BTreeSet};

use reportd_protocol::push::{
    Channel, Date, Detail, Event, Figures, Funnel, Loss, Phase, Quota, QuotaUse, Reason, Shape,
    Stage, TaskKind, Total, Users, count_report, day_report, detail_report, group_report,
    online_points, online_report, task_report, user_report,
};

pub(crate) const DAY_MS: i64 = 86_400_000;
const SHANGHAI_MS: i64 = 8 * 3_600_000;

/// What happened, each thing once.
#[derive(Debug, Default)]
pub(crate) struct Model {
    announced: BTreeMap<String, (i64, String, TaskKind)>,
    first_at: BTreeMap<String, i64>,
    /// (task, cid, day).
    sendable: BTreeSet<(String, String, i64)>,
    reached: BTreeSet<Reached>,
    /// (task, action, cid).
    actions: BTreeSet<(String, String, String)>,
    /// (task, phase, channel, reason, cid).
    lost: BTreeSet<(String, Phase, Channel, Reason, String)>,
    registered: BTreeMap<String, i64>,
    /// (cid, at, is online).
    presence: BTreeSet<(String, i64, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    task: String,
    cid: String,
    stage: Stage,
    channel: Channel,
    brand: String,
    quota: Option<Quota>,
    day: i64,
}

/// The day in Shanghai.
pub(crate) fn day(at_ms: i64) -> i64 {
    (at_ms + SHANGHAI_MS).div_euclid(DAY_MS)
}

impl Model {
    /// Adds an event.
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        match event {
            Event::Task {
                task_id,
                kind,
                group_name,
                created_at_ms,
            } => {
                let group_name = group_name.as_deref().unwrap_or("").to_owned();
                self.announce(task_id, (*created_at_ms, group_name, *kind));
            }
            Event::Sendable {
                task_id,
                cids,
                at_ms,
            } => {
                self.begin(task_id, *at_ms);
                for cid in cids.iter() {
                    let sendable = (task_id.to_string(), cid.into_owned(), day(*at_ms));
                    self.sendable.insert(sendable);
                }
            }
            Event::Reached {
                stage,
                task_id,
                cids,
                channel,
                brand,
                quota,
                at_ms,
            } => {
                self.begin(task_id, *at_ms);
                self.reached.extend(cids.iter().map(|cid| Reached {
                    task: task_id.to_string(),
                    cid: cid.into_owned(),
                    stage: *stage,
                    channel: *channel,
                    brand: brand.as_deref().unwrap_or("").to_owned(),
                    quota: *quota,
                    day: day(*at_ms),
                }));
            }
            Event::Action {
                task_id,
                cid,
                action_id,
                at_ms,
            } => {
                self.begin(task_id, *at_ms);
                let action = (task_id.to_string(), action_id.to_string(), cid.to_string());
                self.actions.insert(action);
            }
            Event::Lost { .. } => self.lose(event),
            Event::Device { cid, at_ms, .. } => {
                let known = self.registered.entry(cid.to_string()).or_insert(*at_ms);
                *known = (*known).min(*at_ms);
            }
            Event::Presence {
                is_online,
                cid,
                at_ms,
            } => {
                self.presence.insert((cid.to_string(), *at_ms, *is_online));
            }
        }
    }

    fn announce(&mut self, task: &str, told: (i64, String, TaskKind)) {
        let known = self.announced.entry(task.to_owned());
        known
            .and_modify(|known| *known = known.clone().max(told.clone()))
            .or_insert(told);
    }

    fn lose(&mut self, event: &Event<'_>) {
        let Event::Lost {
            task_id,
            cids,
            channel,
            phase,
            reason,
            at_ms,
        } = event
        else {
            return;
        };

        self.begin(task_id, *at_ms);
        let lost = |cid| (task_id.to_string(), *phase, *channel, *reason, cid);
        let cids = cids.iter().map(|cid| lost(cid.into_owned()));
        self.lost.extend(cids);
    }

    fn begin(&mut self, task: &str, at_ms: i64) {
        let known = self.first_at.entry(task.to_owned()).or_insert(at_ms);
        *known = (*known).min(at_ms);
    }

    /// When a served task was created; neither the kind `single` nor what is older than `days` is served.
    fn created(&self, task: &str, today: i64, days: i64) -> Option<i64> {
        let (created_ms, kind) = match self.announced.get(task) {
            Some((created_ms, _, kind)) => (*created_ms, *kind),
            None => (*self.first_at.get(task)?, TaskKind::from_task_id(task)?),
        };
        let is_served = kind != TaskKind::Single && day(created_ms) >= today - days;
        is_served.then_some(created_ms)
    }

    /// The funnel of what `is_meant`, where things are the same that have the same key from `key`.
    fn funnel(&self, is_meant: impl Fn(&str, i64) -> bool, by_day: bool) -> Funnel {
        let at = |day: i64| if by_day { day } else { 0 };
        let meant = || self.reached.iter().filter(|r| is_meant(&r.task, r.day));
        let mut total = Total::default();
        let sendable = self.sendable.iter().filter(|s| is_meant(&s.0, s.2));
        let sendable: BTreeSet<_> = sendable.map(|s| (&s.0, &s.1, at(s.2))).collect();
        total.msg_num = count(&sendable);
        let figures = |of: &dyn Fn(&Reached) -> bool| {
            let mut figures = Figures::default();
            for stage in Stage::ALL {
                let reached = meant().filter(|r| r.stage == stage && of(r));
                let distinct: BTreeSet<_> = reached.map(|r| (&r.task, &r.cid, at(r.day))).collect();
                *figures.of_mut(stage) = count(&distinct);
            }
            figures
        };
        total.figures = figures(&|_| true);
        let by_channel = |channel| (channel, figures(&|r| r.channel == channel));
        let brands: BTreeSet<&str> = meant()
            .filter(|r| r.channel == Channel::Gt && !r.brand.is_empty())
            .map(|r| r.brand.as_str())
            .collect();
        let by_brand = |brand: &str| {
            let of = figures(&|r| r.channel == Channel::Gt && r.brand == brand);
            (brand.to_owned(), of)
        };
        Funnel {
            total,
            channels: Channel::ALL.into_iter().map(by_channel).collect(),
            brands: brands.into_iter().map(by_brand).collect(),
            actions: Vec::new(),
        }
    }

    pub(crate) fn task_report(&self, ids: &[&str], today: i64, actions: &[String]) -> String {
        let mut funnels = Vec::new();
        for id in ids {
            if self.created(id, today, 90).is_some() {
                let mut funnel = self.funnel(|task, _| task == *id, false);
                for action in actions {
                    let of_action = self.actions.iter().filter(|a| a.0 == *id && a.1 == *action);
                    let found = i64::try_from(of_action.count()).unwrap();
                    funnel.actions.push((action.clone(), found));
                }
                funnels.push((*id, funnel));
            }
        }
        let shape = Shape {
            by_brand: true,
            actions,
            ..Shape::default()
        };
        text(task_report(funnels.iter().map(|(id, f)| (*id, f)), shape))
    }

    pub(crate) fn detail_report(&self, ids: &[&str], today: i64) -> String {
        let mut details = Vec::new();
        for id in ids {
            if self.created(id, today, 90).is_none() {
                continue;
            }
            let funnel = self.funnel(|task, _| task == *id, false);
            let mut losses = BTreeMap::<_, i64>::new();
            for (_, phase, channel, reason, _) in self.lost.iter().filter(|lost| lost.0 == *id) {
                *losses.entry((*phase, *channel, *reason)).or_default() += 1;
            }
            let losses = losses.into_iter();
            let detail = Detail {
                total: funnel.total,
                channels: funnel.channels,
                losses: losses
                    .map(|((phase, channel, reason), count)| Loss {
                        phase,
                        channel,
                        reason,
                        count,
                    })
                    .collect(),
            };
            details.push((*id, detail));
        }
        text(detail_report(
            details.iter().map(|(id, detail)| (*id, detail)),
            Default::default(),
        ))
    }

    pub(crate) fn group_report(&self, name: &str, today: i64) -> String {
        let members: BTreeSet<&String> = (self.announced.iter())
            .filter(|(task, told)| told.1 == name && self.created(task, today, 70).is_some())
            .map(|(task, _)| task)
            .collect();
        let funnel = self.funnel(|task, _| members.contains(&task.to_owned()), false);
        let shape = Shape {
            by_brand: true,
            ..Shape::default()
        };
        let funnel = (!members.is_empty()).then_some(&funnel);
        text(group_report(name, funnel, shape))
    }

    pub(crate) fn day_report(&self, asked: i64) -> String {
        let shape = Shape {
            by_brand: true,
            ..Shape::default()
        };
        let funnel = self.funnel(|_, day| day == asked, true);
        text(day_report(Date::from_days(asked), &funnel, shape))
    }

    pub(crate) fn count_report(&self, quotas: &[(Channel, Quota, i64)], today: i64) -> String {
        let used = |channel, quota, stage| {
            let used = self.reached.iter().filter(|r| {
                r.day == today && (r.channel, r.quota, r.stage) == (channel, Some(quota), stage)
            });
            count(&used.map(|r| (&r.task, &r.cid)).collect::<BTreeSet<_>>())
        };
        let uses: Vec<QuotaUse> = (quotas.iter())
            .map(|&(channel, quota, total_num)| QuotaUse {
                channel,
                quota,
                total_num,
                sent: used(channel, quota, Stage::Sent),
                received: used(channel, quota, Stage::Received),
            })
            .collect();
        text(count_report(&uses))
    }

    /// Users online at a point: those whose newest presence in the fifteen minutes before is `online`.
    fn online_at(&self, point_ms: i64) -> i64 {
        let mut newest = BTreeMap::<&str, (i64, bool)>::new();
        let near = self.presence.iter();
        for (cid, at_ms, is_online) in near.filter(|p| p.1 > point_ms - 900_000 && p.1 <= point_ms)
        {
            // Of two at one time `offline` holds: it is the greater here.
            let told = (*at_ms, !*is_online);
            let known = newest.entry(cid).or_insert(told);
            *known = (*known).max(told);
        }
        let online = newest.values().filter(|(_, is_offline)| !is_offline);
        i64::try_from(online.count()).unwrap()
    }

    pub(crate) fn user_report(&self, asked: i64) -> String {
        let on = |wanted: &dyn Fn(i64) -> bool| {
            let found = self.registered.values().filter(|at| wanted(day(**at)));
            i64::try_from(found.count()).unwrap()
        };
        let start_ms = asked * DAY_MS - SHANGHAI_MS;
        let points = (0..144).map(|step| start_ms + step * 600_000);
        let active: BTreeSet<&String> = (self.presence.iter())
            .filter(|(_, at_ms, is_online)| *is_online && day(*at_ms) == asked)
            .map(|(cid, ..)| cid)
            .collect();
        let users = Users {
            accumulative_num: on(&|day| day <= asked),
            register_num: on(&|day| day == asked),
            active_num: count(&active),
            online_num: points.map(|point| self.online_at(point)).max().unwrap(),
        };
        text(user_report(Date::from_days(asked), users))
    }

    pub(crate) fn online_report(&self, now_ms: i64) -> String {
        let points = online_points(now_ms);
        text(online_report(
            points.map(|point| (point, self.online_at(point))),
        ))
    }
}

fn count<T>(of: &BTreeSet<T>) -> i64 {
    i64::try_from(of.len()).unwrap()
}

fn text(reply: Vec<u8>) -> String {
    String::from_utf8(reply).unwrap()
}
