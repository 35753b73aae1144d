//! Goes through the history by its cursor.

use reportd_protocol::playback::{
    Business, CursorQuery, HistoryFilter, HistoryPage, MAX_PAGE_SIZE, PageCursor, PageStart,
};

use super::client::PlaybackClient;
use crate::error::ClientError;

/// The pages of a history, from the newest entry to the oldest.
///
/// Entries that come or go meanwhile move no other one from its page: none is skipped or repeated.
#[derive(Debug, Clone)]
pub struct HistoryPages {
    client: PlaybackClient,
    filter: HistoryFilter,
    page_size: u32,
    /// `None` at the end.
    start: Option<PageStart>,
}

impl HistoryPages {
    pub(super) fn new(client: PlaybackClient, filter: HistoryFilter) -> Self {
        Self {
            client,
            filter,
            page_size: MAX_PAGE_SIZE,
            start: Some(PageStart::Newest),
        }
    }

    /// How many entries a page has at most. Default: 30, which is also the most that a server gives.
    #[must_use]
    pub fn page_size(mut self, page_size: u32) -> Self {
        self.page_size = page_size;
        self
    }

    /// The next page; `None` at the end. After an error the same page can be asked for again.
    ///
    /// # Errors
    /// See [`PlaybackClient`].
    pub async fn next(&mut self) -> Result<Option<HistoryPage>, ClientError> {
        let Some(start) = self.start else {
            return Ok(None);
        };
        let query = CursorQuery {
            start,
            filter: self.filter,
            page_size: self.page_size,
        };
        let page = self.client.history_page(&query).await?;
        // A cursor that stands still would have us read one page forever.
        self.start = behind(&page.cursor).filter(|next| *next != start && !page.list.is_empty());
        Ok((!page.list.is_empty()).then_some(page))
    }
}

/// Where the page after a cursor starts; `None` if it is the end.
fn behind(cursor: &PageCursor) -> Option<PageStart> {
    (cursor.max > 0).then(|| PageStart::Behind {
        view_at_s: cursor.view_at,
        number: cursor.max,
        business: Business::from_name(&cursor.business),
    })
}
