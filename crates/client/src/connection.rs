//! One keep-alive connection, for programs that measure a server and must not take its processor
//! time.
//!
//! It has no pool, no TLS, no timer and no task of its own: whoever awaits a response also drives
//! the connection, which saves waking a second task for each request.

mod dialogue;
mod playback;
mod push;

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use reportd_protocol::comm::{PATH, Reply};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::error::ClientError;
use crate::request::report_headers;
use crate::response::{MAX_REPLY_BYTES, MAX_REPORT_BYTES, Response, decode_reply, read_body};

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A plain HTTP/1.1 connection with one request at a time and no time limit; wrap calls in
/// [`tokio::time::timeout`].
///
/// After an error, or when a call was dropped before its end, open a new one.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; gone once the connection has ended.
    driver: Option<Driver>,
    host: HeaderValue,
}

impl Connection {
    /// Connects to `addr`, a socket address or a text of host and port.
    ///
    /// # Errors
    /// [`ClientError::Connect`].
    pub async fn connect(addr: impl ToSocketAddrs + fmt::Display) -> Result<Self, ClientError> {
        let host = HeaderValue::from_str(&addr.to_string())
            .map_err(|_| ClientError::Setup("address: not a host and port".to_owned()))?;
        let connect = async {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok(http1::handshake(TokioIo::new(stream)).await?)
        };
        let (sender, driver) = connect.await.map_err(ClientError::Connect)?;
        Ok(Self {
            sender,
            driver: Some(driver),
            host,
        })
    }

    /// Posts `body` to `path` and reads the whole response.
    ///
    /// # Errors
    /// [`ClientError::Transport`] if the connection breaks or the response is longer than 64 KiB,
    /// [`ClientError::Setup`] if `path` is none.
    pub async fn post(
        &mut self,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = request(Method::POST, path, headers, body)?;
        let response = self.exchange(request, MAX_REPLY_BYTES).await?;
        Ok((response.status, response.body))
    }

    /// Puts `body` to `path` and reads the whole response.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn put(
        &mut self,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = request(Method::PUT, path, headers, body)?;
        let response = self.exchange(request, MAX_REPLY_BYTES).await?;
        Ok((response.status, response.body))
    }

    /// Gets `path` and reads the whole response.
    ///
    /// # Errors
    /// As [`post`](Self::post), but a response may have 16 MiB.
    pub async fn get(
        &mut self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let request = request(Method::GET, path, headers, Bytes::new())?;
        let response = self.exchange(request, MAX_REPORT_BYTES).await?;
        Ok((response.status, response.body))
    }

    /// Sends the body of a CommReport once, without the care of [`CommClient`](crate::CommClient).
    ///
    /// # Errors
    /// [`ClientError::Refused`] and [`ClientError::InvalidReply`] by the same rules as there, or
    /// those of [`post`](Self::post). After a refusal the connection can be used again.
    pub async fn post_comm(&mut self, token: &str, body: Bytes) -> Result<Reply, ClientError> {
        let request = request(Method::POST, PATH, report_headers(token)?, body)?;
        let response = self.exchange(request, MAX_REPLY_BYTES).await?;
        decode_reply(&response)
    }

    async fn exchange(
        &mut self,
        mut request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<Response, ClientError> {
        let headers = request.headers_mut();
        headers.entry(HOST).or_insert_with(|| self.host.clone());

        let Self { sender, driver, .. } = self;
        let exchange = async {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = read_body(body, max_bytes).await?;
            Ok(Response::new(head.status, &head.headers, body))
        };
        drive(driver, exchange)
            .await
            .map_err(ClientError::Transport)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

fn request(
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path
        .parse()
        .map_err(|error| ClientError::Setup(format!("path: {error}")))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Runs `exchange` to its end, and the connection with it in the same task: the exchange hands over
/// the request, the driver moves bytes, the exchange takes what has come.
async fn drive<T>(driver: &mut Option<Driver>, exchange: impl Future<Output = T>) -> T {
    let mut exchange = pin!(exchange);
    poll_fn(|cx| {
        if let Poll::Ready(result) = exchange.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        let is_done = driver
            .as_mut()
            .is_some_and(|driver| Pin::new(driver).poll(cx).is_ready());
        if is_done {
            // Why it ended reaches the exchange, as a response or as an error.
            *driver = None;
        }
        exchange.as_mut().poll(cx)
    })
    .await
}
