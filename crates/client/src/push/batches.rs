//! Cuts a feed into requests that a server takes: at most [`MAX_EVENTS`] events and
//! [`MAX_FEED_BYTES`] each.

use std::mem;

use bytes::Bytes;
use reportd_protocol::push::{Event, MAX_EVENTS, MAX_FEED_BYTES, Receipt};

/// The bodies of requests with these events, in order: NDJSON. An event that alone is over a limit
/// gets a request of its own, for the server to refuse.
pub fn event_batches<'a>(
    events: impl IntoIterator<Item = &'a Event<'a>, IntoIter: 'a>,
) -> impl Iterator<Item = Bytes> + 'a {
    batches(events.into_iter(), |event, line| {
        event.write(line);
        event.count()
    })
}

/// The bodies of requests with these receipts, in order, signed for the app: NDJSON.
pub fn receipt_batches<'a>(
    receipts: impl IntoIterator<Item = &'a Receipt<'a>, IntoIter: 'a>,
    app_id: &'a str,
    master_secret: &'a str,
) -> impl Iterator<Item = Bytes> + 'a {
    batches(receipts.into_iter(), move |receipt, line| {
        receipt.write(app_id, master_secret, line);
        1
    })
}

/// `write` appends an item and tells how many events it counts as.
fn batches<T>(
    mut items: impl Iterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>) -> u32,
) -> impl Iterator<Item = Bytes> {
    // What did not fit into the request before.
    let mut left = Batch::default();
    std::iter::from_fn(move || {
        let mut batch = mem::take(&mut left);
        for item in items.by_ref() {
            let mut next = Batch::default();
            next.events = write(item, &mut next.lines);
            next.lines.push(b'\n');
            if !batch.has_room_for(&next) {
                left = next;
                break;
            }
            batch.events += next.events;
            batch.lines.append(&mut next.lines);
        }
        (!batch.lines.is_empty()).then(|| batch.lines.into())
    })
}

#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    events: u32,
}

impl Batch {
    fn has_room_for(&self, next: &Self) -> bool {
        let is_within = self.events.saturating_add(next.events) <= MAX_EVENTS
            && self.lines.len() + next.lines.len() <= MAX_FEED_BYTES;
        self.lines.is_empty() || is_within
    }
}

#[cfg(test)]
mod tests {
    use reportd_protocol::push::{Cids, ReceiptApp, read_events, read_receipts};

    use super::*;

    const AT_MS: i64 = 1_763_700_000_000;

    fn sendable(devices: usize, cid: &str) -> Event<'static> {
        Event::Sendable {
            task_id: "t".into(),
            cids: Cids::many((0..devices).map(|_| cid)),
            at_ms: AT_MS,
        }
    }

    /// How many events each request holds; all bodies are read as a server does.
    fn counts(events: &[Event<'_>]) -> Vec<Option<u32>> {
        let read = |body: Bytes| {
            let accepted = read_events(&body, AT_MS, drop);
            accepted.ok().map(|accepted| accepted.events)
        };
        event_batches(events).map(read).collect()
    }

    #[test]
    fn a_request_holds_at_most_ten_thousand_events() {
        assert_eq!(counts(&[]), []);
        assert_eq!(counts(&[sendable(1, "a")]), [Some(1)]);
        let events = [9_999, 1, 1, 10_000, 3].map(|devices| sendable(devices, "a"));
        let expected = [10_000, 1, 10_000, 3].map(Some);
        assert_eq!(counts(&events), expected);
    }

    #[test]
    fn what_is_over_a_limit_alone_is_for_the_server_to_refuse() {
        let events = [1, 10_001, 1].map(|devices| sendable(devices, "a"));
        assert_eq!(counts(&events), [Some(1), None, Some(1)]);
    }

    #[test]
    fn a_request_holds_at_most_eight_mebibytes() {
        let id = "\u{1f4e8}".repeat(128);
        let action = Event::Action {
            task_id: id.as_str().into(),
            cid: id.as_str().into(),
            action_id: id[..256].into(),
            at_ms: AT_MS,
        };
        let events = vec![action; 9_000];
        let bodies: Vec<Bytes> = event_batches(&events).collect();
        let line_bytes = bodies[0].iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert!(bodies.len() > 1);
        assert_eq!(bodies[0].len(), MAX_FEED_BYTES / line_bytes * line_bytes);
        assert_eq!(counts(&events).into_iter().flatten().sum::<u32>(), 9_000);
    }

    #[test]
    fn receipts_are_signed_and_counted() {
        let receipt = Receipt {
            cid: "c".into(),
            task_id: "t".into(),
            msg_id: "m".into(),
            code: 200,
            desc: "".into(),
            action_id: "10000".into(),
            at_ms: AT_MS,
            channel: None,
        };
        let receipts = vec![receipt; 10_001];
        let app = ReceiptApp {
            app_id: "app",
            master_secrets: &["secret"],
        };
        let read = |body: Bytes| read_receipts(&body, app, AT_MS, drop).unwrap().events;
        let counts: Vec<u32> = receipt_batches(&receipts, "app", "secret")
            .map(read)
            .collect();
        assert_eq!(counts, [10_000, 1]);
    }
}
