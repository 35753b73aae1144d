//! Reads as calls, each bounded by what the actor may see.

use reportd_db::{DbError, Tx};
use reportd_platform::AppNo;

use super::queue::Queue;
use super::{Counts, Listing, Page};
use crate::Dialogue;
use crate::audit::{self, AuditListing, Record};
use crate::tickets::{Actor, TicketError};

impl Dialogue {
    /// A page of tickets, of those that the actor may see.
    ///
    /// # Errors
    /// [`TicketError::Forbidden`], [`TicketError::Invalid`], and those of the store.
    pub async fn list(&self, actor: &Actor, listing: Listing) -> Result<Page, TicketError> {
        let listing = listing.of(actor)?;
        self.state
            .read_async(move |tx| super::list(tx, &listing))
            .await
    }

    /// How many tickets there are, of those that the actor may take.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn counts(
        &self,
        actor: Actor,
        app: Option<AppNo>,
        category: Option<String>,
    ) -> Result<Counts, DbError> {
        let read = move |tx: &mut Tx<'_>| {
            let queues = Queue::all_of(&actor, app, category.as_deref());
            super::counts(tx, &queues)
        };
        self.state.read_async(read).await
    }

    /// When the oldest open ticket was received, of those that the actor may take, in ms.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn oldest_open(
        &self,
        actor: Actor,
        app: Option<AppNo>,
        category: Option<String>,
    ) -> Result<Option<i64>, DbError> {
        let read = move |tx: &mut Tx<'_>| {
            let queues = Queue::all_of(&actor, app, category.as_deref());
            super::counts::oldest_open(tx, &queues)
        };
        self.state.read_async(read).await
    }

    /// A page of the audit trail.
    ///
    /// # Errors
    /// [`TicketError::Forbidden`], and those of the store.
    pub async fn audit(
        &self,
        actor: &Actor,
        listing: AuditListing,
    ) -> Result<Vec<Record>, TicketError> {
        let apps = narrow(actor.apps.as_ref(), listing.apps)?;
        let listing = AuditListing { apps, ..listing };
        self.state
            .read_async(move |tx| Ok(audit::list(tx, &listing)?))
            .await
    }
}

impl Listing {
    /// What of it the actor may see.
    fn of(self, actor: &Actor) -> Result<Self, TicketError> {
        let categories = match (&actor.categories, self.categories) {
            (Some(only), Some(mut asked)) => {
                asked.retain(|one| only.contains(one));
                Some(asked)
            }
            (Some(only), None) => Some(only.clone()),
            (None, asked) => asked,
        };
        Ok(Self {
            apps: narrow(actor.apps.as_ref(), self.apps)?,
            categories,
            ..self
        })
    }
}

/// The apps that are asked for, where all of them are the actor's affair; else those that are.
fn narrow(
    only: Option<&Vec<AppNo>>,
    asked: Option<Vec<AppNo>>,
) -> Result<Option<Vec<AppNo>>, TicketError> {
    match (only, asked) {
        (Some(only), Some(asked)) if !asked.iter().all(|app| only.contains(app)) => Err(
            TicketError::Forbidden("this key or person is limited to another app"),
        ),
        (only, asked) => Ok(asked.or_else(|| only.cloned())),
    }
}
