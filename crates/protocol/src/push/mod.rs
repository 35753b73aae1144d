//! Push reports (推送报表): what became of each push.
//!
//! Source: `seed push-report`, the seven reports with all examples and loss codes; what it leaves
//! open is fixed by `spec push-report`. A server reads the parameters of a request ([`AuthRequest`],
//! [`task_ids`], [`TaskQuery`] …) and its feeds ([`read_events`], [`read_receipts`]), and renders
//! reports from plain figures ([`task_report`] …); a refusal is a [`Refusal`] under `/v2` and a
//! [`FeedError`] in a feed. A client writes with [`auth_request`], [`Event::write`] and
//! [`Receipt::write`], and reads a [`Reply`].

mod auth;
mod channel;
mod cids;
mod code;
mod date;
mod event;
mod events;
mod feed;
mod json;
mod path;
mod phase;
mod query;
mod quota;
mod reason;
mod receipt;
mod receipts;
mod refusal;
mod reply;
mod report;
mod stage;
mod task_kind;

pub use crate::percent::percent_encode;
pub use auth::{
    AUTH_WINDOW_MS, AuthData, AuthRequest, MAX_APP_KEY_CHARS, TOKEN_LIFE_MS, auth_reply,
    auth_request, auth_sign,
};
pub use channel::{Channel, ChannelSet};
pub use cids::{CidList, Cids};
pub use code::Code;
pub use date::{Date, GROUP_WINDOW_DAYS, TASK_WINDOW_DAYS, past_day};
pub use event::Event;
pub use events::read_events;
pub use feed::{Accepted, FeedError, FeedErrorKind, MAX_AHEAD_MS, MAX_EVENTS, MAX_FEED_BYTES};
pub use json::MAX_COUNT;
pub use path::{MAX_TASK_IDS, group_name, is_app_id, task_ids};
pub use phase::Phase;
pub use query::{
    ACTIONS_PARAMETER, BRANDS_PARAMETER, END_PARAMETER, GroupQuery, MAX_ACTION_IDS,
    START_PARAMETER, TaskQuery, wants_brands,
};
pub use quota::Quota;
pub use reason::Reason;
pub use receipt::{RECEIPT_OK, Receipt, ReceiptMeaning, receipt_sign};
pub use receipts::{ReceiptApp, read_receipts};
pub use refusal::{Fault, Refusal};
pub use reply::{CONTENT_TYPE, Reply, TOKEN_HEADER, empty_reply};
pub use report::*;
pub use stage::Stage;
pub use task_kind::TaskKind;

/// Most characters of a task id; the vendor's have about 40. Our limit.
pub const MAX_TASK_ID_CHARS: usize = 128;

/// Most characters of a cid; the vendor's have 32. Our limit.
pub const MAX_CID_CHARS: usize = 128;

/// Most characters of a brand. Our limit.
pub const MAX_BRAND_CHARS: usize = 64;

/// Most characters of a group's name (`spec push-report`).
pub const MAX_GROUP_NAME_CHARS: usize = 100;

/// Most characters of an action id; the vendor's have 5 or 6. Our limit.
pub const MAX_ACTION_ID_CHARS: usize = 64;

/// Most characters of a receipt's `msgid`; the vendor's have about 32. Our limit.
pub const MAX_MSG_ID_CHARS: usize = 128;

/// Most characters of a receipt's `desc`. Our limit.
pub const MAX_DESC_CHARS: usize = 1024;
