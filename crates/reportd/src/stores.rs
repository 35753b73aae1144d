//! Where a server's data is: its folder with the embedded store, or PostgreSQL beside the folder.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use reportd_db::sqlite::{self, files};
use reportd_db::{Database, DbError, Row, postgres};
use reportd_journal::{
    BlockStore, DayFiles, DayTables, SHARED_MIGRATIONS, draw_views_number, serve_views,
    views_number,
};
use reportd_platform::clock::Clock;
use reportd_platform::secret::Secret;

use crate::data_folder::DataFolder;
use crate::kinds::KINDS;
use crate::migration;
use crate::settings::Settings;

/// Connections of a node that the journal has for itself: its writer, the look at other nodes, a replay.
const JOURNAL_CONNECTIONS: usize = 4;
/// Connections for apps, keys and limits at least.
const STATE_CONNECTIONS: usize = 3;
/// The number of the views that a new store begins with.
const FIRST_VIEWS: i64 = 1;
/// Schemas of views, before their number.
const VIEWS_SCHEMA: &str = "reportd_views_";

/// Where the data is.
#[derive(Clone)]
pub(crate) struct Stores {
    pub(crate) folder: DataFolder,
    postgres: Option<Postgres>,
    /// Another store is being brought here.
    is_target: bool,
}

/// A PostgreSQL database, and what a node may take of it.
#[derive(Clone)]
pub(crate) struct Postgres {
    url: Secret,
    connections: usize,
    /// The connections of the journal, once there are some.
    journal: Arc<Mutex<Option<Database>>>,
}

impl Postgres {
    pub(crate) fn new(url: Secret, connections: usize) -> Self {
        Self {
            url,
            connections,
            journal: Arc::default(),
        }
    }

    fn connect(
        &self,
        schema: Option<String>,
        [connections, asking]: [usize; 2],
    ) -> Result<Database, DbError> {
        postgres::open(postgres::Options {
            schema,
            connections,
            asking,
            ..postgres::Options::new(self.url.reveal())
        })
    }

    fn state_connections(&self) -> usize {
        STATE_CONNECTIONS.max(self.connections / 4)
    }

    fn state(&self) -> Result<Database, DbError> {
        self.connect(None, [self.state_connections(), 0])
    }

    fn journal(&self) -> Result<Database, DbError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = &*journal {
            return Ok(db.clone());
        }
        let db = self.connect(None, [JOURNAL_CONNECTIONS, 0])?;
        SHARED_MIGRATIONS.apply(&db)?;
        Ok(journal.insert(db).clone())
    }

    /// The numbers of the views that are there.
    fn views_numbers(&self) -> Result<Vec<i64>, DbError> {
        let sql =
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE 'reportd\\_views\\_%'";
        let rows = self.journal()?.query(sql, &[])?;
        let number = |mut row: Row| {
            let name = row.take_text(0)?;
            Ok(name
                .strip_prefix(VIEWS_SCHEMA)
                .and_then(|number| number.parse().ok()))
        };
        let numbers: Result<Vec<Option<i64>>, DbError> = rows.into_iter().map(number).collect();
        Ok(numbers?.into_iter().flatten().collect())
    }

    /// The views of that number: each rebuild makes a schema of its own.
    fn views(&self, number: i64) -> Result<Database, DbError> {
        let taken = self.state_connections() + JOURNAL_CONNECTIONS;
        let left = self.connections.saturating_sub(taken).max(2);
        // Where two are left, one reads and one writes.
        let asking = (left / 2).min(left - 2);
        self.connect(
            Some(format!("{VIEWS_SCHEMA}{number}")),
            [left - asking, asking],
        )
    }
}

