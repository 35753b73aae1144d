//! What the tests of this room stand on: a journal on day files, on day tables or on a store in memory whose faults a
//! test chooses, a view that writes down what it folds, and waits with a deadline.

pub(crate) mod ledger;
mod memory;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use reportd_db::{Database, sqlite};
use reportd_journal::{
    AppendError, BlockStore, DayFiles, DayTables, Ends, Journal, JournalError, JournalMetrics,
    Kind, LOCAL_STREAM, NewEntry, Options, Pace, Projector, Scan, ViewStatus,
};
use reportd_platform::clock::ManualClock;
use reportd_testbed::{Ground, StoreKind};

pub(crate) use ledger::{Faults, Ledger, folded};
pub(crate) use memory::{Fault, MemoryStore};

pub(crate) const KIND: Kind = Kind(9);
/// 2026-11-21T10:00:00Z.
pub(crate) const NOW_MS: i64 = 1_795_255_200_000;

/// An entry of owner 1 with a payload.
pub(crate) fn entry(payload: &str) -> NewEntry {
    NewEntry {
        kind: KIND,
        app: 1,
        owners: [1, 1],
        span_ms: (NOW_MS, NOW_MS),
        filter_keys: Vec::new(),
        payload: payload.as_bytes().to_vec(),
    }
}

/// A journal and its views on a store of either kind, and a clock that the test sets.
pub(crate) struct Bed {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) views: Database,
    pub(crate) faults: Arc<Faults>,
    ground: Ground,
}

/// The table of a day's blocks, past the journal.
pub(crate) struct DayTable {
    pub(crate) db: Database,
    pub(crate) name: String,
}

impl Bed {
    pub(crate) fn new(kind: StoreKind) -> Self {
        let ground = Ground::new(kind);
        let views = ground.open("views");
        reportd_journal::MIGRATIONS.apply(&views).unwrap();
        ledger::MIGRATIONS.apply(&views).unwrap();
        Self {
            clock: Arc::new(ManualClock::at(NOW_MS)),
            views,
            faults: Arc::default(),
            ground,
        }
    }

    fn is_embedded(&self) -> bool {
        self.ground.url().is_none()
    }

    /// A file in the folder of the journal.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.ground.path().join("journal").join(name)
    }

    /// Opens the table of a day past the journal.
    pub(crate) fn day(&self, day: &str) -> DayTable {
        if self.is_embedded() {
            let path = self.path(&format!("{day}.db"));
            let db = sqlite::open(sqlite::Options::durable(path)).unwrap();
            let name = "block".to_owned();
            return DayTable { db, name };
        }
        DayTable {
            db: self.ground.open("journal"),
            name: format!("journal_block_{}", day.replace('-', "")),
        }
    }

    /// What the journal calls the place of a day's blocks.
    pub(crate) fn place(&self, day: &str) -> String {
        if self.is_embedded() {
            self.path(&format!("{day}.db")).display().to_string()
        } else {
            format!("table {}", self.day(day).name)
        }
    }

    pub(crate) fn day_files(&self) -> Arc<DayFiles> {
        Arc::new(DayFiles::open(&self.path("")).unwrap())
    }

    fn day_tables(&self) -> Arc<DayTables> {
        let (db, clock) = (self.ground.open("journal"), Arc::clone(&self.clock));
        Arc::new(DayTables::open(&db, clock, "node").unwrap())
    }

    /// The blocks, as a node of its own sees them.
    pub(crate) fn blocks(&self) -> Arc<dyn BlockStore> {
        if self.is_embedded() {
            self.day_files()
        } else {
            self.day_tables()
        }
    }

    pub(crate) fn journal_on(&self, store: Arc<dyn BlockStore>) -> Arc<Journal> {
        self.journal_with(store, Options::default()).unwrap()
    }

    pub(crate) fn journal_with(
        &self,
        store: Arc<dyn BlockStore>,
        options: Options,
    ) -> Result<Arc<Journal>, JournalError> {
        let clock = Arc::clone(&self.clock) as _;
        Journal::open(store, clock, options, JournalMetrics::default())
    }

    pub(crate) fn journal(&self) -> Arc<Journal> {
        self.journal_on(self.blocks())
    }

    /// Folds into one ledger.
    pub(crate) fn project(&self, journal: &Arc<Journal>) -> Projector {
        let view = Ledger::new("ledger", Arc::clone(&self.faults));
        self.project_into(journal, vec![view])
    }

    pub(crate) fn project_into(&self, journal: &Arc<Journal>, views: Vec<Ledger>) -> Projector {
        self.try_project(journal, views).unwrap()
    }

    pub(crate) fn try_project(
        &self,
        journal: &Arc<Journal>,
        views: Vec<Ledger>,
    ) -> Result<Projector, JournalError> {
        let pace = Pace {
            least_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            rest_factor: 1,
        };
        let views = views.into_iter().map(|view| Box::new(view) as _).collect();
        Projector::start(Arc::clone(journal), self.views.clone(), views, pace)
    }

    /// Waits until `is_so`, moving the clock on so that what failed is tried again; fails after 20 s.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let waiting = async {
            while !is_so() {
                self.clock.advance(100);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(told.is_ok(), "not in 20 s: {what}");
    }

    /// Waits until the projector's first view is level.
    pub(crate) async fn until_level(&self, projector: &Projector) {
        self.until("the view is level", || {
            status(projector).entries_behind == 0
        })
        .await;
    }
}

/// How the first view stands.
pub(crate) fn status(projector: &Projector) -> ViewStatus {
    projector.status().remove(0)
}

/// Appends each payload as a block of its own; all must be taken.
pub(crate) async fn append_each(journal: &Journal, payloads: &[&str]) -> Vec<u64> {
    let mut sequences = Vec::new();
    for payload in payloads {
        sequences.push(journal.append(|| entry(payload)).await.unwrap());
    }
    sequences
}

/// Appends in the background.
pub(crate) fn spawn_append(
    journal: &Arc<Journal>,
    payload: &str,
) -> tokio::task::JoinHandle<Result<u64, AppendError>> {
    let (journal, entry) = (Arc::clone(journal), entry(payload));
    tokio::spawn(async move { journal.append(|| entry).await })
}

/// All that the stream holds.
pub(crate) fn all() -> Scan {
    Scan {
        before: Ends::from([(LOCAL_STREAM, u64::MAX)]),
        ..Scan::default()
    }
}

/// The payloads that a whole scan shows, newest first.
pub(crate) fn scanned(journal: &Journal, scan: &Scan) -> Result<Vec<String>, JournalError> {
    let mut payloads = Vec::new();
    let mut scan = scan.clone();
    loop {
        scan.cursor = journal.scan(&scan, |block| {
            let mut shown: Vec<_> = block.entries().map(|entry| text(entry.payload)).collect();
            shown.reverse();
            payloads.extend(shown);
            ControlFlow::Continue(())
        })?;
        if scan.cursor.is_none() {
            return Ok(payloads);
        }
    }
}

pub(crate) fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}
