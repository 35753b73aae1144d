//! Bot event reports as rows.

use std::io::{self, Write};

use reportd_comm::RawReport;
use reportd_comm::export::{exported, visit_reports};

use super::ExportedKind;
use super::row::{Cell, Column, Form, Row};

pub(super) const COMM: ExportedKind = ExportedKind {
    columns: COLUMNS,
    exported,
    write_block: |stores, found, rows| {
        visit_reports(&stores.views, found, &mut |report| rows.write(report))
    },
};

const COLUMNS: &[Column] = &[
    Column::required("received_at", Form::Time),
    Column::required("ts", Form::Time),
    Column::required("oper_id", Form::Number),
    Column::optional("gid", Form::Number),
    Column::optional("target_id", Form::Text),
    Column::optional("to_uid", Form::Json),
    Column::required("scope", Form::Text),
    Column::optional("ext1", Form::Text),
    Column::optional("ext2", Form::Text),
    Column::optional("ext3", Form::Text),
    Column::optional("ext4", Form::Text),
    Column::optional("ext5", Form::Text),
    Column::optional("ext6", Form::Text),
    Column::optional("ext7", Form::Text),
    Column::optional("ext8", Form::Text),
    Column::optional("ext9", Form::Text),
    Column::optional("ext10", Form::Text),
];

impl Row for RawReport<'_> {
    fn visit_cells(&self, visit: &mut dyn FnMut(Cell<'_>)) {
        let item = &self.item;
        visit(Cell::Number(Some(self.received_at_ms)));
        visit(Cell::Number(Some(self.ts_ms)));
        visit(Cell::Number(Some(item.oper_id)));
        visit(Cell::Number(item.gid));
        visit(Cell::Text(item.target_id.as_deref()));
        visit(Cell::Text(self.to_uid().map(|json| json.get())));
        visit(Cell::Text(Some(item.scope.name())));
        for text in &item.ext {
            visit(Cell::Text(text.as_deref()));
        }
    }

    /// The same as a raw report of the API.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, self)?)
    }
}
