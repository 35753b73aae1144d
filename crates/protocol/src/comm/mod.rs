//! CommReport (通用数据上报): bots report their groups and each message they send.
//!
//! Source: the field table of `seed comm-report`; what it leaves open is fixed by `spec
//! comm-report`. A server calls [`parse()`], then [`check_window`], then [`Operation::check`] for
//! each item; each says no by a [`Refusal`], which is the HTTP status and the reply. A client
//! builds an [`OutgoingReport`] and reads a [`Reply`].

mod field;
mod item;
mod list;
mod operation;
mod outgoing;
mod parse;
mod refusal;
mod reply;
mod requirement;
mod window;

pub use field::{Field, Scope};
pub use item::Item;
pub use operation::{
    ACTIVE_MESSAGE, GROUP_CENSUS, InvalidOperation, Kind, Operation, PASSIVE_MESSAGE,
    standard_operations,
};
pub use outgoing::{OutgoingItem, OutgoingReport};
pub use parse::{Report, parse};
pub use refusal::Refusal;
pub use reply::{Reply, Ret};
pub use requirement::{Requirement, Rule};
pub use window::check_window;

/// Where reports are posted (`seed comm-report`).
pub const PATH: &str = "/api/v1/CommReport";

/// Most items in one request (`seed comm-report`).
pub const MAX_ITEMS: usize = 10;

/// Most characters of a nonce (`spec comm-report`).
pub const MAX_NONCE_CHARS: usize = 128;

/// Name of the list of reports in a request.
const DATA_LIST: &str = "data_list";

/// Most characters of a `target_id` and an `ext` (`spec comm-report` bounds `ext`; the other
/// follows it).
pub const MAX_TEXT_CHARS: usize = 1024;

/// Most characters of the JSON text of a `to_uid`: room for the escapes of clients that write each
/// character of a long text as `\\uXXXX`.
pub const MAX_TO_UID_CHARS: usize = 6 * MAX_TEXT_CHARS;
