//! The counters that most reports share, and their JSON.

use serde::Deserialize;

use crate::push::channel::{Channel, ChannelSet};
use crate::push::json::Object;
use crate::push::stage::Stage;

/// Distinct devices by stage, of a channel or a brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Figures {
    /// 下发.
    pub target_num: i64,
    /// 接收.
    pub receive_num: i64,
    /// 展示.
    pub display_num: i64,
    /// 点击.
    pub click_num: i64,
}

/// `total`: distinct (task, cid) over all channels; may be below the sum of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Total {
    /// 可下发; 0 where a server does not tell it, as in the seed's report of a day.
    #[serde(default)]
    pub msg_num: i64,
    /// The four stages.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Figures {
    /// The counter of a stage.
    pub const fn of_mut(&mut self, stage: Stage) -> &mut i64 {
        match stage {
            Stage::Sent => &mut self.target_num,
            Stage::Received => &mut self.receive_num,
            Stage::Displayed => &mut self.display_num,
            Stage::Clicked => &mut self.click_num,
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sum: &mut i64, more: i64| *sum = sum.saturating_add(more);
        add(&mut self.target_num, other.target_num);
        add(&mut self.receive_num, other.receive_num);
        add(&mut self.display_num, other.display_num);
        add(&mut self.click_num, other.click_num);
    }

    /// Writes the four; `display_num` is -1 where there are no display counts.
    pub(super) fn write(&self, object: &mut Object<'_>, has_display: bool) {
        object.count("target_num", self.target_num);
        object.count("receive_num", self.receive_num);
        if has_display {
            object.count("display_num", self.display_num);
        } else {
            object.integer("display_num", -1);
        }
        object.count("click_num", self.click_num);
    }
}

impl Total {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.object("total", |total| {
            total.count("msg_num", self.msg_num);
            self.figures.write(total, true);
        });
    }
}

/// Writes the channels that have data, in the order of [`Channel::ALL`]. `key` names them; `inside`
/// adds what else a channel's object has.
pub(super) fn write_channels(
    object: &mut Object<'_>,
    channels: &[(Channel, Figures)],
    without_display: ChannelSet,
    key: fn(Channel) -> &'static str,
    inside: impl Fn(Channel, &mut Object<'_>),
) {
    for channel in Channel::ALL {
        let mut sum = Figures::default();
        let of_channel = channels.iter().filter(|(found, _)| *found == channel);
        of_channel.for_each(|(_, figures)| sum.add(figures));
        if !sum.is_empty() {
            object.object(key(channel), |object| {
                sum.write(object, !without_display.contains(channel));
                inside(channel, object);
            });
        }
    }
}
