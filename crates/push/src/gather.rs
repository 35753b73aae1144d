//! What a batch tells, taken apart: tasks, words and devices are collected once each, and everything else names them by
//! their place in these collections until the store has given them numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_db::DbError;
use reportd_journal::Batch;
use reportd_platform::AppNo;
use reportd_protocol::push::{Channel, TaskKind};

use crate::deed::What;
use crate::entry::{CidList, Decoder, Record, RecordOf};

/// Names by app, each with its place in order of occurrence.
#[derive(Default)]
pub(crate) struct Names<'a> {
    places: HashMap<(AppNo, &'a str), u32, RandomState>,
    pub(crate) all: Vec<(AppNo, &'a str)>,
}

impl<'a> Names<'a> {
    fn place(&mut self, app: AppNo, name: &'a str) -> u32 {
        let all = &mut self.all;
        *self.places.entry((app, name)).or_insert_with(|| {
            all.push((app, name));
            u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// That a device reached something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fact {
    /// Place among the tasks.
    pub(crate) task: u32,
    /// Its brand or action is named by its place among the words.
    pub(crate) what: What,
    pub(crate) day: i64,
    /// Place among the devices.
    pub(crate) device: u32,
}

/// An announcement of a task: the greatest wins.
pub(crate) type Announced<'a> = (i64, &'a str, TaskKind);

/// What is told of a task itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    /// The least time of an event; the greatest number where there was none.
    pub(crate) first_at_ms: i64,
    pub(crate) announced: Option<Announced<'a>>,
}

/// A presence of a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presence {
    pub(crate) app: AppNo,
    pub(crate) device: u32,
    pub(crate) at_ms: i64,
    pub(crate) day: i64,
    pub(crate) is_online: bool,
}

/// What a batch tells.
#[derive(Default)]
pub(crate) struct Gathered<'a> {
    pub(crate) tasks: Names<'a>,
    /// For each task.
    pub(crate) told: Vec<Told<'a>>,
    pub(crate) words: Names<'a>,
    pub(crate) devices: Names<'a>,
    pub(crate) facts: Vec<Fact>,
    /// Devices that register: the earliest time and its day.
    pub(crate) registered: HashMap<u32, (i64, i64), RandomState>,
    pub(crate) presences: Vec<Presence>,
}

impl<'a> Gathered<'a> {
    /// Takes a batch apart.
    pub(crate) fn of(batch: &'a Batch) -> Result<Self, DbError> {
        let mut gathered = Self::default();
        for entry in batch.entries() {
            let sequence = entry.sequence;
            let unreadable =
                || DbError::Corrupt(format!("entry {sequence} of kind push cannot be read"));
            gathered
                .add_entry(entry.app, entry.payload)
                .ok_or_else(unreadable)?;
        }
        Ok(gathered)
    }

    /// Adds what an entry tells; `None` where it cannot be read.
    pub(crate) fn add_entry(&mut self, app: AppNo, payload: &'a [u8]) -> Option<()> {
        let mut decoder = Decoder::new(payload)?;
        while let Some(record) = decoder.next_record()? {
            self.add(app, &record);
        }
        Some(())
    }

    fn add(&mut self, app: AppNo, record: &Record<'a>) {
        let (at_ms, day) = (record.at_ms, record.day);
        match &record.of {
            RecordOf::Task {
                task,
                kind,
                group_name,
            } => {
                let place = self.task(app, task, i64::MAX);
                if let Some(told) = self.told.get_mut(place as usize) {
                    told.announced = told.announced.max(Some((at_ms, *group_name, *kind)));
                }
            }
            RecordOf::Receipt(receipt) => {
                if let Some(of) = receipt.counted_as() {
                    self.add(app, &Record { at_ms, day, of });
                }
            }
            RecordOf::Device { cid, .. } => {
                let device = self.devices.place(app, cid);
                let earliest = self.registered.entry(device).or_insert((at_ms, day));
                *earliest = (*earliest).min((at_ms, day));
            }
            RecordOf::Presence { cid, is_online } => {
                let presence = Presence {
                    app,
                    device: self.devices.place(app, cid),
                    at_ms,
                    day,
                    is_online: *is_online,
                };
                self.presences.push(presence);
            }
            of => self.add_fact(app, (at_ms, day), of),
        }
    }

    fn add_fact(&mut self, app: AppNo, (at_ms, day): (i64, i64), of: &RecordOf<'a>) {
        let (task, what, cids) = match of {
            RecordOf::Sendable { task, cids } => (task, What::Sendable, cids.clone()),
            RecordOf::Reached {
                task,
                cids,
                stage,
                channel,
                brand,
                quota,
            } => {
                // Only the channel gt is told apart by brand.
                let has_brand = *channel == Channel::Gt && !brand.is_empty();
                let what = What::Reached {
                    stage: *stage,
                    channel: *channel,
                    quota: *quota,
                    brand: has_brand.then(|| self.words.place(app, brand).into()),
                };
                (task, what, cids.clone())
            }
            RecordOf::Lost {
                task,
                cids,
                channel,
                phase,
                reason,
            } => {
                let what = What::Lost {
                    channel: *channel,
                    phase: *phase,
                    reason: *reason,
                };
                (task, what, cids.clone())
            }
            RecordOf::Action { task, cid, action } => {
                let action = self.words.place(app, action).into();
                (task, What::Action { action }, CidList::one(cid))
            }
            _ => return,
        };
        // An action counts once whatever the day.
        let day = match what {
            What::Action { .. } => 0,
            _ => day,
        };
        let task = self.task(app, task, at_ms);
        for cid in cids {
            let device = self.devices.place(app, cid);
            self.facts.push(Fact {
                task,
                what,
                day,
                device,
            });
        }
    }

    /// The place of a task that has an event at `at_ms`.
    fn task(&mut self, app: AppNo, task: &'a str, at_ms: i64) -> u32 {
        let place = self.tasks.place(app, task);
        self.told.resize(
            self.tasks.all.len(),
            Told {
                first_at_ms: i64::MAX,
                announced: None,
            },
        );
        if let Some(told) = self.told.get_mut(place as usize) {
            told.first_at_ms = told.first_at_ms.min(at_ms);
        }
        place
    }
}
