//! The changes of tickets as calls: each is one transaction, and what left by it is handed over after the commit.

use std::sync::Arc;

use reportd_db::{DbError, Tx};
use tokio::task::JoinError;

use super::{Actor, Judged, Judgement, Judging, TicketError, Wanted, end_expired_claims};
use crate::query::{self, Ticket, Whole};
use crate::{Dialogue, events};

/// Most tickets of a bulk verdict.
pub const MOST_BULK: usize = 200;

/// What became of one ticket of a bulk verdict.
#[derive(Debug)]
pub struct BulkOutcome {
    /// The ticket.
    pub id: i64,
    /// As it is now, or why it was not judged.
    pub outcome: Result<Ticket, TicketError>,
}

impl Dialogue {
    /// Claims a ticket for the actor, or renews the actor's claim.
    ///
    /// # Errors
    /// [`TicketError::ClaimedByAnother`], [`TicketError::AlreadyJudged`], [`TicketError::Unknown`].
    pub async fn claim(&self, actor: Actor, id: i64) -> Result<Ticket, TicketError> {
        self.change(move |tx, now_ms| super::claim(tx, &actor, id, now_ms))
            .await
    }

    /// Claims the next open ticket that the actor may take; `None` where there is none.
    ///
    /// # Errors
    /// [`TicketError::Unknown`] where the one that it comes after is, and those of the store.
    pub async fn claim_next(
        &self,
        actor: Actor,
        wanted: Wanted,
    ) -> Result<Option<Ticket>, TicketError> {
        self.change(move |tx, now_ms| super::next(tx, &actor, &wanted, now_ms))
            .await
    }

    /// Gives the actor's claim back.
    ///
    /// # Errors
    /// [`TicketError::ClaimedByAnother`], [`TicketError::Unknown`].
    pub async fn release(&self, actor: Actor, id: i64) -> Result<(), TicketError> {
        self.change(move |tx, now_ms| super::release(tx, &actor, id, now_ms))
            .await
    }

    /// Judges a ticket. It is judged, and its callbacks are sure to leave, when this returns.
    ///
    /// # Errors
    /// Any [`TicketError`]; nothing has changed then.
    pub async fn judge(
        &self,
        actor: Actor,
        id: i64,
        judgement: Judgement,
    ) -> Result<Ticket, TicketError> {
        // In a task of its own: whoever asked may be gone before the commit, and its callbacks are handed over all the same.
        let judging = tokio::spawn(self.clone().judge_and_send(actor, id, judgement));
        judging
            .await
            .unwrap_or_else(|stopped| Err(stopped_early(&stopped)))
    }

    async fn judge_and_send(
        self,
        actor: Actor,
        id: i64,
        judgement: Judgement,
    ) -> Result<Ticket, TicketError> {
        let (registry, random) = (Arc::clone(&self.registry), Arc::clone(&self.random));
        let lease = self.dispatcher.lease();
        let judged = self.change(move |tx, now_ms| {
            let ticket = super::find(tx, &actor, id)?;
            let app = registry.app_of(ticket.app).ok_or_else(not_loaded)?;
            let with = Judging {
                app: &app,
                random: &*random,
                lease: lease.as_ref(),
                now_ms,
            };
            super::judge(tx, &actor, id, &judgement, &with)
        });
        let Judged { ticket, deliveries } = judged.await?;
        if let Some(verdict) = ticket.verdict.filter(|_| ticket.revision > 1) {
            self.dispatcher.let_go(ticket.id, verdict);
        }
        self.dispatcher.hand_over(deliveries);
        self.metrics.judged.inc();
        Ok(ticket)
    }

    /// Gives several tickets the same verdict, each for itself, and each once; those beyond [`MOST_BULK`] are left out.
    /// In the order of `ids`.
    pub async fn judge_all(
        &self,
        actor: &Actor,
        ids: &[i64],
        judgement: &Judgement,
    ) -> Vec<BulkOutcome> {
        let mut distinct = Vec::new();
        for &id in ids {
            if !distinct.contains(&id) && distinct.len() < MOST_BULK {
                distinct.push(id);
            }
        }
        // All at once, so that they share commits.
        let judging: Vec<_> = distinct
            .into_iter()
            .map(|id| {
                (
                    id,
                    tokio::spawn(
                        self.clone()
                            .judge_and_send(actor.clone(), id, judgement.clone()),
                    ),
                )
            })
            .collect();
        let mut outcomes = Vec::with_capacity(judging.len());
        for (id, judging) in judging {
            let outcome = judging
                .await
                .unwrap_or_else(|stopped| Err(stopped_early(&stopped)));
            outcomes.push(BulkOutcome { id, outcome });
        }
        outcomes
    }

    /// Takes a verdict back, while no callback of it has left.
    ///
    /// # Errors
    /// [`TicketError::TooLate`], [`TicketError::Forbidden`], [`TicketError::NotJudged`], [`TicketError::Unknown`].
    pub async fn undo(&self, actor: Actor, id: i64) -> Result<Ticket, TicketError> {
        self.change(move |tx, now_ms| super::undo(tx, &actor, id, now_ms))
            .await
    }

    /// Opens a judged ticket again.
    ///
    /// # Errors
    /// [`TicketError::Forbidden`], [`TicketError::NotJudged`], [`TicketError::Invalid`], [`TicketError::Unknown`].
    pub async fn reopen(
        &self,
        actor: Actor,
        id: i64,
        reason: String,
    ) -> Result<Ticket, TicketError> {
        self.change(move |tx, now_ms| super::reopen(tx, &actor, id, &reason, now_ms))
            .await
    }

    /// A ticket whole, as the actor looks at it: noted in the audit trail, later where the store takes nothing now.
    ///
    /// # Errors
    /// [`TicketError::Unknown`], and those of the store.
    pub async fn look_at(&self, actor: Actor, id: i64) -> Result<Whole, TicketError> {
        let seen_by = actor.clone();
        let whole = self.state.read_async::<_, TicketError>(move |tx| {
            let ticket = super::find(tx, &actor, id)?;
            Ok(query::whole(tx, ticket)?)
        });
        let whole = whole.await?;
        self.note_sight(seen_by, whole.ticket.clone()).await?;
        Ok(whole)
    }

    /// Ends claims that were not renewed, drops old events, and notes who saw tickets while nothing could be written: to be
    /// called once a second, on each node.
    ///
    /// # Errors
    /// Those of the store; the next call goes on.
    pub async fn upkeep(&self) -> Result<(), DbError> {
        let now_ms = self.clock.now_ms();
        let noted = self.note_sights().await;
        let desk = &self.desk;
        desk.write::<_, DbError>(move |tx| end_expired_claims(tx, now_ms))
            .await?;
        desk.write::<_, DbError>(move |tx| events::prune(tx, now_ms))
            .await?;
        noted
    }

    /// Runs a change in a transaction that comes with others.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx<'_>, i64) -> Result<T, TicketError> + Send + 'static,
    ) -> Result<T, TicketError> {
        let now_ms = self.clock.now_ms();
        self.desk.write(move |tx| change(tx, now_ms)).await
    }
}

fn stopped_early(stopped: &JoinError) -> TicketError {
    DbError::Statement(format!("a verdict stopped: {stopped}")).into()
}

/// The app of a ticket is not loaded: its settings cannot be read, or it was made a moment ago elsewhere.
fn not_loaded() -> TicketError {
    DbError::Unavailable("the app of the ticket is not loaded".to_owned()).into()
}
