//! Parquet: a column for each field, compressed by zstd. `received_at` and `ts` are timestamps in ms (UTC), `to_uid` is
//! JSON text, as it was sent.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use reportd_comm::RawReport;

use super::RowWriter;
use super::output::Output;

const SCHEMA: &str = "message report {
    REQUIRED INT64 received_at (TIMESTAMP(MILLIS, true));
    REQUIRED INT64 ts (TIMESTAMP(MILLIS, true));
    REQUIRED INT64 oper_id;
    OPTIONAL INT64 gid;
    OPTIONAL BYTE_ARRAY target_id (STRING);
    OPTIONAL BYTE_ARRAY to_uid (JSON);
    REQUIRED BYTE_ARRAY scope (STRING);
    OPTIONAL BYTE_ARRAY ext1 (STRING);
    OPTIONAL BYTE_ARRAY ext2 (STRING);
    OPTIONAL BYTE_ARRAY ext3 (STRING);
    OPTIONAL BYTE_ARRAY ext4 (STRING);
    OPTIONAL BYTE_ARRAY ext5 (STRING);
    OPTIONAL BYTE_ARRAY ext6 (STRING);
    OPTIONAL BYTE_ARRAY ext7 (STRING);
    OPTIONAL BYTE_ARRAY ext8 (STRING);
    OPTIONAL BYTE_ARRAY ext9 (STRING);
    OPTIONAL BYTE_ARRAY ext10 (STRING);
}";
const COLUMNS: usize = 17;
/// A group of rows is in memory until it is written: so large it grows at most.
const GROUP_ROWS: usize = 100_000;
const GROUP_BYTES: usize = 32 << 20;

/// The values of a column that wait, and for each row whether it has one.
enum Column {
    Numbers(Vec<i64>, Vec<i16>),
    Texts(Vec<ByteArray>, Vec<i16>),
}

/// Rows in groups.
pub(super) struct ParquetRows {
    writer: SerializedFileWriter<Output>,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl ParquetRows {
    pub(super) fn new(output: Output) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(output, schema, Arc::new(properties))?,
            columns: empty_columns(),
            rows: 0,
            bytes: 0,
        })
    }

    fn number(&mut self, at: usize, value: Option<i64>) {
        if let Column::Numbers(values, levels) = &mut self.columns[at] {
            values.extend(value);
            levels.push(i16::from(value.is_some()));
        }
    }

    fn text(&mut self, at: usize, value: Option<&str>) {
        self.bytes += value.map_or(0, str::len);
        if let Column::Texts(values, levels) = &mut self.columns[at] {
            values.extend(value.map(ByteArray::from));
            levels.push(i16::from(value.is_some()));
        }
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns = std::mem::replace(&mut self.columns, empty_columns());
        let mut group = self.writer.next_row_group()?;
        for column in columns {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            // Of columns that every row has, the levels are not looked at.
            match (writer.untyped(), column) {
                (ColumnWriter::Int64ColumnWriter(writer), Column::Numbers(values, levels)) => {
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Column::Texts(values, levels)) => {
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                _ => return Err(ParquetError::General("a column of another type".to_owned())),
            }
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

fn empty_columns() -> Vec<Column> {
    (0..COLUMNS)
        .map(|at| match at {
            0..4 => Column::Numbers(Vec::new(), Vec::new()),
            _ => Column::Texts(Vec::new(), Vec::new()),
        })
        .collect()
}

impl RowWriter for ParquetRows {
    fn write(&mut self, report: &RawReport<'_>) -> anyhow::Result<()> {
        let item = &report.item;
        self.number(0, Some(report.received_at_ms));
        self.number(1, Some(report.ts_ms));
        self.number(2, Some(item.oper_id));
        self.number(3, item.gid);
        self.text(4, item.target_id.as_deref());
        self.text(5, report.to_uid().map(|json| json.get()));
        self.text(6, Some(item.scope.name()));
        for (at, text) in (7..).zip(&item.ext) {
            self.text(at, text.as_deref());
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<Output> {
        self.write_group()?;
        Ok(self.writer.into_inner()?)
    }
}
