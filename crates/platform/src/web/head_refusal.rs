//! Words for a head that cannot be taken. It is refused below the routes, with an empty body: a client of a protocol would not
//! understand that.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Problem;

/// How a protocol says that it cannot take a head.
#[derive(Debug, Clone, Copy)]
pub struct HeadRefusal {
    /// How the paths of the protocol begin.
    pub path: &'static str,
    /// The reply in place of one with this status: status, content type and body.
    pub reply: fn(StatusCode) -> (StatusCode, &'static str, Vec<u8>),
}

/// Refusals of heads, by the path; what is of no protocol is told a problem.
pub type HeadRefusals = Arc<[HeadRefusal]>;

/// Bytes of a head that are kept: they tell whose path it is.
const KEPT_BYTES: usize = 64;
/// Bytes behind a refused head that are read and thrown away, so that the client gets to read the reply.
const DRAIN_BYTES: usize = 1 << 20;
/// They are read no longer than this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Wraps a stream: a refusal without a body that is written to it gets one.
pub(super) struct WordedRefusals<S> {
    stream: S,
    refusals: HeadRefusals,
    /// How what was read since the last write begins.
    head: Vec<u8>,
    is_answered: bool,
    /// What is left of a reply to write, once there is one.
    reply: Option<Vec<u8>>,
    drained_bytes: usize,
    draining: Option<Pin<Box<Sleep>>>,
}

impl<S> WordedRefusals<S> {
    pub(super) fn new(stream: S, refusals: HeadRefusals) -> Self {
        Self {
            stream,
            refusals,
            head: Vec::new(),
            is_answered: false,
            reply: None,
            drained_bytes: 0,
            draining: None,
        }
    }

    fn note_read(&mut self, bytes: &[u8]) {
        if self.is_answered {
            self.head.clear();
            self.is_answered = false;
        }
        let kept = bytes.len().min(KEPT_BYTES - self.head.len());
        self.head.extend_from_slice(&bytes[..kept]);
    }

    /// Takes a write over where it is a refusal without a body.
    fn take_over(&mut self, written: &[u8]) -> bool {
        self.is_answered = true;
        let Some(status) = wordless_refusal(written) else {
            return false;
        };
        self.reply = Some(self.worded(status));
        true
    }

    fn worded(&self, status: StatusCode) -> Vec<u8> {
        let path = self.head.splitn(2, |byte| *byte == b' ').nth(1);
        let path = path.unwrap_or_default();
        let known = |refusal: &&HeadRefusal| path.starts_with(refusal.path.as_bytes());
        let (status, content_type, mut body) = match self.refusals.iter().find(known) {
            Some(refusal) => (refusal.reply)(status),
            None => {
                let detail = match status {
                    StatusCode::BAD_REQUEST => "the head of the request is not HTTP",
                    _ => "the head of the request is too large: expected at most 64 KiB",
                };
                let body = Problem::new(status, detail).body(None);
                (status, "application/problem+json", body)
            }
        };
        let mut reply = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        reply.append(&mut body);
        reply
    }
}

/// The status of a reply that refuses a head and says nothing: no handler answers so.
fn wordless_refusal(written: &[u8]) -> Option<StatusCode> {
    let (head, rest) = written.split_at_checked(b"HTTP/1.1 431".len())?;
    let status = StatusCode::from_bytes(head.strip_prefix(b"HTTP/1.1 ")?).ok()?;
    let is_refusal = matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    let rest = std::str::from_utf8(rest).ok().filter(|_| is_refusal)?;
    let is_wordless = rest.lines().any(|line| line == "content-length: 0");
    (is_wordless && rest.ends_with("\r\n\r\n")).then_some(status)
}

impl<S: AsyncWrite + Unpin> WordedRefusals<S> {
    /// Writes what is left of a reply.
    fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(reply) = &mut self.reply else {
            return Poll::Ready(Ok(()));
        };
        while !reply.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, reply))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            reply.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> WordedRefusals<S> {
    /// Reads on to the end of what the client sends, within bounds: a connection that ends with something unread takes the
    /// reply along.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timeout = self
            .draining
            .get_or_insert_with(|| Box::pin(sleep(DRAIN_TIMEOUT)));
        let mut bytes = [0; 4 << 10];
        while self.drained_bytes < DRAIN_BYTES {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.drained_bytes += buffer.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return timeout.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WordedRefusals<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.note_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WordedRefusals<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.take_over(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.iter().find(|part| !part.is_empty());
        if let Some(first) = first
            && self.take_over(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reply(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_reply(context))?;
        if self.draining.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.reply.is_some() {
            ready!(self.poll_drain(context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::web::{Limits, TrustedProxies, serve};

    const OWN: HeadRefusal = HeadRefusal {
        path: "/own/",
        reply: |status| {
            let body = format!("{{\"was\":{}}}", status.as_u16());
            (StatusCode::BAD_REQUEST, "application/json", body.into())
        },
    };

    /// What a server answers to these requests, each on a connection of its own that is read to its end.
    async fn replies(requests: &[String]) -> Vec<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits {
            connections: 8,
            header_timeout: DRAIN_TIMEOUT,
            write_timeout: DRAIN_TIMEOUT,
            shutdown_timeout: DRAIN_TIMEOUT,
            trusted_proxies: TrustedProxies::default(),
            head_refusals: Arc::new([OWN]),
        };
        let router = Router::new().route("/own/report", get(|| async { "taken" }));
        let server = tokio::spawn(serve(listener, router, limits, std::future::pending()));
        let mut replies = Vec::new();
        for request in requests {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            let mut reply = String::new();
            let send = async {
                writer.write_all(request.as_bytes()).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let ((), read) = tokio::join!(send, reader.read_to_string(&mut reply));
            read.unwrap();
            replies.push(reply);
        }
        server.abort();
        replies
    }

    #[tokio::test]
    async fn a_head_that_cannot_be_taken_is_refused_in_words() {
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n");
        let long = "x".repeat(230_000);
        let own = [get("/own/report"), get(&format!("/own/{long}"))].concat();
        let own_at_once = get(&format!("/own/{long}"));
        let requests = [
            own_at_once,
            get(&format!("/else/{long}")),
            get("/own/report\u{1}"),
            get("/own/report"),
            own,
        ];
        let replies = replies(&requests).await;
        let starts_and_ends = |reply: &str, start: &str, end: &str| {
            assert!(reply.starts_with(start) && reply.ends_with(end), "{reply}");
        };
        let bad = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n";
        starts_and_ends(&replies[0], bad, "{\"was\":431}");
        assert!(replies[0].contains("\r\ncontent-length: 11\r\n"));
        let problem = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n";
        starts_and_ends(&replies[1], problem, "expected at most 64 KiB\"}");
        starts_and_ends(&replies[2], bad, "{\"was\":400}");
        starts_and_ends(&replies[3], "HTTP/1.1 200 OK\r\n", "taken");
        starts_and_ends(&replies[4], "HTTP/1.1 200 OK\r\n", "}");
    }
}
