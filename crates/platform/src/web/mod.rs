//! Foundations of the web surface: the server loop with its timeouts, bodies with limits, client addresses, request
//! ids, API keys, and problem replies.

mod address;
mod api;
mod body;
mod body_room;
mod misfit;
mod object;
pub mod openapi;
mod parameters;
mod problem;
mod reply;
mod request_id;
mod server;
mod tls;
mod unread;
mod write_deadline;

pub use address::{ClientAddress, TrustedProxies, limit_key};
pub use api::{Acting, Api, Caller, Json, KeyCaller, Query};
pub use body::{BodyError, BodyLimits, read_body};
pub use body_room::{BodyRoom, LARGE_BYTES, NotRead, Place, RoomSize, RoomedBody};
pub use misfit::no_object;
pub use object::Object;
pub use parameters::{DEFAULT_PAGE, Fresh, MOST_PAGE, day, days, path_number, within};
pub use problem::{Problem, ProblemDetails};
pub use reply::{Afterwards, note_failure, reply, retry_after, tell_lag};
pub use request_id::{RequestId, RequestIds, with_request_id};
pub use server::{Limits, Listener, Stopping, serve};
pub use tls::{Tls, TlsFault};
