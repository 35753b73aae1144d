//! `POST /v2/{app_id}/auth`: a sign against a token, and `DELETE /v2/{app_id}/auth/{token}`.
//!
//! The sign is the lower-case hex SHA-256 of appkey + timestamp + mastersecret, the timestamp being
//! the decimal text of milliseconds, however it was sent (`spec push-report`).

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::code::Code;
use super::json::write_object;
use super::refusal::{Fault, Refusal};
use super::reply;
use crate::fields::Fields;
use crate::hex;
use crate::values::{self, Problem};

/// How far the timestamp of an auth request may lie from now, both ways, included: 10 minutes
/// (`spec push-report`).
pub const AUTH_WINDOW_MS: i64 = 600_000;

/// How long a token lives: 24 hours (`spec push-report`).
pub const TOKEN_LIFE_MS: i64 = 86_400_000;

/// Most characters of an `appkey`; real ones have 22. Our limit.
pub const MAX_APP_KEY_CHARS: usize = 128;

const NAMES: [&str; 3] = ["sign", "timestamp", "appkey"];
const SIGN: usize = 0;
const TIMESTAMP: usize = 1;
const APP_KEY: usize = 2;

const TIMESTAMP_DIGITS: usize = 13;
const SIGN_DIGITS: usize = 64;

/// A well-formed auth request. Nothing is true of it yet: see [`check_time`](Self::check_time),
/// [`check_app_key`](Self::check_app_key), [`check_sign`](Self::check_sign).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthRequest<'a> {
    /// 64 characters; whether they are hex is seen when they are compared.
    pub sign: Cow<'a, str>,
    /// 13 digits of milliseconds since 1970.
    pub timestamp: Cow<'a, str>,
    /// The public key of the app.
    pub appkey: Cow<'a, str>,
}

impl<'a> AuthRequest<'a> {
    /// Reads the body. Its `timestamp` is a string or a number; fields that nobody knows are
    /// ignored.
    ///
    /// # Errors
    /// Code 1 if it is not JSON; 20001 with the name of the field (or `body`) that is wrong.
    pub fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        let text = str::from_utf8(body).map_err(|_| Refusal::from(Code::NotJson))?;
        let fields = Fields::parse(text, &NAMES).map_err(|error| {
            if error.is_data() {
                Refusal::parameter("body", Fault::WrongType)
            } else {
                Code::NotJson.into()
            }
        })?;
        if let Err(error) = fields.refuse_repeated() {
            return Err(Refusal::parameter(error.name, Fault::Invalid));
        }
        let sign = read(&fields, SIGN, |text| values::string(text, SIGN_DIGITS))?;
        if sign.len() != SIGN_DIGITS {
            return Err(Refusal::parameter("sign", Fault::Invalid));
        }
        let timestamp = read(&fields, TIMESTAMP, read_timestamp)?;
        let is_decimal = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        if timestamp.len() != TIMESTAMP_DIGITS || !is_decimal {
            return Err(Refusal::parameter("timestamp", Fault::Invalid));
        }
        let appkey = read(&fields, APP_KEY, |text| {
            values::string(text, MAX_APP_KEY_CHARS)
        })?;
        Ok(Self {
            sign,
            timestamp,
            appkey,
        })
    }

    /// Checks that the timestamp is at most 10 minutes from `now_ms`.
    ///
    /// # Errors
    /// 20001 `timestamp is invalid`.
    pub fn check_time(&self, now_ms: i64) -> Result<(), Refusal> {
        let is_near = self.timestamp.parse().is_ok_and(|sent_ms: i64| {
            sent_ms.saturating_sub(now_ms).saturating_abs() <= AUTH_WINDOW_MS
        });
        accept(is_near, "timestamp")
    }

    /// Checks that the request is for the app with this key.
    ///
    /// # Errors
    /// 20001 `appkey is invalid`.
    pub fn check_app_key(&self, appkey: &str) -> Result<(), Refusal> {
        accept(
            bool::from(self.appkey.as_bytes().ct_eq(appkey.as_bytes())),
            "appkey",
        )
    }

    /// Checks the sign against each of the app's master secrets: two are valid while one of them
    /// is being rotated. The time it takes does not depend on the sign.
    ///
    /// # Errors
    /// 20001 `sign is invalid`.
    pub fn check_sign<'s>(
        &self,
        master_secrets: impl IntoIterator<Item = &'s str>,
    ) -> Result<(), Refusal> {
        let is_signed = master_secrets.into_iter().fold(false, |is_signed, secret| {
            let expected = auth_sign(&self.appkey, &self.timestamp, secret);
            is_signed | bool::from(self.sign.as_bytes().ct_eq(expected.as_bytes()))
        });
        accept(is_signed, "sign")
    }
}

/// The sign of an auth request: 64 lower-case hex digits. `timestamp` is decimal milliseconds.
///
/// ```
/// # use reportd_protocol::push::auth_sign;
/// let sign = auth_sign("key", "1763700000000", "secret");
/// assert_eq!(sign, "e530633faf926019f2dd526da76e7bcf976a5543603f3fd5dff4bac18b938d94");
/// ```
#[must_use]
pub fn auth_sign(appkey: &str, timestamp: &str, master_secret: &str) -> String {
    let mut hash = Sha256::new();
    for part in [appkey, timestamp, master_secret] {
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize())
}

/// The body of an auth request, as a client sends it.
#[must_use]
pub fn auth_request(appkey: &str, master_secret: &str, now_ms: i64) -> Vec<u8> {
    let timestamp = now_ms.to_string();
    let mut out = Vec::with_capacity(160);
    write_object(&mut out, |request| {
        request.text("sign", &auth_sign(appkey, &timestamp, master_secret));
        request.text("timestamp", &timestamp);
        request.text("appkey", appkey);
    });
    out
}

/// The reply with a token: `data` is `{"expire_time": "<ms, as a string>", "token": "…"}`. The
/// token must be of `[A-Za-z0-9]+`.
#[must_use]
pub fn auth_reply(token: &str, expire_time_ms: i64) -> Vec<u8> {
    reply::write_ok(|data| {
        data.text("expire_time", &expire_time_ms.to_string());
        data.text("token", token);
    })
}

/// The `data` of an auth reply, as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuthData {
    /// Milliseconds since 1970, as text.
    pub expire_time: String,
    /// What the header `token` must carry.
    pub token: String,
}

fn read<'a, const N: usize>(
    fields: &Fields<'a, N>,
    slot: usize,
    read: impl FnOnce(&'a str) -> Result<Cow<'a, str>, Problem>,
) -> Result<Cow<'a, str>, Refusal> {
    let fault = |problem| match problem {
        Problem::Missing => Fault::Empty,
        Problem::Expected(_) => Fault::WrongType,
        Problem::TooLong(_) => Fault::OverLimit,
        _ => Fault::Invalid,
    };
    let value = fields
        .required(slot, read)
        .map_err(|error| Refusal::parameter(error.name, fault(error.problem)))?;
    if value.is_empty() {
        return Err(Refusal::parameter(NAMES[slot], Fault::Empty));
    }
    Ok(value)
}

/// A string, or the text of a number.
fn read_timestamp(text: &str) -> Result<Cow<'_, str>, Problem> {
    match text.as_bytes().first() {
        Some(b't' | b'f') => Err(Problem::Expected("a string or a number")),
        _ => values::scalar_text(text, 32),
    }
}

fn accept(is_right: bool, name: &'static str) -> Result<(), Refusal> {
    if is_right {
        Ok(())
    } else {
        Err(Refusal::parameter(name, Fault::Invalid))
    }
}
