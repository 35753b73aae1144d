//! `reportd export`: raw reports of some days as a table, in one pass over the store, whether a server runs or not.

mod comm;
mod csv;
mod ndjson;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod playback;
mod push;
mod row;

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::ensure;
use reportd_db::Database;
use reportd_journal::{Base, Export, Exported, ExportedBlock};
use reportd_platform::AppNo;
use reportd_platform::apps::{self, AppError};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::day_text;

use self::output::Output;
use self::row::{Column, Row};
use crate::cli::{self, ExportReports, Format};
use crate::output::{ReaderGone, is_reader_gone, print_error_line};
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::settings::Settings;
use crate::stores::Stores;

/// Blocks between two looks whether to stop.
const BLOCKS_A_LOOK: u32 = 16;

/// What a kind of reports brings to the export.
struct ExportedKind {
    columns: &'static [Column],
    /// The reports of an app on the days from the first to the second.
    exported: fn(AppNo, i64, i64) -> Exported,
    /// Writes those of a block.
    write_block: fn(&ReadStores, &ExportedBlock, &mut dyn RowWriter) -> anyhow::Result<()>,
}

/// What a kind may look at while it reads blocks.
struct ReadStores {
    state: Database,
    views: Database,
}

/// Writes rows in a format.
trait RowWriter {
    fn write(&mut self, row: &dyn Row) -> anyhow::Result<()>;
    /// Writes what is left.
    fn finish(self: Box<Self>) -> anyhow::Result<Output>;
}

/// Exports raw reports.
pub(crate) async fn export(settings: &Settings, asked: cli::Export) -> anyhow::Result<()> {
    let (kind, asked) = match asked {
        cli::Export::Comm(asked) => (&comm::COMM, asked),
        cli::Export::Playback(asked) => (&playback::PLAYBACK, asked),
        cli::Export::Push(asked) => (&push::PUSH, asked),
    };
    let asked = asked.checked();
    check_format(asked.format)?;
    let stores = Stores::existing(settings)?;
    run_stoppable(move |stop| export_here(kind, &stores, &asked, &stop)).await
}

/// Tells how a format that was not built in can be had.
fn check_format(format: Format) -> anyhow::Result<()> {
    ensure!(
        format != Format::Parquet || cfg!(feature = "parquet"),
        "this reportd was built without Parquet: build it with cargo build --release --features parquet, or take \
         --format ndjson or csv"
    );
    Ok(())
}

fn export_here(
    kind: &ExportedKind,
    stores: &Stores,
    asked: &ExportReports,
    stop: &Stop,
) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let state = stores.state()?;
    let app = state.try_read(|tx| Ok::<_, AppError>(apps::find(tx, &asked.app)?.no))?;
    let exported = (kind.exported)(app, asked.from, asked.to);
    tell_dropped(stores, &exported)?;
    let (store, views) = (stores.blocks(&clock)?, stores.views()?);
    let mut export = Export::begin(store.as_ref(), &views, exported)?;
    let read = ReadStores { state, views };
    let output = Output::open(asked.output.as_deref())?;
    let to_file = !output.is_stdout();
    let bar = Progress::start("export", Unit::Entries, export.total(), stop).only_if(to_file);
    let mut rows = writer(asked.format, output, kind.columns)?;
    let written = write_all(&mut export, &bar, |found| {
        (kind.write_block)(&read, found, rows.as_mut())
    });
    let written = written.and_then(|()| rows.finish());
    let written = written.and_then(Output::finish);
    drop(bar);
    match written {
        Err(error) if !to_file && is_reader_gone(&error) => Err(ReaderGone.into()),
        written => written,
    }
}

fn writer(
    format: Format,
    output: Output,
    columns: &'static [Column],
) -> anyhow::Result<Box<dyn RowWriter>> {
    Ok(match format {
        Format::Ndjson => Box::new(ndjson::NdjsonWriter::new(output)),
        Format::Csv => Box::new(csv::CsvWriter::new(output, columns)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::ParquetRows::new(output, columns)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return check_format(format).map(|()| unreachable!()),
    })
}

fn write_all(
    export: &mut Export<'_>,
    bar: &Progress,
    mut write_block: impl FnMut(&ExportedBlock) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut blocks = 0_u32;
    while let ControlFlow::Continue(found) = export.step()? {
        if let Some(found) = found {
            write_block(&found)?;
        }
        blocks = blocks.wrapping_add(1);
        if blocks.is_multiple_of(BLOCKS_A_LOOK) {
            let goes_on = bar.reach(export.passed(), export.total());
            ensure!(goes_on, "it was interrupted");
        }
    }
    Ok(())
}

/// Says on stderr that reports of the days that are exported may have been dropped.
fn tell_dropped(stores: &Stores, exported: &Exported) -> anyhow::Result<()> {
    let base: Option<Database> = stores.existing_base()?;
    let day = base.map(|base| base.read(Base::day)).transpose()?;
    match day.flatten() {
        Some(day) if day >= exported.first_arrival_day() => print_error_line(format_args!(
            "The journal was dropped up to {} (retention.reports): reports that arrived until then are not in it.",
            day_text(day)
        )),
        _ => Ok(()),
    }
}
