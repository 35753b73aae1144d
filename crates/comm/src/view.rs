//! The fold of bot event reports: identities, counts by hour and day, and the census.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use reportd_db::{Database, DbError, Tx, Value};
use reportd_journal::{Batch, View};
use reportd_platform::AppNo;
use reportd_platform::clock::{DAY_MS, MINUTE_MS};
use reportd_platform::metrics::{AppLabel, Metrics, ProtocolMetrics};
use reportd_protocol::comm::{Field, Item, Kind};

use crate::entry::{Decoder, OperationForm};
use crate::registry::Registry;
use crate::rejections::kept_identities;
use crate::schema::{CENSUS, DAY, DIMENSION, HOUR, IDENTITY, REPEAT};

/// Counts by hour are kept this long: reads go back 31 days.
const HOURS_KEPT_MS: i64 = 33 * DAY_MS;
/// Identities that one prune looks at: a prune must not hold the fold up.
const PRUNE_AT_ONCE: i64 = 50_000;
/// How often counts by hour are pruned, and the values of dimensions counted.
const UPKEEP_INTERVAL_MS: i64 = 10 * MINUTE_MS;
/// Values a day from which on a dimension shows in the metric.
const MANY_VALUES: i64 = 100_000;

/// What this room counts for the outside.
pub struct CommMetrics {
    pub(crate) protocol: ProtocolMetrics,
    pub(crate) unknown_fields: Counter,
    pub(crate) rejections_dropped: Counter,
    repeats: Family<AppLabel, Counter>,
    wide_dimensions: Gauge,
}

impl CommMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let new = Self {
            protocol: ProtocolMetrics::register(metrics, "comm"),
            unknown_fields: Counter::default(),
            rejections_dropped: Counter::default(),
            repeats: Family::default(),
            wide_dimensions: Gauge::default(),
        };
        metrics.register(|registry| {
            let registry = registry.sub_registry_with_prefix("comm");
            registry.register(
                "unknown_fields",
                "Fields that the protocol does not know",
                new.unknown_fields.clone(),
            );
            let about =
                "Rejected requests that were not kept: the queue was full, or the body too large";
            registry.register("rejections_dropped", about, new.rejections_dropped.clone());
            registry.register(
                "repeats",
                "Requests that were dropped as repeats",
                new.repeats.clone(),
            );
            let about = "Dimensions with over 100,000 values a day";
            registry.register("wide_dimensions", about, new.wide_dimensions.clone());
        });
        new
    }

    /// Reports that were acknowledged since the start.
    #[must_use]
    pub fn reports(&self) -> u64 {
        self.protocol.reports.get()
    }

    /// Requests that were answered since the start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.protocol.requests.get()
    }
}

/// The view.
pub struct CommView {
    registry: Arc<Registry>,
    /// The state store, where rejected requests are.
    state: Database,
    metrics: Arc<CommMetrics>,
    /// Repeats in the batch that is being folded.
    repeats: HashMap<AppNo, u64>,
    /// Up to which ts the identities of an app were looked at in this round of pruning.
    pruned_to_ms: HashMap<AppNo, i64>,
    last_upkeep_ms: i64,
}

impl CommView {
    /// A view that prunes by the windows in `registry`, and keeps what replays of rejections in `state` need.
    #[must_use]
    pub fn new(registry: Arc<Registry>, state: Database, metrics: Arc<CommMetrics>) -> Self {
        Self {
            registry,
            state,
            metrics,
            repeats: HashMap::new(),
            pruned_to_ms: HashMap::new(),
            last_upkeep_ms: 0,
        }
    }
}

impl View for CommView {
    fn name(&self) -> &'static str {
        "comm"
    }

    fn kind(&self) -> reportd_journal::Kind {
        crate::KIND
    }

    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError> {
        self.repeats.clear();
        let entries = read(batch)?;
        let is_new = first_copies(tx, &entries)?;
        let mut counts = Counts::default();
        let mut repeats = Vec::new();
        for (entry, is_new) in entries.iter().zip(is_new) {
            if is_new {
                counts.add(entry)?;
            } else {
                *self.repeats.entry(entry.app).or_default() += 1;
                repeats.push([batch.stream().into(), entry.sequence.cast_signed().into()]);
            }
        }
        tx.upsert(&REPEAT, &mut repeats)?;
        counts.write(tx)
    }

    fn committed(&mut self) {
        for (app, repeats) in self.repeats.drain() {
            if let Some(app) = self.registry.app(app) {
                let label = AppLabel {
                    app: app.app.id.clone(),
                };
                self.metrics.repeats.get_or_create(&label).inc_by(repeats);
            }
        }
    }

    fn prune(&mut self, tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        for app in self.registry.apps() {
            let settings = app.settings;
            self.prune_identities(
                tx,
                app.app.no,
                horizon_ms - settings.max_age_ms - settings.max_ahead_ms,
                horizon_ms,
            )?;
        }
        if horizon_ms - self.last_upkeep_ms >= UPKEEP_INTERVAL_MS {
            self.last_upkeep_ms = horizon_ms;
            self.keep_up(tx, horizon_ms)?;
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
            let damaged = || {
                DbError::Corrupt(format!(
                    "entry {} of kind comm cannot be read",
                    entry.sequence
                ))
            };
            let decoder = Decoder::new(entry.payload).ok_or_else(damaged)?;
            Ok(FoldEntry {
                app: entry.app,
                sequence: entry.sequence,
                decoder,
            })
        })
        .collect()
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

