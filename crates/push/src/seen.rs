//! Who was seen before: for each counter that a deed feeds, the devices that the marks of its row counted there.
//!
//! A row of few deeds is looked through for each. One with many (a task with thousands of brands, or of days) would cost
//! the square of their number: for it the devices of each counter are kept together, as deeds are added.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::deed::ReachedCode;
use crate::marks::{Deed, Devices, Marks};

/// Deeds up to which a row is looked through.
const FEW: usize = 64;

/// The marks of a row, and what a batch adds to them: deeds in order, each once.
pub(crate) struct Known {
    marks: Marks,
    /// Beside a row of many deeds.
    counted: Option<Counted>,
}

impl Known {
    /// `more` deeds are going to be added.
    pub(crate) fn new(marks: Marks, more: usize) -> Self {
        let has_many = marks.len() + more > FEW;
        Self {
            counted: has_many.then(|| Counted::from(&marks)),
            marks,
        }
    }

    /// All devices of the row.
    pub(crate) fn of_row(&self) -> Devices {
        match &self.counted {
            Some(counted) => counted.of(Counter::Row),
            None => self.marks.of(|_| true),
        }
    }

    /// All devices that did this on any day.
    pub(crate) fn of_what(&self, what: u64) -> Devices {
        match &self.counted {
            Some(counted) => counted.of(Counter::What(what)),
            None => self.marks.of(|known| known.what == what),
        }
    }

    /// All devices that did this.
    pub(crate) fn of_deed(&self, deed: Deed) -> Devices {
        self.marks.of_deed(deed)
    }

    /// Who was seen by the counters that a deed of a stage feeds.
    pub(crate) fn seen(&self, deed: Deed) -> Seen {
        match &self.counted {
            Some(counted) => counted.seen(deed),
            None => Seen::of(&self.marks, deed),
        }
    }

    /// Adds devices to a deed; true where some of them are new to it.
    pub(crate) fn add(&mut self, deed: Deed, devices: Devices) -> bool {
        let Some(counted) = &mut self.counted else {
            return self.marks.add(deed, devices);
        };
        let is_new = !devices.without(self.marks.of_deed(deed)).is_empty();
        if is_new {
            counted.add(deed, devices);
            counted.added.push((deed, devices));
        }
        is_new
    }

    /// The marks with all that was added.
    pub(crate) fn into_marks(self) -> Marks {
        match self.counted {
            Some(counted) => self.marks.merged(counted.added),
            None => self.marks,
        }
    }
}

/// Who was seen before by the counters that a deed feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) total: Devices,
    pub(crate) channel: Devices,
    pub(crate) brand: Devices,
    pub(crate) day_total: Devices,
    pub(crate) day_channel: Devices,
    pub(crate) day_brand: Devices,
    pub(crate) day_quota: Devices,
}

impl Seen {
    fn of(marks: &Marks, deed: Deed) -> Self {
        let asked = ReachedCode::of(deed.what);
        let mut seen = Self::default();
        for (known, devices) in marks.iter() {
            let reached = ReachedCode::of(known.what);
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

/// What devices are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counter {
    Row,
    What(u64),
    Channel(u64),
    /// Channel and brand.
    Brand(u64, u64),
    Day(i64),
    DayChannel(i64, u64),
    DayBrand(i64, u64, u64),
    /// Day, channel and quota.
    DayQuota(i64, u64, u64),
}

impl Counter {
    /// All that a deed may be counted by, whatever its row is about.
    fn of(Deed { day, what }: Deed) -> [Self; 8] {
        let ReachedCode {
            channel,
            quota,
            brand,
        } = ReachedCode::of(what);
        [
            Self::Row,
            Self::What(what),
            Self::Channel(channel),
            Self::Brand(channel, brand),
            Self::Day(day),
            Self::DayChannel(day, channel),
            Self::DayBrand(day, channel, brand),
            Self::DayQuota(day, channel, quota),
        ]
    }
}

/// The devices of each counter.
#[derive(Default)]
struct Counted {
    devices: HashMap<Counter, Devices, RandomState>,
    /// What is not in the marks yet.
    added: Vec<(Deed, Devices)>,
}

impl From<&Marks> for Counted {
    fn from(marks: &Marks) -> Self {
        let mut counted = Self::default();
        for (deed, devices) in marks.iter() {
            counted.add(deed, devices);
        }
        counted
    }
}

impl Counted {
    fn add(&mut self, deed: Deed, devices: Devices) {
        for counter in Counter::of(deed) {
            let known = self.devices.entry(counter).or_default();
            *known = known.union(devices);
        }
    }

    fn of(&self, counter: Counter) -> Devices {
        self.devices.get(&counter).copied().unwrap_or_default()
    }

    fn seen(&self, Deed { day, what }: Deed) -> Seen {
        let ReachedCode {
            channel,
            quota,
            brand,
        } = ReachedCode::of(what);
        Seen {
            total: self.of(Counter::Row),
            channel: self.of(Counter::Channel(channel)),
            brand: self.of(Counter::Brand(channel, brand)),
            day_total: self.of(Counter::Day(day)),
            day_channel: self.of(Counter::DayChannel(day, channel)),
            day_brand: self.of(Counter::DayBrand(day, channel, brand)),
            day_quota: self.of(Counter::DayQuota(day, channel, quota)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(marks: Marks, has_many: bool) -> Known {
        Known::new(marks, if has_many { FEW + 1 } else { 0 })
    }

    proptest! {
        #[test]
        fn a_row_of_many_deeds_tells_what_one_of_few_does(
            deeds in proptest::collection::vec((0..3_i64, 0..0x344_u64, 0..1024_u16), 0..40),
            split in 0..40_usize,
        ) {
            let mut deeds: Vec<_> = deeds
                .into_iter()
                .map(|(day, what, place)| (Deed { day, what: what & 0x333 }, place))
                .collect();
            let before = deeds.split_off(split.min(deeds.len()));
            deeds.sort_unstable();
            let mut marks = Marks::default();
            for &(deed, place) in &before {
                marks.add(deed, Devices::of(&[place]));
            }
            let [mut few, mut many] = [false, true].map(|has_many| known(marks.clone(), has_many));
            for deeds in deeds.chunk_by(|a, b| a.0 == b.0) {
                let deed = deeds[0].0;
                let devices = Devices::of(&deeds.iter().map(|(_, place)| *place).collect::<Vec<_>>());
                prop_assert_eq!(few.seen(deed), many.seen(deed));
                prop_assert_eq!(few.of_row(), many.of_row());
                prop_assert_eq!(few.of_what(deed.what), many.of_what(deed.what));
                prop_assert_eq!(few.of_deed(deed), many.of_deed(deed));
                prop_assert_eq!(few.add(deed, devices), many.add(deed, devices));
            }
            prop_assert_eq!(few.into_marks(), many.into_marks());
        }
    }
}
