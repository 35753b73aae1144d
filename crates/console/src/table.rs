//! Tables: on a page, and as CSV of the same rows.

use askama::Template;

use crate::texts::{Locale, Texts};

/// A cell whose text is longer takes several lines.
const MOST_LINE_CHARS: usize = 32;

/// A column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) head: String,
    /// Numbers stand on the right.
    pub(crate) is_number: bool,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// As it is shown.
    pub(crate) text: String,
    /// As it is in CSV, where that differs: a number without separators.
    pub(crate) raw: Option<String>,
    /// Where it leads.
    pub(crate) address: Option<String>,
    /// A second, quieter line.
    pub(crate) note: Option<String>,
    /// From 0 to 100: how wide its bar is.
    pub(crate) share: Option<u8>,
    /// It speaks English, whatever the page does.
    pub(crate) is_english: bool,
}

impl Cell {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A number, shown with separators.
    pub(crate) fn number(number: i64) -> Self {
        Self {
            text: crate::format::count(number),
            raw: Some(number.to_string()),
            ..Self::default()
        }
    }

    /// It leads somewhere.
    #[must_use]
    pub(crate) fn to(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// With a quieter line.
    #[must_use]
    pub(crate) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// With a bar as wide as its part of `whole`.
    #[must_use]
    pub(crate) fn share(mut self, part: i64, whole: i64) -> Self {
        let share = if whole > 0 {
            part.saturating_mul(100) / whole
        } else {
            0
        };
        self.share = u8::try_from(share.clamp(0, 100)).ok();
        self
    }

    /// It speaks English on pages of every language.
    #[must_use]
    pub(crate) fn in_english(mut self) -> Self {
        self.is_english = true;
        self
    }

    /// True where it needs more than a line.
    fn is_long(&self) -> bool {
        self.text.chars().nth(MOST_LINE_CHARS).is_some()
    }

    /// As it is in CSV.
    pub(crate) fn plain(&self) -> &str {
        self.raw.as_deref().unwrap_or(&self.text)
    }
}

/// A table. Put it on a page by `{{ table|safe }}`.
#[derive(Template)]
#[template(path = "table.html")]
pub(crate) struct Table {
    t: &'static Texts,
    /// Names its CSV: `?csv=<name>` of the page.
    pub(crate) name: &'static str,
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// The address of its CSV.
    pub(crate) csv: Option<String>,
    /// The address of the next page.
    pub(crate) next: Option<String>,
}

impl Table {
    /// An empty table; a head that begins with `#` is of numbers.
    pub(crate) fn new(
        locale: Locale,
        name: &'static str,
        caption: impl Into<String>,
        heads: &[&str],
    ) -> Self {
        let column = |head: &&str| Column {
            head: head.trim_start_matches('#').to_owned(),
            is_number: head.starts_with('#'),
        };
        Self {
            t: Texts::of(locale),
            name,
            caption: caption.into(),
            columns: heads.iter().map(column).collect(),
            rows: Vec::new(),
            csv: None,
            next: None,
        }
    }

    fn is_number(&self, column: &usize) -> bool {
        self.columns
            .get(*column)
            .is_some_and(|column| column.is_number)
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Its CSV stands behind the address of this page.
    #[must_use]
    pub(crate) fn with_csv(mut self, address: &str) -> Self {
        let sign = if address.contains('?') { '&' } else { '?' };
        self.csv = Some(format!("{address}{sign}csv={}", self.name));
        self
    }
}
