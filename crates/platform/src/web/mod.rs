//! Foundations of the web surface: the server loop with its timeouts, bodies with limits, client addresses, request
//! ids, API keys, and problem replies.

mod address;
mod api;
mod body;
mod problem;
mod request_id;
mod server;

pub use address::{ClientAddress, TrustedProxies};
pub use api::{Api, Caller, Json, Query};
pub use body::{BodyError, BodyLimits, drain_body, read_body};
pub use problem::{Problem, retry_after};
pub use request_id::{RequestId, RequestIds, with_request_id};
pub use server::{Limits, serve};
