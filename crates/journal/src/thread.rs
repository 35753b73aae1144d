//! A thread of the journal: started once, and waited for at its end.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::store::JournalError;

/// A thread, while it runs.
#[derive(Debug, Default)]
pub(crate) struct Thread(Mutex<Option<JoinHandle<()>>>);

impl Thread {
    /// Starts to `work`, under a name that people see.
    pub(crate) fn start(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), JournalError> {
        let started = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work);
        let handle = started.map_err(|error| JournalError::File {
            place: "thread".to_owned(),
            cause: error.to_string(),
        })?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    /// Waits until it has ended, where it runs; `who` it was stands in the log where it had panicked.
    pub(crate) fn join(&self, who: &str) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if handle.is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("{who} had panicked");
        }
    }
}
