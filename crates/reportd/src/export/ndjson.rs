//! One JSON object a line: the same as a raw report of the API.

use std::io::Write;

use reportd_comm::RawReport;

use super::RowWriter;
use super::output::Output;

pub(super) struct NdjsonWriter {
    output: Output,
}

impl NdjsonWriter {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }
}

impl RowWriter for NdjsonWriter {
    fn write(&mut self, report: &RawReport<'_>) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.output, report).map_err(std::io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Output> {
        Ok(self.output)
    }
}
