//! A certificate authority of the test's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, as PEM.
    pub(crate) certificate: String,
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for whoever is at `name`.
    pub(crate) fn signs(&self, name: &str) -> Pair {
        self.signs_until(name, 2099)
    }

    /// The same, which ends when that year begins.
    fn signs_until(&self, name: &str, year: i32) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    /// The TLS of a server on this machine, which asks for a certificate of `clients` where that is given.
    pub(crate) fn server(&self, clients: Option<&Self>) -> ServerConfig {
        let config = match clients {
            None => builder().with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(der(&clients.certificate)).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder().with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        shows(config, &self.signs("127.0.0.1"))
    }

    /// The TLS of a server on this machine whose certificate ends when that year begins.
    pub(crate) fn server_until(&self, year: i32) -> ServerConfig {
        shows(builder().with_no_client_auth(), &self.signs_until("127.0.0.1", year))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().expect("TLS")
}

fn shows(config: ConfigBuilder<ServerConfig, WantsServerCert>, pair: &Pair) -> ServerConfig {
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
    config.with_single_cert(vec![der(&pair.certificate)], key).expect("TLS")
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}
