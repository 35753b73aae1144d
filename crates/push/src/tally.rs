//! What a batch adds to the counters, summed up in memory before a row is touched.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use reportd_db::{DbError, Table, Tx, Value};

use crate::gather::stage;
use crate::marks::{Deed, Devices, Marks};
use crate::schema::{
    DAY_COUNT, DAY_LOSS, QUOTA_COUNT, TASK_ACTION, TASK_COUNT, TASK_DAY, TASK_LOSS,
};

/// Rows that one statement is given: few enough to stay in the processor's cache.
const ROWS_AT_ONCE: usize = 256;

/// Sums by key.
type Sums<const K: usize, const N: usize> = HashMap<[i64; K], [i64; N], RandomState>;

/// What a batch adds.
#[derive(Default)]
pub(crate) struct Tally {
    /// By task, brand, channel.
    tasks: Sums<3, 5>,
    /// By task, day.
    task_days: Sums<2, 5>,
    /// By task, action.
    actions: Sums<2, 1>,
    /// By task, phase, channel, reason.
    task_losses: Sums<4, 1>,
    /// By app, day, brand, channel.
    days: Sums<4, 5>,
    /// By app, day, phase, channel, reason.
    day_losses: Sums<5, 1>,
    /// By app, day, channel, quota.
    quotas: Sums<4, 2>,
}

/// What a deed of a stage is about.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reached {
    channel: u64,
    quota: u64,
    brand: u64,
}

impl Reached {
    fn of(what: u64) -> Self {
        Self {
            channel: what & 0xf,
            quota: what >> 4 & 0xf,
            brand: what >> 8,
        }
    }
}

/// Writes what a fact of a stage is about as one number.
pub(crate) fn what_of(stage: u8, detail: u32, word: i64) -> u64 {
    let (detail, word) = (u64::from(detail), word.unsigned_abs());
    match stage {
        stage::ACTION => word,
        stage::SENT..=stage::CLICKED => detail | word << 8,
        _ => detail,
    }
}

/// What a fact of a stage is about, taken apart: the detail, and the number of the word or 0.
pub(crate) fn word_of(stage: i64, what: u64) -> (u64, i64) {
    match u8::try_from(stage) {
        Ok(stage::ACTION) => (0, what.cast_signed()),
        Ok(stage::SENT..=stage::CLICKED) => (what & 0xff, (what >> 8).cast_signed()),
        _ => (what, 0),
    }
}

impl Tally {
    /// Marks that devices of a part did something, and counts those that are new to each counter. Returns true where
    /// something is new.
    pub(crate) fn mark(
        &mut self,
        (app, task, stage): (i64, i64, u8),
        marks: &mut Marks,
        deed: Deed,
        devices: Devices,
    ) -> bool {
        match stage {
            stage::SENDABLE => self.sendable((app, task), marks, deed, devices),
            stage::ACTION => self.action(task, marks, deed, devices),
            stage::LOST => self.lost((app, task), marks, deed, devices),
            _ => self.reached((app, task, usize::from(stage)), marks, deed, devices),
        }
        marks.add(deed, devices)
    }

    fn sendable(&mut self, (app, task): (i64, i64), marks: &Marks, deed: Deed, devices: Devices) {
        let new = devices.without(marks.of(|_| true)).count();
        let new_today = devices.without(marks.of(|known| known == deed)).count();
        add(&mut self.tasks, [task, 0, 0], 0, new);
        add(&mut self.task_days, [task, deed.day], 0, new_today);
        add(&mut self.days, [app, deed.day, 0, 0], 0, new_today);
    }

    fn action(&mut self, task: i64, marks: &Marks, deed: Deed, devices: Devices) {
        let new = devices.without(marks.of(|known| known == deed)).count();
        add(&mut self.actions, [task, deed.what.cast_signed()], 0, new);
    }

    fn lost(&mut self, (app, task): (i64, i64), marks: &Marks, deed: Deed, devices: Devices) {
        let what = deed.what;
        let (channel, phase, reason) = (channel_number(what & 0xf), what >> 4 & 0xf, what >> 8);
        let (phase, reason) = (phase.cast_signed(), reason.cast_signed());
        let new = devices
            .without(marks.of(|known| known.what == what))
            .count();
        let new_today = devices.without(marks.of(|known| known == deed)).count();
        add(
            &mut self.task_losses,
            [task, phase, channel, reason],
            0,
            new,
        );
        let key = [app, deed.day, phase, channel, reason];
        add(&mut self.day_losses, key, 0, new_today);
    }

