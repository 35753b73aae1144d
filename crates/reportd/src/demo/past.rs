//! The rooms of a server whose clock stands in the past: the history of the demo goes through them, by the same routes,
//! journal and views as everything else. Nobody outside of the process can call them.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use reportd_client::Bytes;
use reportd_platform::clock::Clock;
use reportd_platform::limiter::Buckets;
use reportd_platform::metrics::Metrics;
use reportd_platform::random::SystemRandom;
use serde_json::Value;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use super::clock::PastClock;
use crate::kinds::{Ground, LoadedKinds, OpenKinds, ReportKind};
use crate::progress::Progress;
use crate::running::Running;
use crate::served::Served;
use crate::server::{open_directory, open_journal};
use crate::settings::Settings;
use crate::stores::Stores;
use reportd_journal::Pace;

/// Most bytes of a reply.
const MOST_REPLY_BYTES: usize = 4 << 20;
/// Most bytes of entries that wait for the disk: a step of the history brings many at once.
const QUEUE_BYTES: usize = 64 << 20;
/// How long the end waits for what requests have left to be written.
const LONGEST_WRITE: Duration = Duration::from_secs(5);
/// How often it is looked how far the views are.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Large batches cost less an entry, and nobody reads meanwhile.
const PACE: Pace = Pace {
    least_pause: Duration::from_millis(100),
    longest_pause: Duration::from_millis(300),
    rest_factor: 1,
};

/// Rooms on a clock of their own.
pub(super) struct Past {
    pub(super) clock: Arc<PastClock>,
    running: Arc<Running>,
    settings: Settings,
    router: Router,
    upkeep: Vec<JoinHandle<()>>,
    writers: Vec<JoinHandle<()>>,
    lock: Option<File>,
}

impl Past {
    /// Opens the kinds whose reports are journalled, and the journal and the views with them.
    pub(super) async fn open(settings: &Settings, clock: Arc<PastClock>) -> anyhow::Result<Self> {
        let mut settings = settings.clone();
        settings.journal.queue_bytes = QUEUE_BYTES;
        settings.journal.linger_ms = 0;
        let opened = tokio::task::spawn_blocking(move || {
            let stores = Stores::open(&settings)?;
            let lock = stores.folder.lock()?;
            let running = open_running(&settings, stores, Arc::clone(&clock))?;
            let open = open_kinds(&settings, &running, |kind| kind.migrate_views.is_some())?;
            anyhow::Ok((settings, clock, Some(lock), running, open))
        });
        let (settings, clock, lock, running, open) = opened.await??;
        Ok(Self {
            clock,
            running,
            settings,
            router: open.protocols.merge(open.api),
            upkeep: open.upkeep,
            writers: open.writers,
            lock,
        })
    }

    /// The kinds that have no journal, beside those that have, on a clock of their own: their days take hardly any work
    /// and many waits.
    pub(super) async fn beside(&self, clock: Arc<PastClock>) -> anyhow::Result<Self> {
        let (settings, of) = (self.settings.clone(), Arc::clone(&self.running));
        let opened = tokio::task::spawn_blocking(move || {
            let told: Arc<dyn Clock> = Arc::clone(&clock) as _;
            let (state, metrics) = (of.state.clone(), Metrics::default());
            let keys = crate::data_folder::DataFolder::at(&settings.data).key_source();
            let kinds = LoadedKinds::load(&state, &keys, &metrics);
            let directory = open_directory(&settings, &state, &Buckets::Memory, &told, &kinds)?;
            let running = Arc::new(Running {
                clock: told,
                metrics,
                state,
                served: Arc::clone(&of.served),
                journal: Arc::clone(&of.journal),
                kinds,
                directory,
            });
            let open = open_kinds(&settings, &running, |kind| kind.migrate_views.is_none())?;
            anyhow::Ok((settings, clock, running, open))
        });
        let (settings, clock, running, open) = opened.await??;
        Ok(Self {
            clock,
            running,
            settings,
            router: open.protocols.merge(open.api),
            upkeep: open.upkeep,
            writers: open.writers,
            lock: None,
        })
    }

