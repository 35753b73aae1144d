//! The claims of a session.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::JwtFault;
use crate::playback::number;

/// How much earlier than its `nbf` a session counts, in seconds: clocks of two machines differ. An
/// `exp` has no leeway. Our choice.
pub const NOT_BEFORE_LEEWAY_S: i64 = 60;

/// What a session says of itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct JwtClaims {
    /// The viewer; at least 1.
    pub mid: i64,
    /// Its csrf token. A secret.
    pub csrf: String,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "exp")]
    pub expires_at_s: i64,
    /// Its id, if it has one: the login session that a report comes from.
    #[serde(rename = "jti", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Times may have a fraction (RFC 7519), which is cut.
#[derive(Deserialize)]
struct Sent {
    mid: i64,
    csrf: String,
    exp: Number,
    #[serde(default)]
    nbf: Option<Number>,
    #[serde(default)]
    jti: Option<String>,
}

pub(super) fn read(payload: &[u8], now_ms: i64) -> Result<JwtClaims, JwtFault> {
    let sent: Sent = serde_json::from_slice(payload).map_err(|_| JwtFault::BadClaims)?;
    let seconds =
        |number: &Number| number::integer(&number.to_string()).map_err(|_| JwtFault::BadClaims);
    let expires_at_s = seconds(&sent.exp)?;
    if sent.mid < 1 {
        return Err(JwtFault::BadClaims);
    }
    let now_s = now_ms.div_euclid(1000);
    if expires_at_s <= now_s {
        return Err(JwtFault::Expired);
    }
    if let Some(nbf) = &sent.nbf
        && seconds(nbf)? > now_s.saturating_add(NOT_BEFORE_LEEWAY_S)
    {
        return Err(JwtFault::NotYet);
    }
    Ok(JwtClaims {
        mid: sent.mid,
        csrf: sent.csrf,
        expires_at_s,
        id: sent.jti,
    })
}

impl std::fmt::Debug for JwtClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtClaims")
            .field("mid", &self.mid)
            .field("expires_at_s", &self.expires_at_s)
            .finish_non_exhaustive()
    }
}
