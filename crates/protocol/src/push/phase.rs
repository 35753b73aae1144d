//! Phases: between which two stages a message was lost (折损阶段).

use serde::{Deserialize, Serialize};

/// A phase of the detail report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = push::Phase, description = "Between which two stages a message was lost (折损阶段): request, sendable, sent, received, displayed."))]
pub enum Phase {
    /// From request to sendable.
    Ts,
    /// From sendable to sent.
    Rs,
    /// From sent to received.
    Sf,
    /// From received to displayed.
    Fd,
}

impl Phase {
    /// All of them; each stands at its [`index`](Self::index).
    pub const ALL: [Self; 4] = [Self::Ts, Self::Rs, Self::Sf, Self::Fd];

    /// The key in feeds and in `failed_detail`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Rs => "rs",
            Self::Sf => "sf",
            Self::Fd => "fd",
        }
    }

    /// The phase of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// What it means, in the words of the seed.
    #[must_use]
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Ts => "请求-可下发阶段折损",
            Self::Rs => "可下发-下发成功阶段折损",
            Self::Sf => "下发成功-到达阶段折损",
            Self::Fd => "到达-展示阶段折损",
        }
    }

    /// What it means, in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            Self::Ts => "lost between request and sendable",
            Self::Rs => "lost between sendable and sent",
            Self::Sf => "lost between sent and received",
            Self::Fd => "lost between received and displayed",
        }
    }

    /// A number below 4 that stays the same in every version, so that it may be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
