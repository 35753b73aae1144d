//! The server loop: accepts connections up to a limit, cuts slow ones, and ends without losing what is in flight.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::unread::lend;
use super::write_deadline::WriteDeadline;
use super::{ClientAddress, Tls, TrustedProxies};

/// Where a server listens: by TLS where it has a certificate.
pub struct Listener {
    /// The socket.
    pub tcp: TcpListener,
    /// What it shows to clients.
    pub tls: Option<Tls>,
}

impl From<TcpListener> for Listener {
    /// Without TLS.
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

/// Limits of the server loop.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most connections open at once; further ones wait to be accepted.
    pub connections: usize,
    /// Longest time for the head of a request, for an idle connection, and for agreeing on TLS.
    pub header_timeout: Duration,
    /// Longest time that a reply waits for the client to read on.
    pub write_timeout: Duration,
    /// Longest time that requests in flight are given when the server stops.
    pub shutdown_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
}

/// Tells a reply that has no end of its own when the server stops; in the extensions of each request.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Ready once the server stops.
    pub async fn stopped(&mut self) {
        // Where nobody can tell any more, the server is gone.
        let _ = self.0.wait_for(|stops| *stops).await;
    }
}

/// Most bytes of the head of a request; also what is read ahead of a connection.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Serves `router` on `listener` until `stop` is ready; then accepts no more and answers what is in flight.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    serve_until(listener.into(), router, limits, Box::pin(stop)).await;
}

/// [`serve`] of one type: all of HTTP is compiled in it, here and once.
fn serve_until<'a>(
    listener: Listener,
    router: Router,
    limits: Limits,
    stop: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(accept_all(listener, router, limits, stop))
}

async fn accept_all(
    Listener { tcp: listener, tls }: Listener,
    router: Router,
    limits: Limits,
    mut stop: Pin<Box<dyn Future<Output = ()> + Send + '_>>,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let proxies = Arc::new(limits.trusted_proxies);
    let (stops, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, place)) = accepted else {
            continue;
        };
        let stream = WriteDeadline::new(stream, limits.write_timeout);
        let service = service(router.clone(), peer, Arc::clone(&proxies), stopping.clone());
        let (tls, watcher, timeout) = (tls.clone(), graceful.watcher(), limits.header_timeout);
        tokio::spawn(async move {
            // A connection that breaks is the client's affair, and so is one that agrees on no TLS.
            match tls {
                None => converse(stream, service, timeout, watcher).await,
                Some(Tls(tls)) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(timeout, tls.accept(stream)).await
                    {
                        converse(stream, service, timeout, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    stops.send_replace(true);
    if tokio::time::timeout(limits.shutdown_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections did not end in time and were cut");
    }
}

/// Answers requests on a stream until it ends, or the server does.
async fn converse<S, V>(stream: S, service: V, header_timeout: Duration, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: hyper::service::Service<
            Request<Incoming>,
            Response = axum::response::Response,
            Error = std::convert::Infallible,
        >,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let _ = watcher.watch(connection).await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Replies are small: waiting to fill a packet would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer.ip(), place))
        }
        Err(error) => {
            // Out of file handles, or a client that left at once: pause, so that this loop does not spin.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

fn service(
    router: Router,
    peer: IpAddr,
    proxies: Arc<TrustedProxies>,
    stopping: Stopping,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let client = proxies.client_of(peer, request.headers());
        let extensions = request.extensions_mut();
        extensions.insert(ClientAddress(client));
        extensions.insert(stopping.clone());
        let (parts, body) = request.into_parts();
        let (body, unread) = lend(body);
        let answer = router.clone().oneshot(Request::from_parts(parts, body));
        async move {
            let answer = answer.await;
            unread.drain().await;
            answer
        }
    })
}
