//! Writing an entry.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use reportd_journal::{put_bytes, put_signed, put_unsigned};
use reportd_platform::zones::Zone;
use reportd_protocol::push::{Channel, Cids, Event, Quota, Receipt, ReceiptMeaning};

use super::{VERSION, meaning, tag};

/// Writes the entry of a request, event by event.
///
/// A record is its tag, the time as a difference to that of the record before, the day likewise, and its fields. Task
/// ids, brands, groups and actions are written where they first occur, and then named by their number.
pub(crate) struct Encoder<'z> {
    zone: &'z Zone,
    bytes: Vec<u8>,
    texts: HashMap<String, u64, RandomState>,
    at_ms: i64,
    day: i64,
    span_ms: Option<(i64, i64)>,
}

impl<'z> Encoder<'z> {
    /// An entry without events; days are those of `zone`.
    pub(crate) fn new(zone: &'z Zone) -> Self {
        Self {
            zone,
            bytes: vec![VERSION],
            texts: HashMap::default(),
            at_ms: 0,
            day: 0,
            span_ms: None,
        }
    }

    /// The least and the greatest time of its events, in ms; `None` where it has none.
    pub(crate) fn span_ms(&self) -> Option<(i64, i64)> {
        self.span_ms
    }

    /// The entry.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Task {
                task_id,
                kind,
                group_name,
                created_at_ms,
            } => {
                self.begin(tag::TASK, *created_at_ms);
                self.text(task_id);
                self.number(kind.index());
                self.text(group_name.as_deref().unwrap_or(""));
            }
            Event::Sendable {
                task_id,
                cids,
                at_ms,
            } => {
                self.begin(tag::SENDABLE, *at_ms);
                self.text(task_id);
                self.cids(cids);
            }
            Event::Reached { .. } => self.reached(event),
            Event::Action {
                task_id,
                cid,
                action_id,
                at_ms,
            } => {
                self.begin(tag::ACTION, *at_ms);
                self.text(task_id);
                self.cid(cid);
                self.text(action_id);
            }
            Event::Lost {
                task_id,
                cids,
                channel,
                phase,
                reason,
                at_ms,
            } => {
                self.begin(tag::LOST, *at_ms);
                self.text(task_id);
                self.number(channel.index());
                self.number(phase.index());
                put_unsigned(&mut self.bytes, u64::from(reason.code()));
                self.cids(cids);
            }
            Event::Device { cid, brand, at_ms } => {
                self.begin(tag::DEVICE, *at_ms);
                self.cid(cid);
                self.text(brand.as_deref().unwrap_or(""));
            }
            Event::Presence {
                is_online,
                cid,
                at_ms,
            } => {
                self.begin(tag::PRESENCE, *at_ms);
                self.number(usize::from(*is_online));
                self.cid(cid);
            }
        }
    }

    fn reached(&mut self, event: &Event<'_>) {
        let Event::Reached {
            stage,
            task_id,
            cids,
            channel,
            brand,
            quota,
            at_ms,
        } = event
        else {
            return;
        };
        self.begin(tag::REACHED, *at_ms);
        self.text(task_id);
        self.number(stage.index());
        self.number(channel.index());
        self.text(brand.as_deref().unwrap_or(""));
        self.number(quota.map_or(0, |quota: Quota| quota.index() + 1));
        self.cids(cids);
    }

    /// Adds a receipt.
    pub(crate) fn receipt(&mut self, receipt: &Receipt<'_>) {
        self.begin(tag::RECEIPT, receipt.at_ms);
        self.text(&receipt.task_id);
        self.cid(&receipt.cid);
        put_bytes(&mut self.bytes, receipt.msg_id.as_bytes());
        put_signed(&mut self.bytes, receipt.code);
        self.text(&receipt.desc);
        self.text(&receipt.action_id);
        self.number(
            receipt
                .channel
                .map_or(0, |channel: Channel| channel.index() + 1),
        );
        match receipt.meaning() {
            _ if !receipt.is_counted() => self.bytes.push(meaning::NOTHING),
            ReceiptMeaning::Reached(stage, channel) => {
                self.bytes.push(meaning::REACHED);
                self.number(stage.index());
                self.number(channel.index());
            }
            ReceiptMeaning::Action | ReceiptMeaning::UnknownAction => {
                self.bytes.push(meaning::ACTION);
            }
        }
    }

    fn begin(&mut self, tag: u8, at_ms: i64) {
        let day = self.zone.day(at_ms);
        self.bytes.push(tag);
        put_signed(&mut self.bytes, at_ms - self.at_ms);
        put_signed(&mut self.bytes, day - self.day);
        (self.at_ms, self.day) = (at_ms, day);
        let (least, greatest) = self.span_ms.unwrap_or((at_ms, at_ms));
        self.span_ms = Some((least.min(at_ms), greatest.max(at_ms)));
    }

    fn number(&mut self, number: usize) {
        put_unsigned(&mut self.bytes, number as u64);
    }

    /// A text by its number; where it is new its number is 0, and it follows.
    fn text(&mut self, text: &str) {
        if let Some(&number) = self.texts.get(text) {
            put_unsigned(&mut self.bytes, number);
            return;
        }
        put_unsigned(&mut self.bytes, 0);
        put_bytes(&mut self.bytes, text.as_bytes());
        let number = self.texts.len() as u64 + 1;
        self.texts.insert(text.to_owned(), number);
    }

    fn cid(&mut self, cid: &str) {
        put_bytes(&mut self.bytes, cid.as_bytes());
    }

    fn cids(&mut self, cids: &Cids<'_>) {
        put_unsigned(&mut self.bytes, u64::from(cids.count()));
        for cid in cids.iter() {
            self.cid(&cid);
        }
    }
}
