//! Writes that wait: in the order in which they came, and no more than so many.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::job::Job;
use crate::DbError;

pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    most: usize,
}

struct State {
    jobs: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                is_closed: false,
            }),
            arrived: Condvar::new(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, job: Box<dyn Job>) -> Result<(), DbError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(DbError::Unavailable("the desk is closed".to_owned()));
        }
        if state.jobs.len() >= self.most {
            return Err(DbError::Unavailable("too many writes wait".to_owned()));
        }
        state.jobs.push_back(job);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for writes and takes at most `most` of them; `None` where the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self
            .arrived
            .wait_while(self.lock(), |state| {
                state.jobs.is_empty() && !state.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(most);
        (count > 0).then(|| state.jobs.drain(..count).collect())
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }
}
