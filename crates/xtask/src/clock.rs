//! Time: the one place of xtask that looks at a clock. It measures, so its clock is the real one.

#![expect(
    clippy::disallowed_methods,
    reason = "xtask measures real time and names real days; nothing of it is part of the server"
)]

use std::time::{Duration, Instant, SystemTime};

const DAY_SECONDS: u64 = 86_400;
/// Asia/Shanghai, the zone of a new app, has kept this offset since 1991.
const SHANGHAI_SECONDS: u64 = 8 * 3_600;

/// Measures from its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The present time in µs since 1970.
pub(crate) fn now_us() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |time| {
        u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Yesterday, today and tomorrow in Shanghai, as `2026-11-21`.
pub(crate) fn days_around_now() -> [String; 3] {
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let today = (since_1970.as_secs() + SHANGHAI_SECONDS) / DAY_SECONDS;
    [today.saturating_sub(1), today, today + 1].map(date_text)
}

/// The date of a day that is counted from 1970-01-01: years that begin in March, so that the leap day comes last.
fn date_text(day: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let since_march_0000 = day + 719_468;
    let (era, day_of_era) = (
        since_march_0000 / DAYS_OF_400_YEARS,
        since_march_0000 % DAYS_OF_400_YEARS,
    );
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (day, date) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_778, "2026-11-21"),
            (20_819, "2027-01-01"),
        ] {
            assert_eq!(date_text(day), date);
        }
    }
}
