//! Reads of the views: what a call costs depends on what it shows, never on how many receipts are behind it.

mod days;
mod online;
mod tasks;
mod users;

pub(crate) use days::{QuotaCount, day_funnel, day_losses, quota_counts};
pub(crate) use online::online;
pub(crate) use tasks::{
    ListedTask, Listing, Served, ShownTask, group_funnel, list_tasks, task, task_details,
    task_funnels,
};
pub(crate) use users::users;
