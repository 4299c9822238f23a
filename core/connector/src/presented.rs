//! Certificates that peers show: until when the last one of each holds. Noted by whoever checks them, after they were found
//! to be good, or looks at them beside whoever does; what is made of it is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::Settings;
use crate::certificate::end;

/// A peer, by what names it: the system, and its side and setting, such as `target.url`; of the hub itself the setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerOf {
    /// The system.
    pub system: String,
    /// Side and setting.
    pub setting: &'static str,
}

impl PeerOf {
    /// Whoever `setting`, with its side, names in `settings`.
    pub fn new(settings: &Settings, setting: &'static str) -> Self {
        Self { system: settings.system.clone(), setting }
    }

    /// The setting as errors name it: without the side of a system.
    pub fn key(&self) -> &'static str {
        let side = ["source.", "target."].iter().find_map(|side| self.setting.strip_prefix(side));
        side.unwrap_or(self.setting)
    }
}

/// The certificates that peers showed last. There is no more of them than settings that name peers.
#[derive(Debug, Default)]
pub struct Presented(Mutex<BTreeMap<PeerOf, DateTime<Utc>>>);

impl Presented {
    /// Those of this process.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Presented> = LazyLock::new(Presented::default);
        &SHARED
    }

    /// Until when the certificate of each peer holds that was met.
    pub fn all(&self) -> BTreeMap<PeerOf, DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Trusts `roots` and nobody else, as rustls does by itself, and notes what `peer` shows. `None`: there is
    /// nobody to trust.
    pub fn verifier(
        &'static self,
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
        peer: PeerOf,
    ) -> Option<Arc<dyn ServerCertVerifier>> {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        Some(Arc::new(Noting { inner, presented: self, peer }))
    }

    /// Notes a certificate (DER) that `peer` showed; what is none is passed by.
    pub fn note(&self, peer: &PeerOf, certificate: &[u8]) {
        let Some(until) = end(certificate) else { return };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(peer.clone(), until);
    }
}

/// Leaves it to another whom to trust, and notes what was found to be good.
struct Noting {
    inner: Arc<WebPkiServerVerifier>,
    presented: &'static Presented,
    peer: PeerOf,
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noting").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.presented.note(&self.peer, end_entity);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
