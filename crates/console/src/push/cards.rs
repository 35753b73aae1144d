//! Cards: big numbers, with what they are a part of and how they changed.

use super::models::Figures;
use super::texts::PushTexts;
use crate::format;
use crate::texts::fill;

/// A big number.
pub(super) struct Card {
    pub(super) head: &'static str,
    pub(super) value: String,
    pub(super) note: Option<String>,
    pub(super) change: Option<Change>,
}

/// How a number differs from that of the days before.
pub(super) struct Change {
    /// `+16.6 %`.
    pub(super) text: String,
    /// Against what: the page says it once, and readers of a screen hear it with each.
    pub(super) against: String,
    pub(super) is_up: bool,
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

/// The steps of a funnel as cards; `before` are the same figures of as many days before.
pub(super) fn funnel_cards(
    t: &'static PushTexts,
    figures: &Figures,
    before: Option<(&Figures, i64)>,
) -> Vec<Card> {
    let mut previous = 0;
    let mut cards = Vec::new();
    for (place, (head, of_previous, number)) in steps(t, figures).into_iter().enumerate() {
        let mut card = Card::number(head, number);
        if previous > 0 {
            let share = format::share(number, previous);
            card.note = Some(fill(of_previous, &[("share", &share)]));
        }
        card.change =
            before.and_then(|(before, days)| change(t, number, steps(t, before)[place].2, days));
        previous = number;
        cards.push(card);
    }
    cards
}

/// How a number differs from that of `days` days before; nothing where there was nothing.
pub(super) fn change(t: &PushTexts, now: i64, before: i64, days: i64) -> Option<Change> {
    if before <= 0 {
        return None;
    }
    let tenths = i128::from(now - before) * 1000 / i128::from(before);
    let sign = if tenths < 0 { '−' } else { '+' };
    let size = tenths.unsigned_abs();
    let percent = format!("{sign}{}.{} %", size / 10, size % 10);
    Some(Change {
        text: percent,
        against: against(t, days),
        is_up: tenths >= 0,
    })
}

/// What changes are against.
pub(super) fn against(t: &PushTexts, days: i64) -> String {
    match days {
        1 => t.against_day.to_owned(),
        _ => fill(t.against, &[("n", &days.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Locale;

    #[test]
    fn a_change_is_told_with_its_sign_and_nothing_of_nothing() {
        let t = PushTexts::of(Locale::En);
        let text = |now, before| change(t, now, before, 7).map(|change| change.text);
        assert_eq!(text(150, 100).as_deref(), Some("+50.0 %"));
        assert_eq!(text(0, i64::MAX).as_deref(), Some("−100.0 %"));
        assert_eq!(text(1, 0), None);
    }

    #[test]
    fn a_step_is_a_share_of_the_step_before() {
        let t = PushTexts::of(Locale::Zh);
        let figures = Figures {
            target_num: 200,
            receive_num: 150,
            ..Figures::default()
        };
        let cards = funnel_cards(t, &figures, None);
        let notes: Vec<_> = cards.iter().map(|card| card.note.as_deref()).collect();
        assert_eq!(
            notes,
            [
                None,
                None,
                Some("接收率 75.0 %"),
                Some("展示率 0.0 %"),
                None
            ]
        );
    }
}
