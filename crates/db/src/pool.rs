//! Connections that threads take, use and give back: at most so many, and of these at most so many to read.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::DbError;

/// How long a caller waits for a connection before it is told to try later.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A connection that may turn out to be of no use any more.
pub(crate) trait Link {
    /// True where the next caller can use it: it is connected, and in no transaction.
    fn is_reusable(&self) -> bool;
}

/// What a connection is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

pub(crate) struct Pool<L> {
    state: Mutex<State<L>>,
    /// Told when a place is free again. Readers and writers wait apart: a reader that may not go must not be woken in
    /// the place of a writer that may.
    for_readers: Condvar,
    for_writers: Condvar,
    most: usize,
    most_readers: usize,
}

struct State<L> {
    idle: Vec<L>,
    taken: usize,
    reading: usize,
}

impl<L: Link> Pool<L> {
    /// A pool of at most `most` connections, of which at most `most_readers` are read from at a time.
    pub(crate) fn new(most: usize, most_readers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                idle: Vec::new(),
                taken: 0,
                reading: 0,
            }),
            for_readers: Condvar::new(),
            for_writers: Condvar::new(),
            most: most.max(1),
            most_readers: most_readers.max(1),
        }
    }

    /// A connection that was given back, or one that `connect` makes.
    pub(crate) fn take(
        &self,
        purpose: Use,
        connect: impl FnOnce() -> Result<L, DbError>,
    ) -> Result<Taken<'_, L>, DbError> {
        let is_full = |state: &mut State<L>| self.is_full(state, purpose);
        let freed = match purpose {
            Use::Read => &self.for_readers,
            Use::Write => &self.for_writers,
        };
        let (mut state, _) = freed
            .wait_timeout_while(self.lock(), LONGEST_WAIT, is_full)
            .unwrap_or_else(PoisonError::into_inner);
        if is_full(&mut state) {
            return Err(DbError::Unavailable("all connections are busy".to_owned()));
        }
        let idle = state.idle.pop();
        let mut taken = self.give(&mut state, purpose, idle);
        drop(state);
        if taken.link.is_none() {
            taken.link = Some(connect()?);
        }
        Ok(taken)
    }

    /// A connection to read from, where one is idle and may be taken at once.
    pub(crate) fn take_idle_reader(&self) -> Option<Taken<'_, L>> {
        let mut state = self.lock();
        if self.is_full(&state, Use::Read) {
            return None;
        }
        let idle = state.idle.pop()?;
        Some(self.give(&mut state, Use::Read, Some(idle)))
    }

    fn is_full(&self, state: &State<L>, purpose: Use) -> bool {
        state.taken >= self.most || purpose == Use::Read && state.reading >= self.most_readers
    }

    /// Gives a place away, with the connection that is to be used there.
    fn give(&self, state: &mut State<L>, purpose: Use, link: Option<L>) -> Taken<'_, L> {
        state.taken += 1;
        state.reading += usize::from(purpose == Use::Read);
        Taken {
            pool: self,
            purpose,
            link,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<L>> {
        // Nothing panics while it is held, and each change of it stands for itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.idle.len(), state.taken)
    }
}

/// A connection that goes back when it is dropped, also when the work on it panicked; one that is of no use is closed.
pub(crate) struct Taken<'a, L: Link> {
    pool: &'a Pool<L>,
    purpose: Use,
    link: Option<L>,
}

impl<L: Link> Taken<'_, L> {
    /// # Errors
    /// None in practice: a place that was taken holds its connection to the end.
    pub(crate) fn link(&mut self) -> Result<&mut L, DbError> {
        self.link
            .as_mut()
            .ok_or_else(|| DbError::Unavailable("the connection is gone".to_owned()))
    }
}

impl<L: Link> Drop for Taken<'_, L> {
    fn drop(&mut self) {
        let link = self.link.take().filter(Link::is_reusable);
        let mut state = self.pool.lock();
        state.idle.extend(link);
        state.taken -= 1;
        state.reading -= usize::from(self.purpose == Use::Read);
        drop(state);
        self.pool.for_writers.notify_one();
        self.pool.for_readers.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbered(bool);

    impl Link for Numbered {
        fn is_reusable(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn readers_leave_a_connection_to_a_writer() {
        let pool = Pool::new(3, 2);
        let take = |purpose| pool.take(purpose, || Ok(Numbered(true)));
        let readers = [take(Use::Read).unwrap(), take(Use::Read).unwrap()];
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| take(Use::Read).map(drop));
            drop(take(Use::Write).unwrap());
            drop(readers);
            assert_eq!(waits.join().unwrap(), Ok(()));
        });
        assert_eq!(pool.counts(), (3, 0));
    }

    #[test]
    fn a_reader_is_taken_at_once_or_not_at_all() {
        let pool = Pool::new(2, 1);
        let take = |purpose| pool.take(purpose, || Ok(Numbered(true)));
        assert!(pool.take_idle_reader().is_none(), "none is open");
        let [first, second] = [take(Use::Write).unwrap(), take(Use::Read).unwrap()];
        drop(first);
        assert!(pool.take_idle_reader().is_none(), "another reads");
        drop(second);
        let taken = pool.take_idle_reader();
        assert!(taken.is_some());
        drop(taken);
        assert_eq!(pool.counts(), (2, 0));
    }

    #[test]
    fn what_cannot_be_used_or_made_leaves_its_place() {
        let pool = Pool::new(1, 1);
        let fails = || Err(DbError::Unavailable("on purpose".to_owned()));
        assert!(pool.take(Use::Write, fails).is_err());
        drop(pool.take(Use::Write, || Ok(Numbered(false))).unwrap());
        assert_eq!(pool.counts(), (0, 0));
    }
}
