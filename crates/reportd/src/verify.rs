//! `reportd verify`: folds the journal into a second store of views and compares.

use std::sync::Arc;

use anyhow::bail;
use reportd_db::Database;
use reportd_journal::{Difference, Refold};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::day_text;

use crate::backup::WorkFolder;
use crate::kinds::LoadedKinds;
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::refold::{Step, approach, copy_base};
use crate::settings::Settings;
use crate::stores::Stores;

/// Differences that are printed; further ones are counted.
const MOST_PRINTED: usize = 1_000;

/// What a verify found.
pub(crate) struct Found {
    /// Entries that were folded.
    pub(crate) entries: u64,
    /// The day up to which a base stood in for the journal.
    pub(crate) sealed: Option<i64>,
    /// The first differences.
    pub(crate) differences: Vec<Difference>,
    /// How many there are.
    pub(crate) count: usize,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let stores = Stores::existing(settings)?;
    run_stoppable(move |stop| verify_and_print(&stores, &stop)).await
}

/// Verifies, and prints what it found; an error where there are differences. Blocks.
pub(crate) fn verify_and_print(stores: &Stores, stop: &Stop) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let kinds = LoadedKinds::at_rest(stores, &clock)?;
    let bar = Progress::start("verify", Unit::Entries, 0, stop);
    let found = verify(stores, &clock, &kinds, &mut |step| {
        bar.reach(step.done, step.total)
    })?;
    drop(bar);
    print_found(&found)
}

/// Prints what a verify found; an error where there are differences.
pub(crate) fn print_found(found: &Found) -> anyhow::Result<()> {
    if let Some(day) = found.sealed {
        let day = day_text(day);
        print_line(format_args!(
            "The journal was dropped up to {day}: what it held is taken from the base that was sealed then."
        ))?;
    }
    for difference in &found.differences {
        let side = |said: &Option<String>| said.clone().unwrap_or_else(|| "nothing".to_owned());
        print_line(format_args!(
            "{}: the views say {}, the journal says {}",
            difference.what,
            side(&difference.stored),
            side(&difference.folded)
        ))?;
    }
    let entries = found.entries;
    if found.count == 0 {
        return print_line(format_args!(
            "{entries} entries folded again: the views say the same."
        ));
    }
    bail!(
        "{} differences in {entries} entries: reportd rebuild makes the views anew",
        found.count
    )
}

/// Folds the journal up to where the served views stand, and compares. Blocks.
pub(crate) fn verify(
    stores: &Stores,
    clock: &Arc<dyn Clock>,
    kinds: &LoadedKinds,
    tell: &mut dyn FnMut(Step) -> bool,
) -> anyhow::Result<Found> {
    // A command on a database needs no data folder.
    let folder = Some(stores.folder.path().to_owned()).filter(|path| path.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    let work = WorkFolder::beside(&folder.join("verify"))?;
    let second = stores.views_at(&work.path.join("views.db"))?;
    let sealed = copy_base(stores, &second)?;
    let blocks = stores.blocks(clock)?;
    let mut refold = Refold::new(blocks, Arc::clone(clock), second, kinds.views());
    let served = stores.views()?;
    let folded = |refold: &Refold| Ok(served.read(|tx| refold.goal_of(tx))?);
    // What is left then is folded while the served views are held still.
    let mut done = approach(&mut refold, folded, tell)?;
    let (differences, count) = compare(&served, &mut refold, &mut done)?;
    Ok(Found {
        entries: done,
        sealed,
        differences,
        count,
    })
}

/// Compares in one transaction on each side: the served views stand still in it.
fn compare(
    served: &Database,
    refold: &mut Refold,
    done: &mut u64,
) -> anyhow::Result<(Vec<Difference>, usize)> {
    let (mut differences, mut count) = (Vec::new(), 0);
    served.try_read(|stored| -> anyhow::Result<()> {
        let goal = refold.goal_of(stored)?;
        refold.fold_to(&goal, &mut |entries| {
            *done += entries;
            true
        })?;
        let mut tell = |difference| {
            count += 1;
            if differences.len() < MOST_PRINTED {
                differences.push(difference);
            }
        };
        refold.db().read(|folded| {
            for view in refold.views() {
                view.compare(stored, folded, &mut tell)?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok((differences, count))
}
