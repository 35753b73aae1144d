//! Numbers, shares, times and sizes as people read them.

use reportd_platform::zones::{Zone, day_text};

use crate::texts::turns;

/// Most characters of a title that stand in a heading or in a cell.
const MOST_HEADLINE_CHARS: usize = 120;

/// `1,234,567`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 %` of a whole; a dash where there is no whole.
pub(crate) fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".to_owned();
    }
    let tenths = (i128::from(part) * 1000 + i128::from(whole) / 2) / i128::from(whole);
    let whole = i64::try_from(tenths / 10).unwrap_or(i64::MAX);
    format!("{}.{} %", count(whole), tenths % 10)
}

/// A moment in a zone: `2026-11-21 13:05:09`.
pub(crate) fn moment(at_ms: i64, zone: &Zone) -> String {
    let local_s = at_ms.div_euclid(1000) + i64::from(zone.offset_seconds(at_ms));
    let (day, second) = (local_s.div_euclid(86_400), local_s.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", day_text(day))
}

/// A length of time: `1:02:03`, `2:03`.
pub(crate) fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// A size: `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit < 4 {
        tenths /= 1024;
        unit += 1;
    }
    let name = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
    match unit {
        0 => format!("{bytes} {name}"),
        _ => format!("{}.{} {name}", tenths / 10, tenths % 10),
    }
}

/// A text of a stranger as a heading: without marks that turn the direction of what follows, and not without end.
pub(crate) fn headline(text: &str) -> String {
    let mut chars = text
        .chars()
        .filter(|char| !turns(*char) && !char.is_control());
    let mut short: String = chars.by_ref().take(MOST_HEADLINE_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headlines_turn_nothing_and_end() {
        assert_eq!(headline("a\u{202e}b\u{2067}\u{200f}c\n"), "abc");
        assert_eq!(headline("א ב"), "א ב", "letters stay");
        let long = headline(&"字".repeat(10_000));
        assert_eq!(long.chars().count(), MOST_HEADLINE_CHARS + 1);
        assert_eq!(headline(&"x".repeat(120)).len(), 120);
    }

    #[test]
    fn numbers_are_read_by_people() {
        assert_eq!(
            [0, 999, 1000, -1_234_567].map(count),
            ["0", "999", "1,000", "-1,234,567"]
        );
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(4321, 3), "144,033.3 %");
        assert_eq!(share(1, 0), "–");
        assert_eq!([7, 75, 3_723].map(duration), ["0:07", "1:15", "1:02:03"]);
        assert_eq!(
            [0, 1023, 1536, 5 << 20].map(bytes),
            ["0 B", "1023 B", "1.5 KiB", "5.0 MiB"]
        );
        let zone = Zone::named("Asia/Shanghai").unwrap();
        assert_eq!(moment(1_795_233_600_000, &zone), "2026-11-21 12:00:00");
    }
}
