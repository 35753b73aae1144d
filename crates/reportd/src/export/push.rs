//! Push events and receipts as rows.

use std::io::{self, Write};

use reportd_push::RawEvent;
use reportd_push::export::{exported, visit_events};

use super::ExportedKind;
use super::row::{Cell, Column, Form, Row};

pub(super) const PUSH: ExportedKind = ExportedKind {
    columns: COLUMNS,
    exported,
    write_block: |_, found, rows| visit_events(found, &mut |event| rows.write(event)),
};

const COLUMNS: &[Column] = &[
    Column::required("received_at", Form::Time),
    Column::required("type", Form::Text),
    Column::required("at", Form::Time),
    Column::optional("taskid", Form::Text),
    Column::optional("cid", Form::Text),
    Column::optional("channel", Form::Text),
    Column::optional("brand", Form::Text),
    Column::optional("quota", Form::Text),
    Column::optional("action_id", Form::Text),
    Column::optional("phase", Form::Text),
    Column::optional("reason", Form::Number),
    Column::optional("kind", Form::Text),
    Column::optional("group_name", Form::Text),
    Column::optional("msgid", Form::Text),
    Column::optional("code", Form::Number),
    Column::optional("desc", Form::Text),
];

impl Row for RawEvent<'_> {
    fn visit_cells(&self, visit: &mut dyn FnMut(Cell<'_>)) {
        visit(Cell::Number(Some(self.received_at_ms)));
        visit(Cell::Text(Some(self.type_name)));
        visit(Cell::Number(Some(self.at_ms)));
        visit(Cell::Text(self.task_id));
        visit(Cell::Text(self.cid));
        visit(Cell::Text(self.channel));
        visit(Cell::Text(self.brand));
        visit(Cell::Text(self.quota));
        visit(Cell::Text(self.action_id));
        visit(Cell::Text(self.phase));
        visit(Cell::Number(self.reason));
        visit(Cell::Text(self.kind));
        visit(Cell::Text(self.group_name));
        visit(Cell::Text(self.msg_id));
        visit(Cell::Number(self.code));
        visit(Cell::Text(self.desc));
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        Ok(serde_json::to_writer(out, self)?)
    }
}
