//! A group commit: entries that become durable together, and the tasks that wait for it.

use std::sync::{Arc, OnceLock};

use thiserror::Error;
use tokio::sync::Notify;

/// Why an entry was not taken. In each case nothing of it is kept, and it is safe to send it again.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum AppendError {
    /// As many entries wait as may: try later.
    #[error("the journal's queue is full")]
    Full,
    /// The store did not take the block: disk full, read-only, connection lost.
    #[error("the journal cannot be written: {0}")]
    Unavailable(String),
    /// The server is shutting down.
    #[error("the journal is closed")]
    Closed,
}

/// The outcome of one group: the sequence of its first entry, or why it was not written.
#[derive(Debug, Default)]
pub(crate) struct Group {
    outcome: OnceLock<Result<u64, AppendError>>,
    done: Notify,
}

impl Group {
    /// Ends the group and wakes all that wait for it.
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
