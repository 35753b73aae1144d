//! Rejected requests: kept so that people can see what their bots send wrong, and send it again once it is mended.
//!
//! They pass through a bounded queue that may drop, and are written in small batches, so that a bot gone wild costs the
//! store next to nothing. Equal rejected requests are one row with a count.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reportd_db::{Database, DbError, Row, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::clock::{Clock, DAY_MS, MINUTE_MS};
use reportd_protocol::comm::{self, Refusal, Ret};
use tokio::sync::mpsc;

use crate::entry::HASH_BYTES;
use crate::intake::body_hash;
use crate::metrics::CommMetrics;

/// An identity is kept at least this long behind a rejection of the same request, so that a replay counts once.
pub(crate) const REPLAY_IDENTITY_MS: i64 = 8 * DAY_MS;
const QUEUE: usize = 1_024;
const BATCH: usize = 256;
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// How often old rows are looked for, also while nothing is refused.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);
/// Rows that one eviction drops at most.
const EVICT_AT_ONCE: i64 = 1_000;
/// How long a replay has rejections for itself. One that takes longer, or was killed, gives them up.
const CLAIM_MS: i64 = MINUTE_MS;

/// What is kept of rejected requests.
#[derive(Debug, Clone, Copy)]
pub struct RejectionLimits {
    /// Bodies up to this size, in bytes.
    pub body_bytes: usize,
    /// Bodies of an app up to this sum, in bytes; the oldest go first.
    pub app_bytes: i64,
    /// How long, in ms. At most 7 days: identities for replays are kept 8.
    pub kept_ms: i64,
}

impl Default for RejectionLimits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 10,
            app_bytes: 64 << 20,
            kept_ms: 7 * DAY_MS,
        }
    }
}

/// One rejected request on its way to the store.
#[derive(Debug)]
struct Offered {
    app: AppNo,
    hash: [u8; HASH_BYTES],
    ts_ms: Option<i64>,
    at_ms: i64,
    ret: i64,
    msg: String,
    body: Bytes,
}

/// The queue of rejected requests.
pub struct Rejections {
    queue: mpsc::Sender<Offered>,
    limits: RejectionLimits,
    metrics: Arc<CommMetrics>,
}

impl Rejections {
    /// Starts the task that writes them to `db`. It ends when the last handle is dropped.
    pub fn start(
        db: Database,
        limits: RejectionLimits,
        clock: Arc<dyn Clock>,
        metrics: Arc<CommMetrics>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, offered) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_all(db, limits, clock, offered));
        (
            Self {
                queue,
                limits,
                metrics,
            },
            task,
        )
    }

    /// The time before which a rejected request is as good as gone.
    pub(crate) fn oldest_ms(&self, now_ms: i64) -> i64 {
        now_ms - self.limits.kept_ms
    }

    /// Offers a rejected request to be kept. Never waits.
    pub(crate) fn offer(&self, app: &App, refusal: &Refusal, body: &Bytes, now_ms: i64) {
        if !is_kept(refusal.ret) {
            return;
        }
        let fits = body.len() <= self.limits.body_bytes;
        let offered = || Offered {
            app: app.no,
            hash: body_hash(body),
            ts_ms: comm::parse(body).ok().map(|report| report.ts_ms),
            at_ms: now_ms,
            ret: refusal.ret.code(),
            msg: refusal.msg.clone(),
            // A copy of its own: the slice would hold the whole buffer of the connection.
            body: Bytes::copy_from_slice(body),
        };
        let place = self.queue.try_reserve().ok().filter(|_| fits);
        match place {
            Some(place) => place.send(offered()),
            None => {
                self.metrics.rejections_dropped.inc();
            }
        }
    }
}

/// Requests that a change of the registry or of the bot could make right.
fn is_kept(ret: Ret) -> bool {
    matches!(
        ret,
        Ret::NotAnObject
            | Ret::BadField
            | Ret::BadListLength
            | Ret::OutsideWindow
            | Ret::UnknownOperation
            | Ret::RequirementUnmet
    )
}

