//! Each change of deliveries, for the test of plans.

use std::sync::Arc;

use reportd_db::{DbError, Tx};

use super::attempts::{self, Attempted, Ending, Note};
use super::leases;
use super::outbox::{self, Lease, Leased};
use super::replay::{self, ReplayRange};

/// Sends the dead delivery of ticket 2, to host `h1`, again and again.
pub(crate) fn change_all(tx: &mut Tx<'_>, now_ms: i64) -> Result<(), DbError> {
    let node: Arc<str> = "node".into();
    let lease = |tx: &mut Tx<'_>| -> Result<Leased, DbError> {
        let lease = Lease {
            node: Arc::clone(&node),
            until_ms: now_ms + 1,
        };
        let mut leased = leases::lease(tx, &"h1".into(), &lease, now_ms, 10)?;
        assert_eq!(leased.len(), 1);
        Ok(leased.remove(0))
    };
    assert!(replay::one(tx, 2, now_ms)?);
    let back = Note::given_back(&lease(tx)?, now_ms);
    attempts::write(tx, &node, &[back], now_ms)?;
    for ending in [Ending::Again { at_ms: now_ms }, Ending::Delivered] {
        let attempted = Note::Attempted(attempted(&lease(tx)?, ending, now_ms));
        attempts::write(tx, &node, &[attempted], now_ms)?;
    }
    let range = ReplayRange {
        app: Some(2),
        to_ms: i64::MAX,
        limit: 1,
        ..ReplayRange::default()
    };
    assert_eq!(replay::range(tx, &range, now_ms)?, 1);
    assert_eq!(outbox::replace(tx, 4, now_ms)?, 1);
    Ok(())
}

fn attempted(leased: &Leased, ending: Ending, at_ms: i64) -> Attempted {
    Attempted {
        id: leased.id,
        ticket: leased.ticket,
        verdict: leased.verdict,
        until_ms: leased.until_ms,
        at_ms,
        took_ms: 1,
        status: Some(200),
        error: None,
        excerpt: Vec::new(),
        ending,
    }
}
