//! The counters of a task, packed into one text that stands in its row: so a report of many tasks reads one row for each.
//!
//! `0:9,8,7,6,5;1:0,8,7,6,5` is the total, which is number 0, and the channel of number 1; behind each number stand
//! sendable, sent, received, displayed and clicked. Numbers ascend and have something to count, so equal counters are
//! equal texts; a task of which nothing was counted has the empty one. It is text so that one SQL statement could make it
//! of the rows of older stores, whose journal may be gone, and so that people can read it.

use std::fmt::Write;

use reportd_db::DbError;
use reportd_protocol::push::{Channel, Figures, Funnel, Total};

/// The total and the channels, by their number.
const NUMBERS: usize = Channel::ALL.len() + 1;

/// Sendable, sent, received, displayed and clicked.
type Counters = [i64; 5];

/// The counters of a task, or the sum of those of some.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TaskFigures([Counters; NUMBERS]);

impl TaskFigures {
    /// Reads what [`Self::pack`] wrote.
    pub(crate) fn unpack(text: &str) -> Result<Self, DbError> {
        Self::read(text)
            .ok_or_else(|| DbError::Corrupt("counters of a task that cannot be read".to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let mut figures = Self::default();
        // The least number that may follow.
        let mut next = 0;
        for part in text.split(';').filter(|_| !text.is_empty()) {
            let (number, counters) = part.split_once(':')?;
            let number: usize = number.parse().ok().filter(|number| *number >= next)?;
            let mut counters = counters.split(',');
            for counter in figures.0.get_mut(number)? {
                *counter = counters.next()?.parse().ok()?;
            }
            if counters.next().is_some() {
                return None;
            }
            next = number + 1;
        }
        Some(figures)
    }

    pub(crate) fn pack(&self) -> String {
        let mut text = String::with_capacity(64);
        for (number, counters) in self.0.iter().enumerate() {
            if *counters == Counters::default() {
                continue;
            }
            let [sendable, sent, received, displayed, clicked] = counters;
            let separator = if text.is_empty() { "" } else { ";" };
            let _ = write!(
                text,
                "{separator}{number}:{sendable},{sent},{received},{displayed},{clicked}"
            );
        }
        text
    }

    /// Counts `n` more in a column of a number: 0 for the total, else that of a channel.
    pub(crate) fn count(&mut self, number: usize, column: usize, n: i64) {
        let counters = self.0.get_mut(number);
        if let Some(counter) = counters.and_then(|counters| counters.get_mut(column)) {
            *counter = counter.saturating_add(n);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let others = other.0.as_flattened();
        for (counter, other) in self.0.as_flattened_mut().iter_mut().zip(others) {
            *counter = counter.saturating_add(*other);
        }
    }

    pub(crate) fn total(&self) -> Total {
        total(self.0[0])
    }

    /// The total and the channels with data.
    pub(crate) fn funnel(&self) -> Funnel {
        let channels = Channel::ALL.into_iter().zip(&self.0[1..]);
        let counted = channels.filter(|(_, counters)| **counters != Counters::default());
        Funnel {
            total: self.total(),
            channels: counted
                .map(|(channel, counters)| (channel, total(*counters).figures))
                .collect(),
            ..Funnel::default()
        }
    }
}

fn total([msg_num, target_num, receive_num, display_num, click_num]: Counters) -> Total {
    Total {
        msg_num,
        figures: Figures {
            target_num,
            receive_num,
            display_num,
            click_num,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is counted: numbers of channels, columns, and how many.
    fn counted() -> impl Strategy<Value = Vec<(usize, usize, i64)>> {
        proptest::collection::vec((0..NUMBERS, 0..5_usize, 0..1_000_000_i64), 0..40)
    }

    fn figures(counted: &[(usize, usize, i64)]) -> TaskFigures {
        let mut figures = TaskFigures::default();
        for &(number, column, n) in counted {
            figures.count(number, column, n);
        }
        figures
    }

    proptest! {
        #[test]
        fn counters_read_back_and_add_up(one in counted(), other in counted()) {
            let (mut sum, added) = (figures(&one), figures(&other));
            prop_assert_eq!(&TaskFigures::unpack(&sum.pack()).unwrap(), &sum);
            sum.add(&added);
            prop_assert_eq!(&sum, &figures(&[one, other].concat()));
            let funnel = sum.funnel();
            prop_assert_eq!(funnel.total, sum.total());
            for (channel, of_channel) in funnel.channels {
                let counters = sum.0[channel.index() + 1];
                prop_assert_eq!(of_channel.click_num, counters[4]);
                prop_assert!(counters.iter().any(|n| *n > 0));
            }
        }

        #[test]
        fn any_text_is_counters_or_an_error(text in "[0-9:,;+ x-]{0,40}|\\PC{0,20}") {
            match TaskFigures::unpack(&text) {
                Ok(figures) => {
                    let packed = figures.pack();
                    prop_assert_eq!(TaskFigures::unpack(&packed).unwrap(), figures);
                }
                Err(error) => prop_assert!(matches!(error, DbError::Corrupt(_))),
            }
        }
    }

    #[test]
    fn counters_are_stored_as_they_were() {
        let mut of_task = figures(&[(0, 0, 9), (0, 1, 8), (12, 4, 1)]);
        assert_eq!(of_task.pack(), "0:9,8,0,0,0;12:0,0,0,0,1");
        assert_eq!(TaskFigures::default().pack(), "");
        of_task.add(&TaskFigures::unpack("0:0,9223372036854775807,0,0,0").unwrap());
        assert_eq!(of_task.total().figures.target_num, i64::MAX);
        for wrong in [
            "0:1,2,3,4",
            "0:1,2,3,4,5,6",
            "13:1,2,3,4,5",
            "1:1,2,3,4,5;0:1,2,3,4,5",
            "1:1,2,3,4,5;1:1,2,3,4,5",
            "0:1,2,3,4,5;",
            "0:1,2,3,4,99999999999999999999",
        ] {
            assert!(TaskFigures::unpack(wrong).is_err(), "{wrong}");
        }
    }
}
