//! The steps in which the history passes: hours, and at the end minutes, so that what people look at first came in when it
//! happened.

use reportd_platform::clock::{HOUR_MS, MINUTE_MS};

use super::rhythm::{Rhythm, day, start_of};

/// How long a step of long ago is, and one of the last days.
const LONG_MS: i64 = HOUR_MS;
const SHORT_MS: i64 = 5 * MINUTE_MS;
/// From here on steps are short.
const RECENT_MS: i64 = 30 * HOUR_MS;

/// Times from the first midnight of the history to now.
pub(super) struct Steps {
    all: Vec<(i64, i64)>,
}

impl Steps {
    /// Those of the last `days` days, today included, up to `now_ms`.
    pub(super) fn of_days(days: i64, now_ms: i64) -> Self {
        let mut from_ms = start_of(day(now_ms) - days + 1);
        let mut all = Vec::new();
        while from_ms < now_ms {
            let length_ms = if from_ms + LONG_MS < now_ms - RECENT_MS {
                LONG_MS
            } else {
                SHORT_MS
            };
            let to_ms = (from_ms + length_ms).min(now_ms);
            all.push((from_ms, to_ms));
            from_ms = to_ms;
        }
        Self { all }
    }

    pub(super) fn all(&self) -> &[(i64, i64)] {
        &self.all
    }

    pub(super) fn begins_ms(&self) -> i64 {
        self.all.first().map_or(0, |(from_ms, _)| *from_ms)
    }

    pub(super) fn ends_ms(&self) -> i64 {
        self.all.last().map_or(0, |(_, to_ms)| *to_ms)
    }

    /// The sum of the weights of all steps: of their hour, and their length.
    pub(super) fn weight(&self, rhythm: &Rhythm) -> u64 {
        let of =
            |&(from_ms, to_ms): &(i64, i64)| rhythm.at(from_ms) * (to_ms - from_ms).unsigned_abs();
        self.all.iter().map(of).sum()
    }

    /// The step in which a time lies; that of the past lies in the first.
    pub(super) fn of(&self, at_ms: i64) -> usize {
        self.all.partition_point(|(_, to_ms)| *to_ms <= at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_from_midnight_to_now() {
        let now_ms = 1_795_341_600_123;
        let steps = Steps::of_days(30, now_ms);
        let all = steps.all();
        assert_eq!(
            (all[0].0, all[all.len() - 1].1),
            (start_of(day(now_ms) - 29), now_ms)
        );
        assert!(all.windows(2).all(|two| two[0].1 == two[1].0));
        assert!(
            all.iter()
                .all(|(from, to)| from < to && to - from <= LONG_MS)
        );
        assert_eq!(steps.of(all[40].0), 40);
        assert_eq!(steps.of(0), 0);
        assert!(all.len() < 1_200);
    }
}
