//! The settings of a player's heartbeats.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reportd_protocol::playback::Beat;

use super::client::PlaybackClient;
use super::heartbeats::{BeatTask, Heartbeats};
use super::sitting::Sitting;
use crate::clock::{Clock, system_now_ms};
use crate::error::ClientError;

/// The cadence that the protocol has by default (`seed playback-report`).
const INTERVAL: Duration = Duration::from_secs(15);

/// Waits for so long.
pub(super) type Wait = Box<dyn Fn(Duration) -> Waiting + Send + Sync>;
type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Is told of beats that could not be sent.
pub(super) type OnFailure = Box<dyn Fn(&ClientError) + Send + Sync>;

/// The settings of [`Heartbeats`], from [`PlaybackClient::heartbeats`].
pub struct HeartbeatsBuilder {
    client: PlaybackClient,
    video: Beat<'static>,
    session: Option<String>,
    interval: Duration,
    clock: Clock,
    wait: Wait,
    on_failure: OnFailure,
}

impl HeartbeatsBuilder {
    pub(super) fn new(client: PlaybackClient, video: Beat<'static>) -> Self {
        Self {
            client,
            video,
            session: None,
            interval: INTERVAL,
            clock: Arc::new(system_now_ms),
            wait: Box::new(|wait| Box::pin(tokio::time::sleep(wait))),
            on_failure: Box::new(|_| {}),
        }
    }

    /// The name of this sitting, which no other sitting of the viewer may have: beats of one name are
    /// one play. Default: 32 digits and letters by chance.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// How long after a beat the next one is sent while the player plays. Default: 15 s. A server
    /// takes a viewer for gone after 45 s.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// What tells the time, in milliseconds since 1970: for `start_ts`, and for the seconds that were
    /// played. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now_ms);
        self
    }

    /// What waits between two beats; it is called anew for each. Default: tokio's timer.
    #[must_use]
    pub fn wait<W, F>(mut self, wait: W) -> Self
    where
        W: Fn(Duration) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.wait = Box::new(move |time| Box::pin(wait(time)));
        self
    }

    /// What is told of each beat that could not be sent, after all its tries. The beats go on: drop
    /// [`Heartbeats`] if it makes no sense any more, as with code -101. Default: nothing.
    #[must_use]
    pub fn on_failure(mut self, on_failure: impl Fn(&ClientError) + Send + Sync + 'static) -> Self {
        self.on_failure = Box::new(on_failure);
        self
    }

    /// Starts the sitting: the player plays from now on, at the video's `position`. The first beat is
    /// sent at once.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Heartbeats {
        let now_ms = (self.clock)();
        let session = self.session.unwrap_or_else(|| chance_name(now_ms));
        let task = BeatTask {
            client: self.client,
            interval: self.interval,
            wait: self.wait,
            on_failure: self.on_failure,
        };
        Heartbeats::begin(
            Sitting::start(self.video, session, now_ms),
            self.clock,
            task,
        )
    }
}

impl std::fmt::Debug for HeartbeatsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeartbeatsBuilder")
            .field("client", &self.client)
            .field("video", &self.video)
            .field("session", &self.session)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// A name that nobody else has. It is no secret, so the keys of two hash maps are random enough.
fn chance_name(now_ms: i64) -> String {
    let half = || RandomState::new().hash_one(now_ms);
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sittings_are_32_hex_digits_and_differ() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| chance_name(7)).collect();
        assert_eq!(names.len(), 1000);
        for name in names {
            assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
