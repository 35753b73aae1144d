//! The desk where numbers are asked for that are not in memory: those who wait together are served by one transaction,
//! so that many new viewers a second cost one commit a group.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reportd_db::{Database, DbError, Tx, Value};
use reportd_platform::random::Random;
use tokio::sync::oneshot;

use super::{ViewerIdentity, ViewerKey, draw_number, identity, no_randomness, stored};
use crate::registry::Registry;
use crate::schema::VIEWER;

/// Most who wait; who comes then is told to try later.
const MOST_WAITING: usize = 65_536;
/// Most who are served by one transaction.
const MOST_SERVED: usize = 4_096;

type Answer = Result<ViewerIdentity, DbError>;

/// The desk.
pub(super) struct Desk {
    state: Database,
    random: Arc<dyn Random>,
    registry: Arc<Registry>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(ViewerKey, oneshot::Sender<Answer>)>,
    /// A thread serves them, and looks for more when it has.
    is_served: bool,
}

impl Desk {
    pub(super) fn new(state: Database, random: Arc<dyn Random>, registry: Arc<Registry>) -> Self {
        Self {
            state,
            random,
            registry,
            queue: Mutex::default(),
        }
    }

    /// What stands for a viewer; a number is drawn where there is none.
    pub(super) async fn ask(self: &Arc<Self>, viewer: ViewerKey) -> Answer {
        let answer = self.enqueue(viewer)?;
        answer.await.unwrap_or_else(|_| {
            Err(DbError::Statement(
                "a look-up of viewers stopped".to_owned(),
            ))
        })
    }

    fn enqueue(self: &Arc<Self>, viewer: ViewerKey) -> Result<oneshot::Receiver<Answer>, DbError> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if queue.waiting.len() >= MOST_WAITING {
            let message = "too many viewers are looked up at once";
            return Err(DbError::Unavailable(message.to_owned()));
        }
        queue.waiting.push((viewer, sender));
        let is_first = !std::mem::replace(&mut queue.is_served, true);
        drop(queue);
        if is_first {
            let desk = Arc::clone(self);
            tokio::task::spawn_blocking(move || desk.serve());
        }
        Ok(receiver)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let _on_panic = Reopen(self);
        loop {
            let mut queue = self.queue();
            let served = queue.waiting.len().min(MOST_SERVED);
            let group: Vec<_> = queue.waiting.drain(..served).collect();
            queue.is_served = !group.is_empty();
            drop(queue);
            if group.is_empty() {
                return;
            }
            let mut keys: Vec<_> = group.iter().map(|(viewer, _)| *viewer).collect();
            keys.sort_unstable();
            keys.dedup();
            let told = self.look_up(&keys);
            for (viewer, sender) in group {
                let answer = told.as_ref().map_err(Clone::clone).and_then(|told| {
                    let missing = || DbError::Statement("a viewer has no number".to_owned());
                    told.get(&viewer).copied().ok_or_else(missing)
                });
                // Who has gone meanwhile needs no answer.
                let _ = sender.send(answer);
            }
        }
    }

    /// `keys` in order, none twice.
    fn look_up(&self, keys: &[ViewerKey]) -> Result<HashMap<ViewerKey, ViewerIdentity>, DbError> {
        let ticket = self.registry.viewers.ticket();
        let mut told = self.state.read(|tx| find_all(tx, keys))?;
        let new: Vec<_> = (keys.iter().copied())
            .filter(|key| !told.contains_key(key))
            .collect();
        if !new.is_empty() {
            told.extend(self.create(&new)?);
        }
        for (&key, &identity) in &told {
            self.registry.viewers.put(ticket, key, identity);
        }
        Ok(told)
    }

    /// Draws numbers for viewers that have none; where another node was quicker its number stands.
    fn create(&self, keys: &[ViewerKey]) -> Result<HashMap<ViewerKey, ViewerIdentity>, DbError> {
        let draw = || stored(draw_number(&*self.random).map_err(no_randomness)?);
        let rows: Vec<[Value<'_>; 6]> = (keys.iter())
            .map(|&(app, mid)| {
                let (viewer, salt) = (draw()?.into(), draw()?.into());
                Ok([
                    app.into(),
                    mid.into(),
                    viewer,
                    Value::Null,
                    salt,
                    0_i64.into(),
                ])
            })
            .collect::<Result<_, DbError>>()?;
        self.state.write(|tx| {
            tx.insert_new(&VIEWER, &rows)?;
            find_all(tx, keys)
        })
    }
}

/// Lets others serve where a look-up has panicked; those who wait learn that nobody answers.
struct Reopen<'a>(&'a Desk);

impl Drop for Reopen<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.0.queue() = Queue::default();
        }
    }
}

fn find_all(
    tx: &mut Tx<'_>,
    keys: &[ViewerKey],
) -> Result<HashMap<ViewerKey, ViewerIdentity>, DbError> {
    let sought: Vec<[Value<'_>; 2]> = (keys.iter())
        .map(|&(app, mid)| [app.into(), mid.into()])
        .collect();
    let rows = keys.iter().zip(tx.find(&VIEWER, &sought)?);
    rows.filter_map(|(&key, row)| row.map(|row| Ok((key, identity(&row)?))))
        .collect()
}
