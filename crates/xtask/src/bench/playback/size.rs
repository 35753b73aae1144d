//! What a video in a viewer's history takes on disk.

use crate::bench::playback::ground::{Beats, Ground};
use crate::bench::reportd::Reportd;
use crate::command::BenchPlayback;
use crate::text_table::{grouped, text_table};

/// Videos in the history of each viewer.
const VIDEOS_OF_A_VIEWER: u64 = 20;
/// Beats of each video: a start, one in between, and the end.
const BEATS: u64 = 3;

/// Fills a store and prints what it takes.
pub(super) fn measure(reportd: &Reportd, options: &BenchPlayback) -> anyhow::Result<()> {
    let viewers = options.pairs.div_ceil(VIDEOS_OF_A_VIEWER);
    let pairs = viewers * VIDEOS_OF_A_VIEWER;
    println!(
        "size: {:?} store, {} viewers with {VIDEOS_OF_A_VIEWER} videos each, {BEATS} beats a video",
        options.store,
        grouped(viewers)
    );
    let mut ground = Ground::create(reportd, options.store)?;
    let server = ground.store.serve("")?;
    let beats = Beats {
        viewers,
        beats: BEATS,
        requests: pairs * BEATS,
        ..Beats::default()
    };
    ground.fill(&server, &beats, "all of it")?;
    server.stop()?;
    let (journal_bytes, views_bytes) = ground.store.disk_bytes()?;
    let state_bytes = ground.store.state_bytes()?;
    let each = |bytes: u64, of: u64| format!("{:.1}", bytes as f64 / of as f64);
    let rows = [
        ("views, bytes a video of a viewer", each(views_bytes, pairs)),
        ("journal, bytes a beat", each(journal_bytes, pairs * BEATS)),
        ("state, bytes a viewer", each(state_bytes, viewers)),
    ];
    let rows = rows.map(|(name, figure)| vec![name.to_owned(), figure]);
    println!("\n{}\n", text_table(&rows));
    Ok(())
}
