//! Wiring: the stores, the rooms and the web surface of a running server.

use std::fs::File;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::Router;
use reportd_db::Database;
use reportd_journal::{DayFiles, Journal, JournalMetrics, Options, Pace};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::directory::{Directory, FailureLimit, POLL_INTERVAL};
use reportd_platform::limiter::Buckets;
use reportd_platform::metrics::{Metrics, open_file_limit};
use reportd_platform::random::SystemRandom;
use reportd_platform::rate_limit::Rate;
use reportd_platform::reseal::unopened;
use reportd_platform::web::{self, Limits, Listener, Tls, TrustedProxies};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::control::{self, ControlSocket};
use crate::kinds::{Ground, LoadedKinds, OpenKinds, limiter, settle_state};
use crate::master_key::sealed_columns;
use crate::retention;
use crate::running::Running;
use crate::served::Served;
use crate::settings::{MASTER_KEY, Settings};
use crate::stores::Stores;
use crate::surface::Surface;

/// Open files that are no connections of clients: stores, logs, sockets.
const OWN_FILES: usize = 128;

/// The part of the connections that the console and the API have where their listener is their own.
const INNER_SHARE: usize = 8;

/// How long the end of a server waits for what requests have left to be written.
const LONGEST_WRITE: Duration = Duration::from_secs(1);

