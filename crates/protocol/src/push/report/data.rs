//! The `data` of reports as a client reads it, from this server or another: what nobody knows is
//! ignored, and counters beyond 32 bits and numbers as text are borne.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::figures::{Figures, Total};

/// `data` of the reports of tasks, groups, days and details: by task id, name or date.
pub type FunnelsData = BTreeMap<String, FunnelData>;

/// What was lost in a class: by sub-code, and their `total`.
pub type LossesData = BTreeMap<String, i64>;

/// `data` of the count report: by channel, then by quota kind.
pub type QuotasData = BTreeMap<String, BTreeMap<String, QuotaData>>;

/// `data` of the user report: by date.
pub type UsersData = BTreeMap<String, super::Users>;

/// The figures of a task, a group or a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FunnelData {
    /// Over all channels.
    pub total: Total,
    /// By action; empty if none was asked for.
    #[serde(default, rename = "actionCntMap")]
    pub actions: BTreeMap<String, i64>,
    /// By phase, channel (`apn` for ios), class, and sub-code or `total`; only in the detail report.
    #[serde(default)]
    pub failed_detail: BTreeMap<String, BTreeMap<String, BTreeMap<String, LossesData>>>,
    /// By channel; ios is `apn` in the detail report.
    #[serde(flatten)]
    pub channels: BTreeMap<String, ChannelData>,
}

/// The figures of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChannelData {
    /// `display_num` is -1 where the channel gives no display counts.
    #[serde(flatten)]
    pub figures: Figures,
    /// By brand, and `others`; only inside `gt`, if asked for.
    #[serde(flatten)]
    pub brands: BTreeMap<String, Figures>,
}

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QuotaData {
    /// How many a day are allowed.
    #[serde(deserialize_with = "integer_or_text")]
    pub total_num: i64,
    /// How many are left; not of vv.
    #[serde(default, deserialize_with = "optional_integer_or_text")]
    pub remain_num: Option<i64>,
    /// How many were sent; only of vv.
    #[serde(default, deserialize_with = "optional_integer_or_text")]
    pub push_num: Option<i64>,
    /// Whether it is used up.
    pub limit: bool,
}

/// `data` of the online report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OnlineData {
    /// Users online, by milliseconds since 1970.
    pub online_statics: BTreeMap<i64, i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IntegerOrText {
    Integer(i64),
    Text(String),
}

fn integer_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match IntegerOrText::deserialize(deserializer)? {
        IntegerOrText::Integer(number) => Ok(number),
        IntegerOrText::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn optional_integer_or_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    integer_or_text(deserializer).map(Some)
}