    fn reached(
        &mut self,
        (app, task, stage): (i64, i64, usize),
        marks: &Marks,
        deed: Deed,
        devices: Devices,
    ) {
        let (reached, day) = (Reached::of(deed.what), deed.day);
        let seen = Seen::of(marks, deed);
        let new = |seen| devices.without(seen).count();
        let channel = channel_number(reached.channel);
        add(&mut self.tasks, [task, 0, 0], stage, new(seen.total));
        add(
            &mut self.tasks,
            [task, 0, channel],
            stage,
            new(seen.channel),
        );
        add(&mut self.task_days, [task, day], stage, new(seen.day_total));
        add(&mut self.days, [app, day, 0, 0], stage, new(seen.day_total));
        add(
            &mut self.days,
            [app, day, 0, channel],
            stage,
            new(seen.day_channel),
        );
        if reached.brand != 0 {
            let brand = reached.brand.cast_signed();
            add(
                &mut self.tasks,
                [task, brand, channel],
                stage,
                new(seen.brand),
            );
            add(
                &mut self.days,
                [app, day, brand, channel],
                stage,
                new(seen.day_brand),
            );
        }
        if reached.quota != 0 {
            let key = [app, day, channel, reached.quota.cast_signed() - 1];
            let column = stage - usize::from(stage::SENT);
            add(&mut self.quotas, key, column, new(seen.day_quota));
        }
    }

    /// Writes the sums, table by table, rows in key order.
    pub(crate) fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        write::<3, 5, 8>(tx, &TASK_COUNT, self.tasks)?;
        write::<2, 5, 7>(tx, &TASK_DAY, self.task_days)?;
        write::<2, 1, 3>(tx, &TASK_ACTION, self.actions)?;
        write::<4, 1, 5>(tx, &TASK_LOSS, self.task_losses)?;
        write::<4, 5, 9>(tx, &DAY_COUNT, self.days)?;
        write::<5, 1, 6>(tx, &DAY_LOSS, self.day_losses)?;
        write::<4, 2, 6>(tx, &QUOTA_COUNT, self.quotas)
    }
}

/// Channels are numbered from 1 in counters: 0 is the total.
fn channel_number(index: u64) -> i64 {
    index.cast_signed() + 1
}

fn add<const K: usize, const N: usize>(sums: &mut Sums<K, N>, key: [i64; K], column: usize, n: i64)
where
    [i64; K]: Hash + Eq,
{
    if n != 0
        && let Some(sum) = sums.entry(key).or_insert([0; N]).get_mut(column)
    {
        *sum += n;
    }
}

/// Who was seen before by the counters that a deed feeds.
#[derive(Default)]
struct Seen {
    total: Devices,
    channel: Devices,
    brand: Devices,
    day_total: Devices,
    day_channel: Devices,
    day_brand: Devices,
    day_quota: Devices,
}

impl Seen {
    fn of(marks: &Marks, deed: Deed) -> Self {
        let asked = Reached::of(deed.what);
        let mut seen = Self::default();
        for (known, devices) in marks.iter() {
            let reached = Reached::of(known.what);
            let is_today = known.day == deed.day;
            let join = |into: &mut Devices, today: &mut Devices| {
                *into = into.union(devices);
                if is_today {
                    *today = today.union(devices);
                }
            };
            join(&mut seen.total, &mut seen.day_total);
            if reached.channel == asked.channel {
                join(&mut seen.channel, &mut seen.day_channel);
                if reached.brand == asked.brand {
                    join(&mut seen.brand, &mut seen.day_brand);
                }
                if is_today && reached.quota == asked.quota {
                    seen.day_quota = seen.day_quota.union(devices);
                }
            }
        }
        seen
    }
}

fn write<const K: usize, const N: usize, const W: usize>(
    tx: &mut Tx<'_>,
    table: &Table,
    sums: Sums<K, N>,
) -> Result<(), DbError>
where
    [i64; K]: Hash + Eq + Ord,
{
    let mut rows: Vec<[Value<'_>; W]> = sums
        .into_iter()
        .map(|(key, sums)| {
            let mut values = key.into_iter().chain(sums);
            std::array::from_fn(|_| values.next().unwrap_or(0).into())
        })
        .collect();
    rows.sort_unstable();
    rows.chunks_mut(ROWS_AT_ONCE)
        .try_for_each(|rows| tx.upsert(table, rows))
}
