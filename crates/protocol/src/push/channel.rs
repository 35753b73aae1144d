//! Channels (通道): the ways by which a push reaches a device.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A channel, in the order in which reports show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = push::Channel, description = "A channel (通道): the way by which a push reaches a device."))]
pub enum Channel {
    /// 个推通道: the gateway's own connection; the only one that is broken down by brand.
    Gt,
    /// APNs: `ios` in reports, `apn` in the detail report.
    #[serde(alias = "apn")]
    Ios,
    /// 华为.
    Hw,
    /// 荣耀.
    Ho,
    /// 小米.
    Xm,
    /// 小米, abroad.
    Xmg,
    /// vivo.
    Vv,
    /// 魅族.
    Mz,
    /// OPPO.
    Op,
    /// OPPO, abroad.
    Opg,
    /// `wx`.
    Wx,
    /// 坚果.
    St,
}

impl Channel {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All of them; each stands at its [`index`](Self::index).
    pub const ALL: [Self; Self::COUNT] = [
        Self::Gt,
        Self::Ios,
        Self::Hw,
        Self::Ho,
        Self::Xm,
        Self::Xmg,
        Self::Vv,
        Self::Mz,
        Self::Op,
        Self::Opg,
        Self::Wx,
        Self::St,
    ];

    const NAMES: [&str; Self::COUNT] = [
        "gt", "ios", "hw", "ho", "xm", "xmg", "vv", "mz", "op", "opg", "wx", "st",
    ];

    /// What a message says that there should have been.
    pub(super) const EXPECTED: &'static str = "gt, ios, hw, ho, xm, xmg, vv, mz, op, opg, wx or st";

    /// The key in feeds, settings and all reports but the detail report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The key in the detail report (`seed push-report`).
    #[must_use]
    pub const fn detail_name(self) -> &'static str {
        match self {
            Self::Ios => "apn",
            channel => channel.name(),
        }
    }

    /// The channel of this name; `apn` is another name of `ios`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.name() == name || channel.detail_name() == name)
    }

    /// A number below [`COUNT`](Self::COUNT) that stays the same in every version, so that it may
    /// be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of channels, such as those that give no display counts.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelSet(u16);

impl ChannelSet {
    /// Whether the channel belongs to it.
    #[must_use]
    pub const fn contains(self, channel: Channel) -> bool {
        self.0 & (1 << channel.index()) != 0
    }
}

impl FromIterator<Channel> for ChannelSet {
    fn from_iter<I: IntoIterator<Item = Channel>>(channels: I) -> Self {
        let bits = channels.into_iter();
        Self(bits.fold(0, |bits, channel| bits | 1 << channel.index()))
    }
}

impl fmt::Debug for ChannelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = Channel::ALL.into_iter();
        f.debug_set()
            .entries(members.filter(|channel| self.contains(*channel)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_both_names_lead_back() {
        for (index, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel.index(), index);
            assert_eq!(Channel::from_name(channel.name()), Some(channel));
            assert_eq!(Channel::from_name(channel.detail_name()), Some(channel));
        }
        assert_eq!(Channel::from_name("GT"), None);
    }

    #[test]
    fn a_set_holds_its_members_only() {
        let set = ChannelSet::from_iter([Channel::Gt, Channel::St]);
        let members = Channel::ALL.into_iter().filter(|one| set.contains(*one));
        assert_eq!(members.collect::<Vec<_>>(), [Channel::Gt, Channel::St]);
    }
}
