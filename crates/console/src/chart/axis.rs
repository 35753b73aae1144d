//! What stands beside the axes: few numbers, and labels that people read.

use crate::texts::Locale;

/// Most steps of the scale on the left.
const MOST_STEPS: i64 = 4;
/// Most labels below a wide drawing, and below a narrow one.
const MOST_MARKS: usize = 12;
const MOST_NARROW_MARKS: usize = 5;
const MOST_MARK_CHARS: usize = 14;
/// Steps between labels: of days a week or a month, of others what counts well.
const STRIDES: [usize; 12] = [1, 2, 3, 5, 7, 10, 14, 20, 30, 60, 90, 180];

/// The scale on the left: from 0 to `top` in equal steps.
pub(super) struct Scale {
    pub(super) top: i64,
    pub(super) step: i64,
}

impl Scale {
    /// The least scale of round steps that reaches `highest`.
    pub(super) fn up_to(highest: i64) -> Self {
        let highest = highest.max(1);
        let mut power = 1_i64;
        loop {
            for factor in [1, 2, 5] {
                let step = power.saturating_mul(factor);
                let steps = highest / step + i64::from(highest % step > 0);
                if steps <= MOST_STEPS || step == i64::MAX {
                    let top = step.saturating_mul(steps.max(1));
                    return Self { top, step };
                }
            }
            power = power.saturating_mul(10);
        }
    }

    /// Its steps, from 0 up.
    pub(super) fn heights(&self) -> impl DoubleEndedIterator<Item = i64> {
        let steps = self.top / self.step;
        (0..=steps).map(|place| self.step.saturating_mul(place))
    }

    /// Their texts, from the top down, as they stand in the page.
    pub(super) fn texts(&self, locale: Locale) -> Vec<String> {
        self.heights()
            .rev()
            .map(|height| short(height, locale))
            .collect()
    }
}