/// A server that is ready to serve.
pub(crate) struct Server {
    running: Arc<Running>,
    public: Door,
    /// Where the console and the API are, if they have a listener of their own.
    inner: Option<Door>,
    limits: Limits,
    control: ControlSocket,
    /// Write what requests have left to be written; they end with the router.
    writers: Vec<JoinHandle<()>>,
    /// What is done now and then, beside requests.
    upkeep: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Server {
    /// Opens the stores, starts the journal and the projector, and listens.
    pub(crate) async fn open(settings: &Settings, discard: bool) -> anyhow::Result<Self> {
        let tls = settings.server.tls()?;
        let stores = Stores::open(settings)?;
        let lock = stores.folder.lock()?;
        let socket = stores.folder.control_socket();
        let rooms = open_rooms(settings, stores, discard).await?;
        let running = Arc::clone(&rooms.running);
        let surface = Surface::new(settings, &rooms.open, &rooms.buckets, &running)?;
        let mut upkeep = rooms.open.upkeep;
        upkeep.push(tokio::spawn(follow_directory(Arc::clone(&running))));
        upkeep.push(tokio::spawn(follow_views(Arc::clone(&running))));
        let reports = &settings.retention.reports;
        if let Some(kept_ms) = retention::kept_ms("retention.reports", reports)? {
            let dropping = retention::drop_old_days(Arc::clone(&running), kept_ms);
            upkeep.push(tokio::spawn(dropping));
        }
        let control = control::listen(&socket, Arc::clone(&running))?;
        let public = Door::open(&settings.listen, tls.clone(), surface.public).await?;
        let inner = match surface.inner {
            Some(router) => Some(Door::open(&settings.server.admin_listen, tls, router).await?),
            None => None,
        };
        let limits = limits(settings)?;
        Ok(Self {
            running,
            public,
            inner,
            limits,
            control,
            writers: rooms.open.writers,
            upkeep,
            _lock: lock,
        })
    }

    /// The base URL of the server.
    pub(crate) fn url(&self) -> anyhow::Result<String> {
        self.public.url()
    }

    /// The base URL of the console and the API.
    pub(crate) fn inner_url(&self) -> anyhow::Result<String> {
        self.inner.as_ref().unwrap_or(&self.public).url()
    }

    /// What it runs on.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Serves until `stop` is ready; then answers what is in flight, writes and folds what waits, and closes the stores.
    pub(crate) async fn run(self, stop: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        serve_doors(self.public, self.inner, self.limits, stop).await;
        self.upkeep.iter().for_each(JoinHandle::abort);
        self.control.close();
        let running = self.running;
        running.kinds.close().await;
        let closed = tokio::task::spawn_blocking(move || {
            let closed = running.journal.close();
            running.served.close();
            closed
                .and_then(|()| running.journal.leave())
                .map_err(anyhow::Error::from)
                .and_then(|()| Ok(running.state.checkpoint()?))
        });
        closed
            .await
            .map_err(|error| anyhow!("closing the stores stopped: {error}"))??;
        // The router held their queues: what was in them is written now.
        let _ = tokio::time::timeout(LONGEST_WRITE, all_ended(self.writers)).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// A listener, and what is behind it.
struct Door {
    listener: Listener,
    router: Router,
}

impl Door {
    async fn open(address: &str, tls: Option<Tls>, router: Router) -> anyhow::Result<Self> {
        let tcp = TcpListener::bind(address).await;
        let tcp = tcp.with_context(|| format!("cannot listen on {address}"))?;
        let listener = Listener { tcp, tls };
        Ok(Self { listener, router })
    }

    fn url(&self) -> anyhow::Result<String> {
        let Listener { tcp, tls } = &self.listener;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", tcp.local_addr()?))
    }

    async fn serve(self, limits: Limits, stop: impl Future<Output = ()> + Send) {
        web::serve(self.listener, self.router, limits, stop).await;
    }
}

/// Serves on both listeners until `stop` is ready, and answers what is in flight.
async fn serve_doors(
    public: Door,
    inner: Option<Door>,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let Some(inner) = inner else {
        return public.serve(limits, stop).await;
    };
    // They share the files that may be open.
    let of_inner = (limits.connections / INNER_SHARE).max(1);
    let share = |connections| Limits {
        connections,
        ..limits.clone()
    };
    let of_public = limits.connections.saturating_sub(of_inner).max(1);
    let (stops, stopping) = tokio::sync::watch::channel(false);
    let stopped = || {
        let mut stopping = stopping.clone();
        async move {
            // Where nobody can tell any more, it is over as well.
            let _ = stopping.wait_for(|stops| *stops).await;
        }
    };
    let telling = async {
        stop.await;
        stops.send_replace(true);
    };
    tokio::join!(
        telling,
        public.serve(share(of_public), stopped()),
        inner.serve(share(of_inner), stopped())
    );
}

/// The kinds of reports over their stores.
struct Rooms {
    running: Arc<Running>,
    open: OpenKinds,
    /// Where limiters count.
    buckets: Buckets,
}

/// Makes sure that there is a master key, so that a later backup has it, and that this node can open what others have sealed: each makes a key of its own where it is given none.
fn check_master_key(stores: &Stores, state: &Database) -> anyhow::Result<()> {
    let master = stores.folder.master_key(&SystemRandom)?;
    if !stores.is_shared() {
        return Ok(());
    }
    let closed = state.read(|tx| unopened(tx, &sealed_columns(), Some(&master)))?;
    if closed.is_empty() {
        return Ok(());
    }
    bail!(
        "the master key of this node does not open secrets of the store ({} of them, {} among them): give all nodes the \
         same {MASTER_KEY}, or the same master.key",
        closed.len(),
        closed.first().map_or("none", String::as_str)
    )
}

/// Opens the rooms, off the async threads: stores are waited for.
async fn open_rooms(settings: &Settings, stores: Stores, discard: bool) -> anyhow::Result<Rooms> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || Rooms::open(&settings, stores, discard)).await?
}

impl Rooms {
    fn open(settings: &Settings, stores: Stores, discard: bool) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let state = stores.state()?;
        check_master_key(&stores, &state)?;
        settle_state(&state, &stores.folder)?;
        let metrics = Metrics::default();
        let node = stores.folder.node_name(&SystemRandom)?;
        let is_alone = !stores.is_shared();
        let journal = open_journal(settings, &stores, &clock, discard, &metrics)?;
        let buckets = if stores.is_shared() {
            Buckets::Shared(state.clone())
        } else {
            Buckets::Memory
        };
        let kinds = LoadedKinds::load(&state, &stores.folder.key_source(), &metrics);
        let directory = open_directory(settings, &state, &buckets, &clock, &kinds)?;
        let served = Served::start(
            stores,
            Arc::clone(&journal),
            Arc::clone(&clock),
            kinds.clone(),
            pace(settings),
        )?;
        let running = Arc::new(Running {
            clock,
            metrics,
            state,
            served: Arc::new(served),
            journal,
            kinds,
            directory,
        });
        let open = running.kinds.open(&Ground {
            settings,
            running: &running,
            buckets: &buckets,
            node: node.into(),
            is_alone,
            discards: discard,
        })?;
        Ok(Self {
            running,
            open,
            buckets,
        })
    }
}

