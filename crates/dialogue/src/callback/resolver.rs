//! Names become addresses, and addresses connections: the only way out, with the guard in between.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::net::TcpStream;

use super::guard::check_addr;

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
#[derive(Debug, Default)]
pub struct SystemNetwork;

impl Network for SystemNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, Vec<SocketAddr>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
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
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<(TcpStream, bool), NoConnection> {
    let found = network.resolve(host, port).await;
    let addresses = found.map_err(NoConnection::Name)?;
    let are_public = addresses
        .iter()
        .all(|address| check_addr(address.ip()).is_ok());
    if !are_public && !allow_private {
        return Err(NoConnection::Private);
    }
    let none = || io::Error::new(io::ErrorKind::NotFound, "no address");
    let mut refused = NoConnection::Name(none());
    for address in addresses {
        match network.connect(address).await {
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