/// `1.5k`, `2M`; `1.5万`, `200万`.
pub(super) fn short(number: i64, locale: Locale) -> String {
    let units: &[(i64, &str)] = match locale {
        Locale::En => &[(1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")],
        Locale::Zh => &[
            (1_000_000_000_000, "万亿"),
            (100_000_000, "亿"),
            (10_000, "万"),
        ],
    };
    match units.iter().find(|(unit, _)| number >= *unit) {
        None => number.to_string(),
        Some((unit, name)) => {
            let (whole, tenth) = (number / unit, number % unit / (unit / 10));
            match tenth {
                0 => format!("{}{name}", crate::format::count(whole)),
                _ => format!("{}.{tenth}{name}", crate::format::count(whole)),
            }
        }
    }
}

/// A label below the drawing.
#[derive(Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) text: String,
    /// Where it stands, in tenths of a percent of the width.
    place: usize,
    /// Left out where the page is narrow.
    pub(super) is_extra: bool,
    pub(super) anchor: &'static str,
}

impl Mark {
    /// As an attribute: `12.5%`.
    pub(super) fn x(&self) -> String {
        format!("{}.{}%", self.place / 10, self.place % 10)
    }
}

/// The labels that are shown: a few, at equal distances, the last among them; of hours of several days the midnights.
pub(super) fn marks(labels: &[String], is_bars: bool) -> Vec<Mark> {
    let count = labels.len();
    let texts = short_labels(labels);
    let midnights: Vec<_> = (0..count)
        .filter(|place| labels[*place].ends_with("T00:00"))
        .collect();
    let shown = match midnights.len() {
        0 | 1 => thin((0..count).collect(), MOST_MARKS),
        _ => thin(midnights, MOST_MARKS),
    };
    let few = thin(shown.clone(), MOST_NARROW_MARKS);
    let mark = |place: usize| {
        let at = match (is_bars, count) {
            (true, _) => (place * 1000 + 500) / count,
            (false, 1) => 500,
            (false, _) => place * 1000 / (count - 1),
        };
        Mark {
            text: texts[place].clone(),
            place: at,
            is_extra: !few.contains(&place),
            anchor: match at {
                0..30 => "start",
                971.. => "end",
                _ => "middle",
            },
        }
    };
    shown.into_iter().map(mark).collect()
}

/// At most so many of the places, the last among them.
fn thin(places: Vec<usize>, most: usize) -> Vec<usize> {
    let fits = |stride: &&usize| places.len().div_ceil(**stride) <= most;
    let stride = STRIDES.iter().find(fits).copied();
    let stride = stride.unwrap_or(places.len().div_ceil(most).max(1));
    let mut thinned: Vec<_> = places.into_iter().rev().step_by(stride).collect();
    thinned.reverse();
    thinned
}

/// Labels without what all of them share: the year of days, the day of hours.
fn short_labels(labels: &[String]) -> Vec<String> {
    let day = |label: &str| label.split_once('T').map(|(day, _)| day.to_owned());
    let first = labels.first().and_then(|label| day(label));
    let is_one_day = first.is_some() && labels.iter().all(|label| day(label) == first);
    let are_days = labels
        .iter()
        .all(|label| is_day(label.split('T').next().unwrap_or_default()));
    let shorten = |label: &String| {
        if !are_days {
            return cut(label);
        }
        match label.split_once('T') {
            Some((_, hour)) if is_one_day => hour.to_owned(),
            Some((day, "00:00")) => day[5..].to_owned(),
            Some((day, hour)) => format!("{} {hour}", &day[5..]),
            None => label[5..].to_owned(),
        }
    };
    labels.iter().map(shorten).collect()
}

/// `2026-11-21`.
fn is_day(label: &str) -> bool {
    let is_place = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    label.len() == 10 && label.bytes().enumerate().all(is_place)
}

fn cut(label: &str) -> String {
    match label.char_indices().nth(MOST_MARK_CHARS) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_round_and_reaches_the_highest() {
        for (highest, texts) in [
            (0, "1 0"),
            (1, "1 0"),
            (3, "3 2 1 0"),
            (7, "8 6 4 2 0"),
            (99, "100 50 0"),
            (101, "150 100 50 0"),
            (1_234, "1.5k 1k 500 0"),
            (3_400_000, "4M 3M 2M 1M 0"),
        ] {
            assert_eq!(Scale::up_to(highest).texts(Locale::En).join(" "), texts);
        }
        assert_eq!(
            Scale::up_to(123_456).texts(Locale::Zh),
            ["15万", "10万", "5万", "0"]
        );
        for highest in [1 << 53, i64::MAX] {
            let scale = Scale::up_to(highest);
            assert!(scale.top >= highest && scale.texts(Locale::En).len() <= 6);
        }
    }

    #[test]
    fn few_labels_are_shown_and_the_last_among_them() {
        let days: Vec<_> = (1..=30).map(|day| format!("2026-11-{day:02}")).collect();
        let shown = marks(&days, false);
        let texts: Vec<_> = shown.iter().map(|mark| mark.text.as_str()).collect();
        assert_eq!(texts.first(), Some(&"11-03"));
        assert_eq!(texts.last(), Some(&"11-30"));
        assert_eq!(texts.len(), 10);
        assert_eq!(shown.iter().filter(|mark| !mark.is_extra).count(), 5);
        assert_eq!(shown[9].x(), "100.0%");
    }

    #[test]
    fn hours_of_one_day_are_hours_and_of_several_are_days() {
        let hours = |days: &[&str]| -> Vec<String> {
            let of = |day: &&str| {
                (0..24)
                    .map(|hour| format!("{day}T{hour:02}:00"))
                    .collect::<Vec<_>>()
            };
            days.iter().flat_map(of).collect()
        };
        let texts = |labels: Vec<String>| -> Vec<_> {
            marks(&labels, true)
                .into_iter()
                .map(|mark| mark.text)
                .collect()
        };
        let one = texts(hours(&["2026-11-21"]));
        assert_eq!((one.len(), one.last().unwrap().as_str()), (12, "23:00"));
        assert_eq!(
            texts(hours(&["2026-11-20", "2026-11-21"])),
            ["11-20", "11-21"]
        );
    }

    #[test]
    fn what_is_no_day_is_cut() {
        let labels = ["名".repeat(40), "2026-11-2x".to_owned()];
        let texts: Vec<_> = marks(&labels, true)
            .into_iter()
            .map(|mark| mark.text)
            .collect();
        assert_eq!(
            texts,
            [format!("{}…", "名".repeat(14)), "2026-11-2x".to_owned()]
        );
        assert_eq!(marks(&[], true), []);
    }
}
