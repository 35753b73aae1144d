//! The demo's receiver of verdicts: what an app would run. It proves, opens and shows the callbacks that it gets, and serves
//! the media of the reported conversations, which are drawings and tones of its own.
//!
//! It listens on this machine alone, at a port of its own, the same each time where it is free.

mod media;
mod page;

use std::collections::{HashSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{get, post};
use reportd_client::protocol::dialogue::ID_HEADER;
use reportd_client::{CallbackReceiver, Received};
use reportd_platform::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::PastClock;
use super::dialogue::cipher;

/// Callbacks that are shown.
const SHOWN: usize = 100;
const MOST_BODY_BYTES: usize = 256 << 10;

/// The receiver, which runs until it is dropped.
pub(super) struct Receiver {
    inbox: Arc<Inbox>,
    url: String,
    port: u16,
    serving: JoinHandle<()>,
}

/// What came in.
struct Inbox {
    receiver: CallbackReceiver,
    clock: Arc<PastClock>,
    /// The newest first.
    shown: Mutex<VecDeque<Shown>>,
    /// From when to when the second receiver is down.
    outage: Mutex<(i64, i64)>,
    /// Callbacks that were refused once without a reason.
    stumbled: Mutex<HashSet<Vec<u8>>>,
}

/// A callback as it is shown.
#[derive(Clone)]
struct Shown {
    at_ms: i64,
    to: String,
    outcome: Outcome,
    ticket: String,
    category: String,
    uniqid: String,
    dialogue: String,
    users: Vec<(String, String)>,
    auditor: String,
    revision: u64,
    webhook_id: String,
}

/// What became of it here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    New,
    Repeat,
    Outdated,
    /// It could not be proved or opened.
    Refused,
}