/// Writes what is offered, in batches, and drops what is old, until the queue is closed.
async fn write_all(
    db: Database,
    limits: RejectionLimits,
    clock: Arc<dyn Clock>,
    mut offered: mpsc::Receiver<Offered>,
) {
    let mut sizes: HashMap<AppNo, i64> = HashMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        tokio::select! {
            count = offered.recv_many(&mut batch, BATCH) => if count == 0 { break },
            // What other nodes wrote is seen when the sizes are measured again.
            _ = expiry.tick() => sizes.clear(),
        }
        let (now, mut known) = (std::mem::take(&mut batch), std::mem::take(&mut sizes));
        let oldest_ms = clock.now_ms() - limits.kept_ms;
        let written: Result<_, DbError> = db
            .write_async(move |tx| {
                lock(tx)?;
                write_batch(tx, &now, limits, &mut known)?;
                drop_older(tx, oldest_ms)?;
                Ok(known)
            })
            .await;
        match written {
            Ok(known) => sizes = known,
            Err(error) => tracing::warn!(%error, "rejected requests were not kept"),
        }
        // Gathers what comes meanwhile: a commit for each would be a sync for each.
        tokio::time::sleep(BATCH_INTERVAL).await;
    }
}

/// Makes all who write several rows wait for each other, on all nodes: in a row each, in different orders, they would
/// wait in a circle.
fn lock(tx: &mut Tx<'_>) -> Result<(), DbError> {
    let sql = "UPDATE comm_rejection_lock SET id = 1 WHERE id = 1";
    tx.execute(sql, &[]).map(|_| ())
}

fn write_batch(
    tx: &mut Tx<'_>,
    batch: &[Offered],
    limits: RejectionLimits,
    sizes: &mut HashMap<AppNo, i64>,
) -> Result<(), DbError> {
    for offered in batch {
        let size = i64::try_from(offered.body.len()).unwrap_or(i64::MAX);
        offered.write(tx, size)?;
        let total = match sizes.get(&offered.app) {
            Some(known) => known + size,
            None => stored_bytes(tx, offered.app)?,
        };
        sizes.insert(offered.app, total);
    }
    for (&app, total) in sizes
        .iter_mut()
        .filter(|(_, total)| **total > limits.app_bytes)
    {
        *total = evict(tx, app, limits.app_bytes)?;
    }
    Ok(())
}

impl Offered {
    /// Writes the row, or counts one more of an equal one.
    fn write(&self, tx: &mut Tx<'_>, size: i64) -> Result<(), DbError> {
        let values = [
            self.app.into(),
            self.hash[..].into(),
            self.ts_ms.into(),
            self.at_ms.into(),
            self.ret.into(),
            (&self.msg).into(),
            self.body[..].into(),
            size.into(),
        ];
        tx.execute(
            "INSERT INTO comm_rejection (app, hash, ts, at, ret, msg, body, size, count) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (app, hash) DO UPDATE SET \
             at = excluded.at, ret = excluded.ret, msg = excluded.msg, count = comm_rejection.count + 1",
            &values,
        )?;
        Ok(())
    }
}

fn stored_bytes(tx: &mut Tx<'_>, app: AppNo) -> Result<i64, DbError> {
    let sql = "SELECT CAST(SUM(size) AS BIGINT) FROM comm_rejection WHERE app = $1";
    tx.query_int(sql, &[app.into()])
}

/// Drops rows that were last refused before `before_ms`, a share at a time. Until they are dropped nothing shows them.
fn drop_older(tx: &mut Tx<'_>, before_ms: i64) -> Result<(), DbError> {
    let sql = "DELETE FROM comm_rejection WHERE id IN \
               (SELECT id FROM comm_rejection WHERE at < $1 ORDER BY at LIMIT $2)";
    tx.execute(sql, &[before_ms.into(), EVICT_AT_ONCE.into()])
        .map(|_| ())
}

/// Drops the rows that were refused longest ago until the app's share is kept; returns what is left, in bytes.
fn evict(tx: &mut Tx<'_>, app: AppNo, most_bytes: i64) -> Result<i64, DbError> {
    let mut total = stored_bytes(tx, app)?;
    while total > most_bytes {
        let sql = "SELECT id, size FROM comm_rejection WHERE app = $1 ORDER BY at, id LIMIT $2";
        let oldest = tx.query(sql, &[app.into(), EVICT_AT_ONCE.into()])?;
        if oldest.is_empty() {
            break;
        }
        for row in oldest {
            if total <= most_bytes {
                break;
            }
            let sql = "DELETE FROM comm_rejection WHERE id = $1";
            tx.execute(sql, &[row.int(0)?.into()])?;
            total -= row.int(1)?;
        }
    }
    Ok(total)
}

