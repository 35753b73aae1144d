//! Requests as a client builds them.
//!
//! [`Report`](super::Report) borrows and is strict; these own their texts and leave the checking to
//! the server.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::field::{Field, Scope};
use super::operation::{ACTIVE_MESSAGE, GROUP_CENSUS, PASSIVE_MESSAGE};

/// A request to send.
///
/// ```
/// use reportd_protocol::comm::{OutgoingItem, OutgoingReport};
///
/// let report = OutgoingReport::new(1_763_700_000, "b7").item(OutgoingItem::group_census(31, 4));
/// assert_eq!(
///     report.to_json(),
///     br#"{"ts":1763700000,"nonce":"b7","data_list":[{"oper_id":1502007320601,"gid":31,"ext1":"4"}]}"#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutgoingReport {
    /// When it happened: seconds since 1970, or milliseconds from 10¹¹ on.
    pub ts: i64,
    /// 1 to 128 characters. Two reports with the same `ts`, nonce and content count as one, so give
    /// each its own.
    pub nonce: String,
    /// 1 to 10 items; see [`MAX_ITEMS`](super::MAX_ITEMS).
    pub data_list: Vec<OutgoingItem>,
}

impl OutgoingReport {
    /// A report without items.
    #[must_use]
    pub fn new(ts: i64, nonce: impl Into<String>) -> Self {
        Self {
            ts,
            nonce: nonce.into(),
            data_list: Vec::new(),
        }
    }

    /// Adds an item.
    #[must_use]
    pub fn item(mut self, item: OutgoingItem) -> Self {
        self.data_list.push(item);
        self
    }

    /// The body of the request. To send a report again send these bytes again.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self)
            .expect("integers, strings and JSON values under text keys can always be written")
    }
}

/// An element of `data_list`. Fields that are `None` are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OutgoingItem {
    /// Which operation is reported.
    pub oper_id: i64,
    /// The group.
    pub gid: Option<i64>,
    /// The channel, or the other side of a private chat.
    pub target_id: Option<String>,
    /// Who the message is for: an integer, a string, an array or an object.
    pub to_uid: Option<Value>,
    /// Where the message goes; absent is `channel`.
    pub scope: Option<Scope>,
    /// `ext1` … `ext10`.
    pub ext: [Option<String>; Field::EXT_COUNT],
}

impl OutgoingItem {
    /// An item with nothing but its operation.
    #[must_use]
    pub fn new(oper_id: i64) -> Self {
        Self {
            oper_id,
            ..Self::default()
        }
    }

    /// One group of the daily census, and how many uploaders or channels it subscribes to.
    #[must_use]
    pub fn group_census(gid: i64, subscriptions: u64) -> Self {
        Self::new(GROUP_CENSUS)
            .gid(gid)
            .ext::<1>(subscriptions.to_string())
    }

    /// A message that the bot sent by itself, about `uploader`.
    #[must_use]
    pub fn active_message(
        gid: i64,
        target_id: impl Into<String>,
        uploader: impl Into<String>,
    ) -> Self {
        Self::message(ACTIVE_MESSAGE, gid, target_id.into(), uploader.into())
    }

    /// A message that answers the user `to_uid`, about `uploader`.
    #[must_use]
    pub fn passive_message(
        gid: i64,
        target_id: impl Into<String>,
        to_uid: impl Into<Value>,
        uploader: impl Into<String>,
    ) -> Self {
        Self::message(PASSIVE_MESSAGE, gid, target_id.into(), uploader.into()).to_uid(to_uid)
    }

    fn message(oper_id: i64, gid: i64, target_id: String, uploader: String) -> Self {
        Self::new(oper_id)
            .gid(gid)
            .target_id(target_id)
            .scope(Scope::Channel)
            .ext::<1>("youtube")
            .ext::<2>(uploader)
    }

    /// Sets the group.
    #[must_use]
    pub fn gid(mut self, gid: i64) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Sets the channel.
    #[must_use]
    pub fn target_id(mut self, target_id: impl Into<String>) -> Self {
        self.target_id = Some(target_id.into());
        self
    }

    /// Sets who the message is for.
    #[must_use]
    pub fn to_uid(mut self, to_uid: impl Into<Value>) -> Self {
        self.to_uid = Some(to_uid.into());
        self
    }

    /// Sets the scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Sets the `ext` field of this number; one that does not exist does not compile.
    #[must_use]
    pub fn ext<const NUMBER: usize>(mut self, text: impl Into<String>) -> Self {
        const {
            assert!(
                1 <= NUMBER && NUMBER <= Field::EXT_COUNT,
                "ext fields are numbered 1 to 10"
            )
        };
        self.ext[NUMBER - 1] = Some(text.into());
        self
    }
}

impl Serialize for OutgoingItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("oper_id", &self.oper_id)?;
        write_if_set(&mut map, Field::Gid, self.gid.as_ref())?;
        write_if_set(&mut map, Field::TargetId, self.target_id.as_ref())?;
        write_if_set(&mut map, Field::ToUid, self.to_uid.as_ref())?;
        write_if_set(&mut map, Field::Scope, self.scope.as_ref())?;
        for (field, text) in Field::ALL[Field::Ext1.index()..].iter().zip(&self.ext) {
            write_if_set(&mut map, *field, text.as_ref())?;
        }
        map.end()
    }
}

fn write_if_set<M: SerializeMap>(
    map: &mut M,
    field: Field,
    value: Option<&impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(field.name(), value))
}
