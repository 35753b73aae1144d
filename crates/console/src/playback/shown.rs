//! How figures and texts of players and sites are shown on these pages.

use serde::de::DeserializeOwned;

use super::texts::PlaybackTexts;
use crate::api::Call;
use crate::compared::{self, Comparison, Pair, Span};
use crate::format;
use crate::table::Cell;
use crate::texts::fill;

/// How long something was watched, as people say it: `12 h 5 min`.
pub(super) fn spent(t: &PlaybackTexts, seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let values = [
        ("h", &*format::count(hours)),
        ("m", &minutes.to_string()),
        ("s", &rest.to_string()),
    ];
    let text = match (hours, minutes) {
        (0, 0) => t.seconds,
        (0, _) => t.minutes_seconds,
        _ => t.hours_minutes,
    };
    fill(text, &values)
}

/// `33.3 %` of a share from 0 to 1; a dash where there is nothing of which it could be one.
pub(super) fn percent(share: f64, of: i64) -> String {
    match of {
        0 => "–".to_owned(),
        _ => format!("{:.1} %", share * 100.0),
    }
}

/// A share from 0 to 1 in tenths of a percent.
pub(super) fn permille(share: f64) -> i64 {
    let permille = format!("{:.0}", share.clamp(0.0, 1.0) * 1000.0);
    permille.parse().unwrap_or(0)
}

/// A share from 0 to 1 in whole percent.
pub(super) fn whole_percent(share: f64) -> i64 {
    let percent = format!("{:.0}", share.clamp(0.0, 1.0) * 100.0);
    percent.parse().unwrap_or(0)
}

/// A cell of a number of seconds: as a length of time on the page, as it is in CSV.
pub(super) fn time_cell(seconds: i64) -> Cell {
    Cell {
        text: format::duration(seconds),
        raw: Some(seconds.to_string()),
        ..Cell::default()
    }
}

/// A cell of a finish rate.
pub(super) fn rate_cell(rate: f64, plays: i64) -> Cell {
    let cell = Cell {
        text: percent(rate, plays),
        raw: Some(match plays {
            0 => String::new(),
            _ => format!("{:.1}", rate * 100.0),
        }),
        ..Cell::default()
    };
    match plays {
        0 => cell,
        _ => cell.share(whole_percent(rate), 100),
    }
}

/// What each play watched in the mean, in seconds.
pub(super) fn per_play(watched_s: i64, plays: i64) -> i64 {
    match plays {
        0 => 0,
        _ => watched_s / plays,
    }
}

/// A figure on a card, and how it was before.
pub(super) struct Card {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) change: Option<Change>,
}

/// Figures of a page and those of two periods that may be compared.
pub(super) struct Compared<T> {
    /// Of the days that count, where they are fewer than those of the page.
    part: Option<T>,
    before: T,
    pair: Pair,
}

impl<T> Compared<T> {
    /// Reads what is compared, by calls from one day to another. It only adds to a page, which does without where it
    /// cannot be read.
    pub(super) async fn read<'a>(
        comparison: &Comparison,
        of_days: impl Fn(&str, &str) -> Call<'a>,
    ) -> Option<Self>
    where
        T: DeserializeOwned,
    {
        let pair = *comparison.pair()?;
        let call = |days: Span| of_days(&days.from(), &days.to());
        let before = call(pair.before).send().await.ok()?;
        let part = match pair.is_part() {
            true => Some(call(pair.now).send().await.ok()?),
            false => None,
        };
        Some(Self { part, before, pair })
    }

    /// A figure now and before; `all` are the figures of the page.
    pub(super) fn of(&self, all: &T, figure: fn(&T) -> i64) -> (i64, i64, Pair) {
        let now = figure(self.part.as_ref().unwrap_or(all));
        (now, figure(&self.before), self.pair)
    }
}

/// How a figure has changed since the days before.
pub(super) struct Change {
    pub(super) text: String,
    /// `up`, `down`, or nothing.
    pub(super) class: &'static str,
}

impl Card {
    /// A card without a change.
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            change: None,
        }
    }

    /// With how a figure changed, where there is something to compare it with; `text` is how it is shown.
    #[must_use]
    pub(super) fn since(
        mut self,
        t: &PlaybackTexts,
        figures: Option<(i64, i64, Pair)>,
        text: impl Fn(i64) -> String,
    ) -> Self {
        self.change = figures.map(|(now, before, pair)| Change::of(t, (now, before), &pair, text));
        self
    }
}

impl Change {
    fn of(
        t: &PlaybackTexts,
        (now, before): (i64, i64),
        pair: &Pair,
        text: impl Fn(i64) -> String,
    ) -> Self {
        let Some(change) = compared::Change::of(now, before) else {
            return Self {
                text: t.before_nothing.to_owned(),
                class: "",
            };
        };
        // Of fewer days than the card's own figure is, both are told.
        let told = if pair.is_part() { t.was_and_is } else { t.was };
        let values = [
            ("change", &*change.percent),
            ("before", &text(before)),
            ("now", &text(now)),
        ];
        Self {
            text: fill(told, &values),
            class: change.class,
        }
    }
}

/// A day in a chart: without its year.
pub(super) fn short_day(day: &str) -> String {
    day.get(5..).unwrap_or(day).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compared::{Comparison, Span};
    use crate::texts::Locale;

    #[test]
    fn times_and_shares_are_read_by_people() {
        let (en, zh) = (PlaybackTexts::of(Locale::En), PlaybackTexts::of(Locale::Zh));
        for (seconds, english, chinese) in [
            (0, "0 s", "0 秒"),
            (61, "1 min 1 s", "1 分 1 秒"),
            (3_600, "1 h 0 min", "1 小时 0 分"),
            (4_444_444, "1,234 h 34 min", "1,234 小时 34 分"),
        ] {
            assert_eq!(spent(en, seconds), english);
            assert_eq!(spent(zh, seconds), chinese);
        }
        assert_eq!(percent(1.0 / 3.0, 3), "33.3 %");
        assert_eq!(percent(0.0, 0), "–");
        assert_eq!([0.0, 0.005, 0.5, 1.0].map(whole_percent), [0, 0, 50, 100]);
        assert_eq!([0.0, 0.1238, 1.0].map(permille), [0, 124, 1000]);
    }

    #[test]
    fn changes_are_told_from_what_was_before() {
        let t = PlaybackTexts::of(Locale::En);
        let of = |last: i64| {
            let days = Comparison::by_days(Span::new(last - 6, last), 20_778);
            *days.pair().unwrap()
        };
        let told_of = |pair: Pair, now, before| {
            let change = Change::of(t, (now, before), &pair, |n| n.to_string());
            (change.text, change.class)
        };
        let told = |now, before| told_of(of(20_777), now, before);
        assert_eq!(told(15, 10), ("+50.0 % · 10 before".to_owned(), "up"));
        assert_eq!(told(0, 10), ("−100.0 % · 10 before".to_owned(), "down"));
        assert_eq!(told(10, 10), ("±0.0 % · 10 before".to_owned(), ""));
        assert_eq!(told(10, 0), ("none before".to_owned(), ""));
        let with_today = told_of(of(20_778), 12, 10);
        assert_eq!(with_today, ("+20.0 % · 10 → 12".to_owned(), "up"));
    }
}
