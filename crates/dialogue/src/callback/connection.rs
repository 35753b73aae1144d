//! A connection to a receiver: one request at a time, kept for the next.
//!
//! It has no task of its own: whoever awaits a response also moves the bytes, which saves waking a second task for each
//! request.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::resolver::NoConnection;

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A connection that speaks HTTP/1.1.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; gone once the connection has ended.
    driver: Option<Driver>,
    pub(super) is_tls: bool,
    /// The address that it is connected to was public.
    pub(super) is_public: bool,
    pub(super) idle_since: Duration,
}

impl Connection {
    /// Begins to speak HTTP on a stream.
    pub(super) async fn begin<S>(
        stream: S,
        is_tls: bool,
        is_public: bool,
    ) -> Result<Self, NoConnection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = http1::Builder::new()
            .max_headers(64)
            .max_buf_size(64 << 10)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, driver) = begun.map_err(NoConnection::Http)?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
            is_tls,
            is_public,
            idle_since: Duration::ZERO,
        })
    }

    /// Whether the next request can go over it, as far as this side was told: nothing is sent.
    pub(super) async fn is_open(&mut self) -> bool {
        let Some(driver) = &mut self.driver else {
            return false;
        };
        let is_done = poll_fn(|cx| Poll::Ready(driver.as_mut().poll(cx).is_ready())).await;
        if is_done {
            self.driver = None;
        }
        !is_done && self.sender.is_ready()
    }

    /// Sends a request; gives the head of the response, whose body is to be read under [`Self::drive`].
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let Self { sender, driver, .. } = self;
        drive(driver, async {
            sender.ready().await?;
            sender.send_request(request).await
        })
        .await
    }

    /// Runs what waits for bytes of this connection.
    pub(super) async fn drive<T>(&mut self, exchange: impl Future<Output = T>) -> T {
        drive(&mut self.driver, exchange).await
    }
}

/// Runs `exchange` to its end, and the connection with it in the same task: the exchange hands over the request, the
/// driver moves bytes, the exchange takes what has come.
async fn drive<T>(driver: &mut Option<Driver>, exchange: impl Future<Output = T>) -> T {
    let mut exchange = pin!(exchange);
    poll_fn(|cx| {
        if let Poll::Ready(told) = exchange.as_mut().poll(cx) {
            return Poll::Ready(told);
        }
        let is_done = driver
            .as_mut()
            .is_some_and(|driver| driver.as_mut().poll(cx).is_ready());
        if is_done {
            // Why it ended reaches the exchange, as a response or as an error.
            *driver = None;
        }
        exchange.as_mut().poll(cx)
    })
    .await
}
