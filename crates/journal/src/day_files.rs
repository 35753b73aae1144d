//! The embedded store's journal: one SQLite file a day (UTC, by time of arrival), blocks only.
//!
//! A file is named for its day, so dropping a day is deleting a file. A file is opened when it is first written or read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reportd_db::migrate::Migrations;
use reportd_db::{Database, sqlite};
use reportd_platform::clock::DAY_MS;
use reportd_platform::zones::{day_text, parse_day};

use crate::LOCAL_STREAM;
use crate::day_blocks::{
    DayBlocks, DayPlaces, DayTable, KeptByDay, NAMES, block_columns, day_of, values,
};
use crate::store::{BlockReader, BlockStore, JournalError, RawBlock, StreamEnd};

const MIGRATIONS: Migrations = Migrations {
    set: "journal",
    texts: &[concat!("CREATE TABLE block ", block_columns!(), ";\n")],
};

/// The table of blocks in each file.
const TABLE: &str = "block";
/// Files that are kept open.
const MOST_OPEN_FILES: usize = 8;

/// The journal in a folder of day files.
pub struct DayFiles {
    blocks: DayBlocks<Folder>,
}

impl DayFiles {
    /// Opens the folder, and makes it where it is missing.
    pub fn open(folder: &Path) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder).map_err(|error| file_error(folder, &error))?;
        let folder = Folder {
            folder: folder.to_owned(),
            open: Mutex::default(),
            passed_over: Mutex::default(),
        };
        Ok(Self {
            blocks: DayBlocks::new(folder),
        })
    }
}

/// The folder and its open files.
pub(crate) struct Folder {
    folder: PathBuf,
    open: Mutex<BTreeMap<i64, Database>>,
    /// Days that readers pass over, whatever there is of their files: this process began to make one and could not, or the
    /// day was dropped, and who was about to read it may have made an empty file in its place.
    passed_over: Mutex<BTreeSet<i64>>,
}

impl Folder {
    fn opened(&self) -> MutexGuard<'_, BTreeMap<i64, Database>> {
        lock(&self.open)
    }

    fn path(&self, day: i64) -> PathBuf {
        self.folder.join(format!("{}.db", day_text(day)))
    }

    /// The file of `day` to write to, made where there is none. Where that fails (disk full) reads pass over what is left
    /// of it.
    fn file_to_append(&self, day: i64) -> Result<Database, JournalError> {
        if let Some(db) = self.opened().get(&day) {
            return Ok(db.clone());
        }
        let is_unmade = lock(&self.passed_over).contains(&day) || !self.path(day).exists();
        let file = self.file(day);
        match &file {
            Ok(_) => lock(&self.passed_over).remove(&day),
            Err(_) if is_unmade => lock(&self.passed_over).insert(day),
            Err(_) => false,
        };
        file
    }

    fn file(&self, day: i64) -> Result<Database, JournalError> {
        if let Some(db) = self.opened().get(&day) {
            return Ok(db.clone());
        }
        let db = sqlite::open(sqlite::Options {
            checkpoint_bytes: 16 << 20,
            cache_bytes: 4 << 20,
            readers: 2,
            ..sqlite::Options::durable(self.path(day))
        })?;
        MIGRATIONS.apply(&db)?;
        let mut open = self.opened();
        while open.len() >= MOST_OPEN_FILES {
            open.pop_first();
        }
        Ok(open.entry(day).or_insert(db).clone())
    }

    fn newest_open(&self) -> Option<Database> {
        self.opened().last_key_value().map(|(_, db)| db.clone())
    }
}

impl DayPlaces for Folder {
    fn days(&self) -> Result<Vec<i64>, JournalError> {
        let entries =
            std::fs::read_dir(&self.folder).map_err(|error| file_error(&self.folder, &error))?;
        let mut days: Vec<i64> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| parse_day(entry.file_name().to_str()?.strip_suffix(".db")?).ok())
            .collect();
        days.sort_unstable();
        let passed_over = lock(&self.passed_over);
        days.retain(|day| !passed_over.contains(day));
        Ok(days)
    }

    fn table(&self, day: i64) -> Result<Option<DayTable>, JournalError> {
        if lock(&self.passed_over).contains(&day) {
            return Ok(None);
        }
        // To open a file that is not there would make it.
        if !self.opened().contains_key(&day) && !self.path(day).exists() {
            return Ok(None);
        }
        Ok(Some(DayTable {
            db: self.file(day)?,
            name: TABLE.to_owned(),
        }))
    }

    fn place(&self, day: i64) -> String {
        self.path(day).display().to_string()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file_error(path: &Path, error: &std::io::Error) -> JournalError {
    JournalError::File {
        place: path.display().to_string(),
        cause: error.to_string(),
    }
}

impl KeptByDay for DayFiles {
    type Places = Folder;

    fn blocks(&self) -> &DayBlocks<Folder> {
        &self.blocks
    }
}

impl BlockStore for DayFiles {
    fn begin(&self) -> Result<StreamEnd, JournalError> {
        let last = self.last(LOCAL_STREAM)?;
        Ok(last.map_or(StreamEnd::empty(LOCAL_STREAM), |last| StreamEnd::of(&last)))
    }

    fn ends(&self) -> Result<Vec<StreamEnd>, JournalError> {
        Ok(vec![self.begin()?])
    }

    fn append(&self, block: &RawBlock) -> Result<(), JournalError> {
        let places = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11";
        let sql = format!("INSERT INTO {TABLE} ({NAMES}) VALUES ({places})");
        let file = self.blocks.places.file_to_append(day_of(block))?;
        file.execute(&sql, &values(block))?;
        Ok(())
    }

    fn drop_day(&self, day: i64) -> Result<(), JournalError> {
        let folder = &self.blocks.places;
        lock(&folder.passed_over).insert(day);
        folder.opened().remove(&day);
        self.blocks.forget_day(day);
        let path = folder.path(day);
        sqlite::files::remove(&path).map_err(|error| {
            lock(&folder.passed_over).remove(&day);
            file_error(&path, &error)
        })
    }

    fn probe(&self, now_ms: i64) -> Result<(), JournalError> {
        let touch = "UPDATE schema_migration SET number = number";
        let folder = &self.blocks.places;
        let newest = folder
            .newest_open()
            .map_or_else(|| folder.file_to_append(now_ms.div_euclid(DAY_MS)), Ok)?;
        newest.execute(touch, &[])?;
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), JournalError> {
        let newest = self.blocks.places.newest_open();
        newest.map_or(Ok(()), |db| Ok(db.checkpoint()?))
    }

    fn disk_bytes(&self) -> u64 {
        let sizes = std::fs::read_dir(&self.blocks.places.folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        sizes
            .filter_map(|entry| entry.metadata().ok())
            .map(|meta| meta.len())
            .sum()
    }
}
