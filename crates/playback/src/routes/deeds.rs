//! What calls leave: beats, and deletes.

use reportd_protocol::playback::meaning::DeleteScope;
use reportd_protocol::playback::{Beat, Code};

use super::reply::{Answer, Refused};
use crate::Playback;
use crate::entry::{BeatRecord, Record};
use crate::intake::MOST_DELETES;
use crate::sessions::Login;
use crate::viewers::draw_number;

impl Playback {
    /// Makes a beat durable: under the viewer's number, or while the history is paused under that of the pause.
    pub(super) async fn take_beat(&self, login: &Login, beat: Beat<'_>) -> Result<Answer, Refused> {
        let (app, session) = (&login.app.app, &login.session);
        if beat.ignored_values > 0 {
            let ignored = u64::from(beat.ignored_values);
            self.metrics.ignored_values.inc_by(ignored);
        }
        let identity = self.viewers.number(app.no, session.mid).await?;
        let day = app.zone.day(self.clock.now_ms());
        let record = BeatRecord::of(&identity, session.source, day, beat);
        let viewer = record.viewer;
        self.store(app, viewer, &Record::Beat(record)).await?;
        Ok(Answer::acknowledged())
    }

    /// Deletes from the history. What it does not show leaves nothing, so that the deletes of a viewer are no more than
    /// what was ever shown.
    pub(super) async fn delete(
        &self,
        login: &Login,
        scope: DeleteScope,
    ) -> Result<Answer, Refused> {
        let (app, mid) = (&login.app.app, login.session.mid);
        let Some(identity) = self.viewers.find(app.no, mid).await? else {
            return Ok(Answer::ok());
        };
        let viewer = identity.viewer;
        let deletable = self.deletable(viewer, scope).await?;
        if !deletable.is_shown {
            return Ok(Answer::ok());
        }
        if deletable.deletes >= MOST_DELETES {
            return Err(Code::Limited.into());
        }
        let id = draw_number(&*self.random)?;
        let record = Record::Delete {
            viewer,
            id,
            scope,
            at_ms: None,
        };
        self.store(app, viewer, &record).await?;
        Ok(Answer::ok())
    }
}