impl Receiver {
    /// Listens at a port, or at any where that is taken.
    pub(super) async fn start(
        (callback_secret, aes_key): (&str, &str),
        port: u16,
        clock: Arc<PastClock>,
    ) -> anyhow::Result<Self> {
        let receiver = CallbackReceiver::new(callback_secret, &cipher(aes_key))?;
        let here = Ipv4Addr::LOCALHOST;
        let listener = match TcpListener::bind((here, port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((here, 0)).await.context("the receiver")?,
        };
        let port = listener.local_addr()?.port();
        let inbox = Arc::new(Inbox {
            receiver,
            clock,
            shown: Mutex::default(),
            outage: Mutex::new((0, 0)),
            stumbled: Mutex::default(),
        });
        let routes = routes(Arc::clone(&inbox));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::warn!(%error, "the demo's receiver has stopped");
            }
        });
        Ok(Self {
            inbox,
            url: format!("http://{here}:{port}"),
            port,
            serving,
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Lets the second receiver be down for a while.
    pub(super) fn be_down(&self, from_to_ms: (i64, i64)) {
        *lock(&self.inbox.outage) = from_to_ms;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn routes(inbox: Arc<Inbox>) -> Router {
    Router::new()
        .route("/", get(page::show))
        .route("/style.css", get(page::style))
        .route("/media/{file}", get(media::show))
        .route("/callbacks", post(receive_at_first))
        .route("/callbacks/{which}", post(receive_at))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .with_state(inbox)
}

async fn receive_at_first(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    inbox.receive("/callbacks".to_owned(), &headers, &body)
}

async fn receive_at(
    State(inbox): State<Arc<Inbox>>,
    Path(which): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    match which.as_str() {
        "archive" => (StatusCode::GONE, "this receiver is closed for good"),
        "eu" if inbox.is_down() => (StatusCode::SERVICE_UNAVAILABLE, "down for maintenance"),
        "eu" => inbox.receive("/callbacks/eu".to_owned(), &headers, &body),
        _ => (StatusCode::NOT_FOUND, "there is no such receiver"),
    }
}

impl Inbox {
    fn is_down(&self) -> bool {
        let (from_ms, to_ms) = *lock(&self.outage);
        (from_ms..to_ms).contains(&self.clock.now_ms())
    }

    /// In the history an app's server fails now and then, as servers do, and takes the callback the next time.
    fn stumbles(&self, headers: &HeaderMap) -> bool {
        let id = headers.get(ID_HEADER).map(HeaderValue::as_bytes);
        let Some(id) = id.filter(|_| self.clock.is_past()) else {
            return false;
        };
        id.last().is_some_and(|last| *last == b'7') && lock(&self.stumbled).insert(id.to_vec())
    }

    /// Proves and opens a callback, and keeps it to be shown.
    fn receive(&self, to: String, headers: &HeaderMap, body: &[u8]) -> (StatusCode, &'static str) {
        if self.stumbles(headers) {
            return (StatusCode::INTERNAL_SERVER_ERROR, "out of memory");
        }
        let at_ms = self.clock.now_ms();
        let mut shown = Shown::refused(at_ms, to);
        let told = self.receiver.receive(headers, body, at_ms / 1_000);
        let reply = match told {
            Ok(Received::New(callback)) => {
                shown.outcome = Outcome::New;
                shown.webhook_id.clone_from(&callback.webhook_id);
                shown.revision = callback.revision;
                self.receiver.remember(&callback);
                let verdict = callback.verdict;
                shown.ticket = verdict.ticket_id;
                shown.category = verdict.category;
                shown.uniqid = verdict.uniqid;
                shown.dialogue = verdict.dialogue_result;
                shown.users = verdict.user_results;
                shown.auditor = verdict.auditor;
                (StatusCode::OK, "thank you")
            }
            Ok(Received::Repeat) => {
                shown.outcome = Outcome::Repeat;
                (StatusCode::OK, "known already")
            }
            Ok(Received::Outdated) => {
                shown.outcome = Outcome::Outdated;
                (StatusCode::OK, "a newer one is known")
            }
            Err(error) => {
                let status = StatusCode::from_u16(error.status());
                (status.unwrap_or(StatusCode::BAD_REQUEST), "not taken")
            }
        };
        let mut all = lock(&self.shown);
        all.push_front(shown);
        all.truncate(SHOWN);
        reply
    }
}

impl Shown {
    fn refused(at_ms: i64, to: String) -> Self {
        Self {
            at_ms,
            to,
            outcome: Outcome::Refused,
            ticket: String::new(),
            category: String::new(),
            uniqid: String::new(),
            dialogue: String::new(),
            users: Vec::new(),
            auditor: String::new(),
            revision: 0,
            webhook_id: String::new(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use reportd_client::protocol::dialogue::{
        CallbackSecret, Cipher, REVISION_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, Verdict,
    };

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const KEY: &str = "0123456789abcdef";

    fn inbox() -> Inbox {
        Inbox {
            receiver: CallbackReceiver::new(SECRET, &cipher(KEY)).unwrap(),
            clock: Arc::new(PastClock::at(1_795_233_600_000)),
            shown: Mutex::default(),
            outage: Mutex::new((0, 0)),
            stumbled: Mutex::default(),
        }
    }

    #[test]
    fn what_is_proved_is_shown_once_and_escaped() {
        let inbox = inbox();
        let verdict = Verdict {
            ticket_id: "7".to_owned(),
            category: "<script>alert(1)</script>".to_owned(),
            app_id: "demo".to_owned(),
            uniqid: "\u{202e}player".to_owned(),
            dialogue_result: "ad".to_owned(),
            user_results: vec![("id_<b>".to_owned(), "ad".to_owned())],
            auditor: "mei".to_owned(),
        };
        let body = verdict.body(&Cipher::new(&cipher(KEY)).unwrap(), [7; 16]);
        let secret = CallbackSecret::parse(SECRET).unwrap();
        let signature = secret.sign("msg_1", 1_795_233_600, body.as_bytes());
        let headers: HeaderMap = [
            (ID_HEADER, "msg_1"),
            (TIMESTAMP_HEADER, "1795233600"),
            (SIGNATURE_HEADER, signature.as_str()),
            (REVISION_HEADER, "1"),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
        let receive = |headers: &HeaderMap| {
            inbox
                .receive("/callbacks".to_owned(), headers, body.as_bytes())
                .0
        };
        assert_eq!(receive(&headers), StatusCode::OK);
        assert_eq!(receive(&headers), StatusCode::OK, "a repeat");
        assert_eq!(receive(&HeaderMap::new()), StatusCode::UNAUTHORIZED);
        let page = page::markup(
            &lock(&inbox.shown).iter().cloned().collect::<Vec<_>>(),
            true,
        );
        assert!(
            page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
            "{page}"
        );
        assert!(
            !page.contains("<script") && !page.contains("id_<b>"),
            "{page}"
        );
        assert_eq!(page.matches("<article").count(), 3);
    }

    #[test]
    fn the_second_receiver_is_down_for_a_while() {
        let inbox = inbox();
        assert!(!inbox.is_down());
        *lock(&inbox.outage) = (1_795_233_600_000, 1_795_233_600_001);
        assert!(inbox.is_down());
        inbox.clock.advance_to(1_795_233_600_001);
        assert!(!inbox.is_down());
    }
}
