//! CSV by RFC 4180, with a header line.
//!
//! What is not there is an empty field, an empty text is `""`: readers that know the difference keep it. `to_uid` is JSON,
//! as it was sent. Text stays as it is, also where a spreadsheet would take it for a formula: an export is for programs,
//! and what is changed on the way out is no longer what was reported.

use std::io::{self, Write};

use super::RowWriter;
use super::output::Output;
use super::row::{Cell, Column, Row};

pub(super) struct CsvWriter {
    output: Output,
    line: String,
}

impl CsvWriter {
    pub(super) fn new(mut output: Output, columns: &[Column]) -> io::Result<Self> {
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        write!(output, "{}\r\n", names.join(","))?;
        Ok(Self {
            output,
            line: String::new(),
        })
    }
}

impl RowWriter for CsvWriter {
    fn write(&mut self, row: &dyn Row) -> anyhow::Result<()> {
        self.line.clear();
        row.visit_cells(&mut |cell| put_cell(&mut self.line, &cell));
        // The comma behind the last cell.
        self.line.pop();
        self.line.push_str("\r\n");
        Ok(self.output.write_all(self.line.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Output> {
        Ok(self.output)
    }
}

fn put_cell(line: &mut String, cell: &Cell<'_>) {
    match cell {
        Cell::Number(Some(number)) => line.push_str(&number.to_string()),
        Cell::Number(None) => {}
        Cell::Text(text) => put_text(line, *text),
    }
    line.push(',');
}

fn put_text(line: &mut String, text: Option<&str>) {
    let Some(text) = text else { return };
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\r', '\n']);
    if is_plain {
        line.push_str(text);
    } else {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        for (text, field) in [
            (None, ""),
            (Some(""), "\"\""),
            (Some("plain text"), "plain text"),
            (Some("a,b"), "\"a,b\""),
            (Some("«\"»"), "\"«\"\"»\""),
            (Some("two\r\nlines"), "\"two\r\nlines\""),
            (Some("=1+1"), "=1+1"),
        ] {
            let mut line = String::new();
            put_text(&mut line, text);
            assert_eq!(line, field);
        }
    }
}
