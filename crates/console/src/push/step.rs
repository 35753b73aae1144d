//! From one day to the one before and the one after.

use reportd_platform::zones::{day_text, parse_day};

use super::texts::PushTexts;
use crate::frame::Link;
use crate::texts::{Locale, fill};

/// Links to the day before and, where it has begun, to the day after.
pub(super) fn neighbours(
    locale: Locale,
    day: &str,
    today: i64,
    address: impl Fn(&str) -> String,
) -> Vec<Link> {
    let t = PushTexts::of(locale);
    let Ok(number) = parse_day(day) else {
        return Vec::new();
    };
    let link = |text: &str, number: i64| {
        let day = day_text(number);
        Link {
            text: fill(text, &[("day", &day)]),
            address: address(&day),
            is_current: false,
        }
    };
    let mut links = vec![link(t.previous, number - 1)];
    if number < today {
        links.push(link(t.following, number + 1));
    }
    links
}
