//! Cards: big numbers, with what they are a part of and how they changed.

use super::models::Figures;
use super::texts::PushTexts;
use crate::compared::{Change, Pair};
use crate::format;
use crate::texts::{Locale, fill};

/// A big number.
pub(super) struct Card {
    pub(super) head: &'static str,
    pub(super) value: String,
    pub(super) note: Option<String>,
    /// How it changed since the days before, and against what: the page says that once, and readers of a screen hear it
    /// with each.
    pub(super) change: Option<(Change, String)>,
}

/// Figures of two periods that may be compared.
pub(super) struct Compared {
    pub(super) now: Figures,
    pub(super) before: Figures,
    pub(super) pair: Pair,
}

impl Card {
    pub(super) fn number(head: &'static str, number: i64) -> Self {
        Self {
            head,
            value: format::count(number),
            note: None,
            change: None,
        }
    }

    #[must_use]
    pub(super) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// The steps of a funnel: its name, its share of the step before as a text, and its number.
pub(super) fn steps(
    t: &'static PushTexts,
    figures: &Figures,
) -> [(&'static str, &'static str, i64); 5] {
    [
        (t.sendable, "", figures.msg_num),
        (t.sent, t.of_sendable, figures.target_num),
        (t.received, t.of_sent, figures.receive_num),
        (t.displayed, t.of_received, figures.display_num),
        (t.clicked, t.of_displayed, figures.click_num),
    ]
}

/// The steps of a funnel as cards, with how they changed where that is known.
pub(super) fn funnel_cards(
    locale: Locale,
    figures: &Figures,
    compared: Option<&Compared>,
) -> Vec<Card> {
    let t = PushTexts::of(locale);
    let mut previous = 0;
    let mut cards = Vec::new();
    for (place, (head, of_previous, number)) in steps(t, figures).into_iter().enumerate() {
        let mut card = Card::number(head, number);
        let share = share_of_step(number, previous);
        card.note = share.map(|share| fill(of_previous, &[("share", &share)]));
        card.change = compared.and_then(|Compared { now, before, pair }| {
            let of = |figures| steps(t, figures)[place].2;
            Some((Change::of(of(now), of(before))?, pair.against(locale)))
        });
        previous = number;
        cards.push(card);
    }
    cards
}

/// What part of the step before a step is. None where that is none or less: each step counts on the day on which it
/// happened, and nothing counts that was not reported.
pub(super) fn share_of_step(number: i64, previous: i64) -> Option<String> {
    (previous > 0 && number <= previous).then(|| format::share(number, previous))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_share_of_the_step_before() {
        let mut figures = Figures {
            target_num: 200,
            receive_num: 150,
            ..Figures::default()
        };
        let notes = |figures: &Figures| {
            let cards = funnel_cards(Locale::Zh, figures, None);
            cards.into_iter().map(|card| card.note).collect::<Vec<_>>()
        };
        let some = |note: &str| Some(note.to_owned());
        assert_eq!(
            notes(&figures),
            [
                None,
                None,
                some("接收率 75.0 %"),
                some("展示率 0.0 %"),
                None
            ]
        );
        // What was sent the day before and came back today is no part of what was sent today.
        figures.target_num = 140;
        assert_eq!(
            notes(&figures),
            [None, None, None, some("展示率 0.0 %"), None]
        );
    }
}