pub(crate) fn open_directory(
    settings: &Settings,
    state: &Database,
    buckets: &Buckets,
    clock: &Arc<dyn Clock>,
    kinds: &LoadedKinds,
) -> anyhow::Result<Arc<Directory>> {
    let failures = FailureLimit {
        rate: Rate {
            per_minute: settings.auth.failures_per_minute.max(1),
        },
        limiter: limiter("failure", buckets, clock),
    };
    let followers = kinds.followers();
    let directory = Directory::open(state.clone(), Arc::clone(clock), failures, followers)?;
    Ok(Arc::new(directory))
}

pub(crate) fn open_journal(
    settings: &Settings,
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    discard: bool,
    metrics: &Metrics,
) -> anyhow::Result<Arc<Journal>> {
    if discard {
        tracing::warn!("reports are acknowledged and thrown away: this is for measuring alone");
    }
    let options = Options {
        queue_bytes: settings.journal.queue_bytes,
        tail_bytes: settings.journal.tail_bytes,
        linger: Duration::from_millis(settings.journal.linger_ms),
        lease: Duration::from_millis(settings.postgres.lease_ms),
        discard,
    };
    let metrics = JournalMetrics::register(metrics);
    let clock = Arc::clone(clock);
    let node = stores.folder.node_name(&SystemRandom)?;
    Ok(match stores.day_tables(&clock, &node)? {
        Some(tables) => Journal::open_shared(tables, clock, options, metrics)?,
        None => {
            let files = Arc::new(DayFiles::open(&stores.folder.journal())?);
            Journal::open(files, clock, options, metrics)?
        }
    })
}

fn pace(settings: &Settings) -> Pace {
    Pace {
        least_pause: Duration::from_millis(settings.views.least_pause_ms),
        longest_pause: Duration::from_millis(
            settings
                .views
                .longest_pause_ms
                .max(settings.views.least_pause_ms),
        ),
        ..Pace::default()
    }
}

fn limits(settings: &Settings) -> anyhow::Result<Limits> {
    let proxies = TrustedProxies::parse(&settings.server.trusted_proxies);
    Ok(Limits {
        connections: connections(settings.server.connections, open_file_limit()),
        header_timeout: Duration::from_millis(settings.server.header_timeout_ms),
        write_timeout: Duration::from_millis(settings.server.write_timeout_ms),
        shutdown_timeout: Duration::from_millis(settings.server.shutdown_timeout_ms),
        trusted_proxies: proxies.map_err(|message| anyhow!("server.trusted_proxies: {message}"))?,
    })
}

/// The connections that are accepted: no more than the system lets this process have files open.
fn connections(asked: usize, open_files: Option<usize>) -> usize {
    let most = open_files.map_or(asked, |files| files.saturating_sub(OWN_FILES).max(1));
    if asked > most {
        tracing::warn!(
            asked,
            most,
            "server.connections is lowered: the system allows too few open files (ulimit -n)"
        );
    }
    asked.min(most)
}

async fn all_ended(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        let _ = task.await;
    }
}

/// Looks a few times a second whether apps, keys or settings changed.
async fn follow_directory(running: Arc<Running>) {
    let mut well = true;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let looked = running.directory.refresh().await;
        if let (true, Err(error)) = (well, &looked) {
            tracing::warn!(%error, "changes to apps and keys cannot be seen; it is tried again");
        }
        well = looked.is_ok();
    }
}

/// Looks a few times a second whether a rebuild has published views: apart from the directory, since to change over may
/// take its time, and a revoked key must be refused meanwhile.
async fn follow_views(running: Arc<Running>) {
    let mut well = true;
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let served = Arc::clone(&running.served);
        let followed = tokio::task::spawn_blocking(move || served.follow()).await;
        let followed = followed.map_err(anyhow::Error::from).flatten();
        if let (true, Err(error)) = (well, &followed) {
            tracing::warn!(%error, "rebuilt views cannot be served; it is tried again");
        }
        well = followed.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        for (asked, files, accepted) in [
            (4096, None, 4096),
            (4096, Some(1 << 20), 4096),
            (4096, Some(1024), 896),
            (2, Some(1024), 2),
            (4096, Some(100), 1),
        ] {
            assert_eq!(connections(asked, files), accepted, "{asked} {files:?}");
        }
    }
}
