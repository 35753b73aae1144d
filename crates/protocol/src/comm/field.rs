//! The fields of an item by which an operation may ask and break down, and the values of `scope`.

use serde::{Deserialize, Serialize};

use crate::values::{self, Problem};

/// A field of an item other than `oper_id`. In JSON it is the field's own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant is the field of its name; the module's table is the seed's"
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = comm::Field))]
pub enum Field {
    Gid,
    TargetId,
    ToUid,
    Scope,
    Ext1,
    Ext2,
    Ext3,
    Ext4,
    Ext5,
    Ext6,
    Ext7,
    Ext8,
    Ext9,
    Ext10,
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = 14;

    /// How many of them are `ext` fields.
    pub const EXT_COUNT: usize = 10;

    /// All fields; each stands at its [`index`](Self::index).
    pub const ALL: [Self; Self::COUNT] = [
        Self::Gid,
        Self::TargetId,
        Self::ToUid,
        Self::Scope,
        Self::Ext1,
        Self::Ext2,
        Self::Ext3,
        Self::Ext4,
        Self::Ext5,
        Self::Ext6,
        Self::Ext7,
        Self::Ext8,
        Self::Ext9,
        Self::Ext10,
    ];

    const NAMES: [&str; Self::COUNT] = [
        "gid",
        "target_id",
        "to_uid",
        "scope",
        "ext1",
        "ext2",
        "ext3",
        "ext4",
        "ext5",
        "ext6",
        "ext7",
        "ext8",
        "ext9",
        "ext10",
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The field of that name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// A number below [`COUNT`](Self::COUNT) that stays the same in every version, so that it may
    /// be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `ext1` for 1 up to `ext10` for 10.
    #[must_use]
    pub fn ext(number: usize) -> Option<Self> {
        Self::ALL[Self::Ext1.index()..]
            .get(number.checked_sub(1)?)
            .copied()
    }

    /// The number of an `ext` field less one: its place in [`Item::ext`](super::Item::ext).
    #[must_use]
    pub const fn ext_index(self) -> Option<usize> {
        self.index().checked_sub(Self::Ext1.index())
    }
}

/// Where a message went. A report without a scope is of scope `channel` (`seed comm-report`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = comm::Scope, description = "Where a message went."))]
pub enum Scope {
    /// A message in a channel (频道消息).
    #[default]
    Channel,
    /// A private message (私聊信息).
    Private,
}

impl Scope {
    /// The value on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Private => "private",
        }
    }

    /// The scope of that value on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Channel, Self::Private]
            .into_iter()
            .find(|scope| scope.name() == name)
    }

    /// Reads a raw JSON value.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let expected = Problem::Expected("\"channel\" or \"private\"");
        let name = values::string(text, usize::MAX).map_err(|_| expected)?;
        Self::from_name(&name).ok_or(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_name_and_json_agree() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), index);
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(
                serde_json::to_string(&field).unwrap(),
                format!("\"{}\"", field.name())
            );
        }
        for scope in [Scope::Channel, Scope::Private] {
            assert_eq!(
                serde_json::to_string(&scope).unwrap(),
                format!("\"{}\"", scope.name())
            );
        }
    }

    #[test]
    fn ext_fields_go_from_1_to_10() {
        assert_eq!(Field::ext(0), None);
        assert_eq!(Field::ext(1), Some(Field::Ext1));
        assert_eq!(Field::ext(10), Some(Field::Ext10));
        assert_eq!(Field::ext(11), None);
        assert_eq!(Field::Ext10.ext_index(), Some(9));
        assert_eq!(Field::Scope.ext_index(), None);
    }
}
