//! Who is viewing now: a register in memory, kept level with what all nodes have folded.
//!
//! Each fold leaves the newest beat of every viewer of its batch in `playback_recent`. A node reads what is new there once a
//! second, and five times a second while it is asked, so that requests seldom wait for it. Whether a viewer is viewing is
//! judged as a beat comes in, by the duration known then; 45 s later the beat counts no more, whatever the catalogue says
//! meanwhile.

mod register;
mod tail;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reportd_db::{Database, DbError};
use reportd_platform::AppNo;
use reportd_platform::clock::Clock;
use reportd_protocol::playback::meaning::FinishRule;
use tokio::sync::{Mutex, MutexGuard};

use self::register::Register;
pub(crate) use self::register::{PartViewers, Viewing};
use self::tail::Tail;
#[cfg(test)]
pub(crate) use self::tail::read_tail;
use crate::registry::Registry;

/// A request has the store read where that was done longer ago.
const LEAST_INTERVAL: Duration = Duration::from_millis(250);

/// So often it is read without a request.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// So often it is read while requests come: before one of them would have to.
const ASKED_INTERVAL: Duration = Duration::from_millis(200);

/// The register of a node. Its locks are waited for without a thread.
pub struct NowRegister {
    state: Database,
    views: Database,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    /// Its lock is the turn to read the store.
    tail: Arc<Mutex<Tail>>,
    register: Arc<Mutex<Register>>,
    /// A request came since it was last kept level.
    was_asked: AtomicBool,
}

impl NowRegister {
    /// An empty one over the stores; `registry` tells when a video counts as finished.
    #[must_use]
    pub fn new(
        state: Database,
        views: Database,
        clock: Arc<dyn Clock>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            state,
            views,
            clock,
            registry,
            tail: Arc::default(),
            register: Arc::default(),
            was_asked: AtomicBool::new(false),
        }
    }

    /// Keeps it level until the task is aborted: so the first request after a while does not find all to be read.
    pub async fn keep_level(self: Arc<Self>) {
        loop {
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "viewers now could not be read");
            }
            let pause = match self.was_asked.swap(false, Ordering::Relaxed) {
                true => ASKED_INTERVAL,
                false => UPKEEP_INTERVAL,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads what is folded now, whenever that was done last.
    pub(crate) async fn refresh(&self) -> Result<(), DbError> {
        self.bring_level(Duration::ZERO).await
    }

    /// The register as a request looks at it.
    async fn register(&self) -> Result<MutexGuard<'_, Register>, DbError> {
        self.was_asked.store(true, Ordering::Relaxed);
        self.bring_level(LEAST_INTERVAL).await?;
        let mut register = self.register.lock().await;
        register.forget_old(self.clock.now_ms());
        Ok(register)
    }

    /// How many are viewing in an app.
    pub(crate) async fn total(&self, app: AppNo) -> Result<u64, DbError> {
        Ok(self.register().await?.total(app))
    }

    /// How many are viewing a part of a video; all its parts where `cid` is 0.
    pub(crate) async fn of_video(
        &self,
        app: AppNo,
        aid: i64,
        cid: i64,
    ) -> Result<Viewing, DbError> {
        Ok(self.register().await?.of_video(app, aid, cid))
    }

    /// The parts with the most viewers, the greatest first.
    pub(crate) async fn videos(
        &self,
        app: AppNo,
        limit: usize,
    ) -> Result<Vec<PartViewers>, DbError> {
        Ok(self.register().await?.videos(app, limit))
    }

    /// Reads what was folded, unless that was done less than `interval` ago. Who comes while it is being read waits for it.
    async fn bring_level(&self, interval: Duration) -> Result<(), DbError> {
        let mut tail = Arc::clone(&self.tail).lock_owned().await;
        let now = self.clock.monotonic();
        if tail.is_level(now, interval) {
            return Ok(());
        }
        let (state, views) = (self.state.clone(), self.views.clone());
        let (registry, register) = (Arc::clone(&self.registry), Arc::clone(&self.register));
        let now_ms = self.clock.now_ms();
        reportd_db::on_this_thread(move || {
            while let Some(beats) = tail.read(&state, &views, now_ms)? {
                // This thread may wait: its other tasks are on another one.
                let mut register = register.blocking_lock();
                register.forget_old(now_ms);
                let mut rules = HashMap::new();
                for beat in beats {
                    let rule = rules.entry(beat.app).or_insert_with(|| {
                        let known = registry.app(beat.app);
                        known.map_or_else(FinishRule::default, |known| known.settings.finish)
                    });
                    register.add(&beat, now_ms, rule);
                }
            }
            tail.read_at(now);
            Ok(())
        })
        .await
    }
}
