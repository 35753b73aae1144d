//! One attempt of a delivery: connect or take a connection that is open, send, read, judge.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_protocol::dialogue::CallbackSecret;

use super::connection::Connection;
use super::exchange::{self, Seen};
use super::guard::{CallbackUrl, Policy, check_url};
use super::hosts::{Health, Hosts};
use super::outbox::Leased;
use super::resolver::{Network, NoConnection, connect};
use super::tls::{Tls, Trust};

/// Most characters that are kept of why an attempt failed.
const MOST_ERROR_CHARS: usize = 300;

/// What an app sends callbacks with.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// Sign them, the oldest first; without one they go unsigned.
    pub secrets: Vec<SigningSecret>,
    /// They may go to addresses that are not public, and to all ports.
    pub allow_private: bool,
    /// Hosts with other ports than those that all may have.
    pub hosts: Vec<String>,
}

/// A secret that signs callbacks.
#[derive(Debug, Clone)]
pub struct SigningSecret {
    /// The secret.
    pub secret: CallbackSecret,
    /// Until when it is in force, in ms; for ever where there is none.
    pub until_ms: Option<i64>,
}

impl From<CallbackSecret> for SigningSecret {
    /// One that is in force for ever.
    fn from(secret: CallbackSecret) -> Self {
        Self {
            secret,
            until_ms: None,
        }
    }
}

/// Tells what each app sends with, as it is now.
pub trait Senders: Send + Sync {
    /// `None` where there is no such app any more.
    fn sender(&self, app: AppNo) -> Option<Arc<Sender>>;
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    /// 410: the receiver wants no more of it.
    Gone,
    Failed,
}

/// What an attempt told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) health: Health,
    pub(super) seen: Seen,
    pub(super) error: Option<String>,
}

/// What attempts are made with.
pub(super) struct Outlet {
    pub(super) senders: Arc<dyn Senders>,
    pub(super) network: Arc<dyn Network>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hosts: Mutex<Hosts>,
    pub(super) timeout: Duration,
    trust: Trust,
    tls: OnceLock<Result<Tls, String>>,
}

