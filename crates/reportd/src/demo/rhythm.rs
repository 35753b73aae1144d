//! How busy people are: by the hour of their day, and at the weekend.

use std::time::Duration;

use reportd_platform::clock::{DAY_MS, HOUR_MS};

use crate::traffic::mix;

/// The demo's app lives in the zone of Shanghai, which keeps one offset.
pub(super) const OFFSET_MS: i64 = 8 * HOUR_MS;

/// Weights of the 24 hours of a day, and how much of it is left or added at the weekend, in percent.
pub(super) struct Rhythm {
    hours: [u64; 24],
    weekend: u64,
}

/// Chats: quiet at night, lively at noon, and most in the evening.
pub(super) const CHATS: Rhythm = Rhythm {
    hours: [
        30, 16, 9, 6, 5, 7, 14, 26, 42, 50, 54, 62, 78, 66, 56, 56, 60, 68, 80, 98, 112, 108, 86,
        54,
    ],
    weekend: 124,
};

/// Videos: seen after work, and far more at the weekend.
pub(super) const VIDEOS: Rhythm = Rhythm {
    hours: [
        44, 22, 11, 6, 4, 5, 9, 18, 24, 26, 28, 38, 62, 52, 36, 34, 38, 48, 66, 92, 118, 126, 108,
        74,
    ],
    weekend: 148,
};

/// An app on a phone: looked at on the way to work, at noon and in bed.
pub(super) const PHONES: Rhythm = Rhythm {
    hours: [
        26, 12, 7, 5, 6, 14, 40, 76, 84, 62, 54, 58, 86, 74, 54, 52, 56, 70, 84, 90, 102, 110, 92,
        56,
    ],
    weekend: 92,
};

impl Rhythm {
    /// The weight of the hour of a time, in hundredths.
    pub(super) fn at(&self, at_ms: i64) -> u64 {
        let factor = if is_weekend(at_ms) { self.weekend } else { 100 };
        let hour = usize::try_from(local(at_ms).rem_euclid(DAY_MS) / HOUR_MS);
        hour.map_or(0, |hour| self.hours[hour]) * factor * self.mood(at_ms) / 10_000
    }

    /// Of what comes so many times on a usual day: how many come in an interval at a time, in thousandths.
    pub(super) fn per_mille(&self, at_ms: i64, a_day: u64, interval: Duration) -> u64 {
        let usual_day = self.hours.iter().sum::<u64>() * 100;
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let weight = u128::from(self.at(at_ms)) * u128::from(interval_ms) * 1_000;
        let weights = u128::from(usual_day) * u128::from(HOUR_MS.unsigned_abs());
        u64::try_from(u128::from(a_day) * weight / weights).unwrap_or(u64::MAX)
    }

    /// How long until the next one comes, `longest` at most: somebody looks on.
    pub(super) fn pause(&self, at_ms: i64, a_day: u64, longest: Duration) -> Duration {
        let in_a_minute = self.per_mille(at_ms, a_day, Duration::from_mins(1));
        let pause = Duration::from_millis(60_000_000 / in_a_minute.max(1));
        pause.min(longest)
    }

    /// No day and no hour is like another: in ten thousandths.
    fn mood(&self, at_ms: i64) -> u64 {
        let chance = |number: i64, salt: u64, most: u64| mix(number.unsigned_abs() ^ salt) % most;
        let of_day = 86 + chance(day(at_ms), self.hours[20], 31);
        of_day * (92 + chance(at_ms.div_euclid(HOUR_MS), self.weekend, 17))
    }
}

pub(super) fn local(at_ms: i64) -> i64 {
    at_ms + OFFSET_MS
}

/// The day of a time, in days since 1970.
pub(super) fn day(at_ms: i64) -> i64 {
    local(at_ms).div_euclid(DAY_MS)
}

/// When a day begins.
pub(super) fn start_of(day: i64) -> i64 {
    day * DAY_MS - OFFSET_MS
}

/// The day of the week, Monday being 0.
pub(super) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

pub(super) fn is_weekend(at_ms: i64) -> bool {
    weekday(day(at_ms)) >= 5
}

#[cfg(test)]
mod tests {
    use reportd_platform::apps::DEFAULT_ZONE;
    use reportd_platform::zones::{Zone, parse_day};

    use super::*;

    #[test]
    fn what_comes_live_comes_as_often_as_in_the_history() {
        let sunday = start_of(parse_day("2026-11-22").unwrap());
        let second = Duration::from_secs(1);
        let come: u64 = (0..7 * DAY_MS / 60_000)
            .map(|minute| CHATS.per_mille(sunday + minute * 60_000, 5_000, 60 * second))
            .sum();
        assert!((33_000_000..41_000_000).contains(&come), "{come}");
        let pause = |hour| CHATS.pause(sunday + hour * HOUR_MS, 2_000, 30 * second);
        assert!(pause(21) < 20 * second && pause(21) > 5 * second);
        assert_eq!(pause(4), 30 * second);
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let (zone, sunday) = (
            Zone::named(DEFAULT_ZONE).unwrap(),
            parse_day("2026-11-22").unwrap(),
        );
        assert_eq!(start_of(sunday), zone.start_of_day_ms(sunday));
        assert_eq!(day(start_of(sunday)), sunday);
        assert_eq!(day(start_of(sunday) - 1), sunday - 1);
        assert_eq!(weekday(sunday), 6);
        assert!(is_weekend(start_of(sunday)) && !is_weekend(start_of(sunday + 1)));
        assert!(
            CHATS.at(start_of(sunday) + 20 * HOUR_MS)
                > 10 * CHATS.at(start_of(sunday + 3) + 4 * HOUR_MS)
        );
    }
}
