//! A raw report, and the form in which the API and the export show it.

use reportd_protocol::comm::Item;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// A raw report: one item of a request that counted. As JSON it is an object with the names and forms of the wire.
pub struct RawReport<'a> {
    /// When it arrived, in ms.
    pub received_at_ms: i64,
    /// When it happened, in ms.
    pub ts_ms: i64,
    /// The report.
    pub item: Item<'a>,
}

impl RawReport<'_> {
    /// Who the message was for, as JSON, as it was sent.
    #[must_use]
    pub fn to_uid(&self) -> Option<&RawValue> {
        let text = self.item.to_uid.as_deref()?;
        serde_json::from_str(text).ok()
    }
}

impl Serialize for RawReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let item = &self.item;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("received_at", &self.received_at_ms)?;
        members.serialize_entry("ts", &self.ts_ms)?;
        members.serialize_entry("oper_id", &item.oper_id)?;
        members.serialize_entry("gid", &item.gid)?;
        members.serialize_entry("target_id", &item.target_id)?;
        members.serialize_entry("to_uid", &self.to_uid())?;
        members.serialize_entry("scope", item.scope.name())?;
        for (number, text) in (1..).zip(&item.ext) {
            if let Some(text) = text {
                members.serialize_entry(&format!("ext{number}"), text)?;
            }
        }
        members.end()
    }
}
