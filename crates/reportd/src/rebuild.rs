//! `reportd rebuild`: folds the journal into a fresh store of views and lets the servers change over to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use reportd_db::Database;
use reportd_db::copy::copy_table;
use reportd_journal::{Base, Goal, JournalError, Refold};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::day_text;
use serde::{Deserialize, Serialize};

use crate::control;
use crate::kinds::LoadedKinds;
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::settings::Settings;
use crate::stores::Stores;

/// So few entries are left for the servers, who fold on.
const NEARLY_LEVEL: u64 = 20_000;
/// Rounds after which it changes over all the same: each is as long as what came during the last.
const MOST_ROUNDS: u32 = 20;
/// By then every node has seen that rebuilt views are there, and stopped to read and fold the old ones.
const LONGEST_CHANGE: Duration = Duration::from_secs(10);
pub(crate) const ROWS_AT_ONCE: usize = 2_000;
pub(crate) const SCHEMA_TABLE: &str = "schema_migration";

/// How far a fold is: entries folded, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// What a rebuild tells while it runs and when it ends: a line each on the control socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// How far it is.
    Step(Step),
    /// It is done: the views are served. The day up to which a base stood in for the journal, where one did.
    Done {
        /// In UTC, since 1970.
        sealed: Option<i64>,
    },
    /// Why it failed; the old views are served on.
    Failed(String),
}

/// Runs the command. The embedded store is rebuilt by the server that holds it, where one runs.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let stores = Stores::existing(settings)?;
    let stop = Stop::default();
    let bar = Progress::start("rebuild", Unit::Entries, 0, &stop);
    let asked = if stores.is_shared() {
        None
    } else {
        let show = |step: Step| bar.reach(step.done, step.total);
        control::ask_rebuild(&stores.folder.control_socket(), show).await?
    };
    drop(bar);
    let sealed = match asked {
        Some(sealed) => sealed,
        None => run_stoppable(move |stop| rebuild_here(&stores, &stop)).await?,
    };
    if let Some(day) = sealed {
        let day = day_text(day);
        print_line(format_args!(
            "The journal was dropped up to {day}: the views began with the base that was sealed then."
        ))?;
    }
    print_line("The views are made anew, and served.")
}

/// Rebuilds in this process. Blocks.
fn rebuild_here(stores: &Stores, stop: &Stop) -> anyhow::Result<Option<i64>> {
    // No server may open the embedded store meanwhile.
    let _lock = (!stores.is_shared())
        .then(|| stores.folder.lock())
        .transpose()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let kinds = LoadedKinds::at_rest(stores, &clock)?;
    let bar = Progress::start("rebuild", Unit::Entries, 0, stop);
    let sealed = rebuild(stores, &clock, &kinds, &mut |step| {
        bar.reach(step.done, step.total)
    })?;
    stores.leave_views(stores.views_number()?, LONGEST_CHANGE)?;
    Ok(sealed)
}

/// Rebuilds the views and publishes them; returns the day up to which a base stood in for the journal, where one did.
/// Blocks.
pub(crate) fn rebuild(
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    kinds: &LoadedKinds,
    tell: &mut dyn FnMut(Step) -> bool,
) -> anyhow::Result<Option<i64>> {
    let before = stores.views_number()?;
    let (number, db) = stores.new_views()?;
    let sealed = match fold_all(stores, clock, kinds, db, tell) {
        Ok(sealed) => sealed,
        Err(error) => {
            discard(stores, number);
            return Err(error);
        }
    };
    // Where it is not told whether they are served, they must stay.
    if !stores.publish_views(before, number)? {
        discard(stores, number);
        bail!("another rebuild was quicker: its views are served");
    }
    Ok(sealed)
}

/// Drops views that will never be served; where they cannot be dropped now, a later rebuild does so.
fn discard(stores: &Stores, number: i64) {
    if let Err(error) = stores.discard_views(number) {
        tracing::warn!(%error, number, "views that will not be served could not be dropped");
    }
}

/// Folds the base and the journal into a fresh store of views.
fn fold_all(
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    kinds: &LoadedKinds,
    db: Database,
    tell: &mut dyn FnMut(Step) -> bool,
) -> anyhow::Result<Option<i64>> {
    let sealed = copy_base(stores, &db)?;
    let blocks = stores.blocks(clock)?;
    let mut refold = Refold::new(blocks, Arc::clone(clock), db.clone(), kinds.views());
    let mut done = 0;
    for _ in 0..MOST_ROUNDS {
        let goal = Goal::now(refold.store().as_ref(), clock.as_ref())?;
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
    db.checkpoint()?;
    Ok(sealed)
}

/// What is to be done where entries were missing.
pub(crate) fn explained(error: JournalError) -> anyhow::Error {
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
    let Some(base) = stores.existing_base()? else {
        return Ok(None);
    };
    let day = base.read(|from| {
        to.write(|to| {
            for table in from.table_names()? {
                if table != SCHEMA_TABLE {
                    copy_table(from, to, &table, ROWS_AT_ONCE, &mut |_| true)?;
                }
            }
            Base::day(to)
        })
    })?;
    Ok(day)
}
