//! Export: the events and receipts of some days as they were fed, oldest first by arrival, however many there are.

use reportd_journal::{Exported, ExportedBlock, JournalError};
use reportd_platform::AppNo;
use reportd_protocol::push::{Channel, MAX_AHEAD_MS, Quota};

use crate::entry::{CidList, Decoder, Record, RecordOf, StoredReceipt};
use crate::raw_event::RawEvent;
use crate::view::VIEW;

/// The events of an app whose time lies on the days `from` to `to` in the app's zone, as that was when they were accepted.
///
/// An event is refused more than ten minutes before it happens, but it may come however late: so the day of arrival is
/// bounded from below alone, and blocks behind it are passed over by the span of their times.
#[must_use]
pub fn exported(app: AppNo, from: i64, to: i64) -> Exported {
    Exported {
        kind: crate::KIND,
        view: VIEW,
        app,
        from,
        to,
        most_ahead_ms: MAX_AHEAD_MS,
    }
}

/// Shows the events of a block to `visit`, oldest first. An event of many devices is shown once for each; one that was fed
/// twice is shown twice.
pub fn visit_events<E: From<JournalError>>(
    found: &ExportedBlock,
    visit: &mut dyn FnMut(&RawEvent<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for entry in found.entries() {
        let unreadable = || found.unreadable();
        let mut decoder = Decoder::new(entry.payload).ok_or_else(unreadable)?;
        while let Some(record) = decoder.next_record().ok_or_else(unreadable)? {
            if found.has_day(record.day) {
                let (event, cids) = raw_event(entry.received_at_ms, record);
                match cids {
                    None => visit(&event)?,
                    Some(mut cids) => cids.try_for_each(|cid| {
                        let cid = Some(cid);
                        visit(&RawEvent { cid, ..event })
                    })?,
                }
            }
        }
    }
    Ok(())
}

/// The event of a record without its devices, and its devices where it can have many.
fn raw_event(received_at_ms: i64, record: Record<'_>) -> (RawEvent<'_>, Option<CidList<'_>>) {
    let of = |type_name| RawEvent::new(received_at_ms, type_name, record.at_ms);
    match record.of {
        RecordOf::Task {
            task,
            kind,
            group_name,
        } => {
            let mut event = of("task");
            event.task_id = Some(task);
            event.kind = Some(kind.name());
            event.group_name = filled(group_name);
            (event, None)
        }
        RecordOf::Sendable { task, cids } => {
            let mut event = of("sendable");
            event.task_id = Some(task);
            (event, Some(cids))
        }
        RecordOf::Reached {
            task,
            cids,
            stage,
            channel,
            brand,
            quota,
        } => {
            let mut event = of(stage.name());
            event.task_id = Some(task);
            event.channel = Some(channel.name());
            event.brand = filled(brand);
            event.quota = quota.map(Quota::name);
            (event, Some(cids))
        }
        RecordOf::Lost {
            task,
            cids,
            channel,
            phase,
            reason,
        } => {
            let mut event = of("lost");
            event.task_id = Some(task);
            event.channel = Some(channel.name());
            event.phase = Some(phase.name());
            event.reason = Some(i64::from(reason.code()));
            (event, Some(cids))
        }
        RecordOf::Action { task, cid, action } => {
            let mut event = of("action");
            event.task_id = Some(task);
            event.cid = Some(cid);
            event.action_id = Some(action);
            (event, None)
        }
        RecordOf::Device { cid, brand } => {
            let mut event = of("device");
            event.cid = Some(cid);
            event.brand = filled(brand);
            (event, None)
        }
        RecordOf::Presence { cid, is_online } => {
            let mut event = of(if is_online { "online" } else { "offline" });
            event.cid = Some(cid);
            (event, None)
        }
        RecordOf::Receipt(receipt) => (raw_receipt(of("receipt"), &receipt), None),
    }
}

fn raw_receipt<'a>(event: RawEvent<'a>, receipt: &StoredReceipt<'a>) -> RawEvent<'a> {
    RawEvent {
        task_id: Some(receipt.task),
        cid: Some(receipt.cid),
        channel: receipt.channel.map(Channel::name),
        action_id: Some(receipt.action),
        msg_id: Some(receipt.msg_id),
        code: Some(receipt.code),
        desc: Some(receipt.desc),
        ..event
    }
}

/// An empty brand or name is none.
fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
