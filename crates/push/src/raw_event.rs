//! A raw event, and the form in which the export shows it.

use serde::Serialize;

/// An event or a receipt as it was fed, of one device. As JSON it is an object with the names of the wire, without those
/// that it has no value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RawEvent<'a> {
    /// When it arrived, in ms.
    #[serde(rename = "received_at")]
    pub received_at_ms: i64,
    /// The type of the event; `receipt` of a receipt.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// When it happened, in ms: the `created_at` of a task, the `recvtime` of a receipt.
    #[serde(rename = "at")]
    pub at_ms: i64,
    /// The task.
    #[serde(rename = "taskid", skip_serializing_if = "Option::is_none")]
    pub task_id: Option<&'a str>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<&'a str>,
    /// By which channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// The brand of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<&'a str>,
    /// Against which quota it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<&'static str>,
    /// Which action; of a receipt its `actionId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_id: Option<&'a str>,
    /// Between which stages it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'static str>,
    /// Why it was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<i64>,
    /// What kind of task it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The group of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<&'a str>,
    /// The message of a receipt.
    #[serde(rename = "msgid", skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<&'a str>,
    /// The code of a receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// What a receipt says about its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desc: Option<&'a str>,
}

impl RawEvent<'_> {
    pub(crate) fn new(received_at_ms: i64, type_name: &'static str, at_ms: i64) -> Self {
        Self {
            received_at_ms,
            type_name,
            at_ms,
            task_id: None,
            cid: None,
            channel: None,
            brand: None,
            quota: None,
            action_id: None,
            phase: None,
            reason: None,
            kind: None,
            group_name: None,
            msg_id: None,
            code: None,
            desc: None,
        }
    }
}
