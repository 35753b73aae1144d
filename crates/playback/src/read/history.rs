//! The history: by a cursor, and as a bare list.

use std::sync::Arc;

use reportd_db::{DbError, Tx};
use reportd_protocol::playback::meaning::FinishRule;
use reportd_protocol::playback::{
    CursorQuery, EntryFacts, EntryPlace, HistoryPage, ListItem, ListQuery, data_reply,
};

use super::Answer;
use crate::Playback;
use crate::catalogue::{self, ListedPart};
use crate::entry::ViewerNo;
use crate::query::{self, HistorySlice, Placed};
use crate::registry::PlaybackApp;
use crate::watch::Shown;

impl Playback {
    /// A page of a viewer's history by a cursor: `/x/web-interface/history/cursor`.
    pub(crate) async fn history_page_reply(
        &self,
        app: &Arc<PlaybackApp>,
        mid: i64,
        asked: &CursorQuery,
    ) -> Result<Answer, DbError> {
        let slice = HistorySlice::from(asked);
        let read = move |tx: &mut Tx<'_>, viewer| query::history_page(tx, viewer, &slice);
        let (lag_ms, entries) = self.read_entries(app, mid, read).await?;
        let items = entries.into_iter();
        let items = items.map(|(place, facts)| (place, facts.item())).collect();
        Ok(Answer {
            body: data_reply(&HistoryPage::of(items, asked.page_size)),
            lag_ms,
        })
    }

    /// A page of a viewer's history by its number: `/x/v2/history`.
    pub(crate) async fn list_reply(
        &self,
        app: &Arc<PlaybackApp>,
        mid: i64,
        asked: &ListQuery,
    ) -> Result<Answer, DbError> {
        let asked = *asked;
        let read = move |tx: &mut Tx<'_>, viewer| query::history_list(tx, viewer, &asked);
        let (lag_ms, entries) = self.read_entries(app, mid, read).await?;
        let items: Vec<ListItem> = entries.iter().map(|(_, facts)| facts.list_item()).collect();
        Ok(Answer {
            body: data_reply(&items),
            lag_ms,
        })
    }

    /// Entries of a viewer's history, with what the catalogue says of them; none of a viewer of whom nothing was reported.
    async fn read_entries(
        &self,
        app: &Arc<PlaybackApp>,
        mid: i64,
        read: impl Fn(&mut Tx<'_>, ViewerNo) -> Result<Vec<Placed>, DbError> + Send + Sync + 'static,
    ) -> Result<(i64, Vec<(EntryPlace, EntryFacts)>), DbError> {
        let Some(identity) = self.viewers.find(app.app.no, mid).await? else {
            return Ok((0, Vec::new()));
        };
        let viewer = identity.viewer;
        let read = move |tx: &mut Tx<'_>| read(tx, viewer);
        let (lag_ms, placed) = self.views.read(viewer, read).await?;
        Ok((lag_ms, self.join_catalogue(app, placed).await?))
    }

    /// Joins what the catalogue says of entries.
    pub(crate) async fn join_catalogue(
        &self,
        app: &Arc<PlaybackApp>,
        placed: Vec<Placed>,
    ) -> Result<Vec<(EntryPlace, EntryFacts)>, DbError> {
        if placed.is_empty() {
            return Ok(Vec::new());
        }
        let (no, rule) = (app.app.no, app.settings.finish);
        let state = self.directory.db();
        let join = move |tx: &mut Tx<'_>| {
            let parts: Vec<(i64, i64)> = (placed.iter())
                .map(|(_, shown)| (shown.aid, shown.cid))
                .collect();
            let listed = catalogue::listed(tx, no, &parts)?;
            let facts = |((place, shown), part)| (place, entry_facts(shown, part, &rule));
            Ok(placed.into_iter().zip(listed).map(facts).collect())
        };
        state.read_async(join).await
    }
}

/// What a history knows of an entry. The catalogue knows best how long a part is.
pub(crate) fn entry_facts(shown: Shown, part: ListedPart, rule: &FinishRule) -> EntryFacts {
    let duration_s = part.duration_s.or(shown.duration_s);
    EntryFacts {
        aid: shown.aid,
        cid: shown.cid,
        business: Some(shown.business),
        season_id: shown.season_id,
        episode_id: shown.episode_id,
        device: shown.device,
        view_at_ms: shown.view_at_ms,
        position: rule.read_back(shown.position, duration_s),
        duration_s,
        listed: part.listed,
    }
}
