//! What kind of push a task is.

use serde::{Deserialize, Serialize};

/// A kind of task. `seed push-report` serves lists and apps only; `spec push-report` serves single
/// pushes where the app has `single_reports`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = push::TaskKind, description = "A kind of task: to a list of devices, to the app, or to one device."))]
pub enum TaskKind {
    /// toList: to a list of devices.
    List,
    /// toApp: to all devices of the app, or those of a condition.
    App,
    /// toSingle: to one device.
    Single,
}

impl TaskKind {
    /// All of them; each stands at its [`index`](Self::index).
    pub const ALL: [Self; 3] = [Self::List, Self::App, Self::Single];

    /// The `kind` in a `task` event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::App => "app",
            Self::Single => "single",
        }
    }

    /// How the ids of such tasks begin, as the vendor's server makes them (`spec push-report`).
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::List => "RASL_",
            Self::App => "RASA_",
            Self::Single => "RASS_",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What the id says by its prefix, of a task that was not announced.
    #[must_use]
    pub fn from_task_id(task_id: &str) -> Option<Self> {
        let mut kinds = Self::ALL.into_iter();
        kinds.find(|kind| task_id.starts_with(kind.prefix()))
    }

    /// A number below 3 that stays the same in every version, so that it may be stored.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
