//! TLS as a client: whom the hub trusts, and as whom it comes. Knows no request and no file.

use std::sync::Arc;

use postroom_connector::{PeerOf, Presented, SettingsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// As whom the hub comes: a certificate with what vouches for it, and its key.
#[derive(Debug)]
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both from their PEM texts.
    pub(crate) fn read(certificate: &str, key: &str) -> Result<Self, SettingsError> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
            SettingsError::new("key", "the file holds no private key as PEM, without a password")
        })?;
        Ok(Self { chain: certificates("certificate", certificate)?, key })
    }
}

/// What the machine trusts.
pub(crate) fn roots_of_the_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// With the authorities of a PEM text as well, which the setting `ca` names.
pub(crate) fn with_authorities(mut roots: RootCertStore, pem: &str) -> Result<RootCertStore, SettingsError> {
    for certificate in certificates("ca", pem)? {
        roots
            .add(certificate)
            .map_err(|_| SettingsError::new("ca", "a certificate in the file is none of an authority"))?;
    }
    Ok(roots)
}

/// TLS 1.2 and 1.3 by ring, trusting `roots` and nobody else. Until when what `peer` shows holds is noted.
pub(crate) fn config(
    roots: RootCertStore,
    identity: Option<Identity>,
    peer: PeerOf,
) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map(|config| match Presented::shared().verifier(roots.clone(), provider, peer) {
            Some(verifier) => config.dangerous().with_custom_certificate_verifier(verifier),
            None => config.with_root_certificates(roots),
        });
    let config = config.and_then(|config| match identity {
        None => Ok(config.with_no_client_auth()),
        Some(Identity { chain, key }) => config.with_client_auth_cert(chain, key),
    });
    config.map_err(|error| {
        SettingsError::new("certificate", format!("the certificate does not go with its key: {error}"))
    })
}

fn certificates(key: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok()
        .filter(|read| !read.is_empty())
        .ok_or_else(|| SettingsError::new(key, "the file holds no certificate as PEM"))
}