/// A value of a dimension; numbers become text only when they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cell<'a> {
    Total,
    Number(i64),
    Text(&'a str),
}

/// What a batch adds, summed up before it is written.
#[derive(Default)]
struct Counts<'a> {
    /// (app, operation, field + 1 or 0 for the total, local hour, value) → reports.
    hours: HashMap<(AppNo, i64, u8, i64, Cell<'a>), i64, RandomState>,
    /// (app, operation, day, group, ts, hash, item, subscriptions).
    census: Vec<(AppNo, i64, i64, i64, i64, &'a [u8], i64, i64)>,
}

impl<'a> Counts<'a> {
    fn add(&mut self, entry: &FoldEntry<'a>) -> Result<(), DbError> {
        let (app, head) = (entry.app, &entry.decoder.head);
        let (hour, mut index) = (head.local_hour(), 0);
        let whole = entry.decoder.items(|form, item| {
            self.count(app, form, hour, &item);
            if form.kind == Kind::Snapshot {
                let subscriptions = item.ext[0]
                    .as_deref()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
                let gid = item.gid.unwrap_or(0);
                self.census.push((
                    app,
                    form.oper_id,
                    head.day(),
                    gid,
                    head.ts_ms,
                    head.hash,
                    index,
                    subscriptions,
                ));
            }
            index += 1;
        });
        whole.ok_or_else(|| {
            DbError::Corrupt(format!(
                "entry {} of kind comm ends too soon",
                entry.sequence
            ))
        })
    }

    fn count(&mut self, app: AppNo, form: &OperationForm, hour: i64, item: &Item<'a>) {
        let mut add = |field: u8, cell| {
            *self
                .hours
                .entry((app, form.oper_id, field, hour, cell))
                .or_default() += 1
        };
        add(0, Cell::Total);
        let mut left = form.dimensions;
        while left != 0 {
            let index = left.trailing_zeros();
            left &= left - 1;
            let Some(&field) = Field::ALL.get(index as usize) else {
                continue;
            };
            if let Some(cell) = cell(item, field) {
                add(field_number(field), cell);
            }
        }
    }

    fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let mut texts = Vec::with_capacity(self.hours.len());
        for (&(_, _, _, _, cell), _) in &self.hours {
            texts.push(match cell {
                Cell::Number(number) => number.to_string(),
                Cell::Total | Cell::Text(_) => String::new(),
            });
        }
        let mut hours = Vec::with_capacity(self.hours.len());
        for ((&(app, oper_id, field, hour, cell), &n), text) in self.hours.iter().zip(&texts) {
            let value = if let Cell::Text(text) = cell {
                text
            } else {
                text
            };
            hours.push([
                app.into(),
                oper_id.into(),
                u32::from(field).into(),
                hour.into(),
                value.into(),
                n.into(),
            ]);
        }
        // The day's counts are those of its hours: rows of one day are merged on the way.
        let mut days: Vec<[Value<'_>; 6]> = hours.clone();
        for row in &mut days {
            if let Value::Int(hour) = row[3] {
                row[3] = Value::Int(hour.div_euclid(24));
            }
        }
        let mut dimensions: Vec<[Value<'_>; 3]> =
            hours.iter().map(|row| [row[0], row[1], row[2]]).collect();
        dimensions.sort_unstable();
        dimensions.dedup();
        tx.upsert(&DIMENSION, &mut dimensions)?;
        tx.upsert(&HOUR, &mut hours)?;
        tx.upsert(&DAY, &mut days)?;
        let mut census: Vec<[Value<'_>; 8]> = self
            .census
            .iter()
            .map(
                |&(app, oper_id, day, gid, ts_ms, hash, item, subscriptions)| {
                    let (app, hash) = (app.into(), hash.into());
                    [
                        app,
                        oper_id.into(),
                        day.into(),
                        gid.into(),
                        ts_ms.into(),
                        hash,
                        item.into(),
                        subscriptions.into(),
                    ]
                },
            )
            .collect();
        tx.upsert(&CENSUS, &mut census)
    }
}

/// The number of a field in count tables: 0 is the total.
pub(crate) fn field_number(field: Field) -> u8 {
    u8::try_from(field.index() + 1).unwrap_or(u8::MAX)
}

fn cell<'a>(item: &Item<'a>, field: Field) -> Option<Cell<'a>> {
    use std::borrow::Cow;
    // Items that were read from an entry borrow from it.
    let borrowed = |text: &Option<Cow<'a, str>>| match text {
        Some(Cow::Borrowed(text)) => Some(Cell::Text(text)),
        _ => None,
    };
    match field {
        Field::Gid => item.gid.map(Cell::Number),
        Field::TargetId => borrowed(&item.target_id),
        Field::ToUid => borrowed(&item.to_uid),
        Field::Scope => Some(Cell::Text(item.scope.name())),
        _ => borrowed(&item.ext[field.ext_index()?]),
    }
}

