//! Calendar days in text, `yyyy-MM-dd`. Which day it is in the app's zone is for the caller to say.

use std::fmt;

use super::refusal::{Fault, Refusal};

/// How far back a task may have been created that `/report/push/task` and its detail serve, in days
/// (`seed push-report`).
pub const TASK_WINDOW_DAYS: i64 = 90;

/// How far back a task may have been created that `/report/push/task_group` serves, in days (`seed
/// push-report`).
pub const GROUP_WINDOW_DAYS: i64 = 70;

/// A day of the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    days: i64,
}

const DAYS_BEFORE_1970: i64 = 719_528;
const DAYS_OF_TEN_THOUSAND_YEARS: i64 = 3_652_425;

impl Date {
    /// The day that is so many days after 1970-01-01, or the nearest of the years 0000 to 9999.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        let last = DAYS_OF_TEN_THOUSAND_YEARS - DAYS_BEFORE_1970 - 1;
        Self {
            days: days.clamp(-DAYS_BEFORE_1970, last),
        }
    }

    /// How many days after 1970-01-01 it is.
    #[must_use]
    pub const fn days(self) -> i64 {
        self.days
    }

    /// The day so many days before it.
    #[must_use]
    pub fn minus_days(self, days: i64) -> Self {
        Self::from_days(self.days.saturating_sub(days))
    }

    /// The day of the text `yyyy-MM-dd`; `None` if it has another form or no such day exists.
    ///
    /// ```
    /// # use reportd_protocol::push::Date;
    /// assert_eq!(Date::parse("1970-01-02").unwrap().days(), 1);
    /// assert_eq!(Date::parse("2026-02-30"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return None;
        };
        let year = number(&[*y1, *y2, *y3, *y4])?;
        let month = number(&[*m1, *m2])?;
        let day = number(&[*d1, *d2])?;
        let is_a_day = (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
        is_a_day.then(|| Self {
            days: days_before_year(year) + days_before_month(year, month) + day
                - 1
                - DAYS_BEFORE_1970,
        })
    }
}

/// As `yyyy-MM-dd`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.days + DAYS_BEFORE_1970;
        // At most one too late: a year has at most 366 days and in the mean 365.2425.
        let estimate = days * 400 / 146_097 + 1;
        let year = (0..=estimate)
            .rev()
            .find(|year| days_before_year(*year) <= days)
            .unwrap_or(0);
        let day_of_year = days - days_before_year(year);
        let month = (1..=12)
            .rev()
            .find(|month| days_before_month(year, *month) <= day_of_year)
            .unwrap_or(1);
        let day = day_of_year - days_before_month(year, month) + 1;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Reads the day of a report that serves past days only; `today` is the app's.
///
/// # Errors
/// 20001 with `date` if it is no day, or today or later.
pub fn past_day(text: &str, today: Date) -> Result<Date, Refusal> {
    Date::parse(text)
        .filter(|day| *day < today)
        .ok_or_else(|| Refusal::parameter("date", Fault::Invalid))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i64::from(digit - b'0'))
    })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 0000-01-01 to the first of this year.
const fn days_before_year(year: i64) -> i64 {
    if year == 0 {
        return 0;
    }
    let whole = year - 1;
    // The year 0000 is a leap year.
    year * 365 + whole / 4 - whole / 100 + whole / 400 + 1
}

fn days_before_month(year: i64, month: i64) -> i64 {
    (1..month).map(|month| days_of_month(year, month)).sum()
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_of_ten_thousand_years_has_one_text_that_leads_back() {
        let mut texts = (-DAYS_BEFORE_1970..=DAYS_OF_TEN_THOUSAND_YEARS - DAYS_BEFORE_1970 - 1)
            .step_by(37)
            .map(|days| (days, Date::from_days(days).to_string()));
        assert!(texts.all(|(days, text)| Date::parse(&text).unwrap().days() == days));
        for (days, text) in [
            (i64::MIN, "0000-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (i64::MAX, "9999-12-31"),
        ] {
            assert_eq!(Date::from_days(days).to_string(), text);
        }
    }

    #[test]
    fn texts_that_are_no_days() {
        for text in [
            "",
            "2026-02-30",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-04-31",
            "2026-1-1",
            "20260101",
            "2026/01/01",
            "2026-01-01 ",
            "+026-01-01",
            "２026-01-01",
            "2026-01-01T00:00:00",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_days_before_today_are_past() {
        let today = Date::parse("2026-03-01").unwrap();
        assert_eq!(past_day("2026-02-28", today).unwrap(), today.minus_days(1));
        for text in ["2026-03-01", "2026-03-02", "2026-02-30", ""] {
            let refusal = past_day(text, today).unwrap_err();
            assert_eq!(refusal.to_string(), "20001: date is invalid", "{text}");
        }
    }
}
