//! `reportd rebuild`: folds the journal into a fresh store of views and lets the servers change over to it.

use std::sync::Arc;

use anyhow::bail;
use reportd_db::Database;
use reportd_db::copy::copy_table;
use reportd_journal::{Base, Goal, Refold};
use reportd_platform::clock::Clock;

use crate::served::ViewMaker;
use crate::stores::Stores;

/// So few entries are left for the servers, who fold on.
const NEARLY_LEVEL: u64 = 20_000;
/// Rounds after which it changes over all the same: each is as long as what came during the last.
const MOST_ROUNDS: u32 = 20;
const ROWS_AT_ONCE: usize = 2_000;
const SCHEMA_TABLE: &str = "schema_migration";

/// How far a fold is: entries folded, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// Rebuilds the views and publishes them; returns the day up to which a base stood in for the journal, where one did.
/// Blocks.
pub(crate) fn rebuild(
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    maker: &ViewMaker,
    tell: &mut dyn FnMut(Step),
) -> anyhow::Result<Option<i64>> {
    let before = stores.views_number()?;
    let number = before + 1;
    let db = stores.new_views(number)?;
    let sealed = copy_base(stores, &db)?;
    let blocks = stores.blocks(clock)?;
    let mut refold = Refold::new(blocks, Arc::clone(clock), db.clone(), maker.views());
    let mut done = 0;
    for _ in 0..MOST_ROUNDS {
        let goal = Goal::now(refold.store().as_ref(), clock.as_ref())?;
        let left = refold.left(&goal)?;
        let total = done + left;
        tell(Step { done, total });
        refold.fold_to(&goal, &mut |entries| {
            done += entries;
            tell(Step { done, total });
        })?;
        if left < NEARLY_LEVEL {
            break;
        }
    }
    db.checkpoint()?;
    drop((refold, db));
    if !stores.publish_views(before, number)? {
        bail!("another rebuild was quicker: its views are served");
    }
    Ok(sealed)
}

/// Copies the base of the journal, where there is one, into a fresh store; returns the day up to which it stands in for
/// the journal.
pub(crate) fn copy_base(stores: &Stores, to: &Database) -> anyhow::Result<Option<i64>> {
    let Some(base) = stores.existing_base()? else {
        return Ok(None);
    };
    let day = base.read(|from| {
        to.write(|to| {
            for table in from.table_names()? {
                if table != SCHEMA_TABLE {
                    copy_table(from, to, &table, ROWS_AT_ONCE, &mut |_| {})?;
                }
            }
            Base::day(to)
        })
    })?;
    Ok(day)
}
