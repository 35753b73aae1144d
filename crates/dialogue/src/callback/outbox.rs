//! The outbox: deliveries that were decided on, and have yet to leave.
//!
//! A delivery is due at `next_at`. Who leases it puts its own name into `leased_by` and moves `next_at` to where the lease
//! ends, in one conditional update: a delivery that nobody attempts is due, and one index tells both.

use std::sync::Arc;

use bytes::Bytes;
use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;
use reportd_platform::random::{NoRandomness, Random};

use super::guard::{Policy, check_url};

/// Waits, or is attempted.
pub const PENDING: i64 = 0;
/// The receiver took it.
pub const DELIVERED: i64 = 1;
/// All attempts were in vain, or the receiver wants no more.
pub const DEAD: i64 = 2;
/// It is not sent any more: the verdict was undone, or a newer one took its place.
pub const TAKEN_BACK: i64 = 3;

/// Whether a delivery that waits or was given up is of a verdict whose place a newer one has taken: a condition on a row of
/// `dialogue_delivery`. Of a subquery with a value each store makes a look into the index, of «exists» not always.
pub(super) const IS_REPLACED: &str = "dialogue_delivery.verdict < (SELECT MAX(n.verdict) FROM dialogue_delivery n \
     WHERE n.ticket = dialogue_delivery.ticket AND n.state <> 3)";

/// A delivery to be written.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Whose key encrypted it, and whose secret signs it.
    pub app: AppNo,
    /// The ticket.
    pub ticket: i64,
    /// The verdict.
    pub verdict: i64,
    /// How often the ticket was judged.
    pub revision: i64,
    /// Where it goes: the report's redirect.
    pub url: String,
    /// Whom it is for: as reported, empty where it was absent.
    pub uniqid: String,
    /// From [`webhook_id`]: the same on each attempt.
    pub webhook_id: String,
    /// What is posted: the same bytes on each attempt.
    pub body: Bytes,
    /// Now.
    pub created_at_ms: i64,
    /// When it may leave: later than now where the verdict can be undone. Without meaning under a lease.
    pub send_at_ms: i64,
}

/// A node's right to attempt a delivery, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The node.
    pub node: Arc<str>,
    /// When it ends.
    pub until_ms: i64,
}

/// A delivery that was leased in the transaction that wrote it: to be handed to the dispatcher after the commit. One
/// that is dropped is sent when its lease ends.
#[derive(Debug)]
#[must_use = "it is sent when its lease ends, and not before"]
pub struct HandOver(pub(super) Leased);

/// A delivery that this node may attempt.
#[derive(Debug, Clone)]
pub(super) struct Leased {
    pub(super) id: i64,
    pub(super) app: AppNo,
    pub(super) ticket: i64,
    pub(super) verdict: i64,
    pub(super) revision: i64,
    pub(super) webhook_id: String,
    pub(super) url: String,
    pub(super) host: Arc<str>,
    pub(super) body: Bytes,
    /// Attempts that were made before.
    pub(super) attempts: i64,
    pub(super) created_at_ms: i64,
    pub(super) until_ms: i64,
    /// It is attempted while its host has not taken anything yet.
    pub(super) is_trial: bool,
}

/// A new id for a delivery.
///
/// # Errors
/// Where the system has no randomness.
pub fn webhook_id(random: &dyn Random) -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(format!("msg_{:032x}", u128::from_be_bytes(bytes)))
}

/// Host and port of a URL, by which deliveries are queued; the URL itself where it has none: its attempts will say so.
fn authority(url: &str) -> String {
    let any = Policy {
        hosts: &[],
        allow_private: true,
    };
    check_url(url, &any).map_or_else(|_| url.to_owned(), |url| url.authority())
}

/// Writes a delivery, in the verdict's transaction. Under a lease it is this node's to attempt, and comes back to be
/// handed to [`Dispatcher::hand_over`](super::Dispatcher::hand_over) once the commit is made.
///
/// # Errors
/// Those of the store.
pub fn enqueue(
    tx: &mut Tx<'_>,
    new: NewDelivery,
    lease: Option<&Lease>,
) -> Result<Option<HandOver>, DbError> {
    const INSERT: &str = "INSERT INTO dialogue_delivery (webhook_id, app, ticket, verdict, revision, url, host, uniqid, \
         state, attempts, next_at, leased_by, body, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10, $11, $12) RETURNING id";
    let host = authority(&new.url);
    let values = [
        (&new.webhook_id).into(),
        new.app.into(),
        new.ticket.into(),
        new.verdict.into(),
        new.revision.into(),
        (&new.url).into(),
        (&host).into(),
        (&new.uniqid).into(),
        lease.map_or(new.send_at_ms, |lease| lease.until_ms).into(),
        lease.map(|lease| &*lease.node).into(),
        new.body[..].into(),
        new.created_at_ms.into(),
    ];
    let row = tx.query_first(INSERT, &values)?;
    let no_id = || DbError::Statement("a new delivery has no id".to_owned());
    let id = row.ok_or_else(no_id)?.int(0)?;
    Ok(lease.map(|lease| {
        HandOver(Leased {
            id,
            app: new.app,
            ticket: new.ticket,
            verdict: new.verdict,
            revision: new.revision,
            webhook_id: new.webhook_id,
            url: new.url,
            host: host.into(),
            body: new.body,
            attempts: 0,
            created_at_ms: new.created_at_ms,
            until_ms: lease.until_ms,
            is_trial: false,
        })
    }))
}

/// Takes a verdict's deliveries back. False where one of them has left, or may be leaving now: then the caller rolls
/// back, so that all are as they were.
///
/// # Errors
/// Those of the store.
pub fn take_back(tx: &mut Tx<'_>, ticket: i64, verdict: i64, now_ms: i64) -> Result<bool, DbError> {
    const TAKE: &str = "UPDATE dialogue_delivery SET state = 3, done_at = $3 \
         WHERE ticket = $1 AND verdict = $2 AND state = 0 AND leased_by IS NULL AND attempts = 0";
    const LEFT: &str =
        "SELECT COUNT(*) FROM dialogue_delivery WHERE ticket = $1 AND verdict = $2 AND state <> 3";
    tx.execute(TAKE, &[ticket.into(), verdict.into(), now_ms.into()])?;
    Ok(tx.query_int(LEFT, &[ticket.into(), verdict.into()])? == 0)
}

/// Takes back what waits of the ticket's verdicts so far, and what was given up, before a newer one is written: that goes
/// out in their place. An attempt that runs is not stopped, and is the last; what a node has leased and not attempted is
/// taken back when its lease ends.
///
/// # Errors
/// Those of the store.
pub fn replace(tx: &mut Tx<'_>, ticket: i64, now_ms: i64) -> Result<u64, DbError> {
    const REPLACE: &str = "UPDATE dialogue_delivery SET state = 3, done_at = COALESCE(done_at, $2) \
         WHERE ticket = $1 AND state IN (0, 2) AND leased_by IS NULL";
    tx.execute(REPLACE, &[ticket.into(), now_ms.into()])
}
