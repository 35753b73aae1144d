//! `cargo xtask bench`: figures of one run on one machine. Only a wrong count fails; no speed does.

mod console;
pub(crate) mod cores;
mod dialogue;
mod figures;
mod floor;
mod fold;
mod http;
mod level;
mod load;
mod playback;
mod processor;
mod push;
pub(crate) mod reportd;
mod series;
pub(crate) mod server;
mod start;
mod stolen;
pub(crate) mod store;
mod throughput;
mod traffic;
mod turns;

pub(crate) use console::measure as console;
pub(crate) use dialogue::measure as dialogue;
pub(crate) use playback::measure as playback;
pub(crate) use push::measure as push;

use std::time::Duration;

use crate::bench::reportd::Reportd;
use crate::bench::store::StoreKind;
use crate::bench::traffic::Traffic;
use crate::command::BenchComm;

/// Bot event reports of a request.
const ITEMS: u64 = 10;
/// Reports that are folded again.
const FOLDED_REPORTS: u64 = 1_000_000;

/// Measures bot event reports, and prints each figure when it is there.
pub(crate) fn comm(options: &BenchComm) -> anyhow::Result<()> {
    println!("building reportd in release");
    let reportd = Reportd::build("--release")?;
    let loads = options.connections.iter();
    let plan = throughput::Plan {
        store: options.store,
        nodes: options.nodes,
        seconds: options.seconds,
        traffic: Traffic::Comm,
        loads: loads.map(|&connections| (connections, ITEMS)).collect(),
    };
    throughput::measure(&reportd, &plan)?;
    if options.store == StoreKind::Postgres {
        return Ok(());
    }
    start::measure(&reportd)?;
    fold::measure(&reportd, FOLDED_REPORTS)?;
    series::measure(&reportd, options.history)
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

/// The middle one; of an even number the upper of the two.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The one below which so many of a hundred lie; of few, the greatest.
fn percentile(times: &[Duration], hundredths: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_has_the_others_below_it() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let of = |hundredths| percentile(&times, hundredths).as_millis();
        assert_eq!([50, 99, 100].map(of), [100, 198, 200]);
        assert_eq!(percentile(&times[..1], 99), times[0]);
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let times = [9, 1, 5].map(Duration::from_millis).to_vec();
        assert_eq!(median(times), Duration::from_millis(5));
        assert_eq!(median(Vec::new()), Duration::ZERO);
    }
}
