//! Reads of what players and pages ask for, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use reportd_client::protocol::playback::{
    Business, CursorQuery, Endpoint, HistoryFilter, MAX_PAGE_SIZE, PageCursor, PageStart, Reply,
    VideoQuery,
};
use reportd_client::{Bytes, ClientError, Connection};
use serde::Deserialize;

use super::viewers::Viewers;
use crate::cli::{LoadPlayback, PlaybackRead};
use crate::load::Plan;
use crate::load::sender::{Acknowledged, Exchange};
use crate::traffic::mix;

/// Of the reply to a page of the history only what leads on.
#[derive(Deserialize)]
struct Page {
    cursor: PageCursor,
}

/// One connection that reads; the numbers of requests are shared by all.
pub(super) struct Reader {
    read: PlaybackRead,
    viewers: Arc<Viewers>,
    next: Arc<AtomicU64>,
    videos: u64,
    viewer: u64,
    query: String,
    /// Where the next page of the history starts: pages are read to the end, then from the newest again.
    start: PageStart,
}

/// Reads once, to see that something is there.
pub(super) async fn check(
    plan: &Plan,
    read: PlaybackRead,
    viewers: &Arc<Viewers>,
) -> anyhow::Result<()> {
    let mut connection = Connection::connect(&plan.address).await?;
    let query = history_query(PageStart::Newest);
    let login = viewers.login(0);
    let reply = connection.get_playback(Endpoint::HistoryCursor, &login, &query);
    let cursor = cursor(&reply.await?);
    let is_needed = matches!(read, PlaybackRead::History | PlaybackRead::Player);
    ensure!(
        !is_needed || cursor.is_some_and(|cursor| cursor.max > 0),
        "the first viewer has no history: send heartbeats first, with the same flags"
    );
    Ok(())
}

impl Reader {
    pub(super) fn new(
        read: PlaybackRead,
        asked: &LoadPlayback,
        viewers: &Arc<Viewers>,
        next: &Arc<AtomicU64>,
    ) -> Self {
        Self {
            read,
            viewers: Arc::clone(viewers),
            next: Arc::clone(next),
            videos: u64::from(asked.videos),
            viewer: 0,
            query: String::new(),
            start: PageStart::Newest,
        }
    }

    fn endpoint(&self) -> Endpoint {
        match self.read {
            PlaybackRead::History => Endpoint::HistoryCursor,
            PlaybackRead::Player => Endpoint::Player,
            PlaybackRead::Online => Endpoint::OnlineTotal,
        }
    }

    /// Goes on behind a page.
    fn follow(&mut self, reply: &Bytes) {
        let behind = cursor(reply).filter(|cursor| cursor.max > 0);
        self.start = behind.map_or(PageStart::Newest, |cursor| PageStart::Behind {
            view_at_s: cursor.view_at,
            number: cursor.max,
            business: Business::from_name(&cursor.business),
        });
    }
}

impl Exchange for Reader {
    fn prepare(&mut self, _now_ms: i64) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.query = if self.read == PlaybackRead::History {
            // A connection stays with its viewer: it has the pages of one.
            history_query(self.start)
        } else {
            self.viewer = number % self.viewers.count();
            let sitting = mix(number) % self.videos;
            let (aid, cid) = self.viewers.video(self.viewer, sitting);
            VideoQuery { aid, cid }.write()
        };
        true
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let login = self.viewers.login(self.viewer);
        let reply = connection
            .get_playback(self.endpoint(), &login, &self.query)
            .await?;
        if self.read == PlaybackRead::History {
            self.follow(&reply);
        }
        Ok(Acknowledged {
            reports: 1,
            distinct: 1,
        })
    }
}

fn history_query(start: PageStart) -> String {
    let query = CursorQuery {
        start,
        filter: HistoryFilter::All,
        page_size: MAX_PAGE_SIZE,
    };
    query.write()
}

fn cursor(reply: &Bytes) -> Option<PageCursor> {
    let page: Page = Reply::decode(reply).ok()?.read_data().ok()?;
    Some(page.cursor)
}
