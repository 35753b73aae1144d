//! How many large feeds are worked on at once: each holds its whole body in memory.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Places for large requests of the two feeds. They do not share: anybody may send receipts, and only who holds a key
/// events.
#[derive(Debug)]
pub struct FeedRoom {
    events: Semaphore,
    receipts: Semaphore,
}

/// One of the feeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feed {
    Events,
    Receipts,
}

impl FeedRoom {
    /// Room for so many large requests of each feed.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let places = places.min(Semaphore::MAX_PERMITS);
        Self {
            events: Semaphore::new(places),
            receipts: Semaphore::new(places),
        }
    }

    /// A place, until it is dropped; none where all are taken.
    pub(crate) fn enter(&self, feed: Feed) -> Option<SemaphorePermit<'_>> {
        let places = match feed {
            Feed::Events => &self.events,
            Feed::Receipts => &self.receipts,
        };
        places.try_acquire().ok()
    }
}
