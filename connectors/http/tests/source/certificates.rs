//! Senders and systems that prove themselves by a certificate, over real TLS.

use std::fs;

use postroom_connector::{CertificateAt, CertificateRole, SourceKind};
use postroom_connector_http::HttpSource;
use postroom_listener::{Answer, StatusCode, Tls};
use postroom_request::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use crate::hook::{Heard, ask, client, keep, nothing, owned, trusting};
use crate::room::{batch, data, next, records, settings, source, take};

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

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[tokio::test]
async fn a_sender_is_known_by_the_certificate_that_the_settings_name() {
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
    let (right, wrong) = (signed(&authority, "till"), signed(&authority, "other"));
    let shown = fingerprint(right.0.der());
    let connect = |certificate: Option<&(rcgen::Certificate, KeyPair)>| {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a root");
        let config = match certificate {
            None => trusting(roots).with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
                trusting(roots).with_client_auth_cert(vec![certificate.der().clone()], key).expect("a client")
            }
        };
        client(config)
    };
    for known in [format!("fingerprint = '{shown}'"), "subject = 'CN=till'".to_owned()] {
        let text = format!(
            "listen = '{}'\npath = '/hooks/in'\nkey = '/id'\nclient_certificate = {{ {known} }}\n\
             tls = {{ certificate = 'hub.pem', key = 'key.pem', client_ca = 'ca.pem' }}",
            kept.address()
        );
        let mut hook = source(&settings(&folder, &text));
        let url = format!("https://localhost:{}/hooks/in", kept.address().port());
        let post =
            |client| tokio::spawn(ask(client, Method::POST, url.clone(), owned(&[], r#"{"id": "1"}"#)));
        let begun = async {
            while ask(connect(None), Method::GET, url.clone(), owned(&[], "")).await.status == 404 {}
        };
        tokio::select! {
            () = begun => {}
            () = nothing(hook.as_mut()) => {}
        }
        for refused in [connect(Some(&wrong)), connect(None)] {
            let heard = tokio::select! {
                heard = post(refused) => heard.expect("an answer"),
                () = nothing(hook.as_mut()) => panic!("it never ends"),
            };
            assert_eq!(heard, Heard { status: 401, retry_after: None, body: String::new() }, "{known}");
        }
        let posted = post(connect(Some(&right)));
        let mut batch = batch(hook.as_mut()).await;
        assert_eq!(records(batch.as_mut()).await.len(), 1);
        batch.finish(postroom_connector::Ending::Done).await.expect("taken");
        assert_eq!(posted.await.expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn a_system_that_is_asked_is_trusted_by_its_authority_and_by_no_other_and_is_shown_who_asks() {
    let (folder, ours, other) = (data(), authority(), authority());
    let (system, system_key) = signed(&ours, "till");
    let (hub, hub_key) = signed(&ours, "hub");
    for (name, pem) in [
        ("ours.pem", ours.pem()),
        ("other.pem", other.pem()),
        ("till.pem", system.pem()),
        ("till.key", system_key.serialize_pem()),
        ("hub.pem", hub.pem()),
        ("hub.key", hub_key.serialize_pem()),
    ] {
        fs::write(folder.path().join(name), pem).expect("a file");
    }
    let path = |name: &str| folder.path().join(name);
    let client_ca = Some(path("ours.pem"));
    let mut kept = keep(Some(Tls { certificate: path("till.pem"), key: path("till.key"), client_ca })).await;
    let port = kept.address().port();
    let poll = |trusts: &str| {
        let text = format!(
            "key = '/id'\nrecords = '/items'\n[poll]\nurl = 'https://localhost:{port}/kept'\n{trusts}"
        );
        source(&settings(&folder, &text))
    };
    for wrong in ["ca = { file = 'other.pem' }", ""] {
        let error = next(poll(wrong).as_mut()).await.err().expect("an error");
        assert_eq!(error.failure, postroom_connector::Failure::Down, "{error}");
    }
    assert!(kept.next_waiting().is_none(), "nothing was asked of a system that is not trusted");
    let answering = tokio::spawn(async move {
        let asked = kept.next().await.expect("a question");
        let shown = asked.client_certificate.as_ref().map(|shown| shown.subject.clone());
        asked.reply.send(Answer::words(StatusCode::OK, r#"{"items": [{"id": 1}]}"#));
        shown
    });
    let right = "ca = { file = 'ours.pem' }\ncertificate = { file = 'hub.pem' }\nkey = { file = 'hub.key' }";
    assert_eq!(take(poll(right).as_mut()).await, ["1"]);
    assert_eq!(answering.await.expect("an answer").as_deref(), Some("CN=hub"));
}

#[test]
fn the_certificates_that_a_poll_names_are_in_use() {
    let text = "key = '/id'\n[poll]\nurl = 'https://till.example/'\nca = { file = 'ca.pem' }\n\
                certificate = { file = 'hub.pem' }\nkey = { file = 'hub.key' }";
    let folder = data();
    let named = HttpSource.certificates(&settings(&folder, text));
    let at = |key, role, name| CertificateAt::file(key, role, folder.path().join(name));
    let expected = [
        at("poll.certificate", CertificateRole::Own, "hub.pem"),
        at("poll.ca", CertificateRole::Authority, "ca.pem"),
    ];
    assert_eq!(named, expected);
}
