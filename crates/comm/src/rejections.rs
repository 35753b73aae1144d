//! Rejected requests: kept so that people can see what their bots send wrong, and send it again once it is mended.
//!
//! They pass through a bounded queue that may drop, and are written in small batches, so that a bot gone wild costs the
//! store next to nothing. Equal rejected requests are one row with a count.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reportd_db::{Database, DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::apps::App;
use reportd_platform::clock::DAY_MS;
use reportd_protocol::comm::{self, Refusal, Ret};
use tokio::sync::mpsc;

use crate::entry::HASH_BYTES;
use crate::intake::body_hash;
use crate::view::CommMetrics;

/// An identity is kept at least this long behind a rejection of the same request, so that a replay counts once.
pub(crate) const REPLAY_IDENTITY_MS: i64 = 8 * DAY_MS;
const QUEUE: usize = 1_024;
const BATCH: usize = 256;
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// Rows that one eviction drops at most.
const EVICT_AT_ONCE: i64 = 1_000;

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
        metrics: Arc<CommMetrics>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, offered) = mpsc::channel(QUEUE);
        let task = tokio::spawn(write_all(db, limits, offered));
        (
            Self {
                queue,
                limits,
                metrics,
            },
            task,
        )
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

async fn write_all(db: Database, limits: RejectionLimits, mut offered: mpsc::Receiver<Offered>) {
    let mut sizes: HashMap<AppNo, i64> = HashMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    while offered.recv_many(&mut batch, BATCH).await > 0 {
        let now = std::mem::take(&mut batch);
        let mut known = std::mem::take(&mut sizes);
        let written: Result<_, DbError> = db
            .write_async(move |tx| {
                write_batch(tx, &now, limits, &mut known)?;
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

fn write_batch(
    tx: &mut Tx<'_>,
    batch: &[Offered],
    limits: RejectionLimits,
    sizes: &mut HashMap<AppNo, i64>,
) -> Result<(), DbError> {
    for offered in batch {
        let size = i64::try_from(offered.body.len()).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO comm_rejection (app, hash, ts, at, ret, msg, body, size, count) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT (app, hash) DO UPDATE SET \
             at = excluded.at, ret = excluded.ret, msg = excluded.msg, count = comm_rejection.count + 1",
            &[
                offered.app.into(),
                offered.hash[..].into(),
                offered.ts_ms.into(),
                offered.at_ms.into(),
                offered.ret.into(),
                (&offered.msg).into(),
                offered.body[..].into(),
                size.into(),
            ],
        )?;
        let total = match sizes.get(&offered.app) {
            Some(known) => known + size,
            None => stored_bytes(tx, offered.app)?,
        };
        sizes.insert(offered.app, total);
    }
    let newest_ms = batch.iter().map(|offered| offered.at_ms).max().unwrap_or(0);
    for (&app, total) in sizes.iter_mut() {
        drop_older(tx, app, newest_ms - limits.kept_ms)?;
        if *total > limits.app_bytes {
            *total = evict(tx, app, limits.app_bytes)?;
        }
    }
    Ok(())
}

fn stored_bytes(tx: &mut Tx<'_>, app: AppNo) -> Result<i64, DbError> {
    let sql = "SELECT CAST(SUM(size) AS BIGINT) FROM comm_rejection WHERE app = $1";
    tx.query_int(sql, &[app.into()])
}

fn drop_older(tx: &mut Tx<'_>, app: AppNo, before_ms: i64) -> Result<(), DbError> {
    // Rows are numbered as they first came, so the old ones stand at the front.
    let sql = "DELETE FROM comm_rejection WHERE at < $2 AND id IN \
               (SELECT id FROM comm_rejection WHERE app = $1 ORDER BY id LIMIT $3)";
    tx.execute(sql, &[app.into(), before_ms.into(), EVICT_AT_ONCE.into()])
        .map(|_| ())
}

/// Drops the oldest rows until the app's share is kept; returns what is left, in bytes.
fn evict(tx: &mut Tx<'_>, app: AppNo, most_bytes: i64) -> Result<i64, DbError> {
    let mut total = stored_bytes(tx, app)?;
    while total > most_bytes {
        let sql = "SELECT id, size FROM comm_rejection WHERE app = $1 ORDER BY id LIMIT $2";
        let mut last = 0;
        for row in tx.query(sql, &[app.into(), EVICT_AT_ONCE.into()])? {
            last = row.int(0)?;
            total -= row.int(1)?;
            if total <= most_bytes {
                break;
            }
        }
        if tx.execute(
            "DELETE FROM comm_rejection WHERE app = $1 AND id <= $2",
            &[app.into(), last.into()],
        )? == 0
        {
            break;
        }
    }
    Ok(total)
}

/// Identities that must outlive their window, because the same request stands among the rejected ones and could be
/// replayed: (ts, hash, until when).
pub(crate) fn kept_identities(
    state: &Database,
    app: AppNo,
    from_ts_ms: i64,
    to_ts_ms: i64,
) -> Result<Vec<(i64, Vec<u8>, i64)>, DbError> {
    let sql = "SELECT ts, hash, at FROM comm_rejection WHERE app = $1 AND ts >= $2 AND ts < $3";
    state.read(|tx| {
        let rows = tx.query(sql, &[app.into(), from_ts_ms.into(), to_ts_ms.into()])?;
        rows.into_iter()
            .map(|mut row| {
                Ok((
                    row.int(0)?,
                    row.take_bytes(1)?,
                    row.int(2)? + REPLAY_IDENTITY_MS,
                ))
            })
            .collect()
    })
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

/// Rejected requests of an app that arrived before `before_id`, newest first; of one `ret` where it is given.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    app: AppNo,
    before_id: i64,
    ret: Option<i64>,
    limit: i64,
) -> Result<Vec<Rejection>, DbError> {
    let sql = "SELECT id, at, ret, msg, body, count FROM comm_rejection \
               WHERE app = $1 AND id < $2 AND (ret = $3 OR $3 = 0) ORDER BY id DESC LIMIT $4";
    let rows = tx.query(
        sql,
        &[
            app.into(),
            before_id.into(),
            ret.unwrap_or(0).into(),
            limit.into(),
        ],
    )?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Rejection {
                id: row.int(0)?,
                at_ms: row.int(1)?,
                ret: row.int(2)?,
                msg: row.take_text(3)?,
                body: row.take_bytes(4)?,
                count: row.int(5)?,
            })
        })
        .collect()
}

/// Drops a rejected request that was replayed.
pub(crate) fn remove(tx: &mut Tx<'_>, app: AppNo, id: i64) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM comm_rejection WHERE app = $1 AND id = $2",
        &[app.into(), id.into()],
    )
    .map(|_| ())
}
