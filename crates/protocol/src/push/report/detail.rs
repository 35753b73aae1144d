//! The detail report of tasks (推送实时结果): live counts, and what was lost where and why.

use std::collections::BTreeMap;

use super::figures::{Figures, Total, write_channels};
use crate::push::channel::{Channel, ChannelSet};
use crate::push::json::Object;
use crate::push::phase::Phase;
use crate::push::reason::Reason;
use crate::push::reply;

/// The figures of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Over all channels.
    pub total: Total,
    /// By channel, in any order; those without data are not shown.
    pub channels: Vec<(Channel, Figures)>,
    /// What was lost, in any order.
    pub losses: Vec<Loss>,
}

/// How many were lost for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Between which stages.
    pub phase: Phase,
    /// By which channel.
    pub channel: Channel,
    /// Why: a sub-code, or the class alone where nothing closer was reported.
    pub reason: Reason,
    /// Distinct (task, cid) of these three.
    pub count: i64,
}

/// The reply of `/report/push/task/{ids}/detail`: known tasks only, in the order given, each once.
///
/// `data` is `{"<taskid>": {"total": {…5}, "<channel>": {…4}, "failed_detail": {"<phase>":
/// {"<channel>": {"<class>": {"<sub-code>": n, "total": n}}}}}}`. The channel ios is `apn` in both
/// places. A class's `total` is the sum of its sub-codes and of what was lost with the class alone
/// (`spec push-report`). `failed_detail` is `{}` if nothing was lost: the seed does not show that
/// case, and clients reach into it without asking.
pub fn detail_report<'d>(
    tasks: impl IntoIterator<Item = (&'d str, &'d Detail)>,
    without_display: ChannelSet,
) -> Vec<u8> {
    reply::write_ok(|data| {
        for (task_id, detail) in tasks {
            data.object(task_id, |object| detail.write(object, without_display));
        }
    })
}

/// What was lost on a channel: by class, then by sub-code or the class itself.
type Classes = BTreeMap<Reason, BTreeMap<Reason, i64>>;

impl Detail {
    fn write(&self, object: &mut Object<'_>, without_display: ChannelSet) {
        self.total.write(object);
        let key = Channel::detail_name;
        write_channels(object, &self.channels, without_display, key, |_, _| {});
        object.object("failed_detail", |failed| {
            for (phase, channels) in self.losses_by_place() {
                failed.object(phase.name(), |object| {
                    for (channel, classes) in channels {
                        object.object(channel.detail_name(), |object| {
                            write_classes(object, &classes);
                        });
                    }
                });
            }
        });
    }

    fn losses_by_place(&self) -> BTreeMap<Phase, BTreeMap<Channel, Classes>> {
        let mut phases: BTreeMap<_, BTreeMap<_, Classes>> = BTreeMap::new();
        for loss in self.losses.iter().filter(|loss| loss.count > 0) {
            let channels = phases.entry(loss.phase).or_default();
            let classes = channels.entry(loss.channel).or_default();
            let reasons = classes.entry(loss.reason.class()).or_default();
            let count = reasons.entry(loss.reason).or_insert(0);
            *count = count.saturating_add(loss.count);
        }
        phases
    }
}

fn write_classes(object: &mut Object<'_>, classes: &Classes) {
    for (class, reasons) in classes {
        object.object(&class.code().to_string(), |object| {
            for (reason, count) in reasons.iter().filter(|(reason, _)| !reason.is_class()) {
                object.count(&reason.code().to_string(), *count);
            }
            let sum = reasons.values().copied().fold(0, i64::saturating_add);
            object.count("total", sum);
        });
    }
}