    /// What it runs on.
    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// A way to call the routes, for tasks.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            router: self.router.clone(),
        }
    }

    /// Waits until all that was journalled is in the views.
    pub(super) async fn level(&self, progress: &Progress) -> anyhow::Result<()> {
        let behind = || {
            let views = self.running.served.status();
            let stuck = views.iter().find_map(|view| view.stuck.clone());
            (views.iter().map(|view| view.entries_behind).max(), stuck)
        };
        let mut most = 0;
        loop {
            let (left, stuck) = behind();
            if let Some(why) = stuck {
                bail!("the views do not go on: {why}");
            }
            let left = left.unwrap_or(0);
            most = most.max(left);
            ensure!(progress.reach(most - left, most), "it was interrupted");
            if left == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Ends these rooms; those that were opened beside them must have ended.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        self.upkeep.iter().for_each(JoinHandle::abort);
        // The routes hold what is written behind requests.
        drop(self.router);
        for writer in self.writers {
            let _ = tokio::time::timeout(LONGEST_WRITE, writer).await;
        }
        self.running.kinds.close().await;
        let Some(lock) = self.lock else {
            return Ok(());
        };
        let running = self.running;
        let closed = tokio::task::spawn_blocking(move || {
            let closed = running.journal.close();
            running.served.close();
            closed?;
            running.state.checkpoint()?;
            drop(lock);
            anyhow::Ok(())
        });
        closed
            .await
            .map_err(|error| anyhow!("closing the stores stopped: {error}"))?
    }
}

/// Calls routes in the process.
#[derive(Clone)]
pub(super) struct Caller {
    router: Router,
}

impl Caller {
    /// Sends a request with a body, and what stands in `authorization` and for `auditor`.
    pub(super) async fn call(
        &self,
        (method, path): (Method, &str),
        (authorization, auditor): (&str, &str),
        body: impl Into<Bytes>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder().method(method).uri(path);
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if !auditor.is_empty() {
            request = request.header("x-auditor", auditor);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.into()))?;
        self.send(request).await
    }

    /// As [`Self::call`], where anything but a success is an error, and the reply is JSON.
    pub(super) async fn ask(
        &self,
        (method, path): (Method, &str),
        who: (&str, &str),
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Value> {
        let (status, reply) = self.call((method, path), who, body).await?;
        let said = || String::from_utf8_lossy(&reply);
        ensure!(status.is_success(), "{path}: {status} {}", said());
        if reply.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&reply)?)
    }

    /// Sends a request as it is.
    pub(super) async fn send(&self, request: Request<Body>) -> anyhow::Result<(StatusCode, Bytes)> {
        let reply = match self.router.clone().oneshot(request).await {
            Ok(reply) => reply,
            Err(never) => match never {},
        };
        let status = reply.status();
        Ok((status, to_bytes(reply.into_body(), MOST_REPLY_BYTES).await?))
    }
}

fn open_running(
    settings: &Settings,
    stores: Stores,
    clock: Arc<PastClock>,
) -> anyhow::Result<Arc<Running>> {
    let clock: Arc<dyn Clock> = clock;
    let (state, metrics) = (stores.state()?, Metrics::default());
    let journal = open_journal(settings, &stores, &clock, false, &metrics)?;
    let kinds = LoadedKinds::load(&state, &stores.folder.key_source(), &metrics);
    let directory = open_directory(settings, &state, &Buckets::Memory, &clock, &kinds)?;
    let served = Served::start(
        stores,
        Arc::clone(&journal),
        Arc::clone(&clock),
        kinds.clone(),
        PACE,
    )?;
    Ok(Arc::new(Running {
        clock,
        metrics,
        state,
        served: Arc::new(served),
        journal,
        kinds,
        directory,
    }))
}

fn open_kinds(
    settings: &Settings,
    running: &Arc<Running>,
    is_opened: impl Fn(&ReportKind) -> bool,
) -> anyhow::Result<OpenKinds> {
    let node = crate::data_folder::DataFolder::at(&settings.data).node_name(&SystemRandom)?;
    let ground = Ground {
        settings,
        running,
        buckets: &Buckets::Memory,
        node: node.into(),
        is_alone: true,
        discards: false,
    };
    running.kinds.open_some(&ground, is_opened)
}
