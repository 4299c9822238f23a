//! TLS: what the client sees of the address, and what the claim sees of the client.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_listener::{ClaimError, ClientCertificate, Limits, Listeners, Patience, Tls, Wanted};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::client::{DEADLINE, asked, connect, converse, echo, get, rest, status, wanted};

/// An authority, and what it signed, in a folder.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What a client shows: its certificate and its key.
struct Shown(CertificateDer<'static>, String);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Zedshire authority");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let authority = Self { folder: tempfile::tempdir().expect("a folder"), issuer };
        authority.put("ca.pem", &authority.issuer.pem());
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        // As they are replaced in earnest: none is ever half written.
        fs::write(self.path("new"), text).expect("written");
        fs::rename(self.path("new"), self.path(name)).expect("renamed");
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// Makes the certificate of the address anew: what it is.
    fn certify(&self) -> CertificateDer<'static> {
        let (certificate, key) = self.sign("hub");
        self.put("key.pem", &key.serialize_pem());
        self.put("hub.pem", &certificate.pem());
        certificate.der().clone()
    }

    fn client(&self, name: &str) -> Shown {
        let (certificate, key) = self.sign(name);
        Shown(certificate.der().clone(), key.serialize_pem())
    }

    fn wanted(&self, address: &str) -> Wanted {
        let client_ca = Some(self.path("ca.pem"));
        let tls = Tls { certificate: self.path("hub.pem"), key: self.path("key.pem"), client_ca };
        Wanted { tls: Some(tls), ..wanted(address, "/in") }
    }

    /// Sends `request`, showing a certificate or none: the answer and the certificate of the address.
    async fn send(
        &self,
        address: SocketAddr,
        shown: Option<Shown>,
        request: &str,
    ) -> std::io::Result<(String, CertificateDer<'static>)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(Shown(certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                builder.with_client_auth_cert(vec![certificate], key).expect("a client")
            }
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let line = TlsConnector::from(Arc::new(config)).connect(name, connect(address).await).await?;
        let server = line.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned();
        Ok((converse(line, request).await?, server))
    }
}

#[tokio::test]
async fn the_claim_sees_who_the_client_proved_to_be() {
    let authority = Authority::new();
    authority.certify();
    let mut held = Listeners::default().claim(authority.wanted("127.0.0.1:0")).await.expect("a claim");
    let address = held.address();
    let shown = authority.client("till");
    let fingerprint: String = Sha256::digest(&shown.0).iter().map(|byte| format!("{byte:02x}")).collect();
    let request = get("/in");
    let (answer, seen) = tokio::join!(authority.send(address, Some(shown), &request), async {
        let asked = asked(&mut held).await;
        asked.client_certificate.clone()
    });
    assert_eq!(status(&answer.expect("an answer").0), 503, "nobody answered");
    let seen: ClientCertificate = Arc::unwrap_or_clone(seen.expect("a certificate"));
    assert_eq!(seen.fingerprint, fingerprint);
    assert!(seen.subject.contains("CN=till"), "{}", seen.subject);
}

#[tokio::test]
async fn a_client_without_certificate_is_nobody_and_one_of_another_authority_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.certify();
    let mut held = Listeners::default().claim(authority.wanted("127.0.0.1:0")).await.expect("a claim");
    let address = held.address();
    let request = get("/in");
    let wrong = authority.send(address, Some(stranger.client("till")), &request).await;
    assert!(wrong.is_err(), "a stranger was heard");
    let (answer, nobody) = tokio::join!(authority.send(address, None, &request), async {
        asked(&mut held).await.client_certificate
    });
    assert!(answer.is_ok() && nobody.is_none());
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_taken_up_and_a_wrong_one_is_told_and_left() {
    let authority = Authority::new();
    let first = authority.certify();
    let listeners = Listeners::default();
    let mut held = listeners.claim(authority.wanted("127.0.0.1:0")).await.expect("a claim");
    let address = held.address();
    let request = get("/in");
    let seen = |answer: std::io::Result<(String, CertificateDer<'static>)>| answer.expect("an answer").1;
    let (answer, ()) = tokio::join!(authority.send(address, None, &request), echo(&mut held));
    assert_eq!(seen(answer), first);

    authority.put("hub.pem", "no certificate at all");
    let began = Instant::now();
    while listeners.troubles().is_empty() {
        assert!(began.elapsed() < DEADLINE, "nobody looked at the certificate");
        tokio::task::yield_now().await;
    }
    let told = listeners.troubles()[0].1.to_string();
    assert!(told.contains("hub.pem") && !told.contains("no certificate at all"), "{told}");
    let (answer, ()) = tokio::join!(authority.send(address, None, &request), echo(&mut held));
    assert_eq!(seen(answer), first);

    let second = authority.certify();
    let began = Instant::now();
    loop {
        let (answer, ()) = tokio::join!(authority.send(address, None, &request), echo(&mut held));
        if seen(answer) == second {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "the new certificate is not shown");
    }
    assert!(listeners.troubles().is_empty());
}

#[tokio::test]
async fn one_address_has_one_certificate() {
    let authority = Authority::new();
    authority.certify();
    let listeners = Listeners::default();
    let held = listeners.claim(authority.wanted("127.0.0.1:0")).await.expect("a claim");
    let plain = wanted(&held.address().to_string(), "/else");
    let error = listeners.claim(plain).await.expect_err("an error");
    assert!(matches!(error, ClaimError::OtherTls { .. }), "{error}");
    let same = Wanted { path: "/else".to_owned(), ..authority.wanted(&held.address().to_string()) };
    listeners.claim(same).await.expect("a claim");
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates_is_an_error_that_names_its_file() {
    let authority = Authority::new();
    authority.certify();
    let other = KeyPair::generate().expect("a key").serialize_pem();
    authority.put("key.pem", &other);
    let error = Listeners::default().claim(authority.wanted("127.0.0.1:0")).await.expect_err("an error");
    let ClaimError::Tls { fault, .. } = error else { panic!("{error}") };
    assert_eq!(fault.path, authority.path("key.pem"));
}

#[tokio::test]
async fn a_client_that_never_speaks_tls_is_left() {
    let authority = Authority::new();
    authority.certify();
    let short = Patience { handshake: Duration::from_millis(300), ..Patience::default() };
    let wanted = Wanted { limits: Limits::default(), ..authority.wanted("127.0.0.1:0") };
    let held = Listeners::new(short).claim(wanted).await.expect("a claim");
    let mut silent = connect(held.address()).await;
    let answer = timeout(DEADLINE, rest(&mut silent)).await.expect("the line is closed");
    assert_eq!(answer.unwrap_or_default(), "");
}
