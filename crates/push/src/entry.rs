//! The entry of one request in the journal: its events in the order in which they came.
//!
//! An entry carries all that its fold needs (design, invariant 2): the day of each event in the app's zone, and what a
//! receipt means, so that folding it again gives the same counters whatever has become of the zone and of the table of
//! receipts.

mod decode;
mod encode;

pub(crate) use decode::{CidList, Decoder, Record, RecordOf, StoredReceipt};
pub(crate) use encode::Encoder;

const VERSION: u8 = 1;

/// First byte of a record.
mod tag {
    pub(super) const TASK: u8 = 0;
    pub(super) const SENDABLE: u8 = 1;
    pub(super) const REACHED: u8 = 2;
    pub(super) const ACTION: u8 = 3;
    pub(super) const LOST: u8 = 4;
    pub(super) const DEVICE: u8 = 5;
    pub(super) const PRESENCE: u8 = 6;
    pub(super) const RECEIPT: u8 = 7;
}

/// What a receipt meant when it was accepted.
mod meaning {
    /// Its code says that it does not count.
    pub(super) const NOTHING: u8 = 0;
    pub(super) const REACHED: u8 = 1;
    pub(super) const ACTION: u8 = 2;
}

#[cfg(test)]
mod tests {
    use reportd_platform::zones::Zone;
    use reportd_protocol::push::{Channel, Stage, read_events};

    use super::*;

    const EVENTS: &str = r#"[
        {"type":"task","taskid":"t1","kind":"list","group_name":"g","created_at":1795190399999},
        {"type":"sendable","taskid":"t1","cids":["a","b","a"],"at":1795190400000},
        {"type":"sent","taskid":"t1","cids":["a","b"],"channel":"gt","brand":"hw","quota":"list","at":1795190400001},
        {"type":"received","taskid":"t2","cid":"a","channel":"vv","quota":"special","at":0},
        {"type":"clicked","taskid":"t2","cid":"a","channel":"ios","at":1795190400000},
        {"type":"action","taskid":"t1","cid":"b","action_id":90001,"at":1795190400000},
        {"type":"lost","taskid":"t1","cids":["c"],"channel":"st","phase":"fd","reason":14006,"at":1795190400000},
        {"type":"device","cid":"a","brand":"hw","at":1795190400000},
        {"type":"device","cid":"c","at":1795190400000},
        {"type":"online","cid":"a","at":1795190400000},
        {"type":"offline","cid":"a","at":1795190400000}]"#;

    fn encoded() -> Vec<u8> {
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let mut encoder = Encoder::new(&zone);
        read_events(EVENTS.as_bytes(), 1_795_190_400_000, |event| {
            encoder.event(&event);
        })
        .unwrap();
        assert_eq!(encoder.span_ms(), Some((0, 1_795_190_400_001)));
        encoder.finish()
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let bytes = encoded();
        let mut decoder = Decoder::new(&bytes).unwrap();
        let mut seen = Vec::new();
        while let Some(record) = decoder.next_record().unwrap() {
            seen.push(match record.of {
                RecordOf::Task {
                    task, group_name, ..
                } => format!("{} task {task} {group_name}", record.at_ms),
                RecordOf::Sendable { task, cids } => {
                    format!("{} sendable {task} {:?}", record.day, texts(cids))
                }
                RecordOf::Reached {
                    task,
                    cids,
                    stage,
                    channel,
                    brand,
                    quota,
                } => {
                    let quota = quota.map(|quota| quota.name());
                    let cids = texts(cids);
                    format!(
                        "{} {} {task} {cids:?} {} {brand} {quota:?}",
                        record.day,
                        stage.name(),
                        channel.name()
                    )
                }
                RecordOf::Action { task, cid, action } => format!("action {task} {cid} {action}"),
                RecordOf::Lost {
                    task, cids, reason, ..
                } => format!("lost {task} {:?} {}", texts(cids), reason.code()),
                RecordOf::Device { cid, brand } => format!("device {cid} {brand}"),
                RecordOf::Presence { cid, is_online } => format!("presence {cid} {is_online}"),
                RecordOf::Receipt(_) => unreachable!(),
            });
        }
        assert_eq!(
            seen,
            [
                "1795190399999 task t1 g",
                r#"20778 sendable t1 ["a", "b", "a"]"#,
                r#"20778 sent t1 ["a", "b"] gt hw Some("list")"#,
                r#"0 received t2 ["a"] vv  Some("special")"#,
                r#"20778 clicked t2 ["a"] ios  None"#,
                "action t1 b 90001",
                r#"lost t1 ["c"] 14006"#,
                "device a hw",
                "device c ",
                "presence a true",
                "presence a false",
            ]
        );
    }

    fn texts(cids: CidList<'_>) -> Vec<&str> {
        cids.collect()
    }

    #[test]
    fn a_receipt_carries_its_meaning() {
        use reportd_protocol::push::Receipt;
        let zone = Zone::named("Asia/Shanghai").unwrap();
        let mut encoder = Encoder::new(&zone);
        let receipt = |code, action_id: &'static str| Receipt {
            cid: "c".into(),
            task_id: "t".into(),
            msg_id: "m".into(),
            code,
            desc: "".into(),
            action_id: action_id.into(),
            at_ms: 5,
            channel: Some(Channel::Ho),
        };
        for (code, action_id) in [(200, "60001"), (200, "90001"), (200, "7"), (400, "0")] {
            encoder.receipt(&receipt(code, action_id));
        }
        let bytes = encoder.finish();
        let mut decoder = Decoder::new(&bytes).unwrap();
        let mut meanings = Vec::new();
        while let Some(record) = decoder.next_record().unwrap() {
            let RecordOf::Receipt(receipt) = record.of else {
                unreachable!()
            };
            assert_eq!((receipt.msg_id, receipt.channel), ("m", Some(Channel::Ho)));
            meanings.push(match receipt.counted_as() {
                None => "nothing".to_owned(),
                Some(RecordOf::Action { action, .. }) => format!("action {action}"),
                Some(RecordOf::Reached { stage, channel, .. }) => {
                    assert_eq!(stage, Stage::Displayed);
                    format!("displayed {}", channel.name())
                }
                Some(_) => unreachable!(),
            });
        }
        assert_eq!(
            meanings,
            ["displayed ho", "action 90001", "action 7", "nothing"]
        );
    }

    #[test]
    fn a_cut_anywhere_is_noticed() {
        let bytes = encoded();
        let count = |bytes: &[u8]| -> Option<usize> {
            let mut decoder = Decoder::new(bytes)?;
            let mut count = 0;
            while decoder.next_record()?.is_some() {
                count += 1;
            }
            Some(count)
        };
        assert_eq!(count(&bytes), Some(11));
        for end in 0..bytes.len() {
            // A cut between two records cannot be told from an end.
            assert!(
                count(&bytes[..end]).is_none_or(|count| count < 11),
                "cut at {end}"
            );
        }
    }
}
