//! Writes that wait: in the order in which they came, and no more than so many.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::Job;
use crate::DbError;

/// How long writes that are not urgent wait for one that is.
const LINGER: Duration = Duration::from_millis(20);

pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    most: usize,
}

struct State {
    jobs: VecDeque<Box<dyn Job>>,
    /// Those that ride along with the next, or go alone after a while.
    later: VecDeque<Box<dyn Job>>,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                later: VecDeque::new(),
                is_closed: false,
            }),
            arrived: Condvar::new(),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, job: Box<dyn Job>, is_urgent: bool) -> Result<(), DbError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(DbError::Unavailable("the desk is closed".to_owned()));
        }
        if state.jobs.len() + state.later.len() >= self.most {
            return Err(DbError::Unavailable("too many writes wait".to_owned()));
        }
        let (queue, is_first) = if is_urgent {
            (&mut state.jobs, true)
        } else {
            let is_first = state.later.is_empty();
            (&mut state.later, is_first)
        };
        queue.push_back(job);
        drop(state);
        if is_first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for writes and takes at most `most` of each urgency; `None` where the queue is closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self
            .arrived
            .wait_while(self.lock(), |state| {
                state.jobs.is_empty() && state.later.is_empty() && !state.is_closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.jobs.is_empty() {
            let waited = self.arrived.wait_timeout_while(state, LINGER, |state| {
                state.jobs.is_empty() && !state.is_closed
            });
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let (urgent, later) = (state.jobs.len().min(most), state.later.len().min(most));
        let mut taken: Vec<_> = state.jobs.drain(..urgent).collect();
        taken.extend(state.later.drain(..later));
        (!taken.is_empty()).then_some(taken)
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.jobs.len() + state.later.len()
    }
}
