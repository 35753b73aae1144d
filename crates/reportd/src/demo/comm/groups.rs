//! The groups that the bot is in: when they added it, when some removed it, and how busy they are.

use reportd_platform::clock::{DAY_MS, HOUR_MS};

use crate::demo::draw::{Draw, place};
use crate::demo::rhythm::{day, start_of};
use crate::traffic::gid;

/// Groups that have the bot at the end of the history.
const GROUPS: usize = 400;
const SEED: u64 = 0x6772_6f75;
const CHANGES_SEED: u64 = 0x6368_616e;
const FIRST_CHANNEL: u64 = 7_310_000_000;
const FIRST_PERSON: i64 = 884_000_000;
/// Before any day of the history.
const LONG_AGO: i64 = 0;
const STILL_THERE: i64 = i64::MAX;

/// A group.
pub(super) struct Group {
    pub(super) gid: i64,
    number: u64,
    pub(super) added_ms: i64,
    removed_ms: i64,
    /// How busy it is, next to others.
    weight: u64,
    channels: u64,
    people: u64,
    subscriptions: u64,
    /// The first uploader that it follows.
    taste: u64,
}

impl Group {
    fn new(number: u64, added_ms: i64) -> Self {
        let mut draw = Draw::of(SEED, number);
        let busy = draw.below(1_000);
        Self {
            gid: gid(number),
            number,
            added_ms,
            removed_ms: STILL_THERE,
            // A few are very busy, most are not.
            weight: 6 + 400_000 / (900 + busy * busy / 60),
            channels: 1 + draw.skewed(6),
            people: 12 + draw.skewed(480),
            subscriptions: 2 + draw.skewed(16),
            taste: draw.skewed(140),
        }
    }

    fn is_there(&self, at_ms: i64) -> bool {
        (self.added_ms..self.removed_ms).contains(&at_ms)
    }

