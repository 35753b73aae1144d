//! A group commit: entries that become durable together, and the tasks that wait for it.

use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tokio::sync::Notify;

/// Why an entry was not acknowledged.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum AppendError {
    /// As many entries wait as may: try later. Nothing of it is kept.
    #[error("the journal's queue is full")]
    Full,
    /// The entry alone is larger than all that may wait: it will never be taken. Nothing of it is kept.
    #[error("the entry is larger than the {most} bytes that the journal takes")]
    TooLarge {
        /// Most bytes that an entry may have, with what it is written with.
        most: usize,
    },
    /// The store did not take the block: disk full, read-only, connection lost. It may have been stored all the same
    /// (a failed sync can leave a commit that shows later, also after a crash): sending it again is safe where the kind
    /// deduplicates.
    #[error("the journal cannot be written: {0}")]
    Unavailable(String),
    /// The journal takes no more entries: the server is shutting down, or its writer has failed. An entry that waited for
    /// the writer when it failed may have been stored all the same, as with [`Self::Unavailable`].
    #[error("the journal is closed")]
    Closed,
}

/// Ends a group when dropped, where nothing else has: also when its writer panics, so that nobody waits for ever.
pub(crate) struct EndOnDrop(pub(crate) Arc<Group>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.finish(Err(AppendError::Closed));
    }
}

/// The outcome of one group: the sequence of its first entry, or why it was not written.
#[derive(Debug, Default)]
pub(crate) struct Group {
    outcome: OnceLock<Result<u64, AppendError>>,
    done: Notify,
}

impl Group {
    /// Ends the group and wakes all that wait for it. The first outcome stands.
    pub(crate) fn finish(&self, outcome: Result<u64, AppendError>) {
        if self.outcome.set(outcome).is_ok() {
            self.done.notify_waiters();
        }
    }

    /// Waits for the end of the group.
    pub(crate) async fn outcome(self: Arc<Self>) -> Result<u64, AppendError> {
        let done = self.done.notified();
        tokio::pin!(done);
        // Registered before the outcome is looked at: an end between the two is not missed.
        done.as_mut().enable();
        if let Some(outcome) = self.outcome.get() {
            return outcome.clone();
        }
        done.await;
        self.outcome
            .get()
            .cloned()
            .unwrap_or(Err(AppendError::Closed))
    }
}
