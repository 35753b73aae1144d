//! How figures changed: the days of a page beside days before them that may be compared with them.
//!
//! A day that is not over has less of everything than a whole one. So where a range ends today, figures that are kept by
//! hour are compared with days whose last one is cut at this time of day, and figures of whole days by the days that are
//! over; where there is none of these, no change is shown, and the page says why.

use reportd_platform::clock::{DAY_MS, HOUR_MS};
use reportd_platform::zones::{Zone, day_text};

use crate::texts::{Locale, Texts, fill};

/// Days from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    first: i64,
    last: i64,
}

impl Span {
    /// From `first` to `last`.
    pub(crate) fn new(first: i64, last: i64) -> Self {
        Self { first, last }
    }

    /// As many days before.
    fn before(self) -> Self {
        Self::new(self.first - self.count(), self.first - 1)
    }

    pub(crate) fn count(self) -> i64 {
        self.last - self.first + 1
    }

    /// True of a day such as `2026-11-21` that is one of them.
    pub(crate) fn has(self, day: &str) -> bool {
        (&*self.from()..=&*self.to()).contains(&day)
    }

    pub(crate) fn from(self) -> String {
        day_text(self.first)
    }

    pub(crate) fn to(self) -> String {
        day_text(self.last)
    }
}

/// What the figures of a range are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// With as many days before.
    Pair(Pair),
    /// With nothing: none of the days is over.
    NotOver,
    /// With nothing: they are more days than are asked for at once.
    TooLong,
}

/// Two periods that may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The days of the range, all or those that are over.
    pub(crate) now: Span,
    /// As many days before.
    pub(crate) before: Span,
    cut: Cut,
}

/// What is left out of a pair, so that it is like with like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Nothing: all days are over.
    Nothing,
    /// The days of the range that are not over.
    Unfinished,
    /// What came later on the last of the earlier days than at this time, in ms of a day.
    Later(i64),
}

impl Comparison {
    /// Of days of which whole ones alone are known.
    pub(crate) fn by_days(range: Span, today: i64) -> Self {
        let over = Span::new(range.first, range.last.min(today - 1));
        let cut = match over == range {
            true => Cut::Nothing,
            false => Cut::Unfinished,
        };
        match over.count() {
            ..=0 => Self::NotOver,
            _ => Self::Pair(Pair {
                now: over,
                before: over.before(),
                cut,
            }),
        }
    }

    /// Of days of which the hours are known, where the range ends today and `passed_ms` of today are over.
    pub(crate) fn by_hours(range: Span, passed_ms: i64) -> Self {
        Self::Pair(Pair {
            now: range,
            before: range.before(),
            cut: Cut::Later(passed_ms),
        })
    }

    pub(crate) fn pair(&self) -> Option<&Pair> {
        match self {
            Self::Pair(pair) => Some(pair),
            Self::NotOver | Self::TooLong => None,
        }
    }

    /// A sentence that says what changes are against, or why there are none.
    pub(crate) fn sentence(&self, locale: Locale) -> Option<String> {
        let t = Texts::of(locale);
        match self {
            Self::Pair(pair) => {
                let text = match pair.cut {
                    Cut::Unfinished => t.changes_not_over,
                    Cut::Nothing | Cut::Later(_) => t.changes,
                };
                Some(fill(text, &[("against", &pair.against(locale))]))
            }
            Self::NotOver => Some(t.not_over.to_owned()),
            Self::TooLong => None,
        }
    }
}

impl Pair {
    /// What is against what.
    pub(crate) fn against(&self, locale: Locale) -> String {
        let t = Texts::of(locale);
        let count = self.now.count();
        let text = match (self.cut, count) {
            (Cut::Nothing, 1) => t.against_day,
            (Cut::Nothing, _) => t.against_days,
            (Cut::Unfinished, 1) => t.against_yesterday,
            (Cut::Unfinished, _) => t.against_whole_days,
            (Cut::Later(_), 1) => t.against_day_by_now,
            (Cut::Later(_), _) => t.against_days_by_now,
        };
        fill(text, &[("n", &count.to_string())])
    }

    /// How much a figure changed, and against what: `+5.0 % against the day before`.
    pub(crate) fn change_text(&self, locale: Locale, change: &Change) -> String {
        let values = [
            ("change", change.percent.as_str()),
            ("against", &self.against(locale)),
        ];
        fill(Texts::of(locale).change_against, &values)
    }

    /// True where the figures of the page are of more days than those that are compared.
    pub(crate) fn is_part(&self) -> bool {
        self.cut == Cut::Unfinished
    }

    /// The day of which the figures that came later than this time of day do not count.
    pub(crate) fn cut_day(&self) -> Option<String> {
        match self.cut {
            Cut::Later(_) => Some(self.before.to()),
            Cut::Nothing | Cut::Unfinished => None,
        }
    }

    /// What does not count, of the hours of that day.
    pub(crate) fn later(&self, hours: &[i64]) -> i64 {
        match self.cut {
            Cut::Later(passed_ms) => hours.iter().sum::<i64>() - up_to(hours, passed_ms),
            Cut::Nothing | Cut::Unfinished => 0,
        }
    }
}

/// How far a clock on a wall has come since midnight: where clocks are set, that is not the time that has passed.
pub(crate) fn time_of_day_ms(zone: &Zone, now_ms: i64) -> i64 {
    (now_ms + i64::from(zone.offset_seconds(now_ms)) * 1000).rem_euclid(DAY_MS)
}

