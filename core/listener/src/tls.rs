//! TLS of an address: certificate, key and the authority of clients, read from files and read again when those change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;
use x509_parser::parse_x509_certificate;

use crate::ClientCertificate;

/// Largest file of a certificate or key, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Where the TLS of an address comes from: files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, with those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of the clients that prove themselves by a certificate. Who shows none is let in, and is nobody.
    pub client_ca: Option<PathBuf>,
}

/// A file that cannot be used for TLS; what it holds is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {words}", path.display())]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub words: String,
}

/// TLS as it was read last.
pub(crate) struct Material {
    tls: Tls,
    files: Files,
    acceptor: TlsAcceptor,
}

/// What the files held.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Material {
    pub(crate) async fn load(tls: Tls) -> Result<Self, TlsError> {
        let path = tls.certificate.clone();
        let load = move || {
            let files = Files::read(&tls)?;
            let acceptor = acceptor(&tls, &files)?;
            Ok(Self { tls, files, acceptor })
        };
        spawn_blocking(load).await.unwrap_or_else(|_| Err(wrong(&path, "reading it was interrupted")))
    }

    /// What is made of the files now; nothing where they have not changed.
    pub(crate) async fn changed(&self) -> Result<Option<Self>, TlsError> {
        let tls = self.tls.clone();
        let path = tls.certificate.clone();
        let files = spawn_blocking(move || Files::read(&tls)).await;
        let files = files.unwrap_or_else(|_| Err(wrong(&path, "reading it was interrupted")))?;
        if files == self.files {
            return Ok(None);
        }
        let acceptor = acceptor(&self.tls, &files)?;
        Ok(Some(Self { tls: self.tls.clone(), files, acceptor }))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

impl Files {
    fn read(tls: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&tls.certificate)?,
            key: read(&tls.key)?,
            client_ca: tls.client_ca.as_deref().map(read).transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let too_large = || io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes"));
    let read = || match std::fs::metadata(path)?.len() {
        length if length > MAX_FILE_BYTES => Err(too_large()),
        _ => std::fs::read(path),
    };
    read().map_err(|error| wrong(path, error))
}

fn acceptor(tls: &Tls, files: &Files) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&tls.certificate, error))?;
    let builder = match (&tls.client_ca, &files.client_ca) {
        (Some(path), Some(pem)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path, pem)? {
                roots.add(certificate).map_err(|error| wrong(path, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| wrong(path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let chain = certificates(&tls.certificate, &files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&files.key)
        .map_err(|_| wrong(&tls.key, "it holds no private key in PEM"))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|_| {
        wrong(&tls.key, "it is not the key of the certificate, or of a kind that is not known")
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(wrong(path, "it holds no certificate in PEM")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over as they come")]
fn wrong(path: &Path, words: impl ToString) -> TlsError {
    TlsError { path: path.to_owned(), words: words.to_string() }
}

/// Who the client of this certificate is.
pub(crate) fn client(certificate: &CertificateDer<'_>) -> ClientCertificate {
    let fingerprint = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let subject = parse_x509_certificate(certificate).map(|(_, read)| read.subject().to_string());
    ClientCertificate { fingerprint, subject: subject.unwrap_or_default() }
}
