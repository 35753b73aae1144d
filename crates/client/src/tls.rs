//! Gives `rustls` its cryptography.

/// Makes *ring* the provider of this process unless the program has chosen one. `reqwest` is built
/// without a provider, because the usual one takes a minute to compile, and would panic for want of
/// it.
pub(crate) fn ensure_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread was quicker, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
