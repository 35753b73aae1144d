//! What a handler leaves unread of a request's body.
//!
//! Without this, HTTP/1 closes a connection whose body was left unread and has not come whole: a client that sends head and
//! body in two pieces would find it closed under its next request, and one that still sends might never see the reply.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// Bytes that are read and thrown away, twice as many as any call takes unless settings say so; the connection of a longer
/// body is closed. Many clients read no reply before all is sent: one that sent a little too much is to read the refusal.
const DRAIN_BYTES: usize = 16 << 20;
/// What is left is drained no longer than this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// A body that a handler has; what it leaves of it goes back.
struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// What comes back of a body.
pub(super) struct Unread(Option<oneshot::Receiver<Incoming>>);

/// The body for a handler, and what the handler will leave of it.
pub(super) fn lend(body: Incoming) -> (Body, Unread) {
    if body.is_end_stream() {
        return (Body::empty(), Unread(None));
    }
    let (back, unread) = oneshot::channel();
    let lent = Lent {
        body: Some(body),
        back: Some(back),
    };
    (Body::new(lent), Unread(Some(unread)))
}

impl Unread {
    /// Reads and drops what was left, within bounds. A handler that still has the body leaves nothing.
    pub(super) async fn drain(self) {
        let left = self.0.and_then(|mut unread| unread.try_recv().ok());
        if let Some(body) = left {
            // Whether it ended or was given up makes no difference: the reply goes out now.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, read_away(body)).await;
        }
    }
}

async fn read_away(mut body: Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAIN_BYTES {
            break;
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(back)) = (left, self.back.take()) {
            // Nobody waits for it where the reply is on its way.
            let _ = back.send(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::mpsc::{Receiver, channel};

    use axum::Router;
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;
    use crate::web::{Limits, TrustedProxies, serve};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// Talks to a server whose handler reads no body; the client hears when the handler is asked.
    async fn talk(client: impl FnOnce(TcpStream, Receiver<()>) + Send + 'static) {
        let (ask, asked) = channel();
        let handler = move || async move {
            ask.send(()).unwrap();
            "done"
        };
        let router = Router::new().route("/", post(handler));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            connections: 4,
            header_timeout: DEADLINE,
            write_timeout: DEADLINE,
            shutdown_timeout: Duration::ZERO,
            trusted_proxies: TrustedProxies::default(),
        };
        let talk = tokio::task::spawn_blocking(move || {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            client(stream, asked);
        });
        let stop = async { talk.await.unwrap() };
        serve(listener, router, limits, stop).await;
    }

    fn head(length: usize) -> String {
        format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n")
    }

    /// Reads a reply to its end; tells whether one came.
    fn is_done(stream: &mut TcpStream) -> bool {
        let mut reply = Vec::new();
        let mut byte = [0];
        while !reply.ends_with(b"done") {
            match stream.read(&mut byte) {
                Ok(1) => reply.push(byte[0]),
                _ => return false,
            }
        }
        reply.starts_with(b"HTTP/1.1 200")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_goes_on_though_a_body_was_left_unread() {
        talk(move |mut stream, asked| {
            for bytes in [2, 300_000, (8 << 20) + 1] {
                let body = vec![b' '; bytes];
                stream.write_all(head(body.len()).as_bytes()).unwrap();
                asked.recv_timeout(DEADLINE).unwrap();
                stream.write_all(&body).unwrap();
                assert!(is_done(&mut stream), "{bytes} bytes");
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_that_is_longer_than_what_is_drained_ends_its_connection() {
        talk(|mut stream, _asked| {
            stream.write_all(head(1 << 30).as_bytes()).unwrap();
            stream.write_all(&vec![b' '; DRAIN_BYTES + 1]).unwrap();
            assert!(is_done(&mut stream));
            // Closed, or broken off because more of the body was on its way.
            assert!(!is_done(&mut stream));
        })
        .await;
    }
}
