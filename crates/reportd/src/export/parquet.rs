//! Parquet, compressed by zstd. Times are timestamps in ms (UTC); JSON is text, as it was sent.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::RowWriter;
use super::output::Output;
use super::row::{Cell, Column, Form, Row};

/// A group of rows is in memory until it is written: so large it grows at most.
const GROUP_ROWS: usize = 100_000;
const GROUP_BYTES: usize = 32 << 20;

/// The values of a column that wait, and for each row whether it has one.
enum Values {
    Numbers(Vec<i64>, Vec<i16>),
    Texts(Vec<ByteArray>, Vec<i16>),
}

impl Values {
    fn none_yet(form: Form) -> Self {
        match form {
            Form::Time | Form::Number => Self::Numbers(Vec::new(), Vec::new()),
            Form::Text | Form::Json => Self::Texts(Vec::new(), Vec::new()),
        }
    }
}

/// Rows in groups.
pub(super) struct ParquetRows {
    writer: SerializedFileWriter<Output>,
    columns: &'static [Column],
    waiting: Vec<Values>,
    rows: usize,
    bytes: usize,
}

impl ParquetRows {
    pub(super) fn new(output: Output, columns: &'static [Column]) -> Result<Self, ParquetError> {
        let schema = Arc::new(parse_message_type(&schema(columns))?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(output, schema, Arc::new(properties))?,
            columns,
            waiting: empty(columns),
            rows: 0,
            bytes: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let waiting = std::mem::replace(&mut self.waiting, empty(self.columns));
        let mut group = self.writer.next_row_group()?;
        for values in waiting {
            let Some(mut writer) = group.next_column()? else {
                break;
            };
            // Of columns that every row has, the levels are not looked at.
            match (writer.untyped(), values) {
                (ColumnWriter::Int64ColumnWriter(writer), Values::Numbers(values, levels)) => {
                    writer.write_batch(&values, Some(&levels), None)?;
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Values::Texts(values, levels)) => {
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

fn empty(columns: &[Column]) -> Vec<Values> {
    columns
        .iter()
        .map(|column| Values::none_yet(column.form))
        .collect()
}

/// The columns in the language of Parquet's schemas.
fn schema(columns: &[Column]) -> String {
    let mut schema = String::from("message report {");
    for column in columns {
        let occurs = if column.is_required {
            "REQUIRED"
        } else {
            "OPTIONAL"
        };
        let (form, note) = match column.form {
            Form::Time => ("INT64", " (TIMESTAMP(MILLIS, true))"),
            Form::Number => ("INT64", ""),
            Form::Text => ("BYTE_ARRAY", " (STRING)"),
            Form::Json => ("BYTE_ARRAY", " (JSON)"),
        };
        schema += &format!(" {occurs} {form} {}{note};", column.name);
    }
    schema + " }"
}

/// Adds a cell to the values of its column, and returns how many bytes it takes.
fn put(values: &mut Values, cell: &Cell<'_>) -> usize {
    match (values, cell) {
        (Values::Numbers(values, levels), Cell::Number(number)) => {
            values.extend(*number);
            levels.push(i16::from(number.is_some()));
            0
        }
        (Values::Texts(values, levels), Cell::Text(text)) => {
            values.extend(text.map(ByteArray::from));
            levels.push(i16::from(text.is_some()));
            text.map_or(0, str::len)
        }
        // Then the column is a row short, and its group is refused.
        _ => 0,
    }
}

impl RowWriter for ParquetRows {
    fn write(&mut self, row: &dyn Row) -> anyhow::Result<()> {
        let mut columns = self.waiting.iter_mut();
        row.visit_cells(&mut |cell| {
            if let Some(values) = columns.next() {
                self.bytes += put(values, &cell);
            }
        });
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
