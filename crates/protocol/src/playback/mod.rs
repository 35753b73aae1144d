//! Playback reports (视频观看数据上报): who watches what, and how far they are.
//!
//! Source: `seed playback-report`, both reports with all parameters and codes; what it leaves open,
//! the read endpoints among it, is fixed by `spec playback-report`.
//!
//! A server reads a request in this order: its fields ([`Form::read`]), its cookies
//! ([`Cookies::parse`]), what it carries as its session ([`Carried::find`], and [`Jwt`] where that is
//! stateless), the csrf token ([`Carried::check_csrf`]), and then a [`Beat`]. What beats add up to is
//! in [`meaning`].

mod bvid;
mod code;
mod cookies;
mod data;
mod endpoint;
mod form;
mod jwt;
pub mod meaning;
mod number;
mod position;
mod query;
mod refusal;
mod reply;
mod report;
mod session;

pub use bvid::{MAX_BVID_AID, aid_of, bvid_of};
pub use code::Code;
pub use cookies::{Cookies, MAX_SECRET_BYTES, MAX_SESSION_COOKIES};
pub use data::{
    EntryFacts, HistoryItem, HistoryPage, HistoryTab, HistoryTarget, ListItem, Listed,
    OnlineSwitch, OnlineTotal, Owner, PageCursor, PlayerData, last_play_time_ms,
};
pub use endpoint::{CsrfRule, Endpoint, Proof};
pub use form::{Form, MAX_BODY_BYTES, MAX_FIELDS, MAX_QUERY_BYTES, Sent};
pub use jwt::{
    BadKey, Jwt, JwtAlgorithm, JwtClaims, JwtFault, MIN_SHARED_SECRET_BYTES, NOT_BEFORE_LEEWAY_S,
    SessionKey, SigningKey,
};
pub use number::MAX_SECONDS;
pub use position::Position;
pub use query::{
    CursorQuery, DEFAULT_LIST_SIZE, DEFAULT_PAGE_SIZE, EntryPlace, HistoryFilter, ListQuery,
    MAX_LIST_SIZE, MAX_LIST_SKIP, MAX_PAGE_SIZE, PageStart, VideoQuery, clear_form, delete_form,
    read_kid, read_switch, switch_form,
};
pub use refusal::Refusal;
pub use reply::{CONTENT_TYPE, Reply, data_reply};
pub use report::{
    Beat, Business, Device, HistoryProof, MAX_PLATFORM_CHARS, MAX_PLAY_SESSION_CHARS, PlayType,
    SeasonType, VideoType, heartbeat_form, history_form,
};
pub use session::Carried;
