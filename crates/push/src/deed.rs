//! What a device did with a push, as it is told and as the numbers that marks keep of it.

use reportd_protocol::push::{Channel, Phase, Quota, Reason, Stage};

/// What a device did with a push. Brands and actions are named by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Sendable,
    Reached {
        stage: Stage,
        channel: Channel,
        quota: Option<Quota>,
        brand: Option<i64>,
    },
    Action {
        action: i64,
    },
    Lost {
        channel: Channel,
        phase: Phase,
        reason: Reason,
    },
}

/// The four lowest bits of a row's number; stages follow `SENT` by their index.
const SENDABLE: i64 = 0;
const SENT: i64 = 1;
const CLICKED: i64 = 4;
const ACTION: i64 = 5;
const LOST: i64 = 6;

impl What {
    /// The number of the rows of marks that it stands in. Stages never ask for each other, and an action of a task never for
    /// another: each has rows of its own, so that none grows with the others.
    pub(crate) fn row(self) -> i64 {
        match self {
            Self::Sendable => SENDABLE,
            Self::Reached { stage, .. } => SENT + index(stage.index()).cast_signed(),
            Self::Action { action } => ACTION | action << 4,
            Self::Lost { .. } => LOST,
        }
    }

    /// Its number among what stands in its rows.
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Sendable | Self::Action { .. } => 0,
            Self::Reached {
                channel,
                quota,
                brand,
                ..
            } => {
                let quota = quota.map_or(0, |quota| index(quota.index()) + 1);
                index(channel.index()) | quota << 4 | brand.unwrap_or(0).cast_unsigned() << 8
            }
            Self::Lost {
                channel,
                phase,
                reason,
            } => index(channel.index()) | index(phase.index()) << 4 | u64::from(reason.code()) << 8,
        }
    }

    /// What [`Self::row`] and [`Self::code`] say; `None` where they say nothing.
    pub(crate) fn read(row: i64, code: u64) -> Option<Self> {
        let ReachedCode {
            channel,
            quota,
            brand,
        } = ReachedCode::of(code);
        let channel = one_of(&Channel::ALL, channel);
        Some(match row & 0xf {
            SENDABLE => Self::Sendable,
            kind @ SENT..=CLICKED => Self::Reached {
                stage: one_of(&Stage::ALL, (kind - SENT).cast_unsigned())?,
                channel: channel?,
                quota: match quota.checked_sub(1) {
                    None => None,
                    Some(place) => Some(one_of(&Quota::ALL, place)?),
                },
                brand: Some(brand.cast_signed()).filter(|brand| *brand != 0),
            },
            ACTION => Self::Action { action: row >> 4 },
            LOST => Self::Lost {
                channel: channel?,
                phase: one_of(&Phase::ALL, quota)?,
                reason: Reason::from_code(brand.cast_signed())?,
            },
            _ => return None,
        })
    }

    /// The number of its brand or action.
    pub(crate) fn word(self) -> Option<i64> {
        match self {
            Self::Reached { brand, .. } => brand,
            Self::Action { action } => Some(action),
            Self::Sendable | Self::Lost { .. } => None,
        }
    }

    /// The same with another number for its brand or action.
    pub(crate) fn with_word(mut self, number: i64) -> Self {
        match &mut self {
            Self::Reached {
                brand: Some(word), ..
            }
            | Self::Action { action: word } => *word = number,
            _ => {}
        }
        self
    }
}

/// The code of a stage, taken apart as far as counting needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReachedCode {
    pub(crate) channel: u64,
    pub(crate) quota: u64,
    pub(crate) brand: u64,
}

impl ReachedCode {
    pub(crate) fn of(code: u64) -> Self {
        Self {
            channel: code & 0xf,
            quota: code >> 4 & 0xf,
            brand: code >> 8,
        }
    }
}

/// Indices of the vocabulary are below 16.
fn index(index: usize) -> u64 {
    index as u64 & 0xf
}

fn one_of<T: Copy>(all: &[T], place: u64) -> Option<T> {
    all.get(usize::try_from(place).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_what_was_done() {
        let mut all = vec![What::Sendable, What::Action { action: 1 << 40 }];
        for channel in Channel::ALL {
            for stage in Stage::ALL {
                let quotas = Quota::ALL.map(Some).into_iter().chain([None]);
                all.extend(quotas.map(|quota| What::Reached {
                    stage,
                    channel,
                    quota,
                    brand: quota.map(|_| 70_000),
                }));
            }
            for phase in Phase::ALL {
                all.extend(Reason::all().map(|reason| What::Lost {
                    channel,
                    phase,
                    reason,
                }));
            }
        }
        for what in all {
            assert_eq!(What::read(what.row(), what.code()), Some(what));
            let renamed = what.with_word(9);
            assert_eq!(renamed.word(), what.word().map(|_| 9));
        }
        assert_eq!(What::read(LOST, 0), None);
        assert_eq!(What::read(7, 0), None);
    }
}
