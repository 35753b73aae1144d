//! `reportd migrate`: the embedded store, brought to PostgreSQL.
//!
//! Each step can be interrupted at any point, and goes on or is done again: the state is copied in one transaction, and
//! once more in the one that marks the end; so is the base, until a block is there; blocks of the journal are imported from where the database
//! stands. The views are copied row by row, and not folded again: that takes as long as there are rows, and not as there
//! are reports, and the verify at the end, which does fold the whole journal, proves that they are what it says. What they
//! had not folded is folded then. Nothing is written to the embedded store, whose lock is held: no server runs on it.

use std::sync::Arc;

use anyhow::{Context, ensure};
use reportd_db::{Database, DbError, Tx};
use reportd_journal::{Base, BlockStore, DayFiles, DayTables, Goal, LOCAL_STREAM, Refold, View};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::random::SystemRandom;
use reportd_platform::secret::Secret;
use reportd_platform::zones::time_text;

use crate::copy_store::{copy_store, rows_in};
use crate::data_folder::DataFolder;
use crate::kinds::LoadedKinds;
use crate::migration::{Step, begin, done_step, mark, unmark};
use crate::output::print_line;
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::refold::copy_base;
use crate::settings::{MASTER_KEY, Settings, is_postgres_url};
use crate::stores::{Postgres, Stores};
use crate::verify::{print_found, verify};

/// Unpacked bytes of the blocks that are imported at once.
const IMPORT_BYTES: u64 = 4 << 20;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, to: Secret) -> anyhow::Result<()> {
    ensure!(
        is_postgres_url(to.reveal()),
        "--to: expected the URL of a PostgreSQL database, postgres://…"
    );
    let folder = DataFolder::existing(&settings.data)?;
    let postgres = Postgres::new(to, settings.postgres.connections);
    run_stoppable(move |stop| {
        let _lock = folder.lock()?;
        let migrate = Migrate::open(&folder, postgres, stop)?;
        if migrate.is_done()? {
            return Ok(());
        }
        let told = migrate.run().context(
            "the store has not come whole to the database; the embedded store is as it was, and the same command goes on",
        );
        told.and_then(|()| tell_next(&folder))
    })
    .await
}

/// Says how it goes on.
fn tell_next(folder: &DataFolder) -> anyhow::Result<()> {
    let key = if std::env::var_os(MASTER_KEY).is_some() {
        format!("Give each node the key of {MASTER_KEY}")
    } else {
        let file = folder.key_file();
        format!(
            "Take the master key along: each node needs a copy of {} in its data folder, for its owner alone, or the key \
             in {MASTER_KEY}",
            file.display()
        )
    };
    print_line(format_args!(
        "All of it is in the database; the embedded store is as it was.\n{key}.\nThen: reportd serve --database-url …"
    ))
}

/// The two stores.
struct Migrate {
    source: Stores,
    target: Stores,
    /// The name of the source.
    name: String,
    from_state: Database,
    to_state: Database,
    files: Arc<dyn BlockStore>,
    tables: Arc<DayTables>,
    clock: Arc<dyn Clock>,
    stop: Stop,
}

