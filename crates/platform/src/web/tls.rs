//! TLS of the server itself, by certificate files (`spec operating`, Settings).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why there is no TLS by these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file that cannot be read, or holds nothing of what was expected.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// The certificate and the key do not fit each other, or are of a kind that is not known.
    #[error("the certificate and its key: {0}")]
    Pair(#[from] rustls::Error),
}

/// A certificate to show, and its key. TLS 1.2 and 1.3, HTTP/1.1.
#[derive(Clone)]
pub struct Tls(pub(super) TlsAcceptor);

impl Tls {
    /// Reads the certificate with those that vouch for it, the server's own first, and the key: PEM, read once.
    ///
    /// # Errors
    /// [`TlsFault`].
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsFault> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsFault::File { path, error }
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .and_then(|chain| match chain.is_empty() {
                true => Err(pem::Error::NoItemsFound),
                false => Ok(chain),
            })
            .map_err(fault(certificate))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}