/// What came up to a time of day, of the hours of a day. The hour of that time counts as far as it had come.
pub(crate) fn up_to(hours: &[i64], passed_ms: i64) -> i64 {
    let hour = usize::try_from(passed_ms / HOUR_MS).unwrap_or(0);
    let whole: i64 = hours.iter().take(hour).sum();
    let part = i128::from(hours.get(hour).copied().unwrap_or(0));
    let part = part * i128::from(passed_ms % HOUR_MS) / i128::from(HOUR_MS);
    whole.saturating_add(i64::try_from(part).unwrap_or(i64::MAX))
}

/// How much a figure changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// `+16.6 %`.
    pub(crate) percent: String,
    /// `up`, `down`, or nothing.
    pub(crate) class: &'static str,
}

impl Change {
    /// Of a figure since it was `before`; none where there was nothing.
    pub(crate) fn of(now: i64, before: i64) -> Option<Self> {
        if before <= 0 {
            return None;
        }
        let (now, before) = (i128::from(now), i128::from(before));
        let tenths = ((now - before).abs() * 1000 + before / 2) / before;
        let (sign, class) = match (tenths, now > before) {
            (0, _) => ('±', ""),
            (_, true) => ('+', "up"),
            (_, false) => ('−', "down"),
        };
        Some(Self {
            percent: format!("{sign}{}.{} %", tenths / 10, tenths % 10),
            class,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_778;

    fn sentence(comparison: Comparison, locale: Locale) -> String {
        comparison.sentence(locale).unwrap()
    }

    #[test]
    fn days_that_are_over_are_compared_as_they_are() {
        let range = Span::new(TODAY - 7, TODAY - 1);
        let comparison = Comparison::by_days(range, TODAY);
        let pair = comparison.pair().unwrap();
        assert_eq!(
            (pair.now, pair.before),
            (range, Span::new(TODAY - 14, TODAY - 8))
        );
        assert!(!pair.is_part());
        assert_eq!(pair.cut_day(), None);
        assert_eq!(pair.later(&[1; 24]), 0);
        assert_eq!(
            sentence(comparison, Locale::En),
            "Changes: against the 7 days before."
        );
    }

    #[test]
    fn a_day_that_is_not_over_is_no_part_of_whole_days() {
        let comparison = Comparison::by_days(Span::new(TODAY - 6, TODAY), TODAY);
        let pair = comparison.pair().unwrap();
        assert_eq!(pair.now, Span::new(TODAY - 6, TODAY - 1));
        assert_eq!(pair.before, Span::new(TODAY - 12, TODAY - 7));
        assert!(pair.is_part());
        assert_eq!(
            sentence(comparison, Locale::Zh),
            "变化幅度：6 个完整日较此前 6 天（今天尚未结束，不计入）。"
        );
        // Nor are days that are still to come.
        let ahead = Comparison::by_days(Span::new(TODAY - 1, TODAY + 3), TODAY);
        assert_eq!(ahead.pair().unwrap().now, Span::new(TODAY - 1, TODAY - 1));
        assert_eq!(
            sentence(ahead, Locale::En),
            "Changes: yesterday against the day before it. Today is not over and is left out."
        );
    }

    #[test]
    fn today_alone_has_no_change_where_whole_days_are_known() {
        for range in [Span::new(TODAY, TODAY), Span::new(TODAY + 1, TODAY + 9)] {
            let comparison = Comparison::by_days(range, TODAY);
            assert_eq!(comparison, Comparison::NotOver);
            assert_eq!(
                sentence(comparison, Locale::En),
                "Today is not over: no change is shown."
            );
        }
    }

    #[test]
    fn hours_are_compared_up_to_this_time_of_day() {
        let comparison = Comparison::by_hours(Span::new(TODAY, TODAY), 2 * HOUR_MS + HOUR_MS / 2);
        let pair = comparison.pair().unwrap();
        assert_eq!(pair.cut_day(), Some(day_text(TODAY - 1)));
        assert_eq!(
            pair.later(&[60; 24]),
            24 * 60 - 150,
            "two hours and a half count"
        );
        assert_eq!(
            sentence(comparison, Locale::En),
            "Changes: against the day before by this time of day."
        );
        let week = Comparison::by_hours(Span::new(TODAY - 6, TODAY), 0);
        assert_eq!(
            week.pair().unwrap().before,
            Span::new(TODAY - 13, TODAY - 7)
        );
        assert_eq!(week.pair().unwrap().later(&[60; 24]), 24 * 60);
    }

    #[test]
    fn the_time_of_day_is_that_of_a_clock_on_the_wall() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        // 2026-10-25T12:00 in Berlin, where the day began thirteen hours ago.
        assert_eq!(time_of_day_ms(&berlin, 1_792_926_000_000), 12 * HOUR_MS);
        let shanghai = Zone::named("Asia/Shanghai").unwrap();
        assert_eq!(
            time_of_day_ms(&shanghai, crate::testing::NOW_MS),
            12 * HOUR_MS
        );
    }

    #[test]
    fn a_change_is_told_with_its_sign_and_nothing_of_nothing() {
        let told = |now, before| {
            let change = Change::of(now, before)?;
            Some((change.percent, change.class))
        };
        let said = |percent: &str, class| Some((percent.to_owned(), class));
        assert_eq!(told(15, 10), said("+50.0 %", "up"));
        assert_eq!(told(0, i64::MAX), said("−100.0 %", "down"));
        assert_eq!(told(10, 10), said("±0.0 %", ""));
        assert_eq!(told(99_999, 100_000), said("±0.0 %", ""));
        assert_eq!(told(10, 0), None);
    }
}
