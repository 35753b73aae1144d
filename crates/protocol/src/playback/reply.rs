//! Replies with `data`, and how a client reads any of them. Those without data are
//! [`Code::reply`](super::Code::reply).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::code::Code;

/// The `Content-Type` of every reply.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

#[derive(Serialize)]
struct Envelope<'a, T> {
    code: i64,
    message: &'static str,
    ttl: u8,
    data: &'a T,
}

/// A success with data: `{"code":0,"message":"0","ttl":1,"data":…}`.
///
/// # Panics
/// If the data cannot be written as JSON: the types of this module always can.
#[must_use]
pub fn data_reply<T: Serialize>(data: &T) -> Vec<u8> {
    let envelope = Envelope {
        code: Code::Ok.code(),
        message: Code::Ok.message(),
        ttl: 1,
        data,
    };
    serde_json::to_vec(&envelope).expect("data of replies can always be written")
}

/// A reply as a client reads it, of this server or another.
#[derive(Debug, Deserialize)]
pub struct Reply<'a> {
    /// 0, or a code of [`Code`], or one of another server.
    pub code: i64,
    /// `0`, or what is wrong. Absent counts as empty.
    #[serde(default)]
    pub message: String,
    /// Of no use; 1.
    #[serde(default)]
    pub ttl: i64,
    /// The raw JSON of `data`; `None` if it is absent or null.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

impl<'a> Reply<'a> {
    /// Reads a reply; fields that nobody knows are ignored.
    ///
    /// # Errors
    /// If it is not a JSON object with an integer `code`.
    pub fn decode(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// Whether it is a success.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.code == Code::Ok.code()
    }

    /// Reads the data by its type, e.g. [`HistoryPage`](super::HistoryPage).
    ///
    /// # Errors
    /// If there is none, or of another type.
    pub fn read_data<T: Deserialize<'a>>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.data.map_or("null", RawValue::get))
    }
}
