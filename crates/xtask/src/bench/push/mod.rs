//! `cargo xtask bench push`: what a receipt costs, and what reports cost with many receipts behind them.

mod history;
mod reads;

use crate::bench::reportd::Reportd;
use crate::bench::store::StoreKind;
use crate::bench::throughput;
use crate::bench::traffic::Traffic;
use crate::command::{BenchPush, PushPart};

/// Connections, and lines of a request.
const LOADS: [(u64, u64); 3] = [(256, 1), (64, 100), (8, 1_000)];

/// Measures, and prints each figure when it is there.
pub(crate) fn measure(options: &BenchPush) -> anyhow::Result<()> {
    println!("building reportd in release");
    let reportd = Reportd::build("--release")?;
    if options.part != PushPart::Reads {
        let plan = throughput::Plan {
            store: options.store,
            nodes: 1,
            seconds: options.seconds,
            traffic: Traffic::Receipts,
            loads: LOADS.to_vec(),
        };
        throughput::measure(&reportd, &plan)?;
    }
    if options.part == PushPart::Feeds {
        return Ok(());
    }
    let fitting = match options.store {
        StoreKind::Embedded => 10_000_000,
        StoreKind::Postgres => 3_000_000,
    };
    let history = options.history.unwrap_or(fitting);
    reads::measure(&reportd, options.store, history, options.cores)
}