/// Why an attempt did not come to a response.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("there is no such app")]
    NoApp,
    #[error("not a callback address: {0}")]
    Refused(#[from] super::guard::Refused),
    #[error("the address or the id cannot be sent")]
    NoRequest,
    #[error(transparent)]
    Connect(#[from] NoConnection),
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

impl Outlet {
    pub(super) fn new(
        senders: Arc<dyn Senders>,
        (network, trust): (Arc<dyn Network>, Trust),
        clock: Arc<dyn Clock>,
        hosts: Hosts,
        timeout: Duration,
    ) -> Self {
        Self {
            senders,
            network,
            clock,
            hosts: Mutex::new(hosts),
            timeout,
            trust,
            tls: OnceLock::new(),
        }
    }

    pub(super) fn hosts(&self) -> std::sync::MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attempts a delivery; never longer than the time limit, all counted.
    pub(super) async fn attempt(&self, leased: &Leased) -> Told {
        let mut seen = Seen::default();
        let done = tokio::time::timeout(self.timeout, self.exchange(leased, &mut seen)).await;
        let health = health(&seen, done.as_ref().ok());
        let error = match done {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(with_causes(&failure)),
            Err(_) => Some(format!("no end within {} ms", self.timeout.as_millis())),
        };
        let (verdict, error) = judge(&seen, error);
        Told {
            verdict,
            health,
            seen,
            error,
        }
    }

    async fn exchange(&self, leased: &Leased, seen: &mut Seen) -> Result<(), Failure> {
        let sender = self.senders.sender(leased.app).ok_or(Failure::NoApp)?;
        let policy = Policy {
            hosts: &sender.hosts,
            allow_private: sender.allow_private,
        };
        let url = check_url(&leased.url, &policy)?;
        let now_ms = self.clock.now_ms();
        let request = || exchange::request(leased, &url, &sender, now_ms).ok_or(Failure::NoRequest);
        if let Some(mut open) = self.take_open(leased, &url, &sender).await {
            match exchange::run(&mut open, request()?, seen, now_ms).await {
                Ok(()) => return self.keep(leased, open).await,
                // It was closed while it was idle, and nobody had told: nothing is known of the receiver yet.
                Err(error) if seen.status.is_none() && !error.is_parse() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut new = self.connect(leased, &url, &sender).await?;
        exchange::run(&mut new, request()?, seen, now_ms).await?;
        self.keep(leased, new).await
    }

    /// An open connection that this app may use.
    async fn take_open(
        &self,
        leased: &Leased,
        url: &CallbackUrl,
        sender: &Sender,
    ) -> Option<Connection> {
        let fits = |connection: &Connection| {
            connection.is_tls == url.is_tls() && (connection.is_public || sender.allow_private)
        };
        loop {
            let found = self.hosts().take_idle(&leased.host, fits);
            let mut connection = found?;
            if connection.is_open().await {
                return Some(connection);
            }
        }
    }

    async fn connect(
        &self,
        leased: &Leased,
        url: &CallbackUrl,
        sender: &Sender,
    ) -> Result<Connection, NoConnection> {
        let host = url.host();
        let look_ups = self.hosts().look_ups(&leased.host);
        let (stream, is_public) = connect(
            self.network.as_ref(),
            &look_ups,
            (host, url.port()),
            sender.allow_private,
        )
        .await?;
        if !url.is_tls() {
            return Connection::begin(stream, false, is_public).await;
        }
        let tls = self
            .tls
            .get_or_init(|| Tls::new(&self.trust).map_err(|error| error.to_string()));
        let tls = tls
            .as_ref()
            .map_err(|error| NoConnection::Tls(error.clone()))?;
        let stream = tls.connect(host, stream).await?;
        Connection::begin(stream, true, is_public).await
    }

    async fn keep(&self, leased: &Leased, mut connection: Connection) -> Result<(), Failure> {
        if connection.is_open().await {
            let now = self.clock.monotonic();
            self.hosts().put_idle(&leased.host, connection, now);
        }
        Ok(())
    }
}

/// What an attempt says about the receiver, of which others wait for it too. One that refuses a delivery is alive, and
/// what this side refuses to send says nothing.
fn health(seen: &Seen, done: Option<&Result<(), Failure>>) -> Health {
    match (seen.status.map(|status| status.as_u16()), done) {
        (Some(200..=299), Some(Ok(()))) => Health::Well,
        (Some(408 | 425 | 429), _) => Health::Failed,
        (Some(400..=499), Some(Ok(()))) => Health::Alive,
        (
            None,
            Some(Err(
                Failure::NoApp
                | Failure::Refused(_)
                | Failure::NoRequest
                | Failure::Connect(NoConnection::Private),
            )),
        ) => Health::Unknown,
        _ => Health::Failed,
    }
}

/// What a response means. One that did not come to its end is none, whatever its status said.
fn judge(seen: &Seen, error: Option<String>) -> (Verdict, Option<String>) {
    match (seen.status, error) {
        (Some(status), None) if status.is_success() => (Verdict::Taken, None),
        (Some(status), error) if status.as_u16() == 410 => {
            (Verdict::Gone, error.or_else(|| Some("gone".to_owned())))
        }
        (Some(status), None) if status.is_redirection() => {
            let text = format!("{}: redirects are not followed", status.as_u16());
            (Verdict::Failed, Some(text))
        }
        (Some(status), None) => (Verdict::Failed, Some(format!("status {}", status.as_u16()))),
        (_, error) => (Verdict::Failed, error),
    }
}

/// An error with what it came from, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let told = next.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = next.source();
    }
    text.chars().take(MOST_ERROR_CHARS).collect()
}
