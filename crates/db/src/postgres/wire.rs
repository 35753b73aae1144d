//! One connection: what it has prepared, and how long a reply is waited for.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::batch::Batch;
use super::failure::{classify, is_stale_plan};
use super::types::row;
use crate::{DbError, Row, Table};

/// Prepared statements kept per connection: lists of many lengths make many texts that are never used again.
const MOST_PREPARED: usize = 256;

/// What binds to the placeholders of a statement.
pub(super) type Bound<'a> = &'a (dyn ToSql + Sync);

/// A statement and its values.
pub(super) type Asked<'a> = (&'a str, &'a [Bound<'a>]);

/// A connection. Something else polls it.
pub(super) struct Wire {
    client: Client,
    deadline: Option<Duration>,
    /// A reply did not come in time, so the next one could be an answer to what was asked before.
    is_lost: AtomicBool,
    prepared: HashMap<String, Statement>,
    batches: HashMap<Table, Arc<Batch>>,
}

/// What a statement gave.
pub(super) struct Answer {
    rows: Vec<tokio_postgres::Row>,
    pub(super) changed: u64,
}

impl Answer {
    pub(super) fn rows(self) -> Result<Vec<Row>, DbError> {
        self.rows.iter().map(row).collect()
    }
}

impl Wire {
    pub(super) fn new(client: Client, deadline: Option<Duration>) -> Self {
        Self {
            client,
            deadline,
            is_lost: AtomicBool::new(false),
            prepared: HashMap::new(),
            batches: HashMap::new(),
        }
    }

    /// False where the server has closed the connection, as far as this side was told.
    pub(super) fn is_open(&self) -> bool {
        !self.is_lost.load(Ordering::Relaxed) && !self.client.is_closed()
    }

    async fn reply<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, DbError> {
        let told = match self.deadline {
            Some(deadline) => tokio::time::timeout(deadline, call).await,
            None => Ok(call.await),
        };
        let Ok(told) = told else {
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(DbError::Unavailable(
                "PostgreSQL does not answer".to_owned(),
            ));
        };
        told.map_err(|error| classify(&error))
    }

    /// Runs statements without values, one after the other.
    pub(super) async fn tell(&self, statements: &str) -> Result<(), DbError> {
        self.reply(self.client.batch_execute(statements)).await
    }

    /// Runs a statement, in the transaction that is open or as one of its own.
    pub(super) async fn ask(&mut self, sql: &str, values: &[Bound<'_>]) -> Result<Answer, DbError> {
        let statement = self.statement(sql).await?;
        let ask = async { Ok(ask(&self.client, &statement, values).await) };
        let told = self.reply(ask).await?;
        self.settle(told)
    }

    /// Runs statements that need nothing of each other in one round trip, with `begin` before and `end` behind them where
    /// these are not empty. The statements only read: where the server refused to begin, and nothing else, they would run
    /// all the same.
    pub(super) async fn ask_each(
        &mut self,
        [begin, end]: [&str; 2],
        asked: &[Asked<'_>],
    ) -> Result<Vec<Answer>, DbError> {
        let mut statements = Vec::with_capacity(asked.len());
        for (sql, _) in asked {
            statements.push(self.statement(sql).await?);
        }
        // Each is sent when it is polled first, and they are polled in this order: no more than `MOST_TOGETHER` where other
        // threads poll the connection.
        let asks = statements.iter().zip(asked);
        let asks = asks.map(|(statement, (_, values))| ask(&self.client, statement, values));
        let all = async {
            Ok(tokio::join!(biased; self.tell_some(begin), join_all(asks), self.tell_some(end)))
        };
        let (begun, told, ended) = self.reply(all).await?;
        begun.map_err(|error| classify(&error))?;
        let told = told.into_iter().map(|told| self.settle(told)).collect();
        ended.map_err(|error| classify(&error)).and(told)
    }

    async fn tell_some(&self, statement: &str) -> Result<(), Error> {
        if statement.is_empty() {
            return Ok(());
        }
        self.client.batch_execute(statement).await
    }

    fn settle(&mut self, told: Result<Answer, Error>) -> Result<Answer, DbError> {
        told.map_err(|error| {
            if is_stale_plan(&error) {
                self.prepared.clear();
                self.batches.clear();
            }
            classify(&error)
        })
    }

    /// The statement, prepared once.
    async fn statement(&mut self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.reply(self.client.prepare(sql)).await?;
        if self.prepared.len() >= MOST_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The statements that write many rows of a table at once.
    pub(super) async fn batch(&mut self, table: &Table) -> Result<Arc<Batch>, DbError> {
        if let Some(batch) = self.batches.get(table) {
            return Ok(Arc::clone(batch));
        }
        let columns = format!("SELECT {} FROM {} LIMIT 0", table.column_list(), table.name);
        let columns = self.reply(self.client.prepare(&columns)).await?;
        let batch = Arc::new(Batch::new(table, columns.columns())?);
        self.batches.insert(*table, Arc::clone(&batch));
        Ok(batch)
    }
}

async fn ask(
    client: &Client,
    statement: &Statement,
    values: &[Bound<'_>],
) -> Result<Answer, Error> {
    let values = values.iter().copied();
    let mut told = pin!(client.query_raw(statement, values).await?);
    let mut rows = Vec::new();
    while let Some(row) = told.try_next().await? {
        rows.push(row);
    }
    let changed = told.rows_affected().unwrap_or(0);
    Ok(Answer { rows, changed })
}
