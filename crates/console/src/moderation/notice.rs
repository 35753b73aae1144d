//! What a page says of the step before it: it stands in the address, so that a reload says it again while it is true.

use serde::Deserialize;

use crate::api::fill_path;
use crate::said::Said;
use crate::texts::fill;
use crate::visit::Visit;

use super::texts;

/// What an address tells of the step before.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Before {
    /// The ticket that was judged.
    #[serde(default)]
    pub(super) judged: String,
    /// Until when its verdict can be undone, in ms.
    #[serde(default)]
    pub(super) until: String,
    /// The verdict of this ticket was undone.
    #[serde(default)]
    pub(super) undone: String,
    /// The ticket that was released.
    #[serde(default)]
    pub(super) released: String,
    /// There was no next ticket.
    #[serde(default)]
    pub(super) none: String,
    /// How many tickets of a bulk verdict were judged: `3.5`.
    #[serde(default)]
    pub(super) bulk: String,
}

/// What a page says at its top.
#[derive(Debug, Default)]
pub(super) struct Notice {
    pub(super) good: Vec<String>,
    pub(super) bad: Vec<Bad>,
    pub(super) undo: Option<Undo>,
}

/// What did not work, and why, where the API tells.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) text: String,
    pub(super) why: Option<Said>,
}

impl From<String> for Bad {
    fn from(text: String) -> Self {
        Self { text, why: None }
    }
}

/// The offer to take a verdict back.
#[derive(Debug)]
pub(super) struct Undo {
    pub(super) ticket: String,
    pub(super) action: String,
    pub(super) said: String,
    pub(super) until_ms: i64,
    pub(super) left_seconds: i64,
    pub(super) within: String,
    /// The ticket that is given back then.
    pub(super) held: String,
}

impl Undo {
    /// The offer for a ticket; none once the time is over.
    pub(super) fn offer(visit: &Visit, ticket: &str, until_ms: i64) -> Option<Self> {
        let left_seconds = (until_ms - visit.now_ms + 999).div_euclid(1000);
        if left_seconds <= 0 {
            return None;
        }
        let t = texts(visit);
        Some(Self {
            ticket: ticket.to_owned(),
            action: fill_path("/console/tickets/{}/undo", &[ticket]),
            said: fill(t.judged_notice, &[("id", ticket)]),
            until_ms,
            left_seconds,
            within: t.undo_within.to_owned(),
            held: String::new(),
        })
    }

    /// The words before and behind the seconds that are left.
    pub(super) fn words(&self) -> (&str, &str) {
        self.within.split_once("{n}").unwrap_or((&self.within, ""))
    }
}

impl Notice {
    /// What an address tells. Anybody can write an address, so only numbers are taken of it.
    pub(super) fn of(visit: &Visit, before: &Before) -> Self {
        let t = texts(visit);
        let mut notice = Self::default();
        if is_number(&before.judged) {
            let until_ms = before.until.parse().unwrap_or(0);
            notice.undo = Undo::offer(visit, &before.judged, until_ms);
            if notice.undo.is_none() {
                let said = fill(t.judged_notice, &[("id", &before.judged)]);
                notice.good.push(said);
            }
        }
        if before.undone == "1" {
            notice.good.push(t.undone_notice.to_owned());
        }
        if is_number(&before.released) {
            let said = fill(t.released_notice, &[("id", &before.released)]);
            notice.good.push(said);
        }
        if before.none == "1" {
            notice.good.push(t.none_next.to_owned());
        }
        if let Some((judged, all)) = before.bulk.split_once('.')
            && is_number(judged)
            && is_number(all)
        {
            let said = fill(t.bulk_judged, &[("n", judged), ("all", all)]);
            notice.good.push(said);
        }
        notice
    }
}

/// True of the number of a ticket.
pub(super) fn is_number(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
