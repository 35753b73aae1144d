//! What is due comes from the store: for each host no more than it can take now.

use std::sync::Arc;

use reportd_db::DbError;

use super::Dispatcher;
use crate::callback::leases::{self, Due, HOSTS};
use crate::callback::outbox::Leased;

/// Deliveries that are leased in one transaction, whatever their hosts.
const MOST_LEASED: usize = 512;

/// Looks for what is due until the dispatcher closes.
pub(super) async fn run(dispatcher: Arc<Dispatcher>) {
    let mut is_failing = false;
    while !dispatcher.is_closing() {
        let looked = look(&dispatcher).await;
        match &looked {
            Err(error) if !is_failing => {
                tracing::warn!(%error, "callbacks that are due cannot be read");
            }
            Ok(()) if is_failing => tracing::info!("callbacks that are due are read again"),
            _ => {}
        }
        is_failing = looked.is_err();
        let asked = dispatcher.look.notified();
        let _ = tokio::time::timeout(dispatcher.options.look, asked).await;
        let now = dispatcher.clock.monotonic();
        dispatcher.outlet.hosts().prune(now);
    }
}

/// One round over all hosts for which deliveries wait.
async fn look(dispatcher: &Arc<Dispatcher>) -> Result<(), DbError> {
    let mut after = String::new();
    loop {
        let behind = after.clone();
        let hosts: Vec<Due> = dispatcher
            .state
            .read_async(move |tx| leases::due_hosts(tx, &behind))
            .await?;
        let is_last = i64::try_from(hosts.len()).unwrap_or(HOSTS) < HOSTS;
        if let Some(last) = hosts.last() {
            after = last.host.to_string();
        }
        take(dispatcher, hosts).await?;
        if is_last || dispatcher.is_closing() {
            return Ok(());
        }
    }
}

/// Leases and begins what is due of these hosts.
async fn take(dispatcher: &Arc<Dispatcher>, due: Vec<Due>) -> Result<(), DbError> {
    let mut wanted = wanted(dispatcher, due).into_iter().peekable();
    while wanted.peek().is_some() && !dispatcher.is_closing() {
        let mut batch = Vec::new();
        let mut sum = 0;
        while let Some((host, room)) =
            wanted.next_if(|(_, room)| sum == 0 || sum + room <= MOST_LEASED)
        {
            sum += room;
            batch.push((host, room));
        }
        let leased = lease(dispatcher, batch).await?;
        let refused = dispatcher.push(leased.into_iter());
        dispatcher.begin();
        dispatcher.give_back(refused).await;
    }
    Ok(())
}

/// Hosts of which something is due, with how much of it there is room for.
fn wanted(dispatcher: &Dispatcher, due: Vec<Due>) -> Vec<(Arc<str>, usize)> {
    let now_ms = dispatcher.clock.now_ms();
    let now = dispatcher.clock.monotonic();
    let hosts = dispatcher.outlet.hosts();
    let room = |due: Due| {
        let room = hosts.room(&due.host, dispatcher.options.batch, now);
        (due.at_ms <= now_ms && room > 0).then_some((due.host, room))
    };
    due.into_iter().filter_map(room).collect()
}

async fn lease(
    dispatcher: &Dispatcher,
    batch: Vec<(Arc<str>, usize)>,
) -> Result<Vec<Leased>, DbError> {
    let now_ms = dispatcher.clock.now_ms();
    let lease = dispatcher.lease_from(now_ms);
    let asked = batch.clone();
    let leased: Vec<Leased> = dispatcher
        .desk
        .write(move |tx| {
            let mut all = Vec::new();
            for (host, room) in asked {
                let most = i64::try_from(room).unwrap_or(i64::MAX);
                all.extend(leases::lease(tx, &host, &lease, now_ms, most)?);
            }
            Ok::<_, DbError>(all)
        })
        .await?;
    let mut hosts = dispatcher.outlet.hosts();
    for (host, room) in batch {
        let came = leased.iter().filter(|one| one.host == host).count();
        hosts.note_more(&host, came >= room);
    }
    drop(hosts);
    Ok(leased)
}