impl CommView {
    /// Drops identities of `app` whose window is over, a share at a time.
    fn prune_identities(
        &mut self,
        tx: &mut Tx<'_>,
        app: AppNo,
        before_ts_ms: i64,
        horizon_ms: i64,
    ) -> Result<(), DbError> {
        let from = self.pruned_to_ms.get(&app).copied().unwrap_or(i64::MIN);
        let nth = "SELECT ts FROM comm_identity WHERE app = $1 AND ts >= $2 AND ts < $3 ORDER BY ts LIMIT 1 OFFSET $4";
        let mut nth_ts = |n: i64| -> Result<Option<i64>, DbError> {
            let range = [app.into(), from.into(), before_ts_ms.into(), n.into()];
            tx.query_first(nth, &range)?
                .map(|row| row.int(0))
                .transpose()
        };
        let Some(first) = nth_ts(0)? else {
            self.pruned_to_ms.remove(&app);
            return Ok(());
        };
        let share_end = nth_ts(PRUNE_AT_ONCE)?;
        // A share that lies in one millisecond is taken whole, so that the next one begins behind it.
        let to = share_end.map_or(before_ts_ms, |end| end.max(first.saturating_add(1)));
        for (ts, hash, until) in kept_identities(&self.state, app, first, to)? {
            let sql = "UPDATE comm_identity SET keep_until = $1 \
                       WHERE app = $2 AND ts = $3 AND hash = $4 AND keep_until < $1";
            tx.execute(sql, &[until.into(), app.into(), ts.into(), hash[..].into()])?;
        }
        let sql =
            "DELETE FROM comm_identity WHERE app = $1 AND ts >= $2 AND ts < $3 AND keep_until < $4";
        tx.execute(
            sql,
            &[app.into(), first.into(), to.into(), horizon_ms.into()],
        )?;
        // At the end of the range the next round begins again: what was kept longer is looked at once more then.
        if share_end.is_some() {
            self.pruned_to_ms.insert(app, to);
        } else {
            self.pruned_to_ms.remove(&app);
        }
        Ok(())
    }

    /// Drops old counts by hour, and counts the values of each dimension.
    fn keep_up(&mut self, tx: &mut Tx<'_>, horizon_ms: i64) -> Result<(), DbError> {
        let oldest_hour = (horizon_ms - HOURS_KEPT_MS).div_euclid(3_600_000);
        // The days that are today somewhere.
        let today = horizon_ms.div_euclid(DAY_MS);
        let mut wide = 0;
        for row in tx.query("SELECT app, oper_id, field FROM comm_dimension", &[])? {
            let key = [row.int(0)?.into(), row.int(1)?.into(), row.int(2)?.into()];
            let sql =
                "DELETE FROM comm_hour WHERE app = $1 AND oper_id = $2 AND field = $3 AND at < $4";
            tx.execute(sql, &[key[0], key[1], key[2], oldest_hour.into()])?;
            let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM comm_day WHERE app = $1 AND oper_id = $2 AND field = $3 \
                       AND at = $4 LIMIT $5) AS many";
            let most = (MANY_VALUES + 1).into();
            wide += i64::from(
                tx.query_int(sql, &[key[0], key[1], key[2], today.into(), most])? > MANY_VALUES,
            );
        }
        self.metrics.wide_dimensions.set(wide);
        Ok(())
    }
}
