//! Senders that begin a request and let its body wait.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A body of so many bytes, of which none comes. It tells when it is waited for.
pub struct SlowBody {
    bytes: u64,
    waited_for: UnboundedSender<()>,
}

impl Body for SlowBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let _ = self.waited_for.send(());
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

/// Begins to send so many bodies of so many bytes, each by a task of its own, and waits until each is waited for.
///
/// # Panics
/// Where nobody waits for one.
pub fn send_slowly<S>(runtime: &Runtime, (count, bytes): (usize, u64), send: impl Fn(SlowBody) -> S)
where
    S: Future<Output: Send> + Send + 'static,
{
    for _ in 0..count {
        let (waited_for, mut waits) = unbounded_channel();
        runtime.spawn(send(SlowBody { bytes, waited_for }));
        let told = runtime.block_on(waits.recv());
        assert!(told.is_some(), "the body was dropped and never waited for");
    }
}
