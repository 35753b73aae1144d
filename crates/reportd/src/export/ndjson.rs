//! One JSON object a line.

use std::io::Write;

use super::RowWriter;
use super::output::Output;
use super::row::Row;

pub(super) struct NdjsonWriter {
    output: Output,
}

impl NdjsonWriter {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }
}

impl RowWriter for NdjsonWriter {
    fn write(&mut self, row: &dyn Row) -> anyhow::Result<()> {
        row.write_json(&mut self.output)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Output> {
        Ok(self.output)
    }
}
