//! Quota kinds: what a channel limits by day (`seed push-report`, `/report/push/count`).

use serde::{Deserialize, Serialize};

use super::channel::Channel;

/// What kind of message a quota is for. Each belongs to some channels; see [`Quota::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = push::Quota, description = "A quota kind: what kind of message a quota is for. Each belongs to some channels."))]
pub enum Quota {
    /// `special`: vv 系统类消息.
    Special,
    /// `general`: vv 运营类消息, xm 普通消息, op 公信消息.
    General,
    /// `grouppush`: vv 群推.
    #[serde(rename = "grouppush")]
    GroupPush,
    /// `app`: gt 群推.
    App,
    /// `app_with_tag`: gt 根据条件筛选用户推送.
    AppWithTag,
    /// `list`: gt 创建消息.
    List,
}

impl Quota {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// All of them; each stands at its [`index`](Self::index).
    pub const ALL: [Self; Self::COUNT] = [
        Self::Special,
        Self::General,
        Self::GroupPush,
        Self::App,
        Self::AppWithTag,
        Self::List,
    ];

    /// The channels that have quotas, in the order of the seed's example.
    pub const CHANNELS: [Channel; 4] = [Channel::Vv, Channel::Op, Channel::Xm, Channel::Gt];

    /// The kinds of a channel; none for a channel without limits (`spec push-report`).
    #[must_use]
    pub const fn of(channel: Channel) -> &'static [Self] {
        match channel {
            Channel::Vv => &[Self::Special, Self::General, Self::GroupPush],
            Channel::Op | Channel::Xm => &[Self::General],
            Channel::Gt => &[Self::App, Self::AppWithTag, Self::List],
            _ => &[],
        }
    }

    /// The key in feeds, settings and the count report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Special => "special",
            Self::General => "general",
            Self::GroupPush => "grouppush",
            Self::App => "app",
            Self::AppWithTag => "app_with_tag",
            Self::List => "list",
        }
    }

    /// The kind of that name, if the channel has it.
    #[must_use]
    pub fn from_name(channel: Channel, name: &str) -> Option<Self> {
        let mut kinds = Self::of(channel).iter().copied();
        kinds.find(|kind| kind.name() == name)
    }

    /// A number below [`COUNT`](Self::COUNT) that stays the same in every version, so that it may
    /// be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
