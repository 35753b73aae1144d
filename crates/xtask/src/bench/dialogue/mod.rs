//! `cargo xtask bench dialogue`: what a report costs, how soon a verdict is delivered, what the next ticket costs, and
//! what `kill -9` does.

mod crash;
mod ground;
mod intake;
mod tickets;
mod verdicts;

use crate::bench::reportd::Reportd;
use crate::command::{BenchDialogue, DialoguePart};

/// Measures, and prints each figure when it is there.
pub(crate) fn measure(options: &BenchDialogue) -> anyhow::Result<()> {
    println!("building reportd in release");
    let reportd = Reportd::build("--release")?;
    println!("{:?} store", options.store);
    let is_asked = |part| options.part == part || options.part == DialoguePart::All;
    if is_asked(DialoguePart::Intake) {
        intake::measure(&reportd, options)?;
    }
    if is_asked(DialoguePart::Verdicts) {
        verdicts::measure(&reportd, options)?;
    }
    if is_asked(DialoguePart::Tickets) {
        tickets::measure(&reportd, options)?;
    }
    if is_asked(DialoguePart::Crash) {
        crash::measure(&reportd, options)?;
    }
    Ok(())
}