/// Identities that must outlive their window, because the same request stands among the rejected ones and could be
/// replayed: (ts, hash, until when).
pub(crate) fn kept_identities(
    state: &mut Tx<'_>,
    app: AppNo,
    from_ts_ms: i64,
    to_ts_ms: i64,
) -> Result<Vec<(i64, Vec<u8>, i64)>, DbError> {
    let sql = "SELECT ts, hash, at FROM comm_rejection WHERE app = $1 AND ts >= $2 AND ts < $3 \
               ORDER BY ts, hash";
    let rows = state.query(sql, &[app.into(), from_ts_ms.into(), to_ts_ms.into()])?;
    rows.into_iter()
        .map(|mut row| {
            Ok((
                row.int(0)?,
                row.take_bytes(1)?,
                row.int(2)? + REPLAY_IDENTITY_MS,
            ))
        })
        .collect()
}

/// A rejected request as it is shown.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) id: i64,
    pub(crate) at_ms: i64,
    pub(crate) ret: i64,
    pub(crate) msg: String,
    pub(crate) body: Vec<u8>,
    pub(crate) count: i64,
}

/// Which rejected requests of an app are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RejectionsQuery {
    pub(crate) app: AppNo,
    /// With ids below this.
    pub(crate) before_id: i64,
    /// With this code; with any where there is none.
    pub(crate) ret: Option<i64>,
    /// Last refused at this time or later: older ones are as good as gone, since their identities may be.
    pub(crate) since_ms: i64,
    pub(crate) limit: i64,
}

/// Rejected requests, newest first.
pub(crate) fn list(tx: &mut Tx<'_>, query: &RejectionsQuery) -> Result<Vec<Rejection>, DbError> {
    let sql = "SELECT id, at, ret, msg, body, count FROM comm_rejection \
               WHERE app = $1 AND id < $2 AND (ret = $3 OR $3 = 0) AND at >= $4 ORDER BY id DESC LIMIT $5";
    let values = [
        query.app.into(),
        query.before_id.into(),
        query.ret.unwrap_or(0).into(),
        query.since_ms.into(),
        query.limit.into(),
    ];
    let read = |mut row: Row| {
        Ok(Rejection {
            id: row.int(0)?,
            at_ms: row.int(1)?,
            ret: row.int(2)?,
            msg: row.take_text(3)?,
            body: row.take_bytes(4)?,
            count: row.int(5)?,
        })
    };
    tx.query(sql, &values)?.into_iter().map(read).collect()
}

/// Claims rejected requests for a replay, so that of two replays at once each row is in one. Keeps those that were
/// claimed: the others are gone, or another replay has them.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    app: AppNo,
    page: Vec<Rejection>,
    now_ms: i64,
) -> Result<Vec<Rejection>, DbError> {
    lock(tx)?;
    let sql = "UPDATE comm_rejection SET claimed_until = $1 WHERE app = $2 AND id = $3 AND claimed_until <= $4";
    let mut claimed = Vec::with_capacity(page.len());
    for rejection in page {
        let values = [
            (now_ms + CLAIM_MS).into(),
            app.into(),
            rejection.id.into(),
            now_ms.into(),
        ];
        if tx.execute(sql, &values)? == 1 {
            claimed.push(rejection);
        }
    }
    Ok(claimed)
}

/// Drops the claimed requests that were replayed, and gives the others back: id, and whether it was replayed.
pub(crate) fn settle(tx: &mut Tx<'_>, app: AppNo, claimed: &[(i64, bool)]) -> Result<(), DbError> {
    lock(tx)?;
    for &(id, is_replayed) in claimed {
        let sql = if is_replayed {
            "DELETE FROM comm_rejection WHERE app = $1 AND id = $2"
        } else {
            "UPDATE comm_rejection SET claimed_until = 0 WHERE app = $1 AND id = $2"
        };
        tx.execute(sql, &[app.into(), id.into()])?;
    }
    Ok(())
}
