//! What the formats know of a row: its cells, in the order of columns, and itself as JSON.

use std::io::{self, Write};

/// A column of an export.
pub(super) struct Column {
    pub(super) name: &'static str,
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "Parquet alone asks")
    )]
    pub(super) form: Form,
    /// Every row has a value in it.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "Parquet alone asks")
    )]
    pub(super) is_required: bool,
}

/// The form of what stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Ms since 1970.
    Time,
    Number,
    Text,
    /// Text that is JSON.
    Json,
}

impl Column {
    pub(super) const fn required(name: &'static str, form: Form) -> Self {
        let is_required = true;
        Self {
            name,
            form,
            is_required,
        }
    }

    pub(super) const fn optional(name: &'static str, form: Form) -> Self {
        let is_required = false;
        Self {
            name,
            form,
            is_required,
        }
    }
}

/// What a row has in a column: of times and numbers a number, of the other forms a text.
pub(super) enum Cell<'a> {
    Number(Option<i64>),
    Text(Option<&'a str>),
}

/// A row of an export.
pub(super) trait Row {
    /// Shows a cell for each column to `visit`, in their order.
    fn visit_cells(&self, visit: &mut dyn FnMut(Cell<'_>));
    /// Writes it as one JSON object.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()>;
}
