//! Who a client of the playback reports is, and how its requests prove it.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::COOKIE;
use reportd_protocol::playback::{Endpoint, HistoryProof, Proof};
use reportd_protocol::push::percent_encode;
use reqwest::Url;

use crate::error::ClientError;
use crate::request::secret_header;

/// The field of an app's login token (`seed playback-report`).
const ACCESS_KEY: &str = "access_key";

/// The login session of a viewer. It never shows its secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum PlaybackLogin {
    /// None: enough for [`player`](super::PlaybackClient::player) and
    /// [`online_total`](super::PlaybackClient::online_total), and for nothing else.
    Anonymous,
    /// The token of an app. Heartbeats do not take it: the protocol has them with a cookie only.
    AccessKey(String),
    /// The session of a browser.
    Cookie {
        /// The cookie `SESSDATA`, as the browser holds it: percent codes stay as they are.
        sessdata: String,
        /// The csrf token that belongs to it.
        csrf: String,
    },
}

impl PlaybackLogin {
    /// The headers of every request.
    pub(crate) fn headers(&self) -> Result<HeaderMap, ClientError> {
        let Self::Cookie { sessdata, .. } = self else {
            return Ok(HeaderMap::new());
        };
        // Other characters would end the cookie, or the server would read it as another text.
        let can_stand = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b'"');
        let cookie = Some(sessdata)
            .filter(|value| !value.is_empty() && value.bytes().all(can_stand))
            .and_then(|value| secret_header(&format!("SESSDATA={value}")));
        let cookie = cookie.ok_or_else(|| {
            ClientError::Setup("SESSDATA: empty, or a character that no cookie can hold".to_owned())
        })?;
        Ok(HeaderMap::from_iter([(COOKIE, cookie)]))
    }

    /// Fails if the endpoint can only answer that nobody is logged in.
    pub(super) fn check(&self, endpoint: Endpoint) -> Result<(), ClientError> {
        let problem = match (endpoint.proof(), self) {
            (Proof::Optional, _)
            | (_, Self::Cookie { .. })
            | (Proof::KeyOrCookie, Self::AccessKey(_)) => return Ok(()),
            (Proof::Cookie, Self::AccessKey(_)) => "a heartbeat needs a cookie, not an access key",
            (_, Self::Anonymous) => "it needs a login session",
        };
        Err(ClientError::InvalidRequest(problem.to_owned()))
    }

    /// What proves a history/report.
    pub(super) fn history_proof(&self) -> HistoryProof<'_> {
        match self {
            Self::AccessKey(key) => HistoryProof::AccessKey(key),
            Self::Cookie { csrf, .. } => HistoryProof::Csrf(csrf),
            Self::Anonymous => HistoryProof::Csrf(""),
        }
    }

    /// The csrf token of a heartbeat.
    pub(super) fn csrf(&self) -> Option<&str> {
        match self {
            Self::Cookie { csrf, .. } => Some(csrf),
            _ => None,
        }
    }

    /// A body that `form` writes with a csrf token, and with the access key where that is the proof.
    pub(super) fn prove_form(&self, form: impl FnOnce(&str) -> String) -> String {
        match self {
            // The csrf stays empty, which is as good as absent.
            Self::AccessKey(key) => {
                format!("{}&{ACCESS_KEY}={}", form(""), percent_encode(key))
            }
            Self::Cookie { csrf, .. } => form(csrf),
            Self::Anonymous => form(""),
        }
    }

    /// Adds the access key to the query of a read.
    pub(super) fn prove_query(&self, url: &mut Url) {
        if let Self::AccessKey(key) = self {
            url.query_pairs_mut().append_pair(ACCESS_KEY, key);
        }
    }

    /// What tells this session from others, to spread their tries.
    pub(super) fn seed(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::AccessKey(secret)
            | Self::Cookie {
                sessdata: secret, ..
            } => secret,
        }
    }
}

/// Shows no secrets.
impl fmt::Debug for PlaybackLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::AccessKey(_) => "AccessKey(…)",
            Self::Cookie { .. } => "Cookie(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_sent_as_the_browser_holds_it_or_not_at_all() {
        let header = |sessdata: &str| {
            let login = PlaybackLogin::Cookie {
                sessdata: sessdata.to_owned(),
                csrf: String::new(),
            };
            login.headers().map(|headers| headers[COOKIE].clone())
        };
        for sessdata in ["a%2C1%2Cb%2A12", "a,1,b*12", "e30.e30.e30_-", "a+b/c=="] {
            let cookie = header(sessdata).unwrap();
            assert_eq!(cookie.to_str().unwrap(), format!("SESSDATA={sessdata}"));
            assert!(cookie.is_sensitive());
        }
        for sessdata in ["", "a;b", "a b", "a\nb", "\"a\"", "油"] {
            assert!(
                matches!(header(sessdata), Err(ClientError::Setup(_))),
                "{sessdata}"
            );
        }
    }

    #[test]
    fn an_access_key_is_encoded_in_bodies_and_queries() {
        let login = PlaybackLogin::AccessKey("a&b=c".to_owned());
        let form = login.prove_form(|csrf| format!("csrf={csrf}"));
        assert_eq!(form, "csrf=&access_key=a%26b%3Dc");
        let mut url = Url::parse("http://h/x?pn=1").unwrap();
        login.prove_query(&mut url);
        assert_eq!(url.query(), Some("pn=1&access_key=a%26b%3Dc"));
    }
}
