//! The fold of bot event reports: identities, counts by hour and day, and the census.

use std::collections::HashMap;
use std::sync::Arc;

use reportd_db::{Database, DbError, Tx, Value};
use reportd_journal::{Batch, Difference, StreamNo, View};
use reportd_platform::AppNo;
use reportd_platform::metrics::AppLabel;

use crate::compare::compare;
use crate::counts::{Counts, SeriesIds};
use crate::entry::Decoder;
use crate::metrics::CommMetrics;
use crate::registry::Registry;
use crate::schema::{IDENTITY, REPEAT};
use crate::upkeep::Upkeep;

/// Its name, in positions and metrics.
pub(crate) const VIEW: &str = "comm";

/// The view.
pub struct CommView {
    registry: Arc<Registry>,
    metrics: Arc<CommMetrics>,
    /// Repeats in the batch that is being folded.
    repeats: HashMap<AppNo, u64>,
    series: SeriesIds,
    upkeep: Upkeep,
}

impl CommView {
    /// A view that prunes by the windows in `registry`, and keeps what replays of rejections in `state` need.
    #[must_use]
    pub fn new(registry: Arc<Registry>, state: Database, metrics: Arc<CommMetrics>) -> Self {
        Self {
            registry,
            metrics,
            repeats: HashMap::new(),
            series: SeriesIds::default(),
            upkeep: Upkeep::new(state),
        }
    }
}

impl View for CommView {
    fn name(&self) -> &'static str {
        VIEW
    }

    fn kind(&self) -> reportd_journal::Kind {
        crate::KIND
    }

    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError> {
        self.repeats.clear();
        self.series.begin();
        let entries = read(batch)?;
        let is_new = first_copies(tx, &entries)?;
        let mut counts = Counts::default();
        let mut repeats = Vec::new();
        for (entry, is_new) in entries.iter().zip(is_new) {
            if is_new {
                counts
                    .add(entry.app, &entry.decoder)
                    .ok_or_else(|| unreadable(entry.sequence))?;
            } else {
                *self.repeats.entry(entry.app).or_default() += 1;
                repeats.push([batch.stream().into(), entry.sequence.cast_signed().into()]);
            }
        }
        tx.upsert(&REPEAT, &mut repeats)?;
        counts.write(tx, &mut self.series)
    }

    fn committed(&mut self) {
        self.series.committed();
        for (app, repeats) in self.repeats.drain() {
            if let Some(app) = self.registry.app(app) {
                let label = AppLabel {
                    app: app.app.id.clone(),
                };
                self.metrics.repeats.get_or_create(&label).inc_by(repeats);
            }
        }
    }

    fn forget(&mut self, tx: &mut Tx<'_>, stream: StreamNo, sequence: u64) -> Result<(), DbError> {
        let sql = "DELETE FROM comm_repeat WHERE stream = $1 AND sequence < $2";
        tx.execute(sql, &[stream.into(), sequence.cast_signed().into()])
            .map(|_| ())
    }

    fn compare(
        &self,
        stored: &mut Tx<'_>,
        folded: &mut Tx<'_>,
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError> {
        compare(stored, folded, tell)
    }

    fn rolled_back(&mut self) {
        self.series = SeriesIds::default();
    }

    fn prune(&mut self, tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        // In one order on all nodes, as folds write.
        let mut apps = self.registry.apps();
        apps.sort_unstable_by_key(|app| app.app.no);
        for app in apps {
            self.upkeep.prune_identities(tx, &app, horizon_ms)?;
        }
        if let Some(wide) = self.upkeep.wide_dimensions(tx, horizon_ms)? {
            self.metrics.wide_dimensions.set(wide);
        }
        Ok(())
    }
}

struct FoldEntry<'a> {
    app: AppNo,
    sequence: u64,
    decoder: Decoder<'a>,
}

fn read(batch: &Batch) -> Result<Vec<FoldEntry<'_>>, DbError> {
    batch
        .entries()
        .map(|entry| {
            let decoder = Decoder::new(entry.payload).ok_or_else(|| unreadable(entry.sequence))?;
            Ok(FoldEntry {
                app: entry.app,
                sequence: entry.sequence,
                decoder,
            })
        })
        .collect()
}

fn unreadable(sequence: u64) -> DbError {
    DbError::Corrupt(format!("entry {sequence} of kind comm cannot be read"))
}

/// Tells for each entry whether it counts: the first copy of an identity does, and all that are not deduplicated.
fn first_copies(tx: &mut Tx<'_>, entries: &[FoldEntry<'_>]) -> Result<Vec<bool>, DbError> {
    let deduped: Vec<usize> = (0..entries.len())
        .filter(|&at| entries[at].decoder.head.dedupe)
        .collect();
    let rows: Vec<[Value<'_>; 4]> = deduped
        .iter()
        .map(|&at| {
            let head = &entries[at].decoder.head;
            [
                entries[at].app.into(),
                head.ts_ms.into(),
                head.hash.into(),
                head.keep_until_ms.into(),
            ]
        })
        .collect();
    let mut is_new = vec![true; entries.len()];
    for (at, first) in deduped.into_iter().zip(tx.insert_new(&IDENTITY, &rows)?) {
        is_new[at] = first;
    }
    Ok(is_new)
}
