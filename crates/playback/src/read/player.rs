//! What a player asks for: where to resume, and how many are viewing.

use std::sync::Arc;

use reportd_db::{DbError, Tx};
use reportd_protocol::playback::{
    OnlineTotal, PlayerData, VideoQuery, bvid_of, data_reply, last_play_time_ms,
};

use super::{Answer, entry_facts};
use crate::Playback;
use crate::catalogue;
use crate::query;
use crate::registry::PlaybackApp;

impl Playback {
    /// Where a viewer resumes a video: `/x/player/v2`. Without a session `mid` is none, and nothing is known.
    pub(crate) async fn player_reply(
        &self,
        app: &Arc<PlaybackApp>,
        mid: Option<i64>,
        asked: &VideoQuery,
    ) -> Result<Answer, DbError> {
        let (lag_ms, resume) = self.resume_point(app, mid, asked.aid).await?;
        let viewing = self.now.of_video(app.app.no, asked.aid, 0).await?;
        let (last_play_cid, last_play_time) = resume.unwrap_or((0, 0));
        let data = PlayerData {
            aid: asked.aid,
            bvid: bvid_of(asked.aid).unwrap_or_default(),
            cid: asked.cid,
            login_mid: mid.unwrap_or(0),
            last_play_time,
            last_play_cid,
            now_time: self.clock.now_ms().div_euclid(1000),
            online_count: i64::try_from(viewing.all).unwrap_or(i64::MAX),
        };
        Ok(Answer {
            body: data_reply(&data),
            lag_ms,
        })
    }

    /// How many are viewing a video, or one part of it: `/x/player/online/total`.
    pub(crate) async fn online_reply(
        &self,
        app: &Arc<PlaybackApp>,
        asked: &VideoQuery,
    ) -> Result<Answer, DbError> {
        let viewing = self.now.of_video(app.app.no, asked.aid, asked.cid).await?;
        Ok(Answer {
            body: data_reply(&OnlineTotal::of(viewing.all, viewing.in_browsers)),
            lag_ms: 0,
        })
    }

    /// The newest part of a video and where a viewer is in it, in ms; and how far that lags.
    async fn resume_point(
        &self,
        app: &Arc<PlaybackApp>,
        mid: Option<i64>,
        aid: i64,
    ) -> Result<(i64, Option<(i64, i64)>), DbError> {
        let Some(mid) = mid else {
            return Ok((0, None));
        };
        let Some(identity) = self.viewers.find(app.app.no, mid).await? else {
            return Ok((0, None));
        };
        let (viewer, no, rule) = (identity.viewer, app.app.no, app.settings.finish);
        let read = move |tx: &mut Tx<'_>| query::newest_part(tx, viewer, aid);
        let (lag_ms, newest) = self.views.ask_briefly(viewer, read).await?;
        let Some(shown) = newest else {
            return Ok((lag_ms, None));
        };
        let part = [(shown.aid, shown.cid)];
        let listed = self
            .directory
            .db()
            .read_briefly::<_, DbError>(move |tx| catalogue::listed(tx, no, &part))
            .await?;
        let facts = entry_facts(shown, listed.into_iter().next().unwrap_or_default(), &rule);
        Ok((lag_ms, Some((facts.cid, last_play_time_ms(facts.position)))))
    }
}
