//! What a batch adds to the counters, summed up in memory before a row is touched.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use reportd_db::{DbError, Table, Tx, Value};
use reportd_protocol::push::Channel;

use crate::deed::{ReachedCode, What};
use crate::figures::TaskFigures;
use crate::marks::{Deed, Devices};
use crate::schema::{
    DAY_COUNT, DAY_LOSS, QUOTA_COUNT, TASK_ACTION, TASK_COUNT, TASK_DAY, TASK_LOSS,
};
use crate::seen::Known;

/// Rows that one statement is given: few enough to stay in the processor's cache.
const ROWS_AT_ONCE: usize = 256;

/// Sums by key.
type Sums<const K: usize, const N: usize> = HashMap<[i64; K], [i64; N], RandomState>;

/// What a batch adds.
#[derive(Default)]
pub(crate) struct Tally {
    /// By task.
    figures: HashMap<i64, TaskFigures, RandomState>,
    /// By task, brand, channel.
    brands: Sums<3, 5>,
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

impl Tally {
    /// Marks that devices of a part did something, and counts those that are new to each counter. Returns true where
    /// something is new.
    pub(crate) fn mark(
        &mut self,
        of: (i64, i64),
        (what, day): (What, i64),
        known: &mut Known,
        devices: Devices,
    ) -> bool {
        let deed = Deed {
            day,
            what: what.code(),
        };
        match what {
            What::Sendable => self.sendable(of, known, deed, devices),
            What::Action { action } => {
                let new = devices.without(known.of_deed(deed)).count();
                add(&mut self.actions, [of.1, action], 0, new);
            }
            What::Lost {
                channel,
                phase,
                reason,
            } => {
                let reason = [
                    index(phase.index()),
                    channel_number(channel),
                    i64::from(reason.code()),
                ];
                self.lost(of, reason, known, deed, devices);
            }
            What::Reached { stage, .. } => {
                self.reached(of, stage.index() + 1, known, deed, devices);
            }
        }
        known.add(deed, devices)
    }

    fn sendable(&mut self, (app, task): (i64, i64), known: &Known, deed: Deed, devices: Devices) {
        let new = devices.without(known.of_row()).count();
        let new_today = devices.without(known.of_deed(deed)).count();
        self.count(task, 0, &[(0, new)]);
        add(&mut self.task_days, [task, deed.day], 0, new_today);
        add(&mut self.days, [app, deed.day, 0, 0], 0, new_today);
    }

    fn lost(
        &mut self,
        (app, task): (i64, i64),
        [phase, channel, reason]: [i64; 3],
        known: &Known,
        deed: Deed,
        devices: Devices,
    ) {
        let new = devices.without(known.of_what(deed.what));
        let new_today = devices.without(known.of_deed(deed));
        let key = [task, phase, channel, reason];
        add(&mut self.task_losses, key, 0, new.count());
        let key = [app, deed.day, phase, channel, reason];
        add(&mut self.day_losses, key, 0, new_today.count());
    }

    /// `column` is that of the stage among the five counters.
    fn reached(
        &mut self,
        (app, task): (i64, i64),
        column: usize,
        known: &Known,
        deed: Deed,
        devices: Devices,
    ) {
        let (reached, day) = (ReachedCode::of(deed.what), deed.day);
        let seen = known.seen(deed);
        let new = |seen| devices.without(seen).count();
        let channel = reached.channel.cast_signed() + 1;
        let counted = [(0, new(seen.total)), (channel, new(seen.channel))];
        self.count(task, column, &counted);
        let key = [task, day];
        add(&mut self.task_days, key, column, new(seen.day_total));
        let days = &mut self.days;
        add(days, [app, day, 0, 0], column, new(seen.day_total));
        add(days, [app, day, 0, channel], column, new(seen.day_channel));
        if reached.brand != 0 {
            let brand = reached.brand.cast_signed();
            let key = [task, brand, channel];
            add(&mut self.brands, key, column, new(seen.brand));
            let key = [app, day, brand, channel];
            add(days, key, column, new(seen.day_brand));
        }
        if reached.quota != 0 {
            let key = [app, day, channel, reached.quota.cast_signed() - 1];
            add(&mut self.quotas, key, column - 1, new(seen.day_quota));
        }
    }

    /// Counts what is new of a task in a column: by number, 0 for the total or that of a channel.
    fn count(&mut self, task: i64, column: usize, counted: &[(i64, i64)]) {
        let news = counted.iter().filter(|(_, n)| *n != 0);
        for &(number, n) in news {
            let figures = self.figures.entry(task).or_default();
            figures.count(usize::try_from(number).unwrap_or(usize::MAX), column, n);
        }
    }

    /// What is new of a task, without its brands; `None` where nothing is.
    pub(crate) fn figures(&self, task: i64) -> Option<&TaskFigures> {
        self.figures.get(&task)
    }

    /// Writes the sums, table by table, rows in key order: all but what [`Self::figures`] tells.
    pub(crate) fn write(self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        write::<3, 5, 8>(tx, &TASK_COUNT, self.brands)?;
        write::<2, 5, 7>(tx, &TASK_DAY, self.task_days)?;
        write::<2, 1, 3>(tx, &TASK_ACTION, self.actions)?;
        write::<4, 1, 5>(tx, &TASK_LOSS, self.task_losses)?;
        write::<4, 5, 9>(tx, &DAY_COUNT, self.days)?;
        write::<5, 1, 6>(tx, &DAY_LOSS, self.day_losses)?;
        write::<4, 2, 6>(tx, &QUOTA_COUNT, self.quotas)
    }
}

/// Channels are numbered from 1 in counters: 0 is the total.
fn channel_number(channel: Channel) -> i64 {
    index(channel.index()) + 1
}

fn index(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
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
