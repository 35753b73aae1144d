//! Connections on which a question is asked without a thread that waits for the answer: whoever asks is an async task, and
//! its runtime polls the connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DIALECT;
use super::target::Target;
use super::transaction::BEGIN_READ;
use super::types::bound;
use super::wire::{Answer, Asked, Wire};
use crate::database::Asker;
use crate::migrate::Dialect;
use crate::pool::LONGEST_WAIT;
use crate::question::Question;
use crate::{DbError, Row};

/// So many of them at most.
pub(super) struct Asking {
    target: Arc<Target>,
    /// For those that ask at a time.
    seats: Arc<Semaphore>,
    /// For connections, each as long as it is open at the server.
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Wire>>,
}

impl Asking {
    pub(super) fn new(target: Arc<Target>, connections: usize) -> Self {
        Self {
            target,
            seats: Arc::new(Semaphore::new(connections)),
            places: Arc::new(Semaphore::new(connections)),
            idle: Mutex::default(),
        }
    }

    async fn connect(&self) -> Result<Wire, DbError> {
        self.target.wire(one_of(&self.places).await?).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Wire>> {
        // Nothing panics while it is held.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks again, on a new connection, where the one that was idle turns out to be closed. One whose caller gives up in the
    /// middle is closed when the server has answered, and keeps its place until then.
    async fn answers(&self, frame: [&str; 2], asked: &[Asked<'_>]) -> Result<Vec<Answer>, DbError> {
        let _seat = one_of(&self.seats).await?;
        let idle = self.idle().pop();
        let mut wire = match idle {
            Some(wire) => wire,
            None => self.connect().await?,
        };
        let mut told = wire.ask_each(frame, asked).await;
        if told.is_err() && !wire.is_open() {
            // Its place is free when it is gone.
            drop(wire);
            wire = self.connect().await?;
            told = wire.ask_each(frame, asked).await;
        }
        if wire.is_open() {
            self.idle().push(wire);
        }
        told
    }
}

async fn one_of(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbError> {
    let free = Arc::clone(places).acquire_owned();
    let taken = tokio::time::timeout(LONGEST_WAIT, free).await;
    let taken = taken.ok().and_then(Result::ok);
    taken.ok_or_else(|| DbError::Unavailable("all connections are busy".to_owned()))
}

impl Asker for Asking {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Vec<Vec<Row>>, DbError>> {
        Box::pin(async {
            let frame = match question.are_apart {
                true => ["", ""],
                false => [BEGIN_READ, "COMMIT"],
            };
            let values: Vec<_> = question.values().collect();
            let values: Vec<_> = values.iter().map(|values| bound(values)).collect();
            let asked = question.texts().zip(&values);
            let asked: Vec<Asked<'_>> = asked.map(|(sql, values)| (sql, &values[..])).collect();
            let answers = self.answers(frame, &asked).await?;
            answers.into_iter().map(Answer::rows).collect()
        })
    }
}
