//! `reportd status`: one screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::metrics::Metrics;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) running: bool,
    pub(crate) apps: usize,
    pub(crate) requests_per_second: f64,
    pub(crate) reports_per_second: f64,
    pub(crate) journal_entries: u64,
    pub(crate) journal_bytes: u64,
    pub(crate) views_bytes: u64,
    pub(crate) state_bytes: u64,
    pub(crate) memory_bytes: i64,
    /// What waits for somebody, such as open tickets.
    #[serde(default)]
    pub(crate) waiting: BTreeMap<String, i64>,
    pub(crate) views: Vec<ViewState>,
}

/// How a view stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ViewState {
    pub(crate) view: String,
    pub(crate) entries_behind: u64,
    pub(crate) lag_ms: i64,
    pub(crate) stuck: Option<String>,
}

impl Status {
    /// Measures a running server for a second.
    pub(crate) async fn measure(running: &Arc<Running>) -> Self {
        let counted = || {
            (
                running.kinds.requests(),
                running.kinds.reports(),
                running.clock.monotonic(),
            )
        };
        let (requests, reports, started) = counted();
        tokio::time::sleep(RATE_INTERVAL).await;
        let (more_requests, more_reports, ended) = counted();
        let seconds = ended.saturating_sub(started).as_secs_f64();
        let rate = |before: u64, after: u64| {
            f64::from(u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX)) / seconds
        };
        let views = running.served.status().into_iter().map(|view| ViewState {
            view: view.view.to_owned(),
            entries_behind: view.entries_behind,
            lag_ms: view.lag_ms,
            stuck: view.stuck,
        });
        let measured = Arc::clone(running);
        let sizes = tokio::task::spawn_blocking(move || {
            let sizes = [
                measured.journal.disk_bytes(),
                measured.served.db.disk_bytes(),
                measured.state.disk_bytes(),
            ];
            // Where the store is away the rest is told all the same.
            let waiting = measured.kinds.standing(&measured.state);
            (sizes, waiting.unwrap_or_default())
        });
        let (sizes, waiting) = sizes.await.unwrap_or_default();
        let [journal_bytes, views_bytes, state_bytes] = sizes;
        Self {
            running: true,
            apps: running.directory.snapshot().apps().count(),
            requests_per_second: rate(requests, more_requests),
            reports_per_second: rate(reports, more_reports),
            journal_entries: running.journal.end() - 1,
            journal_bytes,
            views_bytes,
            state_bytes,
            memory_bytes: reportd_platform::metrics::resident_bytes().unwrap_or(0),
            waiting,
            views: views.collect(),
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
