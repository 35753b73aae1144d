//! The headers that prove who sent a callback: Standard Webhooks 1.0, HMAC-SHA256 over id, time and
//! body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// The header with an id that is the same on each attempt: by it a receiver drops repeats.
pub const ID_HEADER: &str = "webhook-id";

/// The header with the seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";

/// The header with the signature, or several with blanks between.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The header that says how often the verdict was given.
pub const REVISION_HEADER: &str = "reportd-revision";

/// Least bytes of a secret (Standard Webhooks).
pub const MIN_SECRET_BYTES: usize = 24;

/// An app's `callback_secret`, made ready.
#[derive(Debug, Clone)]
pub struct CallbackSecret(hmac::Key);

impl CallbackSecret {
    /// Reads base64 with or without `whsec_` before it; `None` if it is none, or has fewer than
    /// [`MIN_SECRET_BYTES`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        let bytes = bytes.ok().filter(|bytes| bytes.len() >= MIN_SECRET_BYTES)?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of [`SIGNATURE_HEADER`].
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &signed(id, timestamp_s, body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Whether one of the signatures is by this secret, over exactly these bytes, at most
    /// `tolerance_s` from now.
    #[must_use]
    pub fn verify(
        &self,
        (id, timestamp, signatures): (&str, &str, &str),
        body: &[u8],
        (now_s, tolerance_s): (i64, u64),
    ) -> bool {
        let Ok(timestamp_s) = timestamp.parse::<i64>() else {
            return false;
        };
        let signed = signed(id, timestamp_s, body);
        let is_signature = |signature: &str| {
            let tag = signature.strip_prefix("v1,");
            let tag = tag.and_then(|tag| STANDARD.decode(tag).ok());
            tag.is_some_and(|tag| hmac::verify(&self.0, &signed, &tag).is_ok())
        };
        timestamp_s.abs_diff(now_s) <= tolerance_s && signatures.split(' ').any(is_signature)
    }
}

fn signed(id: &str, timestamp_s: i64, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{id}.{timestamp_s}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_standard_libraries() {
        let secret = CallbackSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let (id, at_s, body) = (
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let signature = secret.sign(id, at_s, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let several = format!("v1a,x v1,AAAA {signature}");
        let is_right =
            |body: &[u8], now_s| secret.verify((id, "1614265330", &several), body, (now_s, 300));
        assert!(is_right(body, at_s + 300) && is_right(body, at_s - 300));
        assert!(!is_right(body, at_s + 301) && !is_right(b"{}", at_s));
        assert!(CallbackSecret::parse("whsec_c2hvcnQ=").is_none());
    }
}
