//! `reportd export`: raw reports of some days as a table, in one pass over the store, whether a server runs or not.

mod csv;
mod ndjson;
mod output;
#[cfg(feature = "parquet")]
mod parquet;

use std::sync::Arc;

use anyhow::ensure;
use reportd_comm::RawReport;
use reportd_comm::export::{Export, Exported};
use reportd_db::Database;
use reportd_journal::Base;
use reportd_platform::apps::{self, AppError};
use reportd_platform::clock::{Clock, SystemClock};
use reportd_platform::zones::day_text;

use crate::cli::{ExportReports, Format};
use crate::export::output::Output;
use crate::output::{ReaderGone, is_reader_gone, print_error_line};
use crate::progress::{Progress, Stop, Unit, run_stoppable};
use crate::settings::Settings;
use crate::stores::Stores;

/// Blocks between two looks whether to stop.
const BLOCKS_A_LOOK: u32 = 16;

/// Writes reports in a format.
trait RowWriter {
    fn write(&mut self, report: &RawReport<'_>) -> anyhow::Result<()>;
    /// Writes what is left.
    fn finish(self: Box<Self>) -> anyhow::Result<Output>;
}

/// Exports bot event reports.
pub(crate) async fn export_comm(settings: &Settings, asked: ExportReports) -> anyhow::Result<()> {
    check_format(asked.format)?;
    let stores = Stores::existing(settings)?;
    run_stoppable(move |stop| export_here(&stores, &asked, &stop)).await
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

fn export_here(stores: &Stores, asked: &ExportReports, stop: &Stop) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let state = stores.state()?;
    let app = state.try_read(|tx| Ok::<_, AppError>(apps::find(tx, &asked.app)?.no))?;
    let exported = Exported {
        app,
        from: asked.from,
        to: asked.to,
    };
    tell_dropped(stores, &exported)?;
    let (store, views) = (stores.blocks(&clock)?, stores.views()?);
    let mut export = Export::begin(store.as_ref(), &views, exported)?;
    let output = Output::open(asked.output.as_deref())?;
    let to_file = !output.is_stdout();
    let bar = Progress::start("export", Unit::Entries, export.total(), stop).only_if(to_file);
    let written = write_all(&mut export, writer(asked.format, output)?, &bar);
    let written = written.and_then(Output::finish);
    drop(bar);
    match written {
        Err(error) if !to_file && is_reader_gone(&error) => Err(ReaderGone.into()),
        written => written,
    }
}

fn writer(format: Format, output: Output) -> anyhow::Result<Box<dyn RowWriter>> {
    Ok(match format {
        Format::Ndjson => Box::new(ndjson::NdjsonWriter::new(output)),
        Format::Csv => Box::new(csv::CsvWriter::new(output)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::ParquetRows::new(output)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return check_format(format).map(|()| unreachable!()),
    })
}

fn write_all(
    export: &mut Export<'_>,
    mut rows: Box<dyn RowWriter>,
    bar: &Progress,
) -> anyhow::Result<Output> {
    let mut blocks = 0_u32;
    while export.step(&mut |report| rows.write(report))?.is_continue() {
        blocks = blocks.wrapping_add(1);
        if blocks.is_multiple_of(BLOCKS_A_LOOK) {
            let goes_on = bar.reach(export.passed(), export.total());
            ensure!(goes_on, "it was interrupted");
        }
    }
    rows.finish()
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
