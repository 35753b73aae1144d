//! CSV of tables (RFC 4180), with a byte order mark so that spreadsheets read Chinese.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::table::Table;

/// A table as a file to keep.
pub(crate) fn reply(table: &Table) -> Response {
    let disposition = format!("attachment; filename=\"{}.csv\"", table.name);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text(table)).into_response()
}

fn text(table: &Table) -> String {
    let mut text = String::from("\u{feff}");
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                text.push(',');
            }
            write_field(&mut text, cell);
        }
        text.push_str("\r\n");
    };
    line(&mut table.columns.iter().map(|column| column.head.as_str()));
    for row in &table.rows {
        line(&mut row.iter().map(crate::table::Cell::plain));
    }
    text
}

/// A field that a spreadsheet would take for a formula gets an apostrophe in front: reports hold what strangers wrote.
fn write_field(text: &mut String, field: &str) {
    let is_number = field.parse::<f64>().is_ok();
    let is_formula = !is_number && field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    text.push('"');
    if is_formula {
        text.push('\'');
    }
    text.push_str(&field.replace('"', "\"\""));
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Cell;
    use crate::texts::Locale;

    #[test]
    fn fields_are_quoted_and_formulas_are_not_run() {
        let mut table = Table::new(Locale::En, "t", "", &["a", "#b"]);
        table.push(vec![Cell::text("x \"y\", z"), Cell::number(-1234)]);
        table.push(vec![Cell::text("=HYPERLINK(1)"), Cell::text("-cmd")]);
        assert_eq!(
            text(&table),
            "\u{feff}\"a\",\"b\"\r\n\"x \"\"y\"\", z\",\"-1234\"\r\n\"'=HYPERLINK(1)\",\"'-cmd\"\r\n"
        );
    }
}
