//! Heartbeats, one a request, as players send them: each viewer in turn, so that all of them send every 15 seconds where
//! the rate is a fifteenth of their number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reportd_client::protocol::playback::{Endpoint, heartbeat_form};
use reportd_client::{Bytes, ClientError, Connection, PlaybackLogin};

use super::viewers::Viewers;
use crate::cli::LoadPlayback;
use crate::load::sender::{Acknowledged, Exchange};

/// What one connection sends; the numbers of requests are shared by all.
pub(super) struct Heartbeats {
    viewers: Arc<Viewers>,
    next: Arc<AtomicU64>,
    most_requests: u64,
    first_turn: u64,
    login: PlaybackLogin,
    form: Bytes,
}

impl Heartbeats {
    pub(super) fn new(asked: &LoadPlayback, viewers: &Arc<Viewers>, next: &Arc<AtomicU64>) -> Self {
        Self {
            viewers: Arc::clone(viewers),
            next: Arc::clone(next),
            most_requests: asked.requests.unwrap_or(u64::MAX),
            first_turn: u64::from(asked.turn),
            login: PlaybackLogin::Anonymous,
            form: Bytes::new(),
        }
    }
}

impl Exchange for Heartbeats {
    fn prepare(&mut self, now_ms: i64) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.most_requests {
            return false;
        }
        let count = self.viewers.count();
        let (viewer, turn) = (number % count, self.first_turn + number / count);
        let beat = self.viewers.beat(viewer, turn, now_ms);
        self.login = self.viewers.login(viewer);
        self.form = heartbeat_form(&beat, Some(&self.viewers.csrf(viewer))).into();
        true
    }

    async fn send(&mut self, connection: &mut Connection) -> Result<Acknowledged, ClientError> {
        let form = self.form.clone();
        let login = &self.login;
        connection
            .post_playback(Endpoint::Heartbeat, login, form)
            .await
            .map(|()| Acknowledged {
                reports: 1,
                distinct: 1,
            })
    }
}
