//! Reading an entry.

use reportd_journal::Reader;
use reportd_protocol::push::{Channel, Phase, Quota, Reason, Stage, TaskKind};

use super::{VERSION, meaning, tag};

/// An entry that is being read.
#[derive(Debug, Clone)]
pub(crate) struct Decoder<'a> {
    reader: Reader<'a>,
    texts: Vec<&'a str>,
    at_ms: i64,
    day: i64,
}

/// An event as it was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Record<'a> {
    /// When it happened; of a task, when that was created.
    pub(crate) at_ms: i64,
    /// That day in the app's zone.
    pub(crate) day: i64,
    pub(crate) of: RecordOf<'a>,
}

/// What an event tells. An empty brand or group name is none.
#[derive(Debug, Clone)]
pub(crate) enum RecordOf<'a> {
    Task {
        task: &'a str,
        kind: TaskKind,
        group_name: &'a str,
    },
    Sendable {
        task: &'a str,
        cids: CidList<'a>,
    },
    Reached {
        task: &'a str,
        cids: CidList<'a>,
        stage: Stage,
        channel: Channel,
        brand: &'a str,
        quota: Option<Quota>,
    },
    Action {
        task: &'a str,
        cid: &'a str,
        action: &'a str,
    },
    Lost {
        task: &'a str,
        cids: CidList<'a>,
        channel: Channel,
        phase: Phase,
        reason: Reason,
    },
    Device {
        cid: &'a str,
        brand: &'a str,
    },
    Presence {
        cid: &'a str,
        is_online: bool,
    },
    Receipt(StoredReceipt<'a>),
}

/// A receipt with what it meant when it was accepted.
#[derive(Debug, Clone)]
pub(crate) struct StoredReceipt<'a> {
    pub(crate) task: &'a str,
    pub(crate) cid: &'a str,
    pub(crate) msg_id: &'a str,
    pub(crate) code: i64,
    pub(crate) desc: &'a str,
    pub(crate) action: &'a str,
    pub(crate) channel: Option<Channel>,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Nothing,
    Reached(Stage, Channel),
    Action,
}

impl<'a> StoredReceipt<'a> {
    /// The event that it counts as; `None` where it does not count.
    pub(crate) fn counted_as(&self) -> Option<RecordOf<'a>> {
        match self.meaning {
            Meaning::Nothing => None,
            Meaning::Reached(stage, channel) => Some(RecordOf::Reached {
                task: self.task,
                cids: CidList::one(self.cid),
                stage,
                channel,
                brand: "",
                quota: None,
            }),
            Meaning::Action => Some(RecordOf::Action {
                task: self.task,
                cid: self.cid,
                action: self.action,
            }),
        }
    }
}

/// The devices of an event.
#[derive(Debug, Clone)]
pub(crate) struct CidList<'a> {
    one: Option<&'a str>,
    left: u64,
    many: Reader<'a>,
}

impl<'a> CidList<'a> {
    pub(crate) fn one(cid: &'a str) -> Self {
        Self {
            one: Some(cid),
            left: 0,
            many: Reader::new(&[]),
        }
    }
}

impl<'a> Iterator for CidList<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if let Some(one) = self.one.take() {
            return Some(one);
        }
        // All were read when the list was found.
        self.left = self.left.checked_sub(1)?;
        self.many.text()
    }
}

impl<'a> Decoder<'a> {
    /// `None` where the bytes are no entry of this room.
    pub(crate) fn new(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        (reader.byte()? == VERSION).then_some(Self {
            reader,
            texts: Vec::new(),
            at_ms: 0,
            day: 0,
        })
    }

    /// The next event, `Some(None)` at the end; `None` where the bytes end too soon or are none of this room's.
    #[expect(clippy::option_option, reason = "an end and a fault are two things")]
    pub(crate) fn next_record(&mut self) -> Option<Option<Record<'a>>> {
        if self.reader.is_empty() {
            return Some(None);
        }
        let tag = self.reader.byte()?;
        self.at_ms = self.at_ms.checked_add(self.reader.signed()?)?;
        self.day = self.day.checked_add(self.reader.signed()?)?;
        let of = self.record(tag)?;
        Some(Some(Record {
            at_ms: self.at_ms,
            day: self.day,
            of,
        }))
    }

    fn record(&mut self, tag: u8) -> Option<RecordOf<'a>> {
        Some(match tag {
            tag::TASK => RecordOf::Task {
                task: self.text()?,
                kind: self.one_of(&TaskKind::ALL)?,
                group_name: self.text()?,
            },
            tag::SENDABLE => RecordOf::Sendable {
                task: self.text()?,
                cids: self.cids()?,
            },
            tag::REACHED => RecordOf::Reached {
                task: self.text()?,
                stage: self.one_of(&Stage::ALL)?,
                channel: self.one_of(&Channel::ALL)?,
                brand: self.text()?,
                quota: self.one_of_or_none(&Quota::ALL)?,
                cids: self.cids()?,
            },
            tag::ACTION => RecordOf::Action {
                task: self.text()?,
                cid: self.reader.text()?,
                action: self.text()?,
            },
            tag::LOST => RecordOf::Lost {
                task: self.text()?,
                channel: self.one_of(&Channel::ALL)?,
                phase: self.one_of(&Phase::ALL)?,
                reason: Reason::from_code(i64::try_from(self.reader.unsigned()?).ok()?)?,
                cids: self.cids()?,
            },
            tag::DEVICE => RecordOf::Device {
                cid: self.reader.text()?,
                brand: self.text()?,
            },
            tag::PRESENCE => RecordOf::Presence {
                is_online: self.reader.unsigned()? != 0,
                cid: self.reader.text()?,
            },
            tag::RECEIPT => RecordOf::Receipt(self.receipt()?),
            _ => return None,
        })
    }

    fn receipt(&mut self) -> Option<StoredReceipt<'a>> {
        Some(StoredReceipt {
            task: self.text()?,
            cid: self.reader.text()?,
            msg_id: self.reader.text()?,
            code: self.reader.signed()?,
            desc: self.text()?,
            action: self.text()?,
            channel: self.one_of_or_none(&Channel::ALL)?,
            meaning: match self.reader.byte()? {
                meaning::NOTHING => Meaning::Nothing,
                meaning::REACHED => {
                    Meaning::Reached(self.one_of(&Stage::ALL)?, self.one_of(&Channel::ALL)?)
                }
                meaning::ACTION => Meaning::Action,
                _ => return None,
            },
        })
    }

    fn text(&mut self) -> Option<&'a str> {
        match usize::try_from(self.reader.unsigned()?).ok()? {
            0 => {
                let text = self.reader.text()?;
                self.texts.push(text);
                Some(text)
            }
            number => self.texts.get(number - 1).copied(),
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::try_from(self.reader.unsigned()?).ok()?)
            .copied()
    }

    #[expect(clippy::option_option, reason = "none and a fault are two things")]
    fn one_of_or_none<T: Copy>(&mut self, all: &[T]) -> Option<Option<T>> {
        match usize::try_from(self.reader.unsigned()?).ok()? {
            0 => Some(None),
            number => all.get(number - 1).copied().map(Some),
        }
    }

    fn cids(&mut self) -> Option<CidList<'a>> {
        let left = self.reader.unsigned()?;
        let many = self.reader;
        for _ in 0..left {
            self.reader.text()?;
        }
        Some(CidList {
            one: None,
            left,
            many,
        })
    }
}
