//! What the calls of tasks and of today have in common. Numbers are true values of 64 bits, not capped as under `/v2`.

use reportd_protocol::push::{Channel, ChannelSet, Figures, Funnel, Loss, Phase, Reason, Total};
use serde::Serialize;
use utoipa::ToSchema;

/// Distinct devices by stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Figures)]
pub(super) struct ShownFigures {
    /// 下发.
    #[schema(minimum = 0, example = 4)]
    target_num: i64,
    /// 接收.
    #[schema(minimum = 0, example = 4)]
    receive_num: i64,
    /// 展示.
    #[schema(minimum = 0, example = 2)]
    display_num: i64,
    /// 点击.
    #[schema(minimum = 0, example = 2)]
    click_num: i64,
}

impl From<Figures> for ShownFigures {
    fn from(figures: Figures) -> Self {
        Self {
            target_num: figures.target_num,
            receive_num: figures.receive_num,
            display_num: figures.display_num,
            click_num: figures.click_num,
        }
    }
}

/// Distinct devices by stage over all channels: may be below the sum of the channels.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Total)]
pub(super) struct ShownTotal {
    /// 可下发.
    #[schema(minimum = 0, example = 4)]
    msg_num: i64,
    #[serde(flatten)]
    figures: ShownFigures,
}

impl From<Total> for ShownTotal {
    fn from(total: Total) -> Self {
        Self {
            msg_num: total.msg_num,
            figures: total.figures.into(),
        }
    }
}

/// A channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Channel)]
pub(super) struct ShownChannel {
    /// gt, ios, hw, ho, xm, xmg, vv, mz, op, opg, wx or st.
    #[schema(example = "gt")]
    channel: &'static str,
    /// False where the app's settings say that the channel gives no display counts.
    has_display: bool,
    #[serde(flatten)]
    figures: ShownFigures,
}

/// A brand of the channel gt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Brand)]
struct ShownBrand {
    /// Its name.
    #[schema(example = "hw")]
    brand: String,
    #[serde(flatten)]
    figures: ShownFigures,
}

/// An action of the app's own (自定义事件).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Action)]
struct ShownAction {
    /// Its id.
    #[schema(example = "90001")]
    action_id: String,
    /// Distinct devices.
    #[schema(minimum = 0, example = 2)]
    count: i64,
}

/// How far pushes came.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Funnel)]
pub(super) struct ShownFunnel {
    /// Over all channels.
    total: ShownTotal,
    /// Channels with data.
    channels: Vec<ShownChannel>,
    /// Brands of the channel gt, the most sent first.
    brands: Vec<ShownBrand>,
    /// Actions, by id.
    actions: Vec<ShownAction>,
}

impl ShownFunnel {
    pub(super) fn new(funnel: Funnel, without_display: ChannelSet) -> Self {
        let Funnel {
            total,
            channels,
            mut brands,
            mut actions,
        } = funnel;
        brands.sort_unstable_by(|(name, one), (other_name, other)| {
            let by_target = other.target_num.cmp(&one.target_num);
            by_target.then_with(|| name.cmp(other_name))
        });
        actions.sort_unstable();
        let shown_brand = |(brand, figures): (String, Figures)| ShownBrand {
            brand,
            figures: figures.into(),
        };
        let shown_action = |(action_id, count)| ShownAction { action_id, count };
        Self {
            total: total.into(),
            channels: shown_channels(channels, without_display),
            brands: brands.into_iter().map(shown_brand).collect(),
            actions: actions.into_iter().map(shown_action).collect(),
        }
    }
}

/// Channels in their order.
pub(super) fn shown_channels(
    mut channels: Vec<(Channel, Figures)>,
    without_display: ChannelSet,
) -> Vec<ShownChannel> {
    channels.sort_unstable_by_key(|(channel, _)| *channel);
    let shown = |(channel, figures): (Channel, Figures)| ShownChannel {
        channel: channel.name(),
        has_display: !without_display.contains(channel),
        figures: figures.into(),
    };
    channels.into_iter().map(shown).collect()
}

/// A text in both languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Text)]
struct ShownText {
    /// Chinese.
    #[schema(example = "无效用户")]
    zh: &'static str,
    /// English.
    #[schema(example = "invalid user")]
    en: &'static str,
}

/// What was lost for one reason (折损).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = push::Loss)]
pub(super) struct ShownLoss {
    /// Between which stages: ts, rs, sf or fd.
    #[schema(example = "sf")]
    phase: &'static str,
    /// What the phase means.
    phase_text: ShownText,
    /// The channel.
    #[schema(example = "gt")]
    channel: &'static str,
    /// The class of the reason.
    #[schema(example = 13)]
    class: u16,
    /// What the class means.
    class_text: ShownText,
    /// The reason: a sub-code, or the class where nothing closer was reported.
    #[schema(example = 13001)]
    reason: u16,
    /// What the reason means.
    reason_text: ShownText,
    /// Distinct devices of a task.
    #[schema(minimum = 0, example = 1)]
    count: i64,
}

/// Losses in the order of phase, channel and reason.
pub(super) fn shown_losses(mut losses: Vec<Loss>) -> Vec<ShownLoss> {
    losses
        .sort_unstable_by_key(|loss| (loss.phase, loss.channel, loss.reason.class(), loss.reason));
    losses.into_iter().map(shown_loss).collect()
}

fn shown_loss(loss: Loss) -> ShownLoss {
    let class = loss.reason.class();
    ShownLoss {
        phase: loss.phase.name(),
        phase_text: phase_text(loss.phase),
        channel: loss.channel.name(),
        class: class.code(),
        class_text: reason_text(class),
        reason: loss.reason.code(),
        reason_text: reason_text(loss.reason),
        count: loss.count,
    }
}

fn phase_text(phase: Phase) -> ShownText {
    ShownText {
        zh: phase.chinese(),
        en: phase.english(),
    }
}

fn reason_text(reason: Reason) -> ShownText {
    ShownText {
        zh: reason.chinese(),
        en: reason.english(),
    }
}
