//! The fold of push reports. Rows that a fold reads before it writes are locked first, in key order, and all folds take
//! the tables in one order: tasks, words, devices; marks and figures, under the lock of their task; counters, in the
//! order of [`crate::tally`]; then of users registrations, days, their parts, points, their parts. So no two folds wait
//! for each other in a circle.

use reportd_db::{DbError, Tx, Value};
use reportd_journal::{Batch, Difference, View};
use reportd_protocol::push::TaskKind;

use crate::compare::compare;
use crate::deed::What;
use crate::figures::TaskFigures;
use crate::gather::{Fact, Gathered};
use crate::marks::{Deed, Devices, Marks, part_of};
use crate::numbers::{Numbers, number, unnumbered};
use crate::schema::{
    ANNOUNCED, DEVICE, DEVICE_FOUND, MARK, TASK, TASK_FIGURES, TASK_FOUND, WORD, WORD_FOUND,
};
use crate::seen::Known;
use crate::tally::Tally;
use crate::users::fold_users;

/// Its name, in positions and metrics.
pub(crate) const VIEW: &str = "push";

/// Devices and words that are remembered; a device takes about a hundred bytes.
const MOST_DEVICES: usize = 200_000;
const MOST_WORDS: usize = 20_000;
/// Parts that are in memory at once.
const PARTS_AT_ONCE: usize = 2_000;

/// The view.
pub struct PushView {
    words: Numbers,
    devices: Numbers,
}

impl Default for PushView {
    fn default() -> Self {
        Self {
            words: Numbers::new(&WORD, &WORD_FOUND, MOST_WORDS),
            devices: Numbers::new(&DEVICE, &DEVICE_FOUND, MOST_DEVICES),
        }
    }
}

impl PushView {
    pub(crate) fn fold(&mut self, tx: &mut Tx<'_>, gathered: &Gathered<'_>) -> Result<(), DbError> {
        let tasks = lock_tasks(tx, gathered)?;
        let words = self.words.resolve(tx, &gathered.words.all)?;
        let devices = self.devices.resolve(tx, &gathered.devices.all)?;
        let mut marked = marked(gathered, &tasks, &words, &devices)?;
        marked.sort_unstable();
        let tally = mark(tx, &marked)?;
        write_figures(tx, gathered, &tasks, &tally)?;
        tally.write(tx)?;
        // Last: the days and points of an app are locked in nearly every fold, and should be so for a short while.
        fold_users(tx, gathered, &devices)
    }
}

impl View for PushView {
    fn name(&self) -> &'static str {
        VIEW
    }

    fn kind(&self) -> reportd_journal::Kind {
        crate::KIND
    }

    fn apply(&mut self, tx: &mut Tx<'_>, batch: &Batch) -> Result<(), DbError> {
        self.fold(tx, &Gathered::of(batch)?)
    }

    fn committed(&mut self) {
        self.words.committed();
        self.devices.committed();
    }

    fn rolled_back(&mut self) {
        self.words.forget();
        self.devices.forget();
    }

    fn compare(
        &self,
        stored: &mut Tx<'_>,
        folded: &mut Tx<'_>,
        tell: &mut dyn FnMut(Difference),
    ) -> Result<(), DbError> {
        compare(stored, folded, tell)
    }
}

/// A task that is locked.
struct Locked {
    no: i64,
    /// What is counted of it, packed.
    figures: String,
}

