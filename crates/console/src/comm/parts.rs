//! What pages of this section are put together from: choices, cards, changes against the days before.

use crate::format;
use crate::range::Range;
use crate::texts::{Locale, fill};

use super::texts::CommTexts;

/// A `<select>` that belongs to the form of days.
pub(super) struct Select {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) choices: Vec<Choice>,
}

/// One of its options.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, text: impl Into<String>, chosen: &str) -> Self {
        let value = value.into();
        Self {
            is_chosen: value == chosen,
            value,
            text: text.into(),
        }
    }
}

/// How many rows: one of a few numbers, or what the address says.
pub(super) fn top_choices(options: &[u32], chosen: &str) -> Vec<Choice> {
    let known = options.iter().map(u32::to_string);
    let mut choices: Vec<_> = known
        .map(|top| Choice::new(top.clone(), top, chosen))
        .collect();
    if !choices.iter().any(|choice| choice.is_chosen) {
        choices.push(Choice::new(chosen, chosen, chosen));
    }
    choices
}

/// A number that stands out.
pub(super) struct Card {
    pub(super) label: String,
    pub(super) big: String,
    /// A quieter line, and whether it is good news.
    pub(super) note: String,
    pub(super) class: &'static str,
}

impl Card {
    pub(super) fn new(label: &str, big: impl Into<String>) -> Self {
        Self {
            label: label.to_owned(),
            big: big.into(),
            note: String::new(),
            class: "",
        }
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Says how it changed against the same number of days before.
    pub(super) fn against(
        mut self,
        now: i64,
        before: Option<i64>,
        range: &Range,
        locale: Locale,
    ) -> Self {
        let Some(before) = before.filter(|before| *before > 0) else {
            return self;
        };
        let t = CommTexts::of(locale);
        let difference = now.saturating_sub(before);
        let share = format::share(difference.saturating_abs(), before);
        let is_change = share != format::share(0, before);
        let (sign, class) = match difference.signum() {
            _ if !is_change => ("±", ""),
            -1 => ("−", "down"),
            _ => ("+", "up"),
        };
        let text = match range.count() {
            1 => t.against_one,
            _ => t.against,
        };
        let (change, days) = (format!("{sign}{share}"), range.count().to_string());
        self.note = fill(text, &[("change", &change), ("n", &days)]);
        self.class = class;
        self
    }
}
