//! Seeded chance: the same demo each time, relative to the day on which it is made.

use crate::traffic::mix;

/// Draws numbers of one sequence.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// The sequence of a subject; subjects do not disturb each other.
    pub(super) fn of(subject: u64, number: u64) -> Self {
        Self(mix(subject ^ mix(number)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number from 0 to `below`; 0 where that is 0.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// A number from `from` to `to`, both included.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self
            .below((to - from + 1).max(1).unsigned_abs())
            .cast_signed()
    }

    /// True in so many of a thousand cases.
    pub(super) fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// Small numbers much more often: the square of a chance.
    pub(super) fn skewed(&mut self, below: u64) -> u64 {
        scaled(below, self.unit().powi(2))
    }

    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[place(self.below(all.len() as u64))]
    }

    /// The place of one of these weights.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.below(weights.clone().sum());
        let mut last = 0;
        for (at, weight) in weights.enumerate() {
            if left < weight {
                return at;
            }
            left -= weight;
            last = at;
        }
        last
    }

    /// A wait whose mean is `mean`: mostly shorter, seldom much longer; at most eight times as long.
    pub(super) fn wait(&mut self, mean: i64) -> i64 {
        let times = -(1.0 - self.unit()).max(0.000_335).ln();
        scaled(mean.unsigned_abs(), times).cast_signed()
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}

/// So many times a number, cut.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of a demo: small and not negative"
)]
pub(super) fn scaled(number: u64, times: f64) -> u64 {
    (number as f64 * times) as u64
}

/// A number as a place in a list.
pub(super) fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// Gives out a total over steps by their weights: all of it, to the last one.
pub(super) struct Shares {
    total: u64,
    weights: u64,
    passed: u64,
    given: u64,
}

impl Shares {
    pub(super) fn new(total: u64, weights: u64) -> Self {
        Self {
            total,
            weights: weights.max(1),
            passed: 0,
            given: 0,
        }
    }

    /// What a step of this weight gets.
    pub(super) fn give(&mut self, weight: u64) -> u64 {
        self.passed = (self.passed + weight).min(self.weights);
        let due = u128::from(self.total) * u128::from(self.passed) / u128::from(self.weights);
        let due = u64::try_from(due).unwrap_or(self.total);
        let share = due - self.given;
        self.given = due;
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_give_out_all_and_by_weight() {
        let weights = [3, 0, 5, 1, 1];
        let mut shares = Shares::new(1_001, weights.iter().sum());
        let given = weights.map(|weight| shares.give(weight));
        assert_eq!(given.iter().sum::<u64>(), 1_001);
        assert_eq!((given[0], given[1]), (300, 0));
    }

    #[test]
    fn a_seed_draws_the_same_and_stays_within() {
        let draw = || {
            let mut draw = Draw::of(7, 1);
            (0..500).map(|_| draw.between(-2, 3)).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        for number in -2..=3 {
            assert!(draw().contains(&number), "{number}");
        }
        let mut draw = Draw::of(7, 2);
        let waits: Vec<_> = (0..2_000).map(|_| draw.wait(100)).collect();
        let sum: i64 = waits.iter().sum();
        assert!((160_000..240_000).contains(&sum), "{sum}");
        assert!(waits.iter().all(|wait| (0..=800).contains(wait)));
    }
}
