//! The groups that the bot is in: when they added it, when some removed it, and how busy they are.

use crate::demo::draw::{Draw, place};
use crate::traffic::gid;

/// Groups that have the bot at the end.
const GROUPS: usize = 400;
const SEED: u64 = 0x6772_6f75;
const FIRST_CHANNEL: u64 = 7_310_000_000;
const FIRST_PERSON: i64 = 884_000_000;
/// Before any day of the history.
const LONG_AGO: i64 = 0;

/// A group.
pub(super) struct Group {
    pub(super) gid: i64,
    number: u64,
    added_on: i64,
    removed_on: i64,
    /// How busy it is, next to others.
    weight: u64,
    channels: u64,
    people: u64,
    subscriptions: u64,
    /// The first uploader that it follows.
    taste: u64,
}

impl Group {
    fn new(number: u64, added_on: i64) -> Self {
        let mut draw = Draw::of(SEED, number);
        let busy = draw.below(1_000);
        Self {
            gid: gid(number),
            number,
            added_on,
            removed_on: i64::MAX,
            // A few are very busy, most are not.
            weight: 6 + 400_000 / (900 + busy * busy / 60),
            channels: 1 + draw.skewed(6),
            people: 12 + draw.skewed(480),
            subscriptions: 2 + draw.skewed(16),
            taste: draw.skewed(140),
        }
    }

    fn is_there(&self, day: i64) -> bool {
        (self.added_on..self.removed_on).contains(&day)
    }

    /// People subscribe to one more now and then.
    pub(super) fn subscriptions_on(&self, day: i64) -> u64 {
        let weeks = (day - self.added_on.max(day - 28)).unsigned_abs() / 7;
        self.subscriptions + (weeks * (self.number % 3)) / 2
    }

    pub(super) fn channel(&self, draw: &mut Draw) -> String {
        (FIRST_CHANNEL + self.number * 16 + draw.skewed(self.channels)).to_string()
    }

    pub(super) fn uploader(&self, draw: &mut Draw) -> u64 {
        self.taste + draw.skewed(self.subscriptions) * 3
    }

    pub(super) fn person(&self, draw: &mut Draw) -> i64 {
        let person = self.number * 1_000 + draw.skewed(self.people);
        FIRST_PERSON + person.cast_signed()
    }
}

/// All groups that ever had the bot.
pub(super) struct Groups {
    all: Vec<Group>,
    /// Sums of weights of those that are there at the end, for a quick pick.
    sums: Vec<(u64, usize)>,
}

impl Groups {
    /// Those of a history from its first to its last day.
    pub(super) fn new((first, last): (i64, i64)) -> Self {
        let mut draw = Draw::of(SEED, 0);
        let days: Vec<(i64, usize, usize)> = (first + 1..=last)
            .map(|day| (day, place(1 + draw.below(5)), place(draw.below(4))))
            .collect();
        let gained: usize = days.iter().map(|(_, gained, _)| gained).sum();
        let lost: usize = days.iter().map(|(_, _, lost)| lost).sum();
        let at_first = GROUPS + lost - gained;
        let mut all: Vec<Group> = (0..at_first as u64)
            .map(|number| Group::new(number, LONG_AGO))
            .collect();
        for (day, gained, lost) in days {
            for _ in 0..lost {
                // Quiet groups lose interest, as a rule.
                let candidates: Vec<usize> = (0..4)
                    .map(|_| place(draw.below(all.len() as u64)))
                    .collect();
                let there = candidates.into_iter().filter(|&at| all[at].is_there(day));
                let quietest = there.min_by_key(|&at| all[at].weight);
                let leaves = quietest.or_else(|| all.iter().position(|group| group.is_there(day)));
                if let Some(at) = leaves {
                    all[at].removed_on = day;
                }
            }
            for _ in 0..gained {
                all.push(Group::new(all.len() as u64, day));
            }
        }
        let mut sum = 0;
        let there = all.iter().enumerate();
        let sums = there
            .filter(|(_, group)| group.removed_on == i64::MAX)
            .map(|(at, group)| {
                sum += group.weight;
                (sum, at)
            })
            .collect();
        Self { all, sums }
    }

    /// Those of a day.
    pub(super) fn on(&self, day: i64) -> impl Iterator<Item = &Group> {
        self.all.iter().filter(move |group| group.is_there(day))
    }

    /// A group of that day, busy ones more often.
    pub(super) fn pick(&self, draw: &mut Draw, day: i64) -> &Group {
        // Who has removed the bot meanwhile was hardly ever busy.
        if draw.happens(30) {
            let at = place(draw.below(self.all.len() as u64));
            if self.all[at].is_there(day) {
                return &self.all[at];
            }
        }
        let most = self.sums.last().map_or(1, |(sum, _)| *sum);
        loop {
            let drawn = draw.below(most);
            let at = self.sums.partition_point(|(sum, _)| *sum <= drawn);
            let group = &self.all[self.sums[at].1];
            if group.is_there(day) {
                return group;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_ends_in_400_groups_and_loses_some_on_the_way() {
        let groups = Groups::new((100, 129));
        assert_eq!(groups.on(129).count(), GROUPS);
        assert!((320..400).contains(&groups.on(100).count()));
        let lost = groups.all.iter().filter(|group| group.removed_on < 130);
        assert!(lost.count() > 20);
        let mut draw = Draw::of(1, 1);
        for day in [100, 115, 129] {
            assert!((0..200).all(|_| groups.pick(&mut draw, day).is_there(day)));
        }
    }
}
