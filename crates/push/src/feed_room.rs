//! Room for large requests of the two feeds: each holds its whole body in memory.

use reportd_platform::web::{BodyRoom, RoomSize};

/// Room for large requests of the two feeds. They do not share: anybody may send receipts, and only who holds a key events.
#[derive(Debug)]
pub struct FeedRoom {
    events: BodyRoom,
    receipts: BodyRoom,
}

/// One of the feeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feed {
    Events,
    Receipts,
}

impl FeedRoom {
    /// So much room of each feed for bodies that come, and so much for those that are worked on.
    #[must_use]
    pub fn new(coming: RoomSize, in_work: RoomSize) -> Self {
        Self {
            events: BodyRoom::new(coming, in_work),
            receipts: BodyRoom::new(coming, in_work),
        }
    }

    pub(crate) fn of(&self, feed: Feed) -> &BodyRoom {
        match feed {
            Feed::Events => &self.events,
            Feed::Receipts => &self.receipts,
        }
    }
}
