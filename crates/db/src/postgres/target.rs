//! Where to connect to, and what a new connection is told.

use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::Options;
use super::failure::connecting;
use super::link::Link;
use super::tls::{Tls, take_from_url};
use super::wire::Wire;
use crate::DbError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than the server's own limit a reply is waited for: then the host has vanished.
const REPLY_GRACE: Duration = Duration::from_secs(5);
/// How long what was sent may stay without a sign of the host before the connection is given up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// A statement waits so long for a row that another one holds.
const LOCK_TIMEOUT_MS: u32 = 10_000;
/// A transaction that does nothing for so long is ended by the server: a node that was stopped in the middle of a fold
/// must not hold its locks.
const IDLE_IN_TRANSACTION_MS: u32 = 5_000;
/// The server cuts longer names.
const MOST_NAME_BYTES: usize = 63;

/// Where to connect to.
pub(super) struct Target {
    config: Config,
    /// How a connection is encrypted, where the URL asks for it.
    tls: Option<Tls>,
    schema: Option<String>,
    /// What a new connection is told first.
    settings: String,
    /// How long a reply is waited for.
    deadline: Option<Duration>,
}

impl Target {
    pub(super) fn new(options: &Options) -> Result<Self, DbError> {
        if let Some(schema) = &options.schema {
            check_schema(schema)?;
        }
        let limit = options.statement_timeout;
        let (config, tls) = config(options)?;
        Ok(Self {
            config,
            tls,
            schema: options.schema.clone(),
            settings: settings(options),
            deadline: (!limit.is_zero()).then(|| limit + REPLY_GRACE),
        })
    }

    /// Asks what may be asked twice: again, on a new connection, where this one turns out to be closed.
    pub(super) fn ask_again<T>(
        &self,
        link: &mut Link,
        ask: impl Fn(&mut Link) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let told = ask(link);
        if told.is_err() && !link.is_connected() {
            *link = self.connect()?;
            return ask(link);
        }
        told
    }

    pub(super) fn connect(&self) -> Result<Link, DbError> {
        Link::new(self.wire(()))
    }

    /// Connects on the runtime of the caller, which polls the connection. `place` is kept as long as it is open.
    pub(super) async fn wire(&self, place: impl Send + 'static) -> Result<Wire, DbError> {
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(1);
        // Finding the address of a host has no limit of its own.
        let limit = CONNECT_TIMEOUT * (hosts + 1);
        let connect = async {
            let connect = async {
                match &self.tls {
                    Some(tls) => self.connect_by(tls.clone(), place).await,
                    None => self.connect_by(NoTls, place).await,
                }
            };
            let connected = tokio::time::timeout(limit, connect).await;
            connected.unwrap_or_else(|_| {
                Err(DbError::Unavailable(
                    "PostgreSQL does not answer".to_owned(),
                ))
            })
        };
        let wire = Wire::new(connect.await?, self.deadline);
        wire.tell(&self.settings).await?;
        Ok(wire)
    }

    async fn connect_by<T>(&self, tls: T, place: impl Send + 'static) -> Result<Client, DbError>
    where
        T: MakeTlsConnect<Socket, Stream: Send + 'static>,
    {
        let connected = self.config.connect(tls).await;
        let (client, connection) = connected.map_err(|error| connecting(&error))?;
        // What ends it is told by the calls on the client.
        tokio::spawn(async {
            connection.await.unwrap_or_default();
            drop(place);
        });
        Ok(client)
    }

    /// Looks whether the database can be used, and makes the schema where it is missing.
    pub(super) fn prepare_database(&self, link: &mut Link) -> Result<(), DbError> {
        let mut first_text = |sql: &str| {
            let mut rows = link.ask(sql, &[])?.rows()?;
            rows.first_mut().map(|row| row.take_text(0)).transpose()
        };
        let encoding = first_text("SELECT current_setting('server_encoding')")?;
        if encoding.as_deref() != Some("UTF8") {
            return Err(DbError::Statement(
                "the database does not hold UTF-8: make one with ENCODING 'UTF8'".to_owned(),
            ));
        }
        let Some(schema) = &self.schema else {
            return Ok(());
        };
        // Looked for first: to make one asks for a right that the user of one that is there may not have.
        let is_there =
            format!("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = '{schema}'");
        if first_text(&is_there)?.is_some() {
            return Ok(());
        }
        let made = link.tell(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
        match made {
            // Another node made it at the same moment: «if not exists» does not cover that.
            Err(DbError::Conflict(_)) => Ok(()),
            told => told,
        }
    }
}

fn config(options: &Options) -> Result<(Config, Option<Tls>), DbError> {
    // The parser's own message may hold a part of the URL, and so of the password.
    let malformed = || {
        DbError::Statement(
            "the URL of PostgreSQL cannot be read: expected postgres://user:password@host:port/database, special \
             characters written as %xx"
                .to_owned(),
        )
    };
    let is_url = ["postgres://", "postgresql://"];
    if !is_url.iter().any(|scheme| options.url.starts_with(scheme)) {
        return Err(malformed());
    }
    let (url, tls) = take_from_url(&options.url)?;
    let mut config: Config = url.parse().map_err(|_| malformed())?;
    let mode = if tls.is_some() {
        SslMode::Require
    } else {
        SslMode::Disable
    };
    config.ssl_mode(mode);
    if config.get_application_name().is_none() {
        config.application_name(&options.application_name);
    }
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(UNACKNOWLEDGED)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3);
    Ok((config, tls))
}

fn check_schema(name: &str) -> Result<(), DbError> {
    let is_part =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
    if (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_part) {
        return Ok(());
    }
    Err(DbError::Statement(format!(
        "schema «{name}»: expected 1 to {MOST_NAME_BYTES} of a to z, 0 to 9 and _"
    )))
}

fn settings(options: &Options) -> String {
    let statement_ms = options.statement_timeout.as_millis();
    // One plan a statement, whatever its values are: to plan costs more than most of them, and tests see what is run.
    let mut settings = format!(
        "SET plan_cache_mode = force_generic_plan; SET statement_timeout = {statement_ms}; SET lock_timeout = {LOCK_TIMEOUT_MS}; \
         SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}; SET synchronous_commit = on; \
         SET client_min_messages = warning; SET TimeZone = 'UTC'"
    );
    if let Some(schema) = &options.schema {
        settings.push_str(&format!("; SET search_path = \"{schema}\""));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str, schema: Option<&str>) -> Option<String> {
        let mut options = Options::new(url);
        options.schema = schema.map(str::to_owned);
        let refused = Target::new(&options).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn no_refusal_tells_the_password() {
        for url in [
            "postgres://me:geheim@host:port/db",
            "postgres://me:x@host/db?geheim=1",
            "postgres://me:geheim@host/db?sslmode=geheim",
            "postgres://me:geheim@host/db?sslmode=verify-ca",
            "postgres://me:geheim@host/db?sslmode=require&sslrootcert=/nowhere",
            "mysql://me:geheim@host/db",
            "host=h password=geheim",
        ] {
            let told = refusal(url, None).unwrap_or_else(|| panic!("{url} is taken"));
            assert!(!told.contains("heim"), "{url}: {told}");
        }
        let shown = format!("{:?}", Options::new("postgres://me:geheim@host/db"));
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        for name in ["", "Views", "a b", "a\"; DROP", &"a".repeat(64)] {
            let told = refusal("postgres://host/db", Some(name)).unwrap();
            assert!(told.contains("expected 1 to 63"), "{told}");
        }
    }
}
