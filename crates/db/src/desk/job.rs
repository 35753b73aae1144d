//! A closure that waits for its transaction, and its caller, who waits for the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{DbError, Tx};

/// A write, without its types.
pub(super) trait Job: Send {
    /// Runs it, once: behind a savepoint where others share the transaction.
    fn run(&mut self, tx: &mut Tx<'_>, is_shared: bool);
    /// True where it ran and did not fail.
    fn is_well(&self) -> bool;
    /// Tells the caller, once the outcome of the commit is known.
    fn answer(self: Box<Self>, committed: &Result<(), DbError>);
}

pub(super) struct Task<W, T, E> {
    work: Option<W>,
    told: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<W, T, E> Task<W, T, E> {
    pub(super) fn new(work: W) -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (caller, receiver) = oneshot::channel();
        let task = Self {
            work: Some(work),
            told: None,
            caller,
        };
        (task, receiver)
    }
}

impl<W, T, E> Job for Task<W, T, E>
where
    W: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>, is_shared: bool) {
        let Some(work) = self.work.take() else {
            return;
        };
        // What a panic leaves half done is rolled back; the closure is gone with it.
        let calm = |tx: &mut Tx<'_>| {
            catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| {
                Err(DbError::Statement("a write of the desk panicked".to_owned()).into())
            })
        };
        self.told = Some(if is_shared {
            tx.savepoint(calm)
        } else {
            calm(tx)
        });
    }

    fn is_well(&self) -> bool {
        matches!(self.told, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, committed: &Result<(), DbError>) {
        let told = match (self.told, committed) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(error)) => Err(error.clone().into()),
            (None, Ok(())) => Err(DbError::Statement("a write did not run".to_owned()).into()),
        };
        // A caller that went away is not told.
        let _ = self.caller.send(told);
    }
}
