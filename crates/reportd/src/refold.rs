//! Folding the journal anew, for rebuild and for verify: from its base, towards an end that moves on meanwhile.

use anyhow::bail;
use reportd_db::Database;
use reportd_journal::{Base, Goal, JournalError, Refold};
use serde::{Deserialize, Serialize};

use crate::copy_store::copy_store;
use crate::stores::Stores;

/// So few entries are left for whoever goes on from there.
const NEARLY_LEVEL: u64 = 20_000;
/// Rounds after which it ends all the same: each is as long as what came during the last.
const MOST_ROUNDS: u32 = 20;

/// How far a fold is: entries folded, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// Folds up to what `goal` says, again and again until little is left; returns how many entries it folded. `tell` returns
/// false to stop.
pub(crate) fn approach(
    refold: &mut Refold,
    mut goal: impl FnMut(&Refold) -> Result<Goal, JournalError>,
    tell: &mut dyn FnMut(Step) -> bool,
) -> anyhow::Result<u64> {
    let mut done = 0;
    for _ in 0..MOST_ROUNDS {
        let goal = goal(refold)?;
        let left = refold.left(&goal)?;
        let total = done + left;
        if !tell(Step { done, total }) {
            bail!("it was interrupted");
        }
        let folded = refold.fold_to(&goal, &mut |entries| {
            done += entries;
            tell(Step { done, total })
        });
        folded.map_err(explained)?;
        if left < NEARLY_LEVEL {
            break;
        }
    }
    Ok(done)
}

/// What is to be done where entries were missing.
fn explained(error: JournalError) -> anyhow::Error {
    let is_missing = matches!(error, JournalError::Missing { .. });
    let error = anyhow::Error::from(error);
    if is_missing {
        return error.context(
            "entries are missing: where a day was dropped from the journal meanwhile, run it again",
        );
    }
    error
}

/// Copies the base of the journal, where there is one, into a fresh store; returns the day up to which it stands in for
/// the journal.
pub(crate) fn copy_base(stores: &Stores, to: &Database) -> anyhow::Result<Option<i64>> {
    match stores.existing_base()? {
        Some(base) => Ok(copy_store((&base, to), &mut |_| true, Base::day)?),
        None => Ok(None),
    }
}