impl Migrate {
    /// Opens both; the database must be empty, or have begun with this store.
    fn open(folder: &DataFolder, postgres: Postgres, stop: Stop) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let source = Stores::embedded(folder.clone());
        let target = Stores::target(folder.clone(), postgres);
        let name = folder.node_name(&SystemRandom)?;
        let no_database = "the target is no database";
        let bare = target.bare_database()?.context(no_database)?;
        begin(&bare, &name, clock.now_ms())?;
        drop(bare);
        let to_state = target.state()?;
        let tables = target.day_tables(&clock, "")?.context(no_database)?;
        Ok(Self {
            from_state: source.state()?,
            files: Arc::new(DayFiles::open(&folder.journal())?),
            source,
            target,
            name,
            to_state,
            tables,
            clock,
            stop,
        })
    }

    /// True where all was brought before, and says so. What the source has taken since then cannot come any more: the
    /// database may have gone on by itself.
    fn is_done(&self) -> anyhow::Result<bool> {
        let Some(done) = self.to_state.read(|tx| done_step(tx, Step::Done))? else {
            return Ok(false);
        };
        let at = time_text(done.at_ms);
        ensure!(
            self.source_end()? == done.journal_end,
            "this store was brought to the database at {at}, and has taken reports since: those are not there, and \
             cannot come any more"
        );
        print_line(format_args!("All of it is there already, since {at}."))?;
        Ok(true)
    }

    fn run(&self) -> anyhow::Result<()> {
        // The views of apps are pruned by their settings: they come first.
        self.copy_state(|_| Ok(()))?;
        self.import_journal()?;
        self.once(Step::Views, || self.copy_views())?;
        let kinds = LoadedKinds::at_rest(&self.target, &self.clock)?;
        self.fold(kinds.views())?;
        self.verify(&kinds)?;
        let at = (self.clock.now_ms(), self.source_end()?);
        // What was changed meanwhile by a command comes along.
        self.copy_state(|tx| mark(tx, Step::Done, &self.name, at))
    }

    /// Does a step that is not done yet.
    fn once(&self, step: Step, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        if self.to_state.read(|tx| done_step(tx, step))?.is_some() {
            return Ok(());
        }
        work()?;
        let at = (self.clock.now_ms(), self.source_end()?);
        Ok(self.to_state.write(|tx| mark(tx, step, &self.name, at))?)
    }

    /// Copies the truth that is no journal in place of what is there.
    fn copy_state(
        &self,
        then: impl FnOnce(&mut Tx<'_>) -> Result<(), DbError>,
    ) -> anyhow::Result<()> {
        let bar = self.bar("state", Unit::Rows, rows_in(&self.from_state)?);
        copy_with((&self.from_state, &self.to_state), &bar, then)
    }

    /// Brings the blocks that are not there yet.
    fn import_journal(&self) -> anyhow::Result<()> {
        let streams = self.tables.ends()?;
        let there = streams.iter().find(|end| end.stream == LOCAL_STREAM);
        // Before the first block that is left, the base stands in. It is copied by each try, until a block is there.
        let mut expected = match there {
            Some(end) => end.next,
            None => self.copy_base()?,
        };
        let mut next = there.map_or(1, |end| end.next);
        let bar = self.bar("journal", Unit::Entries, self.source_end()?);
        loop {
            ensure!(bar.reach(next, self.source_end()?), "it was interrupted");
            let blocks = self.files.from(LOCAL_STREAM, next, IMPORT_BYTES)?;
            let Some(last) = blocks.last() else {
                return Ok(());
            };
            for block in &blocks {
                ensure!(
                    block.first <= expected,
                    "{}: entries {expected} to {} are missing; where their day was dropped since an earlier try, begin \
                     again with an empty database",
                    self.files.place_of(block),
                    block.first
                );
                expected = block.first + block.count;
            }
            next = last.first + last.count;
            self.tables.import(&blocks)?;
        }
    }

    /// Copies the views of the source, where it has some that are folded; else the base, from which the fold begins.
    fn copy_views(&self) -> anyhow::Result<()> {
        let to = self.target.emptied_views()?;
        if let Some(from) = self.folded_views()? {
            let bar = self.bar("views", Unit::Rows, rows_in(&from)?);
            return copy_with((&from, &to), &bar, |_| Ok(()));
        }
        copy_base(&self.target, &to).map(|_| ())
    }

    /// The views of the source, where they have folded something.
    fn folded_views(&self) -> anyhow::Result<Option<Database>> {
        let folder = &self.source.folder;
        if !folder.views_file(folder.newest_views()).is_file() {
            return Ok(None);
        }
        let views = self.source.views()?;
        let positions = "SELECT COUNT(*) FROM view_position WHERE next > 1";
        let has_folded = views.read(|tx| tx.query_int(positions, &[]))? > 0;
        Ok(has_folded.then_some(views))
    }

    /// Folds what is behind.
    fn fold(&self, views: Vec<Box<dyn View>>) -> anyhow::Result<()> {
        let (db, clock) = (self.target.views()?, Arc::clone(&self.clock));
        let mut refold = Refold::new(Arc::clone(&self.tables) as _, clock, db, views);
        let goal = Goal::now(self.tables.as_ref(), self.clock.as_ref())?;
        let bar = self.bar("fold", Unit::Entries, refold.left(&goal)?);
        Ok(refold.fold_to(&goal, &mut |entries| bar.advance(entries))?)
    }

    /// Verifies what is there. Where it is not what the journal says, the views are copied anew by the next try.
    fn verify(&self, kinds: &LoadedKinds) -> anyhow::Result<()> {
        let bar = self.bar("verify", Unit::Entries, 0);
        let found = verify(&self.target, &self.clock, kinds, &mut |step| {
            bar.reach(step.done, step.total)
        })?;
        drop(bar);
        if found.count > 0 {
            unmark(&self.to_state, Step::Views)?;
        }
        print_found(&found).context(
            "the views of the embedded store are not what its journal says: run reportd rebuild on it, then this again",
        )
    }

    /// The sequence behind the last entry of the source.
    fn source_end(&self) -> anyhow::Result<u64> {
        Ok(self.files.begin()?.next)
    }

    /// Copies the base of the journal, where there is one; returns up to where it stands in for the journal.
    fn copy_base(&self) -> anyhow::Result<u64> {
        let Some(from) = self.source.existing_base()? else {
            return Ok(1);
        };
        let bar = self.bar("base", Unit::Rows, rows_in(&from)?);
        copy_with((&from, &self.target.new_base()?), &bar, |_| Ok(()))?;
        let ends = from.read(Base::ends)?;
        Ok(ends.get(&LOCAL_STREAM).copied().unwrap_or(1))
    }

    fn bar(&self, what: &'static str, unit: Unit, total: u64) -> Progress {
        Progress::start(what, unit, total, &self.stop)
    }
}

/// Copies a store, and shows how far it is.
fn copy_with(
    stores: (&Database, &Database),
    bar: &Progress,
    then: impl FnOnce(&mut Tx<'_>) -> Result<(), DbError>,
) -> anyhow::Result<()> {
    Ok(copy_store(stores, &mut |rows| bar.advance(rows), then)?)
}
