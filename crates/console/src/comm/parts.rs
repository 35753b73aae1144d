//! What pages of this section are put together from: choices, cards, changes since the days before.

use serde::Deserialize;

use crate::compared::{Change, Pair};
use crate::fault::Fault;
use crate::texts::Locale;
use crate::visit::Visit;

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

    /// Says how it changed, where there is something to compare it with.
    pub(super) fn changed(mut self, now: i64, before: i64, pair: &Pair, locale: Locale) -> Self {
        if let Some(change) = Change::of(now, before) {
            self.note = pair.change_text(locale, &change);
            self.class = change.class;
        }
        self
    }
}

#[derive(Deserialize)]
struct Hours {
    series: Vec<HoursLine>,
}

#[derive(Deserialize)]
struct HoursLine {
    points: Vec<Hour>,
}

#[derive(Deserialize)]
struct Hour {
    count: i64,
}

/// How many reports of an operation came on the last of the earlier days later than at this time of day.
pub(super) async fn reported_later(
    visit: &Visit,
    app: &str,
    oper_id: i64,
    pair: &Pair,
) -> Result<i64, Fault> {
    let Some(day) = pair.cut_day() else {
        return Ok(0);
    };
    let call = visit.get("/api/apps/{}/comm/series", &[app]);
    let call = call.with("oper_id", &oper_id.to_string());
    let call = call
        .with("from", &day)
        .with("to", &day)
        .with("step", "hour");
    let Hours { series } = call.send().await?;
    let hours = series.iter().flat_map(|line| &line.points);
    let hours: Vec<i64> = hours.map(|hour| hour.count).collect();
    Ok(pair.later(&hours))
}
