//! One connection, with its runtime and what it has prepared.

use std::cell::Cell;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::batch::Batch;
use super::failure::{classify, is_stale_plan};
use super::types::row;
use crate::{DbError, Row, Table, pool};

/// Prepared statements kept per connection: lists of many lengths make many texts that are never used again.
const MOST_PREPARED: usize = 256;

/// What binds to the placeholders of a statement.
pub(super) type Bound<'a> = &'a (dyn ToSql + Sync);

/// A statement and its values.
pub(super) type Asked<'a> = (&'a str, &'a [Bound<'a>]);

/// A connection.
pub(super) struct Link {
    client: Client,
    /// Polls the connection while a call waits. None only while it is dropped.
    runtime: Option<Runtime>,
    deadline: Option<Duration>,
    /// A reply did not come in time, so the next one could be an answer to what was asked before.
    is_lost: Cell<bool>,
    is_in_transaction: Cell<bool>,
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

impl Link {
    /// Connects on a runtime of its own.
    pub(super) fn new(
        connect: impl Future<Output = Result<Client, DbError>>,
        deadline: Option<Duration>,
    ) -> Result<Self, DbError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        let client = match runtime.block_on(connect) {
            Ok(client) => client,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        Ok(Self {
            client,
            runtime: Some(runtime),
            deadline,
            is_lost: Cell::new(false),
            is_in_transaction: Cell::new(false),
            prepared: HashMap::new(),
            batches: HashMap::new(),
        })
    }

    /// Waits for a reply on this thread.
    fn wait<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, DbError> {
        let gone = || DbError::Unavailable("the connection to PostgreSQL is gone".to_owned());
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        let told = runtime.block_on(async {
            match self.deadline {
                Some(deadline) => tokio::time::timeout(deadline, call).await,
                None => Ok(call.await),
            }
        });
        let Ok(told) = told else {
            self.is_lost.set(true);
            return Err(DbError::Unavailable(
                "PostgreSQL does not answer".to_owned(),
            ));
        };
        told.map_err(|error| classify(&error))
    }

    /// False where the server has closed the connection, as far as this side was told: nothing is sent.
    pub(super) fn is_connected(&self) -> bool {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(take_turns());
        }
        !self.is_lost.get() && !self.client.is_closed()
    }

    /// Runs statements without values, one after the other.
    pub(super) fn tell(&self, statements: &str) -> Result<(), DbError> {
        self.wait(self.client.batch_execute(statements))
    }

    /// Runs a statement, in the transaction that is open or as one of its own.
    pub(super) fn ask(&mut self, sql: &str, values: &[Bound<'_>]) -> Result<Answer, DbError> {
        let statement = self.statement(sql)?;
        let told = self.wait(async { Ok(ask(&self.client, &statement, values).await) })?;
        self.settle(told)
    }

    /// Runs statements that need nothing of each other, in one round trip, in the transaction that is open or each as one of
    /// its own.
    pub(super) fn ask_each(&mut self, asked: &[Asked<'_>]) -> Result<Vec<Answer>, DbError> {
        self.all_in_one(None, asked)
    }

    /// Begins a transaction.
    pub(super) fn begin(&self, begin: &str) -> Result<(), DbError> {
        self.is_in_transaction.set(true);
        self.tell(begin)
    }

    /// [`Self::begin`] and [`Self::ask_each`] in one round trip. The statements only read: where the server refused to
    /// begin, and nothing else, they would run all the same.
    pub(super) fn begin_and_ask(
        &mut self,
        begin: &str,
        asked: &[Asked<'_>],
    ) -> Result<Vec<Answer>, DbError> {
        self.all_in_one(Some(begin), asked)
    }

    fn all_in_one(
        &mut self,
        begin: Option<&str>,
        asked: &[Asked<'_>],
    ) -> Result<Vec<Answer>, DbError> {
        let statements = asked.iter().map(|(sql, _)| self.statement(sql));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        if begin.is_some() {
            self.is_in_transaction.set(true);
        }
        let begin = async {
            match begin {
                Some(begin) => self.client.batch_execute(begin).await,
                None => Ok(()),
            }
        };
        // Each is sent when it is polled first, and they are polled in this order.
        let asks = statements.iter().zip(asked);
        let asks = asks.map(|(statement, (_, values))| ask(&self.client, statement, values));
        let all = async { tokio::join!(biased; begin, join_all(asks)) };
        let (begun, told) = self.wait(async { Ok(all.await) })?;
        begun.map_err(|error| classify(&error))?;
        told.into_iter().map(|told| self.settle(told)).collect()
    }

    /// Ends the transaction by COMMIT or ROLLBACK.
    pub(super) fn end(&self, end: &str) -> Result<(), DbError> {
        if self.is_in_transaction.get() {
            self.tell(end)?;
            self.is_in_transaction.set(false);
        }
        Ok(())
    }

    /// Ends a transaction that only read, and does not wait for the reply: nothing depends on it, and the connection
    /// reads it before that of the next statement.
    pub(super) fn end_unheard(&self) {
        let Some(runtime) = self
            .runtime
            .as_ref()
            .filter(|_| self.is_in_transaction.get())
        else {
            return;
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = self.client.batch_execute("COMMIT") => {}
                () = take_turns() => {}
            }
        });
        self.is_in_transaction.set(false);
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
    pub(super) fn statement(&mut self, sql: &str) -> Result<Statement, DbError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        if self.prepared.len() >= MOST_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The statements that write many rows of a table at once.
    pub(super) fn batch(&mut self, table: &Table) -> Result<Arc<Batch>, DbError> {
        if let Some(batch) = self.batches.get(table) {
            return Ok(Arc::clone(batch));
        }
        let columns = format!("SELECT {} FROM {} LIMIT 0", table.column_list(), table.name);
        let columns = self.wait(self.client.prepare(&columns))?;
        let batch = Arc::new(Batch::new(table, columns.columns())?);
        self.batches.insert(*table, Arc::clone(&batch));
        Ok(batch)
    }
}

/// Lets the connection run once: the first turn looks at the socket, in the second it writes and reads what it can.
async fn take_turns() {
    yield_now().await;
    yield_now().await;
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

impl pool::Link for Link {
    fn is_reusable(&self) -> bool {
        !self.is_lost.get() && !self.is_in_transaction.get() && !self.client.is_closed()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Never waits: a handle may be dropped on an async thread.
            runtime.shutdown_background();
        }
    }
}
