//! The token of a client: obtained once for all calls, and renewed before it ends.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use reportd_protocol::push::{AUTH_WINDOW_MS, TOKEN_HEADER};
use tokio::sync::Mutex;

use crate::error::ClientError;
use crate::request::{secret_header, secret_setting};

/// How long before its end a token is renewed, in ms: longer than the clocks of client and server
/// may differ for a sign to be taken. A token of a short life is renewed at half of it.
const MARGIN_MS: i64 = AUTH_WINDOW_MS + 300_000;

/// A token, and until when it is used.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Its text as a header, marked as secret.
    pub(super) header: HeaderValue,
    renew_at_ms: i64,
}

impl Token {
    /// A token obtained at `now_ms` that ends at `end_ms`; `None` if no header can hold it.
    ///
    /// A token that has ended when it comes, by our clock, is used until the server refuses it:
    /// then the clocks disagree.
    pub(super) fn new(text: &str, end_ms: i64, now_ms: i64) -> Option<Self> {
        let header = secret_header(text)?;
        let life_ms = end_ms.saturating_sub(now_ms);
        let renew_at_ms = if life_ms > 0 {
            end_ms - MARGIN_MS.min(life_ms / 2)
        } else {
            i64::MAX
        };
        Some(Self {
            header,
            renew_at_ms,
        })
    }
}

/// Holds the token of a client.
#[derive(Debug, Default)]
pub(super) struct TokenKeeper {
    /// Locked while a token is obtained, so that calls which need one wait for the same one.
    held: Mutex<Option<Token>>,
}

impl TokenKeeper {
    /// The token, or a new one if there is none that lasts.
    pub(super) async fn get<F>(
        &self,
        now_ms: i64,
        obtain: impl FnOnce() -> F,
    ) -> Result<HeaderValue, ClientError>
    where
        F: Future<Output = Result<Token, ClientError>>,
    {
        let mut held = self.held.lock().await;
        match &*held {
            Some(token) if now_ms < token.renew_at_ms => Ok(token.header.clone()),
            _ => {
                let token = obtain().await?;
                Ok(held.insert(token).header.clone())
            }
        }
    }

    /// Drops a token that was refused, unless another call has renewed it meanwhile.
    pub(super) async fn forget(&self, refused: &HeaderValue) {
        self.held
            .lock()
            .await
            .take_if(|token| token.header == *refused);
    }

    /// Takes the token away.
    pub(super) async fn take(&self) -> Option<HeaderValue> {
        self.held.lock().await.take().map(|token| token.header)
    }
}

/// The headers of a report.
pub(crate) fn token_headers(token: &str) -> Result<HeaderMap, ClientError> {
    let token = secret_setting("token", token)?;
    Ok(HeaderMap::from_iter([(TOKEN_NAME, token)]))
}

/// The name of the header with the token.
pub(super) const TOKEN_NAME: HeaderName = HeaderName::from_static(TOKEN_HEADER);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_763_700_000_000;

    fn renewed_after(life_ms: i64) -> i64 {
        let token = Token::new("t", NOW_MS + life_ms, NOW_MS).unwrap();
        token.renew_at_ms.saturating_sub(NOW_MS)
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        const DAY_MS: i64 = 86_400_000;
        assert_eq!(renewed_after(DAY_MS), DAY_MS - MARGIN_MS);
        assert_eq!(renewed_after(2 * MARGIN_MS), MARGIN_MS);
        assert_eq!(renewed_after(60_000), 30_000);
        assert!(renewed_after(-1) > DAY_MS);
    }

    #[test]
    fn a_token_does_not_show() {
        let token = Token::new("geheim", NOW_MS, NOW_MS).unwrap();
        assert!(!format!("{token:?}").contains("geheim"));
        assert!(!format!("{:?}", token_headers("geheim").unwrap()).contains("geheim"));
        assert!(Token::new("a\nb", NOW_MS, NOW_MS).is_none());
        assert!(token_headers("a\nb").is_err());
    }
}
