//! Events of the feed `push/events`, as types and as JSON to send.

use std::borrow::Cow;

use super::channel::Channel;
use super::cids::Cids;
use super::json::{Object, write_object};
use super::phase::Phase;
use super::quota::Quota;
use super::reason::Reason;
use super::stage::Stage;
use super::task_kind::TaskKind;

/// One thing that happened to a push or a device (`spec push-report`, What feeds them). Times are
/// milliseconds since 1970. Texts are borrowed from the request where they had no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// `task`: a task is announced.
    Task {
        /// The task.
        task_id: Cow<'a, str>,
        /// What kind of task it is.
        kind: TaskKind,
        /// The group that it belongs to, if any; an empty name is none.
        group_name: Option<Cow<'a, str>>,
        /// When it was created, in ms.
        created_at_ms: i64,
    },
    /// `sendable`: 可下发; feeds `msg_num`.
    Sendable {
        /// The task.
        task_id: Cow<'a, str>,
        /// The devices.
        cids: Cids<'a>,
        /// When, in ms.
        at_ms: i64,
    },
    /// `sent`, `received`, `displayed` or `clicked`.
    Reached {
        /// Which of them.
        stage: Stage,
        /// The task.
        task_id: Cow<'a, str>,
        /// The devices; one, unless the stage is `sent`.
        cids: Cids<'a>,
        /// By which channel.
        channel: Channel,
        /// Brand of the devices; an empty one is none, and counts in none.
        brand: Option<Cow<'a, str>>,
        /// Against which quota it counts; only of `sent` and `received`.
        quota: Option<Quota>,
        /// When, in ms.
        at_ms: i64,
    },
    /// `action`: 自定义事件.
    Action {
        /// The task.
        task_id: Cow<'a, str>,
        /// The device.
        cid: Cow<'a, str>,
        /// Which action; a number is its text.
        action_id: Cow<'a, str>,
        /// When, in ms.
        at_ms: i64,
    },
    /// `lost`: 折损.
    Lost {
        /// The task.
        task_id: Cow<'a, str>,
        /// The devices.
        cids: Cids<'a>,
        /// By which channel.
        channel: Channel,
        /// Between which stages.
        phase: Phase,
        /// Why.
        reason: Reason,
        /// When, in ms.
        at_ms: i64,
    },
    /// `device`: registers on the day of its earliest such event.
    Device {
        /// The device.
        cid: Cow<'a, str>,
        /// Its brand; an empty one is none.
        brand: Option<Cow<'a, str>>,
        /// When, in ms.
        at_ms: i64,
    },
    /// `online` or `offline`: presence. It registers nobody.
    Presence {
        /// Whether it is `online`.
        is_online: bool,
        /// The device.
        cid: Cow<'a, str>,
        /// When, in ms.
        at_ms: i64,
    },
}

impl Event<'_> {
    /// The `type` on the wire.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Task { .. } => "task",
            Self::Sendable { .. } => "sendable",
            Self::Reached { stage, .. } => stage.name(),
            Self::Action { .. } => "action",
            Self::Lost { .. } => "lost",
            Self::Device { .. } => "device",
            Self::Presence { is_online, .. } => {
                if *is_online {
                    "online"
                } else {
                    "offline"
                }
            }
        }
    }

    /// How many events it counts as: each cid is one.
    #[must_use]
    pub const fn count(&self) -> u32 {
        match self {
            Self::Sendable { cids, .. } | Self::Reached { cids, .. } | Self::Lost { cids, .. } => {
                cids.count()
            }
            _ => 1,
        }
    }

    /// Appends it as one JSON object, without a line break: a line of NDJSON but for its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_object(out, |object| {
            object.text("type", self.type_name());
            self.write_fields(object);
        });
    }

    fn write_fields(&self, object: &mut Object<'_>) {
        match self {
            Self::Task {
                task_id,
                kind,
                group_name,
                created_at_ms,
            } => {
                object.text("taskid", task_id);
                object.text("kind", kind.name());
                object.optional_text("group_name", group_name.as_deref());
                object.integer("created_at", *created_at_ms);
            }
            Self::Sendable {
                task_id,
                cids,
                at_ms,
            } => write_push(object, task_id, cids, *at_ms),
            Self::Reached {
                task_id,
                cids,
                channel,
                brand,
                quota,
                at_ms,
                ..
            } => {
                write_push(object, task_id, cids, *at_ms);
                object.text("channel", channel.name());
                object.optional_text("brand", brand.as_deref());
                object.optional_text("quota", quota.map(Quota::name));
            }
            Self::Action {
                task_id,
                cid,
                action_id,
                at_ms,
            } => {
                object.text("taskid", task_id);
                object.text("action_id", action_id);
                write_device(object, cid, *at_ms);
            }
            Self::Lost {
                task_id,
                cids,
                channel,
                phase,
                reason,
                at_ms,
            } => {
                write_push(object, task_id, cids, *at_ms);
                object.text("channel", channel.name());
                object.text("phase", phase.name());
                object.integer("reason", i64::from(reason.code()));
            }
            Self::Device { cid, brand, at_ms } => {
                object.optional_text("brand", brand.as_deref());
                write_device(object, cid, *at_ms);
            }
            Self::Presence { cid, at_ms, .. } => write_device(object, cid, *at_ms),
        }
    }
}

fn write_push(object: &mut Object<'_>, task_id: &str, cids: &Cids<'_>, at_ms: i64) {
    object.text("taskid", task_id);
    match cids {
        Cids::One(cid) => object.text("cid", cid),
        Cids::Many(list) => object.json("cids", list.json()),
    }
    object.integer("at", at_ms);
}

fn write_device(object: &mut Object<'_>, cid: &str, at_ms: i64) {
    object.text("cid", cid);
    object.integer("at", at_ms);
}
