//! Systems that prove themselves by a certificate, over real TLS.

use std::fs;

use postroom_connector::{CertificateAt, CertificateRole, SinkKind};
use postroom_connector_pull::PullSink;
use postroom_listener::Tls;
use postroom_request::Client;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::Instant;

use crate::queue::{DEADLINE, client, data, heard, keep, made, settings, trusting};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn signed(authority: &Authority, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    (params.signed_by(&key, authority).expect("a certificate"), key)
}

/// A client that shows this certificate, if any.
fn showing(authority: &Authority, shown: Option<&(rcgen::Certificate, KeyPair)>) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("a root");
    let config = match shown {
        None => trusting(roots).with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
            trusting(roots).with_client_auth_cert(vec![certificate.der().clone()], key).expect("a client")
        }
    };
    client(config)
}

#[tokio::test]
async fn a_system_is_known_by_the_certificate_that_the_settings_name() {
    let (folder, authority) = (data(), authority());
    let (server, server_key) = signed(&authority, "hub");
    for (name, pem) in
        [("ca.pem", authority.pem()), ("hub.pem", server.pem()), ("key.pem", server_key.serialize_pem())]
    {
        fs::write(folder.path().join(name), pem).expect("a file");
    }
    let path = |name: &str| folder.path().join(name);
    let tls = Tls { certificate: path("hub.pem"), key: path("key.pem"), client_ca: Some(path("ca.pem")) };
    let kept = keep(Some(tls)).await;
    let text = format!(
        "listen = '{}'\nclient_certificate = {{ subject = 'CN=library' }}\n\
         tls = {{ certificate = 'hub.pem', key = 'key.pem', client_ca = 'ca.pem' }}",
        kept.address()
    );
    let settings = settings(&folder, &text);
    let own = CertificateAt::file("tls.certificate", CertificateRole::Own, path("hub.pem"));
    let clients = CertificateAt::file("tls.client_ca", CertificateRole::ClientAuthority, path("ca.pem"));
    assert_eq!(PullSink.certificates(&settings), [own, clients]);
    let _sink = made(&settings);
    let url = format!("https://localhost:{}/queues/library", kept.address().port());
    let (right, wrong) = (signed(&authority, "library"), signed(&authority, "other"));
    let known = showing(&authority, Some(&right));
    let begun = Instant::now();
    while heard(known.get(&url)).await.status != 200 {
        assert!(begun.elapsed() < DEADLINE, "it was never let in");
    }
    for refused in [showing(&authority, Some(&wrong)), showing(&authority, None)] {
        assert_eq!(heard(refused.get(&url)).await.status, 401);
    }
    assert_eq!(PullSink.troubles(&settings), []);
    fs::write(path("hub.pem"), "no certificate").expect("a file");
    let begun = Instant::now();
    while PullSink.troubles(&settings).first().is_none_or(|trouble| trouble.key != "tls.certificate") {
        assert!(begun.elapsed() < DEADLINE, "it was never told");
        // The hub shows the one before.
        assert_eq!(heard(known.get(&url)).await.status, 200);
    }
}
