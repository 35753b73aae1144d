//! The heartbeats of a player, sent in the background.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reportd_protocol::playback::{Beat, MAX_SECONDS, Position};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;

use super::client::PlaybackClient;
use super::heartbeat_settings::{OnFailure, Wait};
use super::sitting::Sitting;
use crate::clock::Clock;
use crate::error::ClientError;

/// Sends the heartbeats of one video in one player: one at the start, one every 15 seconds while it
/// plays, and one at once with each pause, resume and end. A player drives it, and waits for nothing
/// but the end.
///
/// Beats are sent one after another, each with the care of [`PlaybackClient`], so that no copy
/// arrives after a newer one. One that cannot be sent is given up: the next has newer figures.
/// Dropped without an end it sends nothing more, and the viewer counts as gone after 45 seconds.
///
/// ```no_run
/// # use reportd_client::{ClientError, PlaybackClient};
/// # async fn play(client: &PlaybackClient) -> Result<(), ClientError> {
/// use reportd_client::protocol::playback::Beat;
///
/// let video = Beat { aid: 2, cid: 62131, duration_s: Some(213), ..Beat::default() };
/// let player = client.heartbeats(video).start();
/// player.position(12);
/// player.pause();
/// player.resume();
/// player.position(60);
/// player.end().await
/// # }
/// ```
#[must_use = "dropped, it sends no more beats"]
pub struct Heartbeats {
    shared: Arc<Shared>,
    /// Beats that are due at once.
    urgent: UnboundedSender<Beat<'static>>,
    task: JoinHandle<Result<(), ClientError>>,
}

/// What the player and the task both look at.
struct Shared {
    sitting: Mutex<Sitting>,
    clock: Clock,
}

impl Shared {
    fn sitting(&self) -> MutexGuard<'_, Sitting> {
        // A sitting is consistent after each of its steps.
        self.sitting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heartbeats {
    /// Begins with the beat of the start; sends it, and all others, in a task.
    pub(super) fn begin(
        (sitting, first): (Sitting, Beat<'static>),
        clock: Clock,
        task: BeatTask,
    ) -> Self {
        let shared = Arc::new(Shared {
            sitting: Mutex::new(sitting),
            clock,
        });
        let (urgent, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(task.run(Arc::clone(&shared), first, receiver));
        Self {
            shared,
            urgent,
            task,
        }
    }

    /// Says where the player is, in seconds; as often as it likes, for nothing is sent. After a jump
    /// too: the next beat has it.
    pub fn position(&self, seconds: u32) {
        let position = Position::At(seconds.min(MAX_SECONDS));
        self.shared.sitting().move_to(position);
    }

    /// Says that the player pauses. Nothing if it has already.
    pub fn pause(&self) {
        self.send_now(Sitting::pause);
    }

    /// Says that the player plays on. Nothing if it does already.
    pub fn resume(&self) {
        self.send_now(Sitting::resume);
    }

    /// Says that the player was closed. The future waits until that is sent; it is sent as well if
    /// nobody awaits it.
    ///
    /// # Errors
    /// That of the last beat; see [`PlaybackClient::heartbeat`].
    pub fn end(self) -> impl Future<Output = Result<(), ClientError>> + Send {
        self.send_now(|sitting, now_ms| Some(sitting.end(now_ms)));
        let Self { urgent, task, .. } = self;
        // The task ends after the last beat of a closed channel.
        drop(urgent);
        async {
            match task.await {
                Ok(result) => result,
                Err(error) => Err(ClientError::Transport(error.into())),
            }
        }
    }

    /// Says that the video was seen to its end; then as [`end`](Self::end).
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn finish(self) -> impl Future<Output = Result<(), ClientError>> + Send {
        self.shared.sitting().move_to(Position::End);
        self.end()
    }

    fn send_now(&self, step: impl FnOnce(&mut Sitting, i64) -> Option<Beat<'static>>) {
        let now_ms = (self.shared.clock)();
        // The lock is held while the beat is queued: a regular one must not go between.
        let mut sitting = self.shared.sitting();
        if let Some(beat) = step(&mut sitting, now_ms) {
            // The task is gone only if the program's hook panicked; `end` tells it.
            let _ = self.urgent.send(beat);
        }
    }
}

impl fmt::Debug for Heartbeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeats")
            .field("sitting", &*self.shared.sitting())
            .finish_non_exhaustive()
    }
}

/// What sends the beats.
pub(super) struct BeatTask {
    pub(super) client: PlaybackClient,
    pub(super) interval: Duration,
    pub(super) wait: Wait,
    pub(super) on_failure: OnFailure,
}

impl BeatTask {
    /// Sends beats until the player is gone; the result is that of the last one.
    async fn run(
        self,
        shared: Arc<Shared>,
        first: Beat<'static>,
        mut urgent: UnboundedReceiver<Beat<'static>>,
    ) -> Result<(), ClientError> {
        let mut beat = first;
        loop {
            // It runs while the beat is sent, so that a slow reply does not stretch the interval.
            let mut due = (self.wait)(self.interval);
            let result = self.client.heartbeat(&beat).await;
            if let Err(error) = &result {
                (self.on_failure)(error);
            }
            beat = loop {
                tokio::select! {
                    biased;
                    next = urgent.recv() => match next {
                        Some(beat) => break beat,
                        None => return result,
                    },
                    () = &mut due => {
                        if let Some(beat) = regular(&shared, &urgent) {
                            break beat;
                        }
                        due = (self.wait)(self.interval);
                    }
                }
            };
        }
    }
}

/// The beat of a player that plays on, unless another is due before it.
fn regular(shared: &Shared, urgent: &UnboundedReceiver<Beat<'static>>) -> Option<Beat<'static>> {
    let now_ms = (shared.clock)();
    let mut sitting = shared.sitting();
    if urgent.is_empty() {
        sitting.tick(now_ms)
    } else {
        None
    }
}