    /// People subscribe to one more now and then.
    pub(super) fn subscriptions_at(&self, at_ms: i64) -> u64 {
        let since_ms = self.added_ms.max(at_ms - 28 * DAY_MS);
        let weeks = (day(at_ms) - day(since_ms)).unsigned_abs() / 7;
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

/// How many groups add the bot on a day, and how many remove it.
struct Changes {
    gained: usize,
    lost: usize,
    draw: Draw,
}

impl Changes {
    /// Those of a day of the demo; its first is 0.
    fn of(number: i64) -> Self {
        let mut draw = Draw::of(CHANGES_SEED, number.unsigned_abs());
        Self {
            gained: place(1 + draw.below(5)),
            lost: place(draw.below(4)),
            draw,
        }
    }
}

/// All groups that ever had the bot. They change slowly, and go on to change after the history.
pub(super) struct Groups {
    all: Vec<Group>,
    /// Sums of weights of those that are there at the end, for a quick pick.
    sums: Vec<(u64, usize)>,
    first_day: i64,
    /// The last day whose changes are known.
    last_day: i64,
}

impl Groups {
    /// Those of a history from its first to its last day.
    pub(super) fn new((first, last): (i64, i64)) -> Self {
        let (gained, lost) = (first + 1..=last)
            .map(|day| Changes::of(day - first))
            .fold((0, 0), |(gained, lost), of_day| {
                (gained + of_day.gained, lost + of_day.lost)
            });
        let at_first = (GROUPS + lost - gained) as u64;
        let mut groups = Self {
            all: (0..at_first)
                .map(|number| Group::new(number, LONG_AGO))
                .collect(),
            sums: Vec::new(),
            first_day: first,
            last_day: first,
        };
        groups.pass_to(last);
        groups
    }

    /// Lets days pass, up to the end of this one.
    pub(super) fn pass_to(&mut self, day: i64) {
        for day in self.last_day + 1..=day {
            self.change(day);
        }
        self.last_day = self.last_day.max(day);
        let mut sum = 0;
        let there = self.all.iter().enumerate();
        self.sums = there
            .filter(|(_, group)| group.removed_ms == STILL_THERE)
            .map(|(at, group)| {
                sum += group.weight;
                (sum, at)
            })
            .collect();
    }

    fn change(&mut self, day: i64) {
        let Changes {
            gained,
            lost,
            mut draw,
        } = Changes::of(day - self.first_day);
        for _ in 0..lost {
            // Quiet groups lose interest, as a rule.
            let candidates: Vec<usize> = (0..4)
                .map(|_| place(draw.below(self.all.len() as u64)))
                .collect();
            let is_there = |at: &usize| self.all[*at].removed_ms == STILL_THERE;
            let quietest = candidates.into_iter().filter(is_there);
            let quietest = quietest.min_by_key(|&at| self.all[at].weight);
            let leaves = quietest.or_else(|| (0..self.all.len()).find(is_there));
            if let Some(at) = leaves {
                self.all[at].removed_ms = awake(&mut draw, day);
            }
        }
        for _ in 0..gained {
            let added_ms = awake(&mut draw, day);
            self.all.push(Group::new(self.all.len() as u64, added_ms));
        }
    }

    /// Those of a time.
    pub(super) fn at(&self, at_ms: i64) -> impl Iterator<Item = &Group> {
        self.all.iter().filter(move |group| group.is_there(at_ms))
    }

    /// Those that added the bot in an interval.
    pub(super) fn added(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = &Group> {
        let added = move |group: &&Group| (from_ms..to_ms).contains(&group.added_ms);
        self.all.iter().filter(added)
    }

    /// A group of that time, busy ones more often.
    pub(super) fn pick(&self, draw: &mut Draw, at_ms: i64) -> &Group {
        // Who has removed the bot meanwhile was hardly ever busy.
        if draw.happens(30) {
            let at = place(draw.below(self.all.len() as u64));
            if self.all[at].is_there(at_ms) {
                return &self.all[at];
            }
        }
        let most = self.sums.last().map_or(1, |(sum, _)| *sum);
        loop {
            let drawn = draw.below(most);
            let at = self.sums.partition_point(|(sum, _)| *sum <= drawn);
            let group = &self.all[self.sums[at].1];
            if group.is_there(at_ms) {
                return group;
            }
        }
    }
}

/// A time of that day at which people are awake.
fn awake(draw: &mut Draw, day: i64) -> i64 {
    start_of(day) + draw.between(7 * HOUR_MS, 24 * HOUR_MS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_ends_in_400_groups_and_loses_some_on_the_way() {
        let groups = Groups::new((100, 129));
        let end_of = |day: i64| start_of(day + 1) - 1;
        assert_eq!(groups.at(end_of(129)).count(), GROUPS);
        assert!((320..400).contains(&groups.at(end_of(100)).count()));
        let lost = groups.all.iter();
        let lost = lost.filter(|group| group.removed_ms != STILL_THERE);
        assert!(lost.count() > 20);
        let mut draw = Draw::of(1, 1);
        for day in [100, 115, 129] {
            let at_ms = start_of(day) + 9 * HOUR_MS;
            assert!((0..200).all(|_| groups.pick(&mut draw, at_ms).is_there(at_ms)));
        }
    }

    #[test]
    fn days_after_the_history_change_the_groups_and_leave_the_history_as_it_was() {
        let (mut grown, known) = (Groups::new((100, 129)), Groups::new((100, 129)));
        grown.pass_to(140);
        let gids = |groups: &Groups, at_ms| groups.at(at_ms).map(|group| group.gid).collect();
        for day in 100..=129 {
            let [grown, known]: [Vec<i64>; 2] =
                [&grown, &known].map(|groups| gids(groups, start_of(day)));
            assert_eq!(grown, known, "{day}");
        }
        for day in 129..140 {
            let (from_ms, to_ms) = (start_of(day), start_of(day + 1));
            let added: Vec<i64> = grown.added(from_ms, to_ms).map(|group| group.gid).collect();
            let there: Vec<i64> = gids(&grown, to_ms);
            assert!((1..=5).contains(&added.len()), "{day}");
            assert!(added.iter().all(|gid| there.contains(gid)), "{day}");
        }
        let all: Vec<i64> = gids(&grown, start_of(140));
        assert!(gids(&grown, start_of(130)) != all);
        assert!(
            grown
                .all
                .iter()
                .all(|group| group.added_ms < group.removed_ms)
        );
    }
}
