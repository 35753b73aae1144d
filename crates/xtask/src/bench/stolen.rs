//! What the host of a virtual machine takes of its processors while something is measured: a read that meets it takes as
//! long as the host pleases, which says nothing of the program. On a machine of its own nothing is ever taken.

use std::fmt;
use std::fs;

use anyhow::Context;

/// A reading during which more than this share of the processors' time was taken is taken again. What a 99th percentile can
/// bear: a taking lasts milliseconds, and meets more reads than its share of the time.
const MOST: f64 = 0.003;
/// Readings of one measurement at most, where the host gives no rest: the one from which least was taken counts.
const MOST_TRIES: u64 = 8;

/// Time of all processors, in ticks: all there was, and what the host took of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    all: u64,
    stolen: u64,
}

impl Ticks {
    fn now() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
        Self::parse(&stat).context("/proc/stat: expected a first line of ticks")
    }

    /// Reads the line of all processors: user, nice, system, idle, waiting, two kinds of interrupts, stolen; what follows is
    /// counted in these.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        Some(Self {
            all: ticks.iter().sum(),
            stolen: *ticks.get(7)?,
        })
    }

    /// The share that was taken since then, 0 to 1.
    fn stolen_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 / all as f64
    }
}

/// Readings of a bench, and what the host took meanwhile.
#[derive(Debug, Default)]
pub(super) struct Readings {
    count: u64,
    again: u64,
    /// The greatest share that was taken from one that counts.
    most: f64,
}

impl Readings {
    /// Measures, and again where the host took too much of the processors meanwhile. Which reading counts is told by that
    /// alone, never by what was measured.
    pub(super) fn take<T>(
        &mut self,
        mut measure: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.least_stolen(|| {
            let before = Ticks::now()?;
            let told = measure()?;
            Ok((Ticks::now()?.stolen_since(before), told))
        })
    }

    fn least_stolen<T>(
        &mut self,
        mut measure: impl FnMut() -> anyhow::Result<(f64, T)>,
    ) -> anyhow::Result<T> {
        let (mut stolen, mut told) = measure()?;
        let mut tries = 1;
        while stolen > MOST && tries < MOST_TRIES {
            let next = measure()?;
            tries += 1;
            if next.0 < stolen {
                (stolen, told) = next;
            }
        }
        self.count += 1;
        self.again += tries - 1;
        self.most = self.most.max(stolen);
        Ok(told)
    }
}

impl fmt::Display for Readings {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} readings, {} more taken again because the host took over {:.1} % of the processors meanwhile; at most {:.1} % \
             in one that counts",
            self.count,
            self.again,
            100.0 * MOST,
            100.0 * self.most
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_ticks_are_a_share_of_all() {
        let parse = |line: &str| Ticks::parse(line);
        let before = parse("cpu  10 0 10 70 5 0 5 0 0 0\ncpu0 1 1 1 1 1 1 1 1").unwrap();
        // What guests of this machine use stands in «user» already.
        let after = parse("cpu  60 0 40 85 5 0 5 5 50 0\n").unwrap();
        assert_eq!(before.all, 100);
        assert!((after.stolen_since(before) - 0.05).abs() < 1e-9);
        assert_eq!([parse(""), parse("cpu 1 2 3"), parse("cpu a")], [None; 3]);
    }

    #[test]
    fn the_first_reading_left_alone_counts_or_the_least_disturbed() {
        for (stolen, counts, again) in [
            (vec![0.003, 0.0], 0, 0),
            (vec![0.02, 0.01, 0.0, 0.0], 2, 2),
            (
                vec![0.02, 0.01, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.0],
                1,
                7,
            ),
        ] {
            let mut readings = Readings::default();
            let mut next = stolen.iter().copied().zip(0..);
            let told = readings.least_stolen(|| next.next().context("no more"));
            assert_eq!((told.unwrap(), readings.again), (counts, again));
            assert!((readings.most - stolen[counts]).abs() < 1e-9);
        }
    }
}
