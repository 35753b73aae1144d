//! Days and hours in an app's time zone.
//!
//! A *local hour* counts hours of wall-clock time since 1970-01-01T00:00, a *day* counts local dates since 1970-01-01.
//! Both come from the offset in force at the moment, which an entry carries, so a fold needs no zone. Where clocks are
//! set back the hour that comes twice is one local hour; the hour that clocks skip stays empty.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use crate::clock::DAY_MS;

/// No zone is further from UTC than this.
pub const MOST_OFFSET_MS: i64 = 15 * 3_600_000;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// A time zone by its IANA name.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of an IANA name such as `Asia/Shanghai`.
    ///
    /// # Errors
    /// A text that says what was expected.
    pub fn named(name: &str) -> Result<Self, String> {
        let zone = TimeZone::get(name).map_err(|_| {
            format!("«{name}» is no time zone: expected an IANA name such as Asia/Shanghai")
        })?;
        Ok(Self {
            name: name.to_owned(),
            zone,
        })
    }

    /// The IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds that local time is ahead of UTC at `at_ms`.
    #[must_use]
    pub fn offset_seconds(&self, at_ms: i64) -> i32 {
        Timestamp::from_millisecond(at_ms).map_or(0, |at| self.zone.to_offset(at).seconds())
    }

    /// The local date at `at_ms`.
    #[must_use]
    pub fn day(&self, at_ms: i64) -> i64 {
        local_hour(at_ms, self.offset_seconds(at_ms)).div_euclid(24)
    }

    /// The first millisecond of a local date: midnight, or where clocks skip midnight the moment behind it.
    #[must_use]
    pub fn start_of_day_ms(&self, day: i64) -> i64 {
        let midnight = |date: Date| self.zone.to_ambiguous_zoned(date.at(0, 0, 0, 0));
        // Of a midnight that comes twice the earlier one is taken.
        Span::new()
            .try_days(day)
            .and_then(|span| EPOCH.checked_add(span))
            .and_then(|date| midnight(date).compatible())
            .map_or_else(
                // Dates beyond the calendar of the library, where no report is.
                |_| day.saturating_mul(DAY_MS),
                |start| start.timestamp().as_millisecond(),
            )
    }
}

/// The local hour at `at_ms` where local time is `offset_seconds` ahead of UTC.
#[must_use]
pub fn local_hour(at_ms: i64, offset_seconds: i32) -> i64 {
    (at_ms.div_euclid(1000) + i64::from(offset_seconds)).div_euclid(3600)
}

/// A day as `2026-11-21`.
#[must_use]
pub fn day_text(day: i64) -> String {
    EPOCH
        .checked_add(day.days())
        .map_or_else(|_| String::from("-"), |date| date.to_string())
}

/// A moment as `2026-11-21T13:00:00Z`.
#[must_use]
pub fn time_text(at_ms: i64) -> String {
    Timestamp::from_second(at_ms.div_euclid(1000))
        .map_or_else(|_| String::from("-"), |at| at.to_string())
}

/// A local hour as `2026-11-21T13:00`.
#[must_use]
pub fn hour_text(local_hour: i64) -> String {
    format!(
        "{}T{:02}:00",
        day_text(local_hour.div_euclid(24)),
        local_hour.rem_euclid(24)
    )
}

/// The day that `text` names, `2026-11-21`.
///
/// # Errors
/// A text that says what was expected: a date that is none, such as 2026-02-30, is refused.
pub fn parse_day(text: &str) -> Result<i64, String> {
    let expected = || format!("«{text}» is no date: expected one such as 2026-11-21");
    let shape_fits = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = if shape_fits {
        text.parse().map_err(|_| expected())?
    } else {
        return Err(expected());
    };
    let span = date
        .since((jiff::Unit::Day, EPOCH))
        .map_err(|_| expected())?;
    Ok(i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_to_text_and_back() {
        for (day, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (20_778, "2026-11-21"),
            (11_016, "2000-02-29"),
        ] {
            assert_eq!(day_text(day), text);
            assert_eq!(parse_day(text), Ok(day));
        }
        for text in [
            "2026-02-30",
            "2026-2-3",
            "today",
            "2026-11-21T00",
            "",
            "+02026-11-21",
        ] {
            assert!(parse_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn local_time_follows_the_zone_and_its_changes() {
        let shanghai = Zone::named("Asia/Shanghai").unwrap();
        let midnight_ms = 1_795_190_400_000; // 2026-11-20T16:00:00Z
        assert_eq!(day_text(shanghai.day(midnight_ms)), "2026-11-21");
        assert_eq!(day_text(shanghai.day(midnight_ms - 1)), "2026-11-20");

        // New York set its clocks back at 2026-11-01T06:00:00Z: 01:00 to 02:00 came twice.
        let new_york = Zone::named("America/New_York").unwrap();
        let hours: Vec<String> = [5, 6, 7]
            .map(|hour| 1_793_491_200_000 + hour * 3_600_000)
            .map(|at_ms| hour_text(local_hour(at_ms, new_york.offset_seconds(at_ms))))
            .into();
        assert_eq!(
            hours,
            ["2026-11-01T01:00", "2026-11-01T01:00", "2026-11-01T02:00"]
        );
        assert!(Zone::named("Mars/Olympus").is_err());
    }

    #[test]
    fn a_day_starts_where_the_day_before_ends() {
        for name in [
            "UTC",
            "Asia/Shanghai",
            "Asia/Kolkata",
            // Clocks are set at 2 o'clock.
            "Europe/Berlin",
            "America/New_York",
            // By half an hour.
            "Australia/Lord_Howe",
            // At midnight: forward, so that midnight is skipped, or back, so that it comes twice.
            "America/Havana",
            "Africa/Cairo",
            "Asia/Beirut",
        ] {
            let zone = Zone::named(name).unwrap();
            for day in 20_454..20_820 {
                let start_ms = zone.start_of_day_ms(day);
                let around = (zone.day(start_ms - 1), zone.day(start_ms));
                assert_eq!(around, (day - 1, day), "{name} {}", day_text(day));
            }
        }
    }

    #[test]
    fn days_of_23_and_25_hours_are_as_long() {
        let hours_of = |name: &str, date: &str| {
            let (zone, day) = (Zone::named(name).unwrap(), parse_day(date).unwrap());
            (zone.start_of_day_ms(day + 1) - zone.start_of_day_ms(day)) / 3_600_000
        };
        assert_eq!(hours_of("Asia/Shanghai", "2026-03-29"), 24);
        assert_eq!(hours_of("Europe/Berlin", "2026-03-29"), 23);
        assert_eq!(hours_of("Europe/Berlin", "2026-10-25"), 25);
        // Midnight itself is skipped: the day begins at 1 o'clock.
        assert_eq!(hours_of("America/Havana", "2026-03-08"), 23);
        assert_eq!(hours_of("America/Havana", "2026-11-01"), 25);
        // A day that the calendar of Samoa left out.
        assert_eq!(hours_of("Pacific/Apia", "2011-12-30"), 0);
        // Beyond the calendar nothing overflows.
        let utc = Zone::named("UTC").unwrap();
        assert!(utc.start_of_day_ms(i64::MAX) > utc.start_of_day_ms(4_000_000));
    }
}
