//! Events and receipts as gateways write them, one a line.

use reportd_protocol::push::Receipt;

use crate::world::App;

/// A task of a kind that was created at `at`, with more members as JSON.
pub(crate) fn task(id: &str, kind: &str, at: i64, more: &str) -> String {
    format!(r#"{{"type":"task","taskid":"{id}","kind":"{kind}","created_at":{at}{more}}}"#)
}

/// An event of a task and a device, with more members as JSON.
pub(crate) fn event(kind: &str, task: &str, cid: &str, at: i64, more: &str) -> String {
    format!(r#"{{"type":"{kind}","taskid":"{task}","cid":"{cid}","at":{at}{more}}}"#)
}

/// [`event`] for as many devices, `c0` and so on.
pub(crate) fn events(kind: &str, task: &str, devices: usize, at: i64, more: &str) -> String {
    let line = |device| event(kind, task, &format!("c{device}"), at, more) + "\n";
    (0..devices).map(line).collect()
}

/// An event of a device alone.
pub(crate) fn of_device(kind: &str, cid: &str, at: i64) -> String {
    format!(r#"{{"type":"{kind}","cid":"{cid}","at":{at}}}"#)
}

/// A signed receipt.
pub(crate) fn receipt(app: App, receipt: &Receipt<'_>) -> String {
    let mut line = Vec::new();
    receipt.write(app.id, app.master_secret, &mut line);
    String::from_utf8(line).unwrap()
}
