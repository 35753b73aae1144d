//! What blocks, called from async code.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::DbError;

/// Reads that run on async threads at a time, of the whole program. Each holds one of the threads that the runtime has for
/// what blocks (512): were they all held, nothing else would go on.
const MOST_IN_PLACE: usize = 64;

static IN_PLACE: AtomicUsize = AtomicUsize::new(0);

/// Work of any caller, and what it told. What goes on around it is compiled once, and not once a caller.
type Work = Box<dyn FnOnce() -> Told + Send>;
type Told = Box<dyn Any + Send>;

/// Runs what blocks off the async threads.
pub async fn off_async_threads<T: Send + 'static, E: From<DbError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    read_back(run_off(boxed(work)).await)
}

/// Runs a read on the thread that asks for it, which first hands its other tasks to another thread: to wake a thread for
/// the read, and this one again for its reply, takes longer than most reads. The task itself does nothing else meanwhile:
/// no timeout around the call ends it. Where that cannot be, or too many are at it, it runs off the async threads.
pub async fn on_this_thread<T: Send + 'static, E: From<DbError> + Send + 'static>(
    read: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    read_back(run_here(boxed(read)).await)
}

/// Runs work on the thread that asks for it, as if it were another: a panic ends the work, and not who asked for it.
pub(crate) fn guarded<T, E: From<DbError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let panicked = |_| Err(stopped(&"it panicked").into());
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn boxed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Work {
    Box::new(move || Box::new(work()))
}

fn read_back<T: 'static, E: From<DbError> + 'static>(told: Result<Told, DbError>) -> Result<T, E> {
    let told = told?
        .downcast()
        .map_err(|_| stopped(&"what it told is lost"))?;
    *told
}

async fn run_off(work: Work) -> Result<Told, DbError> {
    let told = tokio::task::spawn_blocking(work).await;
    told.map_err(|stop| stopped(&stop))
}

async fn run_here(read: Work) -> Result<Told, DbError> {
    match Seat::take() {
        Some(seat) => seat.block(read),
        None => run_off(read).await,
    }
}

fn stopped(why: &dyn Display) -> DbError {
    DbError::Statement(format!("a database call stopped: {why}"))
}

/// The right to block an async thread.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        let can_hand_on = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        let next = |taken| (taken < MOST_IN_PLACE).then_some(taken + 1);
        let is_free = || {
            IN_PLACE
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
                .is_ok()
        };
        (can_hand_on && is_free()).then(|| Self)
    }

    fn block(self, work: Work) -> Result<Told, DbError> {
        guarded(|| Ok(tokio::task::block_in_place(work)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        IN_PLACE.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_read_stays_on_its_thread_and_other_tasks_go_on_beside_it() {
        let read = tokio::spawn(async {
            let (send, receive) = mpsc::channel();
            // It is queued behind this task, on the only thread.
            tokio::spawn(async move { send.send(()) });
            let asked_on = thread::current().id();
            on_this_thread(move || {
                let was_told = receive.recv_timeout(DEADLINE).is_ok();
                Ok::<_, DbError>((was_told, thread::current().id() == asked_on))
            })
            .await
        });
        assert_eq!(
            read.await.ok().and_then(Result::ok),
            Some((true, true)),
            "the other task has run, and the read was not moved"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_panic_ends_a_read_and_gives_its_seat_back() {
        for _ in 0..=MOST_IN_PLACE {
            let read = on_this_thread(|| -> Result<(), DbError> { panic!("on purpose") });
            assert!(matches!(read.await, Err(DbError::Statement(_))));
        }
        assert!(Seat::take().is_some());
    }

    #[tokio::test]
    async fn a_runtime_of_one_thread_reads_off_it() {
        let own = thread::current().id();
        let read = on_this_thread(move || Ok::<_, DbError>(thread::current().id() != own));
        assert_eq!(read.await.ok(), Some(true));
    }
}
