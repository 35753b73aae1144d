//! Tests that wait for futures and call a store between them.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::Runtime;

/// Runs a test on this thread, with a runtime around it for what it spawns and for its timers.
///
/// The thread is none of the runtime's own, so unlike in `#[tokio::test]` the test may also call a store, which blocks.
///
/// # Panics
/// Where there is no runtime to be had.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => panic!("a runtime cannot be started: {error}"),
    };
    let _around = runtime.enter();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut test = pin!(test);
    loop {
        match test.as_mut().poll(&mut context) {
            Poll::Ready(told) => return told,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
