//! A receipt (消息回执): what the vendor's callback says about one message on one device.

use std::borrow::Cow;

use md5::{Digest, Md5};

use super::channel::Channel;
use super::json::write_object;
use super::stage::Stage;
use crate::hex;

/// The `code` of a receipt that counts.
pub const RECEIPT_OK: i64 = 200;

/// A receipt whose sign is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The device.
    pub cid: Cow<'a, str>,
    /// The task.
    pub task_id: Cow<'a, str>,
    /// The message; a number is its text.
    pub msg_id: Cow<'a, str>,
    /// 200 if what the receipt says happened. Others are kept, not counted (`spec push-report`).
    pub code: i64,
    /// What the vendor says about the code; may be empty.
    pub desc: Cow<'a, str>,
    /// What happened, see [`meaning`](Self::meaning); a number is its text.
    pub action_id: Cow<'a, str>,
    /// `recvtime`: when, in milliseconds since 1970.
    pub at_ms: i64,
    /// By which channel, where the receipt says so.
    pub channel: Option<Channel>,
}

/// What a receipt's `actionId` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptMeaning {
    /// The message reached a stage on a channel.
    Reached(Stage, Channel),
    /// An action of the app's own: 90000 to 90999.
    Action,
    /// No action of the table: kept as an action, and to be counted in a metric.
    UnknownAction,
}

impl Receipt<'_> {
    /// Whether it counts.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.code == RECEIPT_OK
    }

    /// What its `actionId` means (the table of `spec push-report`). The channel follows from the
    /// action; only 60001 and 60002 take that of the receipt, and gt if it has none.
    #[must_use]
    pub fn meaning(&self) -> ReceiptMeaning {
        use Channel::{Gt, Hw, Ios, Mz, Op, Vv, Xm};
        use Stage::{Clicked, Displayed, Received, Sent};
        let named = self.channel.unwrap_or(Gt);
        let (stage, channel) = match self.action_id.as_ref() {
            "0" | "10030" => (Received, Gt),
            "10000" => (Displayed, Gt),
            "10010" => (Clicked, Gt),
            "10009" => (Displayed, Ios),
            "10019" => (Clicked, Ios),
            "110000" => (Received, Hw),
            "140000" => (Received, Op),
            "150000" => (Received, Vv),
            "120000" => (Sent, Xm),
            "120010" => (Clicked, Xm),
            "130000" => (Sent, Mz),
            "130010" => (Clicked, Mz),
            "60001" => (Displayed, named),
            "60002" => (Clicked, named),
            other => return action(other),
        };
        ReceiptMeaning::Reached(stage, channel)
    }

    /// Appends it as one signed JSON object, without a line break, as a gateway forwards it.
    pub fn write(&self, app_id: &str, master_secret: &str, out: &mut Vec<u8>) {
        write_object(out, |object| {
            object.text("appid", app_id);
            object.text("cid", &self.cid);
            object.text("taskid", &self.task_id);
            object.text("msgid", &self.msg_id);
            object.integer("code", self.code);
            object.text("desc", &self.desc);
            let (cid, task_id, msg_id) = (&self.cid, &self.task_id, &self.msg_id);
            let sign = receipt_sign(app_id, cid, task_id, msg_id, master_secret);
            object.text("sign", &sign);
            object.text("actionId", &self.action_id);
            object.integer("recvtime", self.at_ms);
            object.optional_text("channel", self.channel.map(Channel::name));
        });
    }
}

fn action(action_id: &str) -> ReceiptMeaning {
    match action_id.as_bytes() {
        [b'9', b'0', rest @ ..] if rest.len() == 3 && rest.iter().all(u8::is_ascii_digit) => {
            ReceiptMeaning::Action
        }
        _ => ReceiptMeaning::UnknownAction,
    }
}

/// The sign of a receipt: lower-case hex MD5 of appid + cid + taskid + msgid + mastersecret, 32
/// digits. MD5 is the vendor's choice; it authenticates no more than it can.
#[must_use]
pub fn receipt_sign(
    app_id: &str,
    cid: &str,
    task_id: &str,
    msg_id: &str,
    master_secret: &str,
) -> String {
    let mut hash = Md5::new();
    for part in [app_id, cid, task_id, msg_id, master_secret] {
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize())
}
