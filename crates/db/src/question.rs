//! A read that asks once: it is run without a store to hear what it asks, and again with the answer. In between nothing waits
//! but the caller's task.

use crate::migrate::Dialect;
use crate::tx::{Query, Session};
use crate::{Cell, DbError, Row, Table, Value};

/// What a read asks.
#[derive(Debug)]
pub(crate) struct Question {
    queries: Vec<(String, Vec<Kept>)>,
    /// Each query may see a later state of the store than the one before it.
    pub(crate) are_apart: bool,
}

impl Question {
    fn new(queries: &[Query<'_>], are_apart: bool) -> Self {
        let keep = |values: &[Value<'_>]| values.iter().map(Kept::new).collect();
        let queries = queries.iter();
        Self {
            queries: queries
                .map(|(sql, values)| ((*sql).to_owned(), keep(values)))
                .collect(),
            are_apart,
        }
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().map(|(sql, _)| sql.as_str())
    }

    /// The values of each query.
    pub(crate) fn values(&self) -> impl Iterator<Item = Vec<Value<'_>>> {
        let values = self.queries.iter().map(|(_, values)| values);
        values.map(|values| values.iter().map(Kept::value).collect())
    }
}

/// A value that outlives what it was bound from.
#[derive(Debug)]
enum Kept {
    Cell(Cell),
    Texts(Vec<String>),
}

impl Kept {
    fn new(value: &Value<'_>) -> Self {
        Self::Cell(match *value {
            Value::Null => Cell::Null,
            Value::Int(value) => Cell::Int(value),
            Value::Text(text) => Cell::Text(text.to_owned()),
            Value::Bytes(bytes) => Cell::Bytes(bytes.to_owned()),
            Value::Texts(texts) => return Self::Texts(texts.to_owned()),
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Cell(cell) => cell.value(),
            Self::Texts(texts) => Value::Texts(texts),
        }
    }
}

/// In the place of a store: hears what is asked, or tells the answer.
pub(crate) struct Prompter {
    dialect: Dialect,
    heard: Option<Question>,
    answer: Option<(Question, Vec<Vec<Row>>)>,
}

impl Prompter {
    /// One that fails the first question and keeps it.
    pub(crate) fn hearing(dialect: Dialect) -> Self {
        Self {
            dialect,
            heard: None,
            answer: None,
        }
    }

    /// One that knows the answer to a question that will be asked again.
    pub(crate) fn telling(dialect: Dialect, asked: Question, answer: Vec<Vec<Row>>) -> Self {
        Self {
            dialect,
            heard: None,
            answer: Some((asked, answer)),
        }
    }

    /// What was asked, where anything was.
    pub(crate) fn heard(self) -> Option<Question> {
        self.heard
    }

    fn answer(&mut self, queries: &[Query<'_>], are_apart: bool) -> Result<Vec<Vec<Row>>, DbError> {
        if let Some((asked, answer)) = self.answer.take() {
            let is_same = queries.iter().map(|(sql, _)| *sql).eq(asked.texts());
            return if is_same {
                Ok(answer)
            } else {
                refuse("it asked something else the second time")
            };
        }
        self.heard = Some(Question::new(queries, are_apart));
        refuse("it is heard first")
    }
}

fn refuse<T>(why: &str) -> Result<T, DbError> {
    Err(DbError::Statement(format!("a read that asks once: {why}")))
}

const NO_QUERY: &str = "it may only ask queries";

impl Session for Prompter {
    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        let told = self.answer(&[(sql, values)], true)?;
        Ok(told.into_iter().next().unwrap_or_default())
    }

    fn query_each(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        self.answer(queries, false)
    }

    fn query_apart(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, DbError> {
        self.answer(queries, true)
    }

    fn execute(&mut self, _: &str, _: &[Value<'_>]) -> Result<u64, DbError> {
        refuse(NO_QUERY)
    }

    fn upsert(&mut self, _: &Table, _: &[Value<'_>]) -> Result<(), DbError> {
        refuse(NO_QUERY)
    }

    fn insert_new(&mut self, _: &Table, _: &[Value<'_>]) -> Result<Vec<bool>, DbError> {
        refuse(NO_QUERY)
    }

    fn find(&mut self, _: &Table, _: &[Value<'_>], _: bool) -> Result<Vec<Option<Row>>, DbError> {
        refuse(NO_QUERY)
    }

    fn number_behind(&mut self, _: &str) -> Result<(), DbError> {
        refuse(NO_QUERY)
    }

    fn mark(&mut self, _: u32) -> Result<(), DbError> {
        refuse(NO_QUERY)
    }

    fn keep_mark(&mut self, _: u32) -> Result<(), DbError> {
        refuse(NO_QUERY)
    }

    fn back_to_mark(&mut self, _: u32) -> Result<(), DbError> {
        refuse(NO_QUERY)
    }
}
