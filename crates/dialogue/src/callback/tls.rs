//! Encrypted connections, by the same library and authorities as all other outgoing ones.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::resolver::NoConnection;

/// Who must have signed a receiver's certificate.
#[derive(Debug, Clone)]
pub enum Trust {
    /// An authority that the system trusts.
    System,
    /// One of these: for tests, whose receivers have certificates of their own making.
    Only(Arc<RootCertStore>),
}

/// Connections by TLS 1.2 or 1.3, whose certificates are checked.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// # Errors
    /// Where the system has no authorities.
    pub(super) fn new(trust: &Trust) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = match trust {
            Trust::System => builder.with_platform_verifier()?,
            Trust::Only(authorities) => builder.with_root_certificates(Arc::clone(authorities)),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, NoConnection> {
        let fault = |error: &dyn std::fmt::Display| NoConnection::Tls(error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| fault(&error))?;
        let connected = self.0.connect(name, stream).await;
        connected.map_err(|error| fault(&error))
    }
}
