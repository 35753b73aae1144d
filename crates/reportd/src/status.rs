//! `reportd status`: one screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::metrics::Metrics;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::control::ask_status;
use crate::kinds::LoadedKinds;
use crate::output::print_line;
use crate::running::Running;
use crate::settings::Settings;
use crate::stores::Stores;
use crate::text_table::text_table;

/// How long rates are measured for.
const RATE_INTERVAL: Duration = Duration::from_secs(1);

/// How a server and its store stand.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Status {
    /// A server runs on the data folder.
    pub(crate) running: bool,
    /// For how long, in seconds.
    #[serde(default)]
    #[schema(minimum = 0, example = 86_400)]
    pub(crate) uptime_seconds: u64,
    /// How many apps there are.
    #[schema(minimum = 0, example = 4)]
    pub(crate) apps: usize,
    /// Requests of all protocols.
    #[schema(minimum = 0, example = 120.0)]
    pub(crate) requests_per_second: f64,
    /// Reports of all protocols that were acknowledged.
    #[schema(minimum = 0, example = 1180.5)]
    pub(crate) reports_per_second: f64,
    /// The journal takes entries.
    #[serde(default)]
    pub(crate) journal_writable: bool,
    /// Entries that were written by this node.
    #[schema(minimum = 0, example = 153_000)]
    pub(crate) journal_entries: u64,
    /// What the journal takes on disk.
    #[schema(minimum = 0, example = 2_097_152)]
    pub(crate) journal_bytes: u64,
    /// What is folded from it takes on disk.
    #[schema(minimum = 0, example = 8_388_608)]
    pub(crate) views_bytes: u64,
    /// What the rest takes on disk.
    #[schema(minimum = 0, example = 1_048_576)]
    pub(crate) state_bytes: u64,
    /// Memory that the process holds.
    #[schema(minimum = 0, example = 67_108_864)]
    pub(crate) memory_bytes: i64,
    /// What waits for somebody: `tickets open`, `tickets claimed`, `callbacks waiting`, `callbacks dead`, `requests
    /// rejected`, each 200,000 at most.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"tickets open": 7, "callbacks dead": 0}))]
    pub(crate) waiting: BTreeMap<String, i64>,
    /// What is folded from the journal.
    pub(crate) views: Vec<ViewState>,
    /// What each protocol has done since the server started.
    #[serde(default)]
    pub(crate) kinds: Vec<KindState>,
}

/// How a view stands.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ViewState {
    /// Its name.
    #[schema(example = "comm")]
    pub(crate) view: String,
    /// Entries of the journal that it has not folded yet.
    #[schema(minimum = 0, example = 0)]
    pub(crate) entries_behind: u64,
    /// How old what it shows is, in ms.
    #[schema(minimum = 0, example = 0)]
    pub(crate) lag_ms: i64,
    /// Why it cannot go on; null where it can.
    #[schema(required)]
    pub(crate) stuck: Option<String>,
}

/// What a protocol has done since the server started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct KindState {
    /// comm, playback, push or dialogue.
    #[schema(example = "comm")]
    pub(crate) kind: String,
    /// Requests that were answered.
    #[schema(minimum = 0, example = 15_300)]
    pub(crate) requests: u64,
    /// Reports that were acknowledged.
    #[schema(minimum = 0, example = 153_000)]
    pub(crate) reports: u64,
    /// Requests of late.
    #[schema(minimum = 0, example = 30.5)]
    pub(crate) requests_per_second: f64,
    /// Reports of late.
    #[schema(minimum = 0, example = 305.0)]
    pub(crate) reports_per_second: f64,
}

/// What was counted up to a moment.
pub(crate) struct Counted {
    pub(crate) at: Duration,
    kinds: Vec<KindCount>,
}

/// What a kind of reports has counted since the start.
pub(crate) struct KindCount {
    pub(crate) kind: &'static str,
    pub(crate) requests: u64,
    pub(crate) reports: u64,
}

impl Counted {
    /// The counters as they stand.
    pub(crate) fn now(running: &Running) -> Self {
        Self {
            at: running.clock.monotonic(),
            kinds: running.kinds.counted(),
        }
    }

    /// What was done since `before`.
    pub(crate) fn since(&self, before: &Self) -> Vec<KindState> {
        let seconds = self.at.saturating_sub(before.at).as_secs_f64();
        let rate = |before: u64, after: u64| {
            let more = u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX);
            if seconds > 0.0 {
                f64::from(more) / seconds
            } else {
                0.0
            }
        };
        let pairs = before.kinds.iter().zip(&self.kinds);
        let state = |(before, now): (&KindCount, &KindCount)| KindState {
            kind: now.kind.to_owned(),
            requests: now.requests,
            reports: now.reports,
            requests_per_second: rate(before.requests, now.requests),
            reports_per_second: rate(before.reports, now.reports),
        };
        pairs.map(state).collect()
    }
}

impl Status {
    /// Measures a running server for a second.
    pub(crate) async fn measure(running: &Arc<Running>) -> Self {
        let before = Counted::now(running);
        tokio::time::sleep(RATE_INTERVAL).await;
        let kinds = Counted::now(running).since(&before);
        Self::look(running, kinds).await
    }