/// Locks the tasks of a batch, new ones too, and writes what is told of them.
fn lock_tasks(tx: &mut Tx<'_>, gathered: &Gathered<'_>) -> Result<Vec<Locked>, DbError> {
    let tasks = || gathered.tasks.all.iter().zip(&gathered.told);
    let rows: Vec<[Value<'_>; 4]> = tasks()
        .map(|(&(app, task), told)| {
            [
                app.into(),
                task.into(),
                prefix_kind(task).into(),
                told.first_at_ms.into(),
            ]
        })
        .collect();
    tx.insert_new(&TASK, &rows)?;
    let keys: Vec<[Value<'_>; 2]> = tasks()
        .map(|(&(app, task), _)| [app.into(), task.into()])
        .collect();
    let found = tx.find_locked(&TASK_FOUND, &keys)?;
    let mut announced: Vec<[Value<'_>; 6]> = tasks()
        .filter_map(|(&(app, task), told)| {
            let (created_at_ms, group_name, kind) = told.announced?;
            Some([
                app.into(),
                task.into(),
                prefix_kind(task).into(),
                created_at_ms.into(),
                group_name.into(),
                kind_number(kind).into(),
            ])
        })
        .collect();
    tx.upsert(&ANNOUNCED, &mut announced)?;
    let locked = found.into_iter().map(|row| {
        let mut row = row.ok_or_else(unnumbered)?;
        let (no, figures) = (row.int(0)?, row.take_text(1)?);
        Ok(Locked { no, figures })
    });
    locked.collect()
}

/// Adds what is new of tasks that are locked to their figures.
fn write_figures(
    tx: &mut Tx<'_>,
    gathered: &Gathered<'_>,
    tasks: &[Locked],
    tally: &Tally,
) -> Result<(), DbError> {
    let mut written = Vec::new();
    for (&(app, task), locked) in gathered.tasks.all.iter().zip(tasks) {
        if let Some(new) = tally.figures(locked.no) {
            let mut figures = TaskFigures::unpack(&locked.figures)?;
            figures.add(new);
            written.push((app, task, figures.pack()));
        }
    }
    let mut rows: Vec<[Value<'_>; 4]> = (written.iter())
        .map(|(app, task, figures)| {
            [
                (*app).into(),
                (*task).into(),
                prefix_kind(task).into(),
                figures.into(),
            ]
        })
        .collect();
    tx.upsert(&TASK_FIGURES, &mut rows)
}

/// The kind that the id of a task tells; -1 for none.
fn prefix_kind(task: &str) -> i64 {
    TaskKind::from_task_id(task).map_or(-1, kind_number)
}

/// Kinds as they are stored.
pub(crate) fn kind_number(kind: TaskKind) -> i64 {
    i64::try_from(kind.index()).unwrap_or(-1)
}

/// A fact in the numbers of the store, in the order in which marks are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Marked {
    row: Row,
    deed: Deed,
    place: u16,
}

/// A row of marks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    task: i64,
    kind: i64,
    part: i64,
    app: i64,
}

fn marked(
    gathered: &Gathered<'_>,
    tasks: &[Locked],
    words: &[i64],
    devices: &[i64],
) -> Result<Vec<Marked>, DbError> {
    let of_fact = |fact: &Fact| {
        let (part, place) = part_of(number(devices, fact.device)?);
        let what = match fact.what.word() {
            Some(word) => fact
                .what
                .with_word(number(words, u32::try_from(word).unwrap_or(u32::MAX))?),
            None => fact.what,
        };
        let apps = &gathered.tasks.all;
        let (app, _) = apps.get(fact.task as usize).ok_or_else(unnumbered)?;
        let task = tasks.get(fact.task as usize).ok_or_else(unnumbered)?;
        Ok(Marked {
            row: Row {
                task: task.no,
                kind: what.row(),
                part,
                app: i64::from(*app),
            },
            deed: Deed {
                day: fact.day,
                what: what.code(),
            },
            place,
        })
    };
    gathered.facts.iter().map(of_fact).collect()
}

/// Marks what a batch tells, which is in order, and counts what is new.
fn mark(tx: &mut Tx<'_>, marked: &[Marked]) -> Result<Tally, DbError> {
    let mut tally = Tally::default();
    let rows: Vec<&[Marked]> = marked.chunk_by(|a, b| a.row == b.row).collect();
    for rows in rows.chunks(PARTS_AT_ONCE) {
        let key = |marked: &&[Marked]| {
            let row = marked[0].row;
            [row.task.into(), row.kind.into(), row.part.into()]
        };
        let keys: Vec<[Value<'_>; 3]> = rows.iter().map(key).collect();
        let mut written = Vec::new();
        for (marked, stored) in rows.iter().zip(tx.find(&MARK, &keys)?) {
            let stored = stored.map(|mut row| row.take_bytes(0)).transpose()?;
            let marks = Marks::decode(stored.as_deref().unwrap_or_default())
                .ok_or_else(|| DbError::Corrupt("marks that cannot be read".to_owned()))?;
            if let Some(marks) = mark_part(&mut tally, marks, marked)? {
                written.push((key(marked), marks.encode()));
            }
        }
        let mut rows: Vec<[Value<'_>; 4]> = (written.iter())
            .map(|([task, kind, part], bytes)| [*task, *kind, *part, bytes[..].into()])
            .collect();
        tx.upsert(&MARK, &mut rows)?;
    }
    Ok(tally)
}

/// Marks what a batch tells of one row; returns the marks where something is new.
fn mark_part(tally: &mut Tally, marks: Marks, marked: &[Marked]) -> Result<Option<Marks>, DbError> {
    let deeds = || marked.chunk_by(|a, b| a.deed == b.deed);
    let mut known = Known::new(marks, deeds().count());
    let mut has_news = false;
    for of_deed in deeds() {
        let Marked { row, deed, .. } = of_deed[0];
        let mut devices = Devices::default();
        for marked in of_deed {
            devices.insert(marked.place);
        }
        let what = What::read(row.kind, deed.what).ok_or_else(unnumbered)?;
        has_news |= tally.mark((row.app, row.task), (what, deed.day), &mut known, devices);
    }
    Ok(has_news.then(|| known.into_marks()))
}
