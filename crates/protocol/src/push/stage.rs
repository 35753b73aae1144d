//! Stages: how far a message came on a channel.

use serde::{Deserialize, Serialize};

/// A stage that is counted by channel. What comes before, 可下发, has no channel: it is an event of
/// its own. No stage implies another: what was not reported is not counted (`spec push-report`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = push::Stage, description = "How far a message came on a channel: 下发, 接收, 展示, 点击."))]
pub enum Stage {
    /// 下发: `target_num`.
    Sent,
    /// 接收: `receive_num`.
    Received,
    /// 展示: `display_num`.
    Displayed,
    /// 点击: `click_num`.
    Clicked,
}

impl Stage {
    /// All of them; each stands at its [`index`](Self::index).
    pub const ALL: [Self; 4] = [Self::Sent, Self::Received, Self::Displayed, Self::Clicked];

    /// The `type` of its event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Displayed => "displayed",
            Self::Clicked => "clicked",
        }
    }

    /// A number below 4 that stays the same in every version, so that it may be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
