//! Reads of the views: what a call costs depends on what it shows, never on how many receipts are behind it.

mod days;
mod listing;
mod rows;
mod tasks;
#[cfg(test)]
mod tests;
mod users;

pub(crate) use days::{QuotaCount, day_funnel, day_funnels, day_losses, quota_counts};
pub(crate) use listing::{ListedTask, Listing, ShownTask, list_tasks, task};
pub(crate) use tasks::{Served, group_funnel, task_details, task_funnels};
pub(crate) use users::{online, users};
