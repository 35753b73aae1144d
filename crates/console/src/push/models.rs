//! What the pages read of the API's replies.

use serde::Deserialize;

use crate::texts::Locale;

/// Distinct devices by step; channels and brands have no `msg_num`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Figures {
    #[serde(default)]
    pub(super) msg_num: i64,
    pub(super) target_num: i64,
    pub(super) receive_num: i64,
    pub(super) display_num: i64,
    pub(super) click_num: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Channel {
    pub(super) channel: String,
    pub(super) has_display: bool,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Brand {
    pub(super) brand: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Action {
    pub(super) action_id: String,
    pub(super) count: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Funnel {
    pub(super) total: Figures,
    pub(super) channels: Vec<Channel>,
    pub(super) brands: Vec<Brand>,
    pub(super) actions: Vec<Action>,
}

/// A text in both languages.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Text {
    zh: String,
    en: String,
}

impl Text {
    pub(super) fn of(&self, locale: Locale) -> &str {
        locale.pick(&self.en, &self.zh)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Loss {
    pub(super) phase: String,
    pub(super) phase_text: Text,
    pub(super) channel: String,
    pub(super) class: i64,
    pub(super) class_text: Text,
    pub(super) reason: i64,
    pub(super) reason_text: Text,
    pub(super) count: i64,
}

/// Totals of a day.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Day {
    pub(super) day: String,
    pub(super) total: Figures,
    /// Empty where the call does not tell them.
    #[serde(default)]
    pub(super) channels: Vec<Channel>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Days {
    pub(super) days: Vec<Day>,
}

/// The settings that decide what figures mean.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) channels_without_display: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Quota {
    pub(super) channel: String,
    pub(super) kind: String,
    pub(super) total: i64,
    pub(super) sent: i64,
    pub(super) received: i64,
    pub(super) is_used_up: bool,
}

/// Users online at a time in ms.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Point {
    pub(super) at: i64,
    pub(super) users: i64,
}