impl Stores {
    /// The stores of the settings; the folder is made where it is missing.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            folder: DataFolder::open(&settings.data)?,
            postgres: settings.postgres(),
            is_target: false,
        })
    }

    /// The stores that are there already: a mistyped name must not become a new store.
    pub(crate) fn existing(settings: &Settings) -> anyhow::Result<Self> {
        let postgres = settings.postgres();
        let folder = if postgres.is_some() {
            DataFolder::at(&settings.data)
        } else {
            DataFolder::existing(&settings.data)?
        };
        Ok(Self {
            folder,
            postgres,
            is_target: false,
        })
    }

    /// The embedded store of a folder.
    pub(crate) fn embedded(folder: DataFolder) -> Self {
        Self {
            folder,
            postgres: None,
            is_target: false,
        }
    }

    /// A database that the embedded store of `folder` is brought to.
    pub(crate) fn target(folder: DataFolder, postgres: Postgres) -> Self {
        Self {
            folder,
            postgres: Some(postgres),
            is_target: true,
        }
    }

    /// True where other nodes may serve the same store.
    pub(crate) fn is_shared(&self) -> bool {
        self.postgres.is_some()
    }

    /// The database as it stands, where there may be nothing of reportd in it; `None` for the embedded store.
    pub(crate) fn bare_database(&self) -> Result<Option<Database>, DbError> {
        let postgres = self.postgres.as_ref();
        postgres.map(Postgres::state).transpose()
    }

    /// The truth that is no journal: apps, keys, registry, rejected requests.
    pub(crate) fn state(&self) -> Result<Database, DbError> {
        let db = match &self.postgres {
            Some(postgres) => postgres.state()?,
            // Moderation writes here all day: a commit that moves the log into the file makes others wait, so it is seldom.
            None => sqlite::open(sqlite::Options {
                checkpoint_bytes: 16 << 20,
                ..sqlite::Options::durable(self.folder.state_file())
            })?,
        };
        reportd_platform::MIGRATIONS.apply(&db)?;
        reportd_console::MIGRATIONS.apply(&db)?;
        for kind in KINDS {
            kind.state_migrations.apply(&db)?;
        }
        if self.is_shared() && !self.is_target {
            migration::refuse_unfinished(&db)?;
        }
        Ok(db)
    }

    /// The number of the views that are served: each rebuild raises it.
    pub(crate) fn views_number(&self) -> anyhow::Result<i64> {
        match &self.postgres {
            Some(postgres) => Ok(views_number(&postgres.journal()?)?),
            None => Ok(self.folder.newest_views()),
        }
    }

    /// The views of a number. The first ones are made where they are missing; later ones a rebuild has made, and they go
    /// when others are served.
    pub(crate) fn views_numbered(&self, number: i64) -> Result<Database, DbError> {
        match &self.postgres {
            Some(postgres) => {
                if number != FIRST_VIEWS && !postgres.views_numbers()?.contains(&number) {
                    let cause = "the views were replaced just now: try again";
                    return Err(DbError::Unavailable(cause.to_owned()));
                }
                with_view_tables(postgres.views(number)?)
            }
            None => self.views_at(&self.folder.views_file(number)),
        }
    }

    /// What is folded from the journal, as it is served.
    pub(crate) fn views(&self) -> anyhow::Result<Database> {
        Ok(self.views_numbered(self.views_number()?)?)
    }

    /// The served views, emptied: before any node serves them.
    pub(crate) fn emptied_views(&self) -> anyhow::Result<Database> {
        let number = self.views_number()?;
        self.drop_views(number)?;
        match &self.postgres {
            Some(postgres) => Ok(with_view_tables(postgres.views(number)?)?),
            None => Ok(self.views_numbered(number)?),
        }
    }

    /// An empty store for views that nobody serves yet, and their number.
    pub(crate) fn new_views(&self) -> anyhow::Result<(i64, Database)> {
        match &self.postgres {
            Some(postgres) => {
                let number = draw_views_number(&postgres.journal()?)?;
                Ok((number, with_view_tables(postgres.views(number)?)?))
            }
            None => {
                let path = self.folder.rebuild_file();
                files::remove(&path)?;
                Ok((self.views_number()? + 1, self.views_at(&path)?))
            }
        }
    }

    /// Lets the views of [`Self::new_views`] be served; false where another rebuild was quicker. Their store must not be
    /// open here.
    pub(crate) fn publish_views(&self, before: i64, number: i64) -> anyhow::Result<bool> {
        match &self.postgres {
            Some(postgres) => Ok(serve_views(&postgres.journal()?, before, number)?),
            None => {
                let (from, to) = (self.folder.rebuild_file(), self.folder.views_file(number));
                std::fs::rename(&from, &to).with_context(|| {
                    format!("{} cannot become {}", from.display(), to.display())
                })?;
                File::open(self.folder.path())?.sync_all()?;
                Ok(true)
            }
        }
    }

    /// Drops the views of [`Self::new_views`], which will not be served.
    pub(crate) fn discard_views(&self, number: i64) -> anyhow::Result<()> {
        match &self.postgres {
            Some(_) => self.drop_views(number),
            None => Ok(files::remove(&self.folder.rebuild_file())?),
        }
    }

    /// Drops views that are no longer served.
    fn drop_views(&self, number: i64) -> anyhow::Result<()> {
        match &self.postgres {
            Some(postgres) => {
                let sql = format!("DROP SCHEMA IF EXISTS {VIEWS_SCHEMA}{number} CASCADE");
                postgres.journal()?.execute(&sql, &[])?;
                Ok(())
            }
            None => Ok(files::remove(&self.folder.views_file(number))?),
        }
    }

    /// Drops the files of views of lower numbers: they were served before. On PostgreSQL other nodes may still do so.
    pub(crate) fn drop_older_views(&self, number: i64) -> anyhow::Result<()> {
        match &self.postgres {
            Some(_) => Ok(()),
            None => self.drop_views_before(number),
        }
    }

    fn drop_views_before(&self, number: i64) -> anyhow::Result<()> {
        let numbers = match &self.postgres {
            Some(postgres) => postgres.views_numbers()?,
            None => self.folder.views_numbers(),
        };
        numbers
            .into_iter()
            .filter(|older| *older < number)
            .try_for_each(|older| self.drop_views(older))
    }

    /// Drops all views before those of `number`, which are served, when the servers have had time to change over: what was
    /// served, and what rebuilds left that were killed, or were slower. Blocks.
    pub(crate) fn leave_views(&self, number: i64, longest_change: Duration) -> anyhow::Result<()> {
        if self.postgres.is_some() {
            std::thread::sleep(longest_change);
        }
        self.drop_views_before(number)
    }

    /// The base of the journal, where days were dropped.
    pub(crate) fn existing_base(&self) -> anyhow::Result<Option<Database>> {
        let is_there = match &self.postgres {
            Some(postgres) => {
                let sql = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'reportd_base'";
                postgres.journal()?.read(|tx| tx.query_int(sql, &[]))? > 0
            }
            None => self.folder.base_file().is_file(),
        };
        Ok(is_there.then(|| self.base()).transpose()?)
    }

    /// A store of views in a file.
    pub(crate) fn views_at(&self, path: &Path) -> Result<Database, DbError> {
        with_view_tables(sqlite::open(sqlite::Options {
            path: path.to_owned(),
            durability: sqlite::Durability::Normal,
            readers: 8,
            checkpoint_bytes: 16 << 20,
            cache_bytes: 32 << 20,
        })?)
    }

    /// The base of the journal: what is left of days that were dropped. Made where it is missing.
    pub(crate) fn base(&self) -> Result<Database, DbError> {
        match &self.postgres {
            Some(postgres) => {
                with_view_tables(postgres.connect(Some("reportd_base".to_owned()), [2, 0])?)
            }
            // What is dropped from the journal must be on disk here.
            None => with_view_tables(sqlite::open(sqlite::Options::durable(
                self.folder.base_file(),
            ))?),
        }
    }

    /// An empty base in place of what is there.
    pub(crate) fn new_base(&self) -> anyhow::Result<Database> {
        match &self.postgres {
            Some(postgres) => {
                let sql = "DROP SCHEMA IF EXISTS reportd_base CASCADE";
                postgres.journal()?.execute(sql, &[])?;
            }
            None => files::remove(&self.folder.base_file())?,
        }
        Ok(self.base()?)
    }

    /// The journal on PostgreSQL, as this node appends to it; `None` for the embedded store.
    pub(crate) fn day_tables(
        &self,
        clock: &Arc<dyn Clock>,
        node: &str,
    ) -> anyhow::Result<Option<Arc<DayTables>>> {
        let Some(postgres) = &self.postgres else {
            return Ok(None);
        };
        let tables = DayTables::open(&postgres.journal()?, Arc::clone(clock), node)?;
        Ok(Some(Arc::new(tables)))
    }

    /// The blocks of the journal, to read.
    pub(crate) fn blocks(&self, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn BlockStore>> {
        match self.day_tables(clock, "")? {
            Some(tables) => Ok(tables),
            None => Ok(Arc::new(DayFiles::open(&self.folder.journal())?)),
        }
    }
}

fn with_view_tables(db: Database) -> Result<Database, DbError> {
    reportd_journal::MIGRATIONS.apply(&db)?;
    for migrate in KINDS.iter().filter_map(|kind| kind.migrate_views) {
        migrate(&db)?;
    }
    Ok(db)
}
