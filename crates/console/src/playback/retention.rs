//! How far plays of a part get: the curve, where they ended, and how to read both.

use serde::Deserialize;

use super::shown::whole_percent;
use super::texts::PlaybackTexts;
use super::video::Place;
use crate::chart::{Chart, Line, Shape};
use crate::format;
use crate::frame::Link;
use crate::table::{Cell, Table};
use crate::texts::{Locale, fill};
use crate::visit::Visit;

#[derive(Deserialize)]
pub(super) struct Retention {
    cid: Option<i64>,
    duration: Option<i64>,
    sessions: i64,
    reached: Vec<f64>,
    left_at: Vec<i64>,
}

/// The retention as the page of a video shows it.
pub(super) struct RetentionShown {
    /// Which part, and of how many plays; empty without any.
    pub(super) facts: Vec<String>,
    pub(super) charts: Vec<String>,
    /// The axes to choose from.
    pub(super) axes: Vec<Link>,
    pub(super) csv: String,
}

impl RetentionShown {
    pub(super) fn of(visit: &Visit, place: Place<'_>, retention: &Retention) -> Self {
        let t = PlaybackTexts::of(visit.locale);
        let axis = |is_by_time: bool, text: &str| Link {
            text: text.to_owned(),
            address: format!(
                "{}#retention",
                Place {
                    is_by_time,
                    ..place
                }
                .address()
            ),
            is_current: is_by_time == place.is_by_time,
        };
        let sign = if visit.address.contains('?') {
            '&'
        } else {
            '?'
        };
        Self {
            facts: retention.facts(t),
            charts: retention.charts(visit.locale, place.is_by_time),
            axes: vec![axis(false, t.in_percent), axis(true, t.in_seconds)],
            csv: format!("{}{sign}csv=retention", visit.address),
        }
    }
}

impl Retention {
    /// The second at some percent of the part.
    fn second_at(&self, percent: usize) -> i64 {
        let percent = i64::try_from(percent).unwrap_or(0);
        self.duration.unwrap_or(0).saturating_mul(percent) / 100
    }

    fn facts(&self, t: &PlaybackTexts) -> Vec<String> {
        if self.sessions == 0 {
            return Vec::new();
        }
        let mut facts = Vec::new();
        if let Some(cid) = self.cid.filter(|cid| *cid != 0) {
            facts.push(format!("cid {cid}"));
        }
        facts.push(fill(t.of_plays, &[("n", &format::count(self.sessions))]));
        if let Some(duration) = self.duration {
            facts.push(format!("{} {}", t.length, format::duration(duration)));
        }
        if let Some(percent) = self.reached.iter().rposition(|share| *share >= 0.5) {
            let time = format::duration(self.second_at(percent));
            let values = [("time", &*time), ("percent", &percent.to_string())];
            facts.push(fill(t.half_reach, &values));
        }
        facts
    }

    fn charts(&self, locale: Locale, is_by_time: bool) -> Vec<String> {
        if self.sessions == 0 {
            return Vec::new();
        }
        let t = PlaybackTexts::of(locale);
        let label = |percent: usize| match is_by_time {
            true => format::duration(self.second_at(percent)),
            false => format!("{percent}%"),
        };
        let reached = Chart {
            title: t.reached.to_owned(),
            shape: Shape::Lines,
            labels: (0..self.reached.len()).map(label).collect(),
            lines: vec![Line::new(
                t.reached,
                self.reached.iter().copied().map(whole_percent),
            )],
        };
        let left_at = Chart {
            title: t.left_at.to_owned(),
            shape: Shape::Bars,
            labels: (0..self.left_at.len()).map(label).collect(),
            lines: vec![Line::new(t.left_at, self.left_at.iter().copied())],
        };
        vec![reached.markup(locale), left_at.markup(locale)]
    }

    /// The curve as rows, for its CSV.
    pub(super) fn table(&self, locale: Locale) -> Table {
        let t = PlaybackTexts::of(locale);
        let heads = [t.place_percent, t.place_seconds, t.reached, t.left_at];
        let heads = heads.map(|head| format!("#{head}"));
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut table = Table::new(locale, "retention", t.retention, &heads);
        for (percent, share) in self.reached.iter().enumerate() {
            let left_at = self.left_at.get(percent);
            table.push(vec![
                Cell::text(percent.to_string()),
                Cell::text(self.second_at(percent).to_string()),
                Cell::text(format!("{:.2}", share * 100.0)),
                left_at.map_or_else(Cell::default, |count| Cell::number(*count)),
            ]);
        }
        table
    }
}
