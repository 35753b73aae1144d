//! The seven reports: plain figures in, the whole reply out.
//!
//! Figures are true values of 64 bits; a reply shows them within 0 and
//! [`MAX_COUNT`](super::MAX_COUNT).

mod brands;
mod count;
mod data;
mod detail;
mod figures;
mod funnel;
mod online;
mod users;

pub use brands::{MAX_BRANDS, OTHER_BRANDS};
pub use count::{QuotaUse, count_report};
pub use data::{
    ChannelData, FunnelData, FunnelsData, LossesData, OnlineData, QuotaData, QuotasData, UsersData,
};
pub use detail::{Detail, Loss, detail_report};
pub use figures::{Figures, Total};
pub use funnel::{Funnel, Shape, day_report, group_report, task_report};
pub use online::{ONLINE_POINTS, ONLINE_STEP_MS, PRESENCE_MS, online_points, online_report};
pub use users::{Users, user_report};
