//! Writes what became of deliveries: all that waits, in one write.

use std::sync::Arc;
use std::time::Duration;

use reportd_db::DbError;
use tokio::sync::mpsc;

use super::Dispatcher;
use crate::callback::attempts::{self, Note};

/// Most notes in one write.
const MOST: usize = 256;
/// How long to wait where the store does not take them.
const AGAIN: Duration = Duration::from_millis(200);
/// How often it is tried once the dispatcher closes: leases that are not ended end by themselves.
const LAST_TRIES: u32 = 10;

/// Writes notes until the last.
pub(super) async fn run(dispatcher: Arc<Dispatcher>, mut notes: mpsc::Receiver<Note>) {
    let mut waiting = Vec::with_capacity(MOST);
    loop {
        notes.recv_many(&mut waiting, MOST).await;
        let count = waiting.len();
        waiting.retain(|note| !matches!(note, Note::End));
        let is_last = waiting.len() < count;
        if !waiting.is_empty() {
            let taken = std::mem::replace(&mut waiting, Vec::with_capacity(MOST));
            write(&dispatcher, Arc::new(taken)).await;
        }
        if is_last || count == 0 {
            return;
        }
    }
}

/// Tries until the store takes them: what was sent and not written would be sent again.
async fn write(dispatcher: &Arc<Dispatcher>, notes: Arc<Vec<Note>>) {
    let mut tries = 0;
    loop {
        let (taken, node) = (Arc::clone(&notes), Arc::clone(&dispatcher.node));
        let now_ms = dispatcher.clock.now_ms();
        let written = dispatcher
            .desk
            // Nobody waits for it: it shares the commit of a verdict where one comes.
            .write_later(move |tx| attempts::write(tx, &node, &taken, now_ms));
        let Err(error) = written.await else {
            return;
        };
        let error: DbError = error;
        if tries == 0 {
            tracing::warn!(%error, "what became of callbacks cannot be written");
        }
        tries += 1;
        let is_hopeless = !error.is_transient() && tries >= LAST_TRIES;
        if is_hopeless || dispatcher.is_closing() && tries >= LAST_TRIES {
            tracing::error!(count = notes.len(), %error, "callbacks may be sent again");
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