    /// How a running server stands, with what its protocols did of late.
    pub(crate) async fn look(running: &Arc<Running>, kinds: Vec<KindState>) -> Self {
        let views = running.served.status().into_iter().map(|view| ViewState {
            view: view.view.to_owned(),
            entries_behind: view.entries_behind,
            lag_ms: view.lag_ms,
            stuck: view.stuck,
        });
        let measured = Arc::clone(running);
        let stores = tokio::task::spawn_blocking(move || {
            let sizes = [
                measured.journal.disk_bytes(),
                measured.served.db.disk_bytes(),
                measured.state.disk_bytes(),
            ];
            // Where the store is away the rest is told all the same.
            let waiting = measured.kinds.standing(&measured.state);
            let is_writable = measured.journal.is_writable();
            (sizes, waiting.unwrap_or_default(), is_writable)
        });
        let (sizes, waiting, journal_writable) = stores.await.unwrap_or_default();
        let [journal_bytes, views_bytes, state_bytes] = sizes;
        Self {
            running: true,
            uptime_seconds: running.clock.monotonic().as_secs(),
            apps: running.directory.snapshot().apps().count(),
            requests_per_second: kinds.iter().map(|kind| kind.requests_per_second).sum(),
            reports_per_second: kinds.iter().map(|kind| kind.reports_per_second).sum(),
            journal_writable,
            journal_entries: running.journal.end() - 1,
            journal_bytes,
            views_bytes,
            state_bytes,
            memory_bytes: reportd_platform::metrics::resident_bytes().unwrap_or(0),
            waiting,
            views: views.collect(),
            kinds,
        }
    }

    /// What the store tells where no server runs here.
    fn at_rest(stores: &Stores) -> anyhow::Result<Self> {
        let (state, views) = (stores.state()?, stores.views()?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let journal = stores.blocks(&clock)?;
        let ends = journal.ends()?;
        let sql = "SELECT view, stream, next FROM view_position ORDER BY view, stream";
        let positions = views.read(|tx| {
            let rows = tx.query(sql, &[])?;
            rows.into_iter()
                .map(|mut row| Ok((row.take_text(0)?, row.int(1)?, row.uint(2)?)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut behind = BTreeMap::new();
        for (view, stream, next) in positions {
            let end = ends.iter().find(|end| i64::from(end.stream) == stream);
            let left = end.map_or(0, |end| end.next.saturating_sub(next));
            *behind.entry(view).or_insert(0) += left;
        }
        let views_behind = behind.into_iter().map(|(view, entries_behind)| ViewState {
            view,
            entries_behind,
            lag_ms: 0,
            stuck: None,
        });
        let kinds = LoadedKinds::load(&state, &stores.folder.key_source(), &Metrics::default());
        Ok(Self {
            running: false,
            uptime_seconds: 0,
            journal_writable: false,
            kinds: Vec::new(),
            apps: state.read(reportd_platform::apps::list)?.len(),
            requests_per_second: 0.0,
            reports_per_second: 0.0,
            journal_entries: ends.iter().map(|end| end.next - 1).sum(),
            journal_bytes: journal.disk_bytes(),
            views_bytes: views.disk_bytes(),
            state_bytes: state.disk_bytes(),
            memory_bytes: 0,
            waiting: kinds.standing(&state)?,
            views: views_behind.collect(),
        })
    }

    fn text(&self) -> String {
        let size = |bytes: u64| {
            format!(
                "{:.1} MiB",
                f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
            )
        };
        let memory = size(u64::try_from(self.memory_bytes).unwrap_or(0));
        let rows = [
            (
                "server",
                if self.running {
                    "running".to_owned()
                } else {
                    "not running".to_owned()
                },
            ),
            ("apps", self.apps.to_string()),
            ("requests/s", format!("{:.0}", self.requests_per_second)),
            ("reports/s", format!("{:.0}", self.reports_per_second)),
            (
                "journal",
                format!(
                    "{} entries, {}",
                    self.journal_entries,
                    size(self.journal_bytes)
                ),
            ),
            ("views on disk", size(self.views_bytes)),
            ("state on disk", size(self.state_bytes)),
            ("memory", memory),
        ];
        let mut rows: Vec<[String; 2]> = rows.map(|(name, value)| [name.to_owned(), value]).into();
        let waiting = self.waiting.iter();
        rows.extend(waiting.map(|(name, count)| [name.clone(), count.to_string()]));
        let views: Vec<[String; 4]> = self
            .views
            .iter()
            .map(|view| {
                let stuck = view.stuck.clone().unwrap_or_default();
                [
                    view.view.clone(),
                    view.entries_behind.to_string(),
                    format!("{} ms", view.lag_ms),
                    stuck,
                ]
            })
            .collect();
        let head = text_table(["reportd", ""], &rows);
        format!(
            "{head}\n\n{}",
            text_table(["view", "entries behind", "lag", "stuck"], &views)
        )
    }
}

/// Prints how the server and the store stand.
pub(crate) async fn print_status(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let stores = Stores::existing(settings)?;
    let status = match ask_status(&stores.folder.control_socket()).await? {
        Some(status) => status,
        None => tokio::task::spawn_blocking(move || Status::at_rest(&stores)).await??,
    };
    print_line(if json {
        serde_json::to_string(&status)?
    } else {
        status.text()
    })
}
