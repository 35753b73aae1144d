//! Receives verdicts: proves who sent a callback, opens it, and tells the new from the known.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use reportd_protocol::dialogue::{
    BadCipher, CallbackSecret, Cipher, CipherSettings, ID_HEADER, REVISION_HEADER,
    SIGNATURE_HEADER, TIMESTAMP_HEADER, Verdict,
};
use thiserror::Error;

use super::seen::Newest;
use crate::error::ClientError;

/// Receives the callbacks of one app. It has no server and no clock: whatever takes requests gives
/// it their headers and body.
///
/// A callback comes at least once: again where the reply was lost, and with a higher revision where
/// the verdict was reversed. So act on [`Received::New`], then [`remember`](Self::remember) it, then
/// reply with 2xx. What could not be acted on is not remembered: reply with another status, and it
/// comes again. Two copies that come at the same moment are both new, and the memory ends with the
/// program: acting twice on the same callback must do no harm.
///
/// ```
/// use reportd_client::protocol::dialogue::{AesMode, CipherSettings, IvSetting};
/// use reportd_client::{CallbackReceiver, HeaderMap, Received};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cipher = CipherSettings {
///     mode: AesMode::Aes128Cbc,
///     iv: IvSetting::Prepended,
///     key: b"0123456789abcdef",
///     php_key: false,
///     zero_padding: false,
/// };
/// let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// let receiver = CallbackReceiver::new(secret, &cipher)?;
///
/// // For each request; what is returned is the status of its reply.
/// let receive = |headers: &HeaderMap, body: &[u8], now_s: i64| match receiver.receive(headers, body, now_s) {
///     Ok(Received::New(callback)) => {
///         println!("ticket {}: {}", callback.verdict.ticket_id, callback.verdict.dialogue_result);
///         receiver.remember(&callback);
///         200
///     }
///     Ok(Received::Repeat | Received::Outdated) => 200,
///     Err(error) => error.status(),
/// };
/// assert_eq!(receive(&HeaderMap::new(), b"appid=1", 1_795_233_600), 401);
/// # Ok(())
/// # }
/// ```
pub struct CallbackReceiver {
    secrets: Vec<CallbackSecret>,
    ciphers: Vec<Cipher>,
    tolerance_s: u64,
    memory: Mutex<Memory>,
}

/// Ids of callbacks, and the newest revision by what they are about.
struct Memory {
    ids: Newest<String, ()>,
    revisions: Newest<Subject, u64>,
}

/// App, ticket and uniqid.
type Subject = [String; 3];

/// What a callback is to its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// To be acted on, and then remembered.
    New(Callback),
    /// It was remembered before: reply with 2xx, and do nothing.
    Repeat,
    /// A newer revision was remembered before: reply with 2xx, and do nothing.
    Outdated,
}

/// A verdict, with what its headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The verdict.
    pub verdict: Verdict,
    /// The same on each attempt.
    pub webhook_id: String,
    /// How often the verdict was given: 1, and one more each time it was reversed.
    pub revision: u64,
}

/// Why a callback is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CallbackError {
    /// A header is not there, or is no text.
    #[error("no header {0}")]
    NoHeader(&'static str),
    /// It is not signed by this secret, over these bytes, at about this time.
    #[error("the signature is wrong, or too old")]
    BadSignature,
    /// [`REVISION_HEADER`] is no number.
    #[error("the revision is no number")]
    BadRevision,
    /// It is signed, but cannot be opened with this key.
    #[error("the content is no verdict that this key opens")]
    CannotOpen,
}

impl CallbackError {
    /// The HTTP status to reply with. The server sends it again later, which helps where a key or a
    /// secret was changed on one side only.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoHeader(_) | Self::BadSignature => 401,
            Self::BadRevision | Self::CannotOpen => 400,
        }
    }
}

impl CallbackReceiver {
    /// A receiver with the default settings of [`CallbackReceiverBuilder`].
    ///
    /// # Errors
    /// [`ClientError::Setup`]; see [`CallbackReceiverBuilder::build`].
    pub fn new(secret: &str, cipher: &CipherSettings<'_>) -> Result<Self, ClientError> {
        Self::builder(secret, cipher).build()
    }

