//! `reportd rebuild`: folds the journal into a fresh store of views and lets the servers change over to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use reportd_db::Database;
use reportd_journal::{Goal, Refold};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::day_text;
use serde::{Deserialize, Serialize};

use crate::control;
use crate::kinds::LoadedKinds;
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::refold::{Step, approach, copy_base};
use crate::settings::Settings;
use crate::stores::Stores;

/// By then every node has seen that rebuilt views are there, and stopped to read and fold the old ones.
const LONGEST_CHANGE: Duration = Duration::from_secs(10);

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
    let now = |refold: &Refold| Goal::now(refold.store().as_ref(), clock.as_ref());
    approach(&mut refold, now, tell)?;
    db.checkpoint()?;
    Ok(sealed)
}
