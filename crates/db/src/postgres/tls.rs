//! Encrypted connections, by the same library and authorities as all other outgoing ones.
//!
//! Encryption without a check of the certificate is not offered: it looks safe, and anyone in between can read along.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use crate::DbError;

/// How a connection is encrypted.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

/// Takes what a URL says about encryption out of it: the database crate knows fewer words than people write.
/// `None` is a connection without encryption.
pub(super) fn take_from_url(url: &str) -> Result<(String, Option<Tls>), DbError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut mode, mut authorities, mut rest) = ("disable", None, Vec::new());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("sslmode", value)) => mode = value,
            Some(("sslrootcert", path)) => authorities = Some(path),
            _ => rest.push(part),
        }
    }
    let tls = match mode {
        "disable" | "prefer" => None,
        "require" | "verify-full" => Some(Tls::new(authorities)?),
        _ => {
            return Err(DbError::Statement(
                "sslmode in the URL of PostgreSQL: expected disable, require or verify-full"
                    .to_owned(),
            ));
        }
    };
    Ok((format!("{address}?{}", rest.join("&")), tls))
}

impl Tls {
    fn new(authorities: Option<&str>) -> Result<Self, DbError> {
        let fault = |error: rustls::Error| DbError::Unavailable(format!("TLS: {error}"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(fault)?;
        let config = match authorities {
            Some(path) => config.with_root_certificates(read_authorities(path)?),
            None => config.with_platform_verifier().map_err(fault)?,
        };
        let config = Arc::new(config.with_no_client_auth());
        Ok(Self(TlsConnector::from(config)))
    }
}

fn read_authorities(path: &str) -> Result<RootCertStore, DbError> {
    let fault = |problem: String| DbError::Statement(format!("sslrootcert {path}: {problem}"));
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| fault(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| fault(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fault("there is no certificate in it".to_owned()));
    }
    Ok(roots)
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = ToHost;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<ToHost> {
        let name = ServerName::try_from(host.to_owned());
        Ok(ToHost {
            connector: self.0.clone(),
            name: name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        })
    }
}

/// A handshake with one host.
pub(super) struct ToHost {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for ToHost {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        let handshake = self.connector.connect(self.name, socket);
        Box::pin(async { handshake.await.map(Encrypted) })
    }
}

/// A connection under TLS.
pub(super) struct Encrypted(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Encrypted {
    /// Not bound: the certificate is checked instead.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
