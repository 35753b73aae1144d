//! The census of the groups that have the bot: all of them as a day begins, and each that adds it later in the day.

use reportd_client::protocol::comm::{MAX_ITEMS, OutgoingItem, OutgoingReport};
use reportd_platform::clock::SECOND_MS;

use super::groups::{Group, Groups};
use crate::demo::draw::Draw;
use crate::demo::rhythm::{day, start_of};

const SEED: u64 = 0x6365_6e73;

/// How far the census was told.
#[derive(Debug, Clone)]
pub(super) struct Census {
    until_ms: i64,
}

impl Census {
    /// One that was told up to a time.
    pub(super) fn told_until(until_ms: i64) -> Self {
        Self { until_ms }
    }

    /// One that goes on while the demo runs, where the history ends or, on a later day, with that day. What is told twice
    /// because of it are the same bytes, and counts once.
    pub(super) fn go_on(history_ends_ms: i64, now_ms: i64) -> Self {
        Self::told_until(history_ends_ms.max(start_of(day(now_ms))))
    }

    /// What is to be told up to a time, which the groups must have reached.
    pub(super) fn due(&self, groups: &Groups, to_ms: i64) -> Vec<OutgoingReport> {
        let mut due = Vec::new();
        for day in day(self.until_ms)..=day(to_ms - 1) {
            let begins_ms = start_of(day);
            if (self.until_ms..to_ms).contains(&begins_ms) {
                let all: Vec<&Group> = groups.at(begins_ms).collect();
                let batches = all.chunks(MAX_ITEMS).zip(begins_ms / SECOND_MS..);
                due.extend(batches.map(|(batch, ts)| report(ts, batch)));
            }
        }
        let added = groups.added(self.until_ms, to_ms);
        due.extend(added.map(|group| report(group.added_ms / SECOND_MS, &[group])));
        due
    }

    /// Notes that all that was due up to a time is told.
    pub(super) fn tell(&mut self, to_ms: i64) {
        self.until_ms = self.until_ms.max(to_ms);
    }
}

fn report(ts: i64, groups: &[&Group]) -> OutgoingReport {
    let nonce = Draw::of(SEED, ts.unsigned_abs()).next();
    let report = OutgoingReport::new(ts, format!("{nonce:016x}"));
    groups.iter().fold(report, |report, group| {
        let subscriptions = group.subscriptions_at(ts * SECOND_MS);
        report.item(OutgoingItem::group_census(group.gid, subscriptions))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reportd_platform::clock::{HOUR_MS, MINUTE_MS};

    use super::*;

    /// Groups by the day of their reports.
    fn listed(due: &[OutgoingReport], of_day: i64) -> BTreeSet<i64> {
        let due = due.iter();
        let due = due.filter(|report| day(report.ts * SECOND_MS) == of_day);
        due.flat_map(|report| report.data_list.iter().filter_map(|item| item.gid))
            .collect()
    }

    #[test]
    fn each_day_that_passes_has_a_census_and_groups_come_and_go() {
        let mut groups = Groups::new((100, 129));
        let mut census = Census::go_on(start_of(129) + 20 * HOUR_MS, start_of(129) + 20 * HOUR_MS);
        let mut told = Vec::new();
        let mut now_ms = start_of(129) + 20 * HOUR_MS;
        while now_ms < start_of(136) {
            now_ms += 37 * MINUTE_MS;
            groups.pass_to(day(now_ms));
            told.extend(census.due(&groups, now_ms));
            census.tell(now_ms);
        }
        let mut lost = 0;
        for day in 131..=135 {
            let (before, listed) = (listed(&told, day - 1), listed(&told, day));
            let added: BTreeSet<i64> = groups
                .added(start_of(day), start_of(day + 1))
                .map(|group| group.gid)
                .collect();
            let gained: BTreeSet<i64> = listed.difference(&before).copied().collect();
            assert_eq!(gained, added, "{day}");
            assert!(!gained.is_empty() && listed.len() > 350, "{day}");
            lost += before.difference(&listed).count();
        }
        assert!(lost > 0);
        let bodies: BTreeSet<_> = told.iter().map(OutgoingReport::to_json).collect();
        assert_eq!(bodies.len(), told.len(), "something was told twice");
    }

    #[test]
    fn a_start_on_a_later_day_tells_that_day_and_another_start_nothing_else() {
        let ends_ms = start_of(129) + 20 * HOUR_MS;
        let mut groups = Groups::new((100, 129));
        let now_ms = start_of(133) + 10 * HOUR_MS;
        groups.pass_to(133);
        let due = |now_ms| Census::go_on(ends_ms, now_ms).due(&groups, now_ms);
        let first = due(now_ms);
        assert_eq!(
            listed(&first, 133).len(),
            groups.at(start_of(133)).count() + groups.added(start_of(133), now_ms).count()
        );
        assert!(first.iter().all(|report| day(report.ts * SECOND_MS) == 133));
        let again = due(now_ms + HOUR_MS);
        assert!(first.iter().all(|report| again.contains(report)));
    }
}
