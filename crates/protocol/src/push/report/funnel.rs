//! The reports of tasks, of a group and of a day: a total and the channels below it.

use super::brands::write_brands;
use super::figures::{Figures, Total, write_channels};
use crate::push::channel::{Channel, ChannelSet};
use crate::push::date::Date;
use crate::push::json::Object;
use crate::push::reply;

/// The figures of a task, a group or a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Funnel {
    /// Over all channels.
    pub total: Total,
    /// By channel, in any order; those without data are not shown.
    pub channels: Vec<(Channel, Figures)>,
    /// By brand of the channel gt, each once, in any order.
    pub brands: Vec<(String, Figures)>,
    /// By action, each once.
    pub actions: Vec<(String, i64)>,
}

/// What a report is to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape<'a> {
    /// Channels whose `display_num` is -1, by the app's settings.
    pub without_display: ChannelSet,
    /// Whether brands are shown inside `gt`.
    pub by_brand: bool,
    /// For which actions `actionCntMap` is filled, 0 where there are no data; without any the key
    /// is absent.
    pub actions: &'a [String],
}

/// The reply of `/report/push/task/{ids}`: known tasks only, in the order given, each once.
/// `data` is `{"<taskid>": {"total": {…5}, "<channel>": {…4}, "actionCntMap": {"<id>": n}}}`.
pub fn task_report<'f>(
    tasks: impl IntoIterator<Item = (&'f str, &'f Funnel)>,
    shape: Shape<'_>,
) -> Vec<u8> {
    reply::write_ok(|data| {
        for (task_id, funnel) in tasks {
            data.object(task_id, |object| funnel.write(object, shape));
        }
    })
}

/// The reply of `/report/push/task_group/{name}`; `None` for an unknown group, and then `data` is
/// `{}`. Actions are not shown.
#[must_use]
pub fn group_report(name: &str, funnel: Option<&Funnel>, shape: Shape<'_>) -> Vec<u8> {
    let shape = Shape {
        actions: &[],
        ..shape
    };
    task_report(funnel.map(|funnel| (name, funnel)), shape)
}

/// The reply of `/report/push/date/{date}`; a day without data is an empty [`Funnel`]. `total` has
/// `msg_num` here too (`spec push-report`). Actions are not shown.
#[must_use]
pub fn day_report(date: Date, funnel: &Funnel, shape: Shape<'_>) -> Vec<u8> {
    group_report(&date.to_string(), Some(funnel), shape)
}

impl Funnel {
    fn write(&self, object: &mut Object<'_>, shape: Shape<'_>) {
        self.total.write(object);
        let hidden = shape.without_display;
        write_channels(
            object,
            &self.channels,
            hidden,
            Channel::name,
            |channel, inside| {
                if shape.by_brand && channel == Channel::Gt {
                    write_brands(inside, &self.brands, !hidden.contains(channel));
                }
            },
        );
        if !shape.actions.is_empty() {
            object.object("actionCntMap", |counts| {
                for action in shape.actions {
                    let found = self.actions.iter().find(|(id, _)| id == action);
                    counts.count(action, found.map_or(0, |(_, count)| *count));
                }
            });
        }
    }
}
