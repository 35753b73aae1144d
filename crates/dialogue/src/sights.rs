//! Sights of tickets that the store could not note: where nothing can be written reading goes on (spec operating, Limits and
//! shutdown), and who saw what (spec dialogue-report, Audit) is noted as soon as it can be. What waits stands in the log as
//! well, for a process that is killed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reportd_db::{DbError, Tx};

use crate::query::Ticket;
use crate::tickets::{Actor, TicketError};
use crate::{Dialogue, audit};

/// Most sights that wait; beyond them no ticket is shown that is not noted.
const MOST: usize = 1_000;

/// What waits to be noted, the oldest first.
#[derive(Default)]
pub struct Sights(Mutex<VecDeque<Sight>>);

/// A ticket that somebody has seen.
#[derive(Debug, Clone)]
struct Sight {
    actor: Actor,
    ticket: Ticket,
    at_ms: i64,
}

impl Sight {
    fn note(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        audit::note_sight(tx, &self.actor, &self.ticket, self.at_ms)
    }
}

impl Sights {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Sight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a sight; false where too many wait.
    fn keep(&self, sight: Sight) -> bool {
        let mut waiting = self.waiting();
        let has_room = waiting.len() < MOST;
        if has_room {
            waiting.push_back(sight);
        }
        has_room
    }
}

impl Dialogue {
    /// Notes that the actor sees a ticket: now, or later where the store takes nothing now.
    ///
    /// # Errors
    /// Those of the store, where it is not noted and not kept either.
    pub(crate) async fn note_sight(&self, actor: Actor, ticket: Ticket) -> Result<(), TicketError> {
        let at_ms = self.clock.now_ms();
        let sight = Sight {
            actor,
            ticket,
            at_ms,
        };
        let noting = sight.clone();
        let noted = self.desk.write::<_, DbError>(move |tx| noting.note(tx));
        let Err(error) = noted.await else {
            return Ok(());
        };
        let (actor, ticket) = (sight.actor.name.clone(), sight.ticket.id);
        if error.is_transient() && self.sights.keep(sight) {
            tracing::warn!(%error, actor, ticket, at_ms, "a ticket was seen, which is noted later");
            return Ok(());
        }
        Err(error.into())
    }

    /// Notes what waits. One caller at a time.
    ///
    /// # Errors
    /// Those of the store; the next call tries again.
    pub(crate) async fn note_sights(&self) -> Result<(), DbError> {
        let waiting: Vec<Sight> = self.sights.waiting().iter().cloned().collect();
        let count = waiting.len();
        if count == 0 {
            return Ok(());
        }
        let noted = self.state.write_async::<_, DbError>(move |tx| {
            waiting.iter().try_for_each(|sight| sight.note(tx))
        });
        noted.await?;
        self.sights.waiting().drain(..count);
        Ok(())
    }
}
