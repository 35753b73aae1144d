//! CSV by RFC 4180, with a header line.
//!
//! What is not there is an empty field, an empty text is `""`: readers that know the difference keep it. `to_uid` is JSON,
//! as it was sent. Text stays as it is, also where a spreadsheet would take it for a formula: an export is for programs,
//! and what is changed on the way out is no longer what was reported.

use std::io::{self, Write};

use reportd_comm::RawReport;

use super::RowWriter;
use super::output::Output;

const HEADER: &str = "received_at,ts,oper_id,gid,target_id,to_uid,scope,\
    ext1,ext2,ext3,ext4,ext5,ext6,ext7,ext8,ext9,ext10\r\n";

pub(super) struct CsvWriter {
    output: Output,
    line: String,
}

impl CsvWriter {
    pub(super) fn new(mut output: Output) -> io::Result<Self> {
        output.write_all(HEADER.as_bytes())?;
        Ok(Self {
            output,
            line: String::new(),
        })
    }
}

impl RowWriter for CsvWriter {
    fn write(&mut self, report: &RawReport<'_>) -> anyhow::Result<()> {
        self.line.clear();
        put_row(&mut self.line, report);
        Ok(self.output.write_all(self.line.as_bytes())?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Output> {
        Ok(self.output)
    }
}

fn put_row(line: &mut String, report: &RawReport<'_>) {
    let item = &report.item;
    let numbers = [report.received_at_ms, report.ts_ms, item.oper_id].map(Some);
    for number in numbers.into_iter().chain([item.gid]) {
        if let Some(number) = number {
            line.push_str(&number.to_string());
        }
        line.push(',');
    }
    put_text(line, item.target_id.as_deref());
    line.push(',');
    put_text(line, report.to_uid().map(|json| json.get()));
    line.push(',');
    line.push_str(item.scope.name());
    for text in &item.ext {
        line.push(',');
        put_text(line, text.as_deref());
    }
    line.push_str("\r\n");
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
