//! What is read from the store: lists, one ticket whole, history, counts. No read grows with the number of tickets.

mod counts;
mod deliveries;
mod history;
mod list;
mod queue;
mod service;
mod standing;
mod ticket;
mod verdicts;
mod whole;

pub use counts::{Counts, MOST_COUNTED};
pub use history::{ACCURACY_TICKETS, Accuracy, UserHistory};
pub use list::{About, Listing, MOST_CATEGORIES, MOST_TICKETS, Page, Place};
pub use standing::standing;
pub use ticket::{Claim, Ticket};
pub use whole::{GivenVerdict, MOST_REPORTS, StoredReport, Whole, of_report_id, reports};

pub(crate) use counts::{counts, held, waiting_by_category};
pub(crate) use deliveries::{
    Attempt, Delivery, DeliveryListing, attempts, count_deliveries, deliveries, deliveries_of,
    delivery, seen_by,
};
pub(crate) use list::list;
pub(crate) use queue::Queue;
pub(crate) use ticket::TICKET_COLUMNS;
pub(crate) use verdicts::standing_verdicts;
pub(crate) use whole::whole;
