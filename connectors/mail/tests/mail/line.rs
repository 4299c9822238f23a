//! The line: TLS from the start and by STARTTLS, whose certificates count, and the login.

use std::path::Path;
use std::time::{Duration, Instant};

use postroom_connector::{ConnectorError, Failure, PeerOf, Presented, Receipt, Settings, Sink, SinkKind};
use postroom_connector_mail::MailSink;
use serde_json::json;

use crate::room::{built, single};
use crate::server::{Certificates, MailServer};

const USER: &str = "postroom";
const PASSWORD: &str = "open sesame";

/// A mail by a server on `port`, which the settings `how` meet.
async fn mailed(port: u16, how: &str) -> Result<Receipt, ConnectorError> {
    let settings =
        format!("server = {{ host = 'localhost', port = {port}, {how} }}\nto = ['waste@zedshire.example']");
    built(&settings).deliver(&single(json!({}))).await
}

fn password_file(folder: &Path, password: &str) -> String {
    let path = folder.join("password");
    std::fs::write(&path, format!("{password}\n")).expect("a file");
    format!("user = '{USER}', password = {{ file = '{}' }}", path.display())
}

#[tokio::test]
async fn a_mail_goes_over_tls_to_a_server_whose_authority_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Certificates::new(folder.path());
    for mode in ["required", "starttls"] {
        let server = MailServer::start(&[mode, &files.certificate, &files.key]);
        let how = format!("tls = '{mode}', ca = '{}'", files.authority);
        mailed(server.port, &how).await.expect("mailed");
        assert_eq!(server.mail().0["encrypted"], true, "{mode}");
    }
}

#[tokio::test]
async fn until_when_the_certificate_of_a_mail_server_holds_is_noted_whichever_way_tls_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Certificates::new(folder.path());
    let noted = |mode: &str| {
        let peer = PeerOf { system: format!("noted-{mode}"), setting: "target.server" };
        Presented::shared().all().get(&peer).map(chrono::DateTime::to_rfc3339)
    };
    for (mode, until) in [
        ("off", None),
        ("required", Some("2041-01-01T00:00:00+00:00")),
        ("starttls", Some("2041-01-01T00:00:00+00:00")),
    ] {
        let server = MailServer::start(&[mode, &files.certificate, &files.key]);
        let ca = if mode == "off" { String::new() } else { format!(", ca = '{}'", files.authority) };
        let text = format!(
            "from = 'hub@zedshire.example'\nto = ['waste@zedshire.example']\n\
             server = {{ host = 'localhost', port = {}, tls = '{mode}'{ca} }}",
            server.port
        );
        let system = format!("noted-{mode}");
        let settings = Settings { table: text.parse().expect("TOML"), data: "/data".into(), system };
        let sink = MailSink.build(&settings).expect("a sink");
        assert_eq!(noted(mode), None, "nobody was met yet");
        sink.deliver(&single(json!({}))).await.expect("mailed");
        assert_eq!(noted(mode).as_deref(), until, "{mode}");
    }
}

#[tokio::test]
async fn a_server_of_an_authority_that_is_not_known_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Certificates::new(folder.path());
    let others = tempfile::tempdir().expect("a folder");
    let other = Certificates::new(others.path());
    for mode in ["required", "starttls"] {
        let mut server = MailServer::start(&[mode, &files.certificate, &files.key]);
        for how in [format!("tls = '{mode}'"), format!("tls = '{mode}', ca = '{}'", other.authority)] {
            let error = mailed(server.port, &how).await.expect_err("an error");
            assert_eq!(error.failure, Failure::Down, "{mode}: {error}");
            assert!(error.detail.to_lowercase().contains("certificate"), "{mode}: {error}");
        }
        assert!(server.mails().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Certificates::new(folder.path());
    let server = MailServer::start(&["required", &files.certificate, &files.key]);
    let settings = format!(
        "server = {{ host = '127.0.0.1', port = {}, ca = '{}' }}\nto = ['waste@zedshire.example']",
        server.port, files.authority
    );
    let error = built(&settings).deliver(&single(json!({}))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_offer_starttls_gets_nothing() {
    let mut server = MailServer::plain();
    let error = mailed(server.port, "tls = 'starttls'").await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_login_is_made_on_a_protected_line_and_a_wrong_password_is_refused_without_being_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Certificates::new(folder.path());
    for mode in ["required", "starttls"] {
        let server = MailServer::start(&[mode, &files.certificate, &files.key, USER, PASSWORD]);
        let tls = format!("tls = '{mode}', ca = '{}'", files.authority);
        let right = password_file(folder.path(), PASSWORD);
        mailed(server.port, &format!("{tls}, {right}")).await.expect("mailed");
        assert_eq!(server.mail().0["user"], USER, "{mode}");
        let wrong = password_file(folder.path(), "quite wrong");
        let error = mailed(server.port, &format!("{tls}, {wrong}")).await.expect_err("an error");
        assert_eq!(error.to_string(), "the mail server does not let the hub in: 535", "{mode}");
        assert_eq!(error.failure, Failure::Down, "{mode}");
        let nobody = mailed(server.port, &tls).await.expect_err("an error");
        assert_eq!((nobody.failure, nobody.detail.as_str()), (Failure::Down, "530"), "{mode}");
    }
}

/// Mails until it is taken.
async fn until_mailed(sink: &dyn Sink) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Err(error) = sink.deliver(&single(json!({}))).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_password_and_an_authority_that_are_replaced_on_disk_are_used_without_a_restart() {
    let (folder, others) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (files, other) = (Certificates::new(folder.path()), Certificates::new(others.path()));
    let server = MailServer::start(&["required", &files.certificate, &files.key, USER, PASSWORD]);
    let ca = others.path().join("trusted.pem");
    std::fs::copy(&other.authority, &ca).expect("a copy");
    let login = password_file(folder.path(), "quite wrong");
    let sink = built(&format!(
        "server = {{ host = 'localhost', port = {}, ca = '{}', {login} }}\nto = ['waste@zedshire.example']",
        server.port,
        ca.display()
    ));
    let error = sink.deliver(&single(json!({}))).await.expect_err("an error");
    assert!(error.detail.to_lowercase().contains("certificate"), "{error}");
    std::fs::copy(&files.authority, &ca).expect("a copy");
    password_file(folder.path(), PASSWORD);
    until_mailed(sink.as_ref()).await;
    assert_eq!(server.mail().0["user"], USER);
}

#[tokio::test]
async fn a_secret_or_an_authority_that_is_not_there_is_told_by_its_key() {
    for (how, key) in [
        ("user = 'u', password = { file = '/data/absent' }", "server.password"),
        ("ca = '/data/absent'", "server.ca"),
    ] {
        let text =
            format!("server = {{ host = 'localhost', {how} }}\nfrom = 'a@b.example'\nto = ['a@b.example']");
        let settings =
            Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "w".to_owned() };
        MailSink.check(&settings).expect("check opens nothing");
        let error = MailSink.build(&settings).map(drop).expect_err("an error");
        assert_eq!(error.key, key, "{error}");
    }
}
