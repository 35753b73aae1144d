//! Requests as bots send them.

use crate::harness::now_seconds;

pub(crate) const ACTIVE: i64 = 1_503_000_120_601;

/// A request of one active message in group `gid`.
pub(crate) fn active_message(nonce: &str, gid: i64) -> String {
    active_messages(nonce, gid, 1)
}

/// A request of `items` active messages in group `gid`.
pub(crate) fn active_messages(nonce: &str, gid: i64, items: usize) -> String {
    let item = format!(
        r#"{{"oper_id":{ACTIVE},"gid":{gid},"target_id":"42","scope":"channel","ext1":"youtube","ext2":"UP"}}"#
    );
    let items = vec![item; items].join(",");
    format!(
        r#"{{"ts":{},"nonce":"{nonce}","data_list":[{items}]}}"#,
        now_seconds()
    )
}
