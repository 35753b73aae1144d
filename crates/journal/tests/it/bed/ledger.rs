//! A view that writes down how often it has folded each entry.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use reportd_db::migrate::Migrations;
use reportd_db::{Column, Database, DbError, Merge, Table, Tx};
use reportd_journal::{Batch, Difference, Kind, Rows, View};

pub(crate) const MIGRATIONS: Migrations = Migrations {
    set: "ledger",
    texts: &[
        "CREATE TABLE ledger (view {{text}} NOT NULL, stream BIGINT NOT NULL, sequence BIGINT NOT NULL, \
         payload {{text}} NOT NULL, times BIGINT NOT NULL, PRIMARY KEY (view, stream, sequence)) {{clustered}};\n",
    ],
};

const LEDGER: Table = Table {
    name: "ledger",
    columns: &[
        column("view", Merge::Key),
        column("stream", Merge::Key),
        column("sequence", Merge::Key),
        column("payload", Merge::Payload),
        column("times", Merge::Add),
    ],
};

const fn column(name: &'static str, merge: Merge) -> Column {
    Column { name, merge }
}

/// What a test makes the ledger do.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Each fold fails.
    pub(crate) fails: AtomicBool,
    /// Each fold panics.
    pub(crate) panics: AtomicBool,
    /// The transaction of the next fold is committed although the fold is told that it failed.
    pub(crate) commits_all_the_same: AtomicBool,
    /// Batches that came.
    batches: AtomicUsize,
    /// How often it was told that a transaction failed.
    pub(crate) rolled_back: AtomicUsize,
    /// The time before which it was last told to prune.
    pub(crate) horizon_ms: AtomicI64,
    /// The views that folded a batch, in order.
    pub(crate) order: Mutex<Vec<&'static str>>,
    /// How many batches may be folded; None where all may.
    permits: Mutex<Option<usize>>,
    permitted: Condvar,
}

impl Faults {
    fn permits(&self) -> MutexGuard<'_, Option<usize>> {
        self.permits
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
    }

    /// From now on a batch is folded only when it is let.
    pub(crate) fn hold(&self) {
        *self.permits() = Some(0);
    }

    /// Lets one batch be folded.
    pub(crate) fn let_one(&self) {
        let mut permits = self.permits();
        *permits = permits.map(|count| count + 1);
        self.permitted.notify_all();
    }

    /// Lets all be folded.
    pub(crate) fn let_all(&self) {
        *self.permits() = None;
        self.permitted.notify_all();
    }

    fn wait_for_permit(&self) {
        let mut permits = self
            .permitted
            .wait_while(self.permits(), |permits| *permits == Some(0))
            .unwrap_or_else(|poison| poison.into_inner());
        *permits = permits.map(|count| count - 1);
    }

    /// Batches that came.
    pub(crate) fn batches(&self) -> usize {
        self.batches.load(Ordering::SeqCst)
    }
}

pub(crate) struct Ledger {
    name: &'static str,
    kind: Kind,
    faults: Arc<Faults>,
}

impl Ledger {
    pub(crate) fn new(name: &'static str, faults: Arc<Faults>) -> Self {
        Self {
            name,
            kind: super::KIND,
            faults,
        }
    }
}

impl View for Ledger {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError> {
        self.faults.batches.fetch_add(1, Ordering::SeqCst);
        self.faults.wait_for_permit();
        self.faults.order.lock().unwrap().push(self.name);
        let entries: Vec<_> = batch
            .entries()
            .map(|entry| (entry.sequence.cast_signed(), super::text(entry.payload)))
            .collect();
        let mut rows: Vec<_> = entries
            .iter()
            .map(|(sequence, payload)| {
                let times = 1_i64;
                [
                    self.name.into(),
                    batch.stream().into(),
                    (*sequence).into(),
                    payload.into(),
                    times.into(),
                ]
            })
            .collect();
        tx.upsert(&LEDGER, &mut rows)?;
        assert!(
            !self.faults.panics.load(Ordering::SeqCst),
            "the ledger is torn"
        );
        if self.faults.fails.load(Ordering::SeqCst) {
            return Err(DbError::Unavailable("the ledger is closed".to_owned()));
        }
        if self
            .faults
            .commits_all_the_same
            .swap(false, Ordering::SeqCst)
        {
            tx.execute("COMMIT", &[])?;
            return Err(DbError::Unavailable("the connection was lost".to_owned()));
        }
        Ok(())
    }

    fn rolled_back(&mut self) {
        self.faults.rolled_back.fetch_add(1, Ordering::SeqCst);
    }

    fn prune(&mut self, _tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        self.faults.horizon_ms.store(horizon_ms, Ordering::SeqCst);
        Ok(())
    }

    fn compare(
        &self,
        stored: &mut Tx<'_>,
        folded: &mut Tx<'_>,
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError> {
        let rows = Rows {
            what: "ledger".to_owned(),
            table: "ledger",
            condition: "view = $1",
            keys: &["stream", "sequence"],
            values: &["payload", "times"],
        };
        let bound = [self.name.into()];
        rows.compare((stored, &bound), (folded, &bound), tell)
    }
}

/// The payloads that a ledger has folded, in order of sequence; fails where one was folded more than once.
pub(crate) fn folded(views: &Database, name: &str) -> Vec<String> {
    let sql = "SELECT payload, times FROM ledger WHERE view = $1 ORDER BY stream, sequence";
    let rows = views.read(|tx| tx.query(sql, &[name.into()])).unwrap();
    let payload = |mut row: reportd_db::Row| {
        assert_eq!(row.int(1), Ok(1), "folded once: {row:?}");
        row.take_text(0).unwrap()
    };
    rows.into_iter().map(payload).collect()
}
