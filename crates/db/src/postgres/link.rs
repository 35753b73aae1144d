//! A connection that a thread waits for, with the runtime that polls it.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use super::batch::Batch;
use super::wire::{Answer, Asked, Bound, Wire};
use crate::{DbError, Table, pool};

/// A connection.
pub(super) struct Link {
    wire: Wire,
    /// Polls the connection while a call waits. None only while it is dropped.
    runtime: Option<Runtime>,
    is_in_transaction: bool,
}

impl Link {
    /// Connects on a runtime of its own.
    pub(super) fn new(
        connect: impl Future<Output = Result<Wire, DbError>>,
    ) -> Result<Self, DbError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        let wire = match runtime.block_on(connect) {
            Ok(wire) => wire,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            wire,
            runtime: Some(runtime),
            is_in_transaction: false,
        })
    }

    /// Waits for a reply on this thread.
    fn wait<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut Wire) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        runtime.block_on(call(&mut self.wire))
    }

    /// False where the server has closed the connection, as far as this side was told: nothing is sent.
    pub(super) fn is_connected(&self) -> bool {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(take_turns());
        }
        self.wire.is_open()
    }

    /// Runs statements without values, one after the other.
    pub(super) fn tell(&mut self, statements: &str) -> Result<(), DbError> {
        self.wait(async |wire| wire.tell(statements).await)
    }

    /// Runs a statement, in the transaction that is open or as one of its own.
    pub(super) fn ask(&mut self, sql: &str, values: &[Bound<'_>]) -> Result<Answer, DbError> {
        self.wait(async |wire| wire.ask(sql, values).await)
    }

    /// Runs statements that need nothing of each other, in one round trip, in the transaction that is open or each as one of
    /// its own.
    pub(super) fn ask_each(&mut self, asked: &[Asked<'_>]) -> Result<Vec<Answer>, DbError> {
        self.wait(async |wire| wire.ask_each(["", ""], asked).await)
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self, begin: &str) -> Result<(), DbError> {
        self.is_in_transaction = true;
        self.tell(begin)
    }

    /// [`Self::begin`] and [`Self::ask_each`] in one round trip, for statements that only read. Where one cannot be prepared
    /// nothing has begun, and the ROLLBACK that follows is one too many.
    pub(super) fn begin_and_ask(
        &mut self,
        begin: &str,
        asked: &[Asked<'_>],
    ) -> Result<Vec<Answer>, DbError> {
        self.is_in_transaction = true;
        self.wait(async |wire| wire.ask_each([begin, ""], asked).await)
    }

    /// Ends the transaction by COMMIT or ROLLBACK.
    pub(super) fn end(&mut self, end: &str) -> Result<(), DbError> {
        if self.is_in_transaction {
            if !self.wire.is_open() {
                // A reply that did not come is not waited for again.
                return Err(gone());
            }
            self.tell(end)?;
            self.is_in_transaction = false;
        }
        Ok(())
    }

    /// Ends a transaction that only read, and does not wait for the reply: nothing depends on it, and the connection
    /// reads it before that of the next statement.
    pub(super) fn end_unheard(&mut self) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| self.is_in_transaction) else {
            return;
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = self.wire.tell("COMMIT") => {}
                () = take_turns() => {}
            }
        });
        self.is_in_transaction = false;
    }

    /// The statements that write many rows of a table at once.
    pub(super) fn batch(&mut self, table: &Table) -> Result<Arc<Batch>, DbError> {
        self.wait(async |wire| wire.batch(table).await)
    }
}

fn gone() -> DbError {
    DbError::Unavailable("the connection to PostgreSQL is gone".to_owned())
}

/// Lets the connection run once: the first turn looks at the socket, in the second it writes and reads what it can.
async fn take_turns() {
    yield_now().await;
    yield_now().await;
}

impl pool::Link for Link {
    fn is_reusable(&self) -> bool {
        self.wire.is_open() && !self.is_in_transaction
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Never waits: a handle may be dropped on an async thread.
            runtime.shutdown_background();
        }
    }
}
