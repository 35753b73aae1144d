//! `/report/push/count`: how much of today's quotas is used (推送余量).

use crate::push::channel::Channel;
use crate::push::json::Object;
use crate::push::quota::Quota;
use crate::push::reply;

/// A quota that the app's settings name, and its use today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// The channel that has the quota.
    pub channel: Channel,
    /// Which of the channel's kinds.
    pub quota: Quota,
    /// How many a day are allowed.
    pub total_num: i64,
    /// Distinct `sent` of today.
    pub sent: i64,
    /// Distinct `received` of today; only looked at for vv.
    pub received: i64,
}

/// The reply: `data` is `{"<channel>": {"<kind>": {…}}}` with the given quotas only, channels and
/// kinds in the order of the seed's example, and types as there: integers, but the two numbers of op
/// and the total of vv are strings.
#[must_use]
pub fn count_report(quotas: &[QuotaUse]) -> Vec<u8> {
    let find = |channel, quota| {
        let mut quotas = quotas.iter();
        quotas.find(|found| (found.channel, found.quota) == (channel, quota))
    };
    reply::write_ok(|data| {
        for channel in Quota::CHANNELS {
            if !quotas.iter().any(|found| found.channel == channel) {
                continue;
            }
            data.object(channel.name(), |object| {
                for quota in Quota::of(channel) {
                    if let Some(found) = find(channel, *quota) {
                        object.object(quota.name(), |object| found.write(object));
                    }
                }
            });
        }
    })
}

impl QuotaUse {
    /// What can still be sent, never below 0.
    #[must_use]
    pub fn remain_num(&self) -> i64 {
        self.total_num.saturating_sub(self.sent).max(0)
    }

    /// Whether the quota is used up: for vv, whose total is of what arrives, by what was received
    /// (`spec push-report`).
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        let used = match self.channel {
            Channel::Vv => self.received,
            _ => self.sent,
        };
        used >= self.total_num
    }

    fn write(&self, object: &mut Object<'_>) {
        let limit = self.is_used_up();
        match self.channel {
            Channel::Vv => {
                object.count("push_num", self.sent);
                object.count_text("total_num", self.total_num);
                object.flag("limit", limit);
            }
            Channel::Op => {
                object.count_text("total_num", self.total_num);
                object.flag("limit", limit);
                object.count_text("remain_num", self.remain_num());
            }
            _ => {
                object.count("total_num", self.total_num);
                object.flag("limit", limit);
                object.count("remain_num", self.remain_num());
            }
        }
    }
}
