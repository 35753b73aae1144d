//! Names become addresses, and addresses connections: the only way out, with the guard in between.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::guard::check_addr;

/// How long connecting may take, for all addresses together.
const CONNECT: Duration = Duration::from_secs(10);
/// Look-ups at a time: each holds a thread until the system's resolver gives up.
const LOOK_UPS: usize = 32;

/// A future of a trait's function.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// The network, as a parameter: tests give one whose names say what they like.
pub trait Network: Send + Sync {
    /// All addresses of a host, which may be a literal address.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>>;
    /// Connects to one address.
    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream>;
}

/// The system's network.
#[derive(Debug)]
pub struct SystemNetwork {
    look_ups: Arc<Semaphore>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self {
            look_ups: Arc::new(Semaphore::new(LOOK_UPS)),
        }
    }
}

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Box::pin(async move { Ok(vec![SocketAddr::new(address, port)]) });
        }
        let look_ups = Arc::clone(&self.look_ups);
        let host = host.to_owned();
        Box::pin(async move {
            let place = look_ups.acquire_owned().await.map_err(io::Error::other)?;
            let asked = tokio::task::spawn_blocking(move || {
                // Held until the system answers, also where nobody waits for it any more.
                let _place = place;
                Ok((host.as_str(), port).to_socket_addrs()?.collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }

    fn connect(&self, to: SocketAddr) -> Pending<'_, TcpStream> {
        Box::pin(TcpStream::connect(to))
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    #[error("the name has no address: {0}")]
    Name(io::Error),
    #[error("the name has an address that is not public")]
    Private,
    #[error("cannot be connected to: {0}")]
    Connect(io::Error),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("no HTTP: {0}")]
    Http(hyper::Error),
}

/// A connection to a host, and whether its address is public.
///
/// All addresses must be public, unless the app allows others: one of them among public ones is an attempt to get in. What
/// was looked at is what is connected to: the name is not asked again.
pub(super) async fn connect(
    network: &dyn Network,
    look_ups: &Semaphore,
    (host, port): (&str, u16),
    allow_private: bool,
) -> Result<(TcpStream, bool), NoConnection> {
    let place = look_ups.acquire().await;
    let found = network.resolve(host, port).await;
    drop(place);
    let addresses = found.map_err(NoConnection::Name)?;
    let are_public = addresses
        .iter()
        .all(|address| check_addr(address.ip()).is_ok());
    if !are_public && !allow_private {
        return Err(NoConnection::Private);
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "no address");
    let mut refused = NoConnection::Name(none());
    // One that does not answer must not take the time of all.
    let each = CONNECT.checked_div(u32::try_from(addresses.len().min(8)).unwrap_or(1));
    for address in addresses.into_iter().take(8) {
        let connecting = tokio::time::timeout(each.unwrap_or(CONNECT), network.connect(address));
        let late = |_| Err(io::ErrorKind::TimedOut.into());
        match connecting.await.unwrap_or_else(late) {
            Ok(stream) => {
                // Small requests in one write: waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
                return Ok((stream, are_public));
            }
            Err(error) => refused = NoConnection::Connect(error),
        }
    }
    Err(refused)
}