    /// A receiver with other settings: `secret` is the app's `callback_secret`, the cipher is that of
    /// its reports.
    #[must_use]
    pub fn builder(secret: &str, cipher: &CipherSettings<'_>) -> CallbackReceiverBuilder {
        CallbackReceiverBuilder {
            secrets: vec![CallbackSecret::parse(secret)],
            ciphers: vec![Cipher::new(cipher)],
            tolerance: Duration::from_secs(300),
            memory: 10_000,
        }
    }

    /// Proves, opens and compares a callback; `now_s` is seconds since 1970. It changes nothing: see
    /// [`remember`](Self::remember).
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now_s: i64,
    ) -> Result<Received, CallbackError> {
        let id = header(headers, ID_HEADER)?;
        let timestamp = header(headers, TIMESTAMP_HEADER)?;
        let signature = header(headers, SIGNATURE_HEADER)?;
        let is_signed = |secret: &CallbackSecret| {
            secret.verify((id, timestamp, signature), body, (now_s, self.tolerance_s))
        };
        if !self.secrets.iter().any(is_signed) {
            return Err(CallbackError::BadSignature);
        }
        let mut opened = self
            .ciphers
            .iter()
            .filter_map(|cipher| Verdict::read(body, cipher));
        let verdict = opened.next().ok_or(CallbackError::CannotOpen)?;
        let revision = match header(headers, REVISION_HEADER) {
            Ok(text) => text.parse().map_err(|_| CallbackError::BadRevision)?,
            Err(_) => 1,
        };
        Ok(self.compare(Callback {
            verdict,
            webhook_id: id.to_owned(),
            revision,
        }))
    }

    /// Takes note that a callback was acted on.
    pub fn remember(&self, callback: &Callback) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.ids.put(callback.webhook_id.clone(), ());
        let subject = subject(&callback.verdict);
        let newest = memory.revisions.get(&subject).copied().unwrap_or(0);
        memory.revisions.put(subject, newest.max(callback.revision));
    }

    fn compare(&self, callback: Callback) -> Received {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.ids.get(&callback.webhook_id).is_some() {
            return Received::Repeat;
        }
        let newest = memory.revisions.get(&subject(&callback.verdict));
        if newest.is_some_and(|newest| callback.revision < *newest) {
            return Received::Outdated;
        }
        Received::New(callback)
    }
}

/// Shows no secrets.
impl fmt::Debug for CallbackReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackReceiver")
            .field("tolerance_s", &self.tolerance_s)
            .finish_non_exhaustive()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, CallbackError> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or(CallbackError::NoHeader(name))
}

fn subject(verdict: &Verdict) -> Subject {
    [&verdict.app_id, &verdict.ticket_id, &verdict.uniqid].map(Clone::clone)
}

/// The settings of a [`CallbackReceiver`].
#[derive(Clone)]
pub struct CallbackReceiverBuilder {
    secrets: Vec<Option<CallbackSecret>>,
    ciphers: Vec<Result<Cipher, BadCipher>>,
    tolerance: Duration,
    memory: usize,
}

impl CallbackReceiverBuilder {
    /// Another secret that is taken as well: while one is replaced.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(CallbackSecret::parse(secret));
        self
    }

    /// Another cipher that is tried as well: while its key is replaced.
    #[must_use]
    pub fn cipher(mut self, cipher: &CipherSettings<'_>) -> Self {
        self.ciphers.push(Cipher::new(cipher));
        self
    }

    /// How far the time of a signature may be from now: what was recorded cannot be played back
    /// later. Default: 5 minutes.
    #[must_use]
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How many callbacks are remembered; each takes some hundred bytes. Default: 10,000.
    #[must_use]
    pub fn memory(mut self, callbacks: usize) -> Self {
        self.memory = callbacks;
        self
    }

    /// Makes the receiver.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if a secret is not one of Standard Webhooks, or a key does not fit its
    /// cipher.
    pub fn build(self) -> Result<CallbackReceiver, ClientError> {
        let no_secret = || ClientError::Setup("callback secret: not base64 of 24 bytes".to_owned());
        let secrets: Option<Vec<_>> = self.secrets.into_iter().collect();
        let ciphers: Result<Vec<_>, _> = self.ciphers.into_iter().collect();
        Ok(CallbackReceiver {
            secrets: secrets.ok_or_else(no_secret)?,
            ciphers: ciphers.map_err(|error| ClientError::Setup(format!("cipher: {error}")))?,
            tolerance_s: self.tolerance.as_secs(),
            memory: Mutex::new(Memory {
                ids: Newest::new(self.memory),
                revisions: Newest::new(self.memory),
            }),
        })
    }
}
