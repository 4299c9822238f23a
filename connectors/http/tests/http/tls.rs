//! Whom the sink trusts, and as whom it comes.

use std::path::Path;

use postroom_connector::{CertificateAt, CertificateRole, Failure, PeerOf, Presented, Settings, SinkKind};
use postroom_connector_http::HttpSink;
use serde_json::json;

use crate::authority::{Authority, Pair};
use crate::rig::{handover, replace, sink, sink_in, until};
use crate::server::{Server, header};

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn write_pair(folder: &Path, pair: &Pair) {
    replace(&folder.join("hub.pem"), &pair.certificate);
    replace(&folder.join("hub.key"), &pair.key);
}

const CA: &str = "ca = { file = 'ca.pem' }";
const IDENTITY: &str = "certificate = { file = 'hub.pem' }\nkey = { file = 'hub.key' }";

#[tokio::test]
async fn a_target_is_trusted_by_its_authority_and_by_no_other() {
    let (ours, other, data) =
        (Authority::new("ours"), Authority::new("other"), tempfile::tempdir().expect("a folder"));
    let server = Server::with_tls(ours.server(None), "200 OK", "");
    let url = format!("url = '{}/'", server.address);
    write(data.path(), "ca.pem", &ours.certificate);
    sink_in(data.path(), &format!("{url}\n{CA}")).deliver(&handover(json!({}))).await.expect("delivered");
    assert_eq!(server.left(), 1);
    write(data.path(), "ca.pem", &other.certificate);
    for wrong in [sink_in(data.path(), &format!("{url}\n{CA}")), sink(&url)] {
        let error = wrong.deliver(&handover(json!({}))).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Down, "{error}");
    }
    assert_eq!(server.left(), 0, "nothing was sent to a target that is not trusted");
}

#[tokio::test]
async fn a_target_that_asks_for_a_certificate_is_shown_one_and_else_is_down() {
    let (ours, staff, data) =
        (Authority::new("ours"), Authority::new("staff"), tempfile::tempdir().expect("a folder"));
    let server = Server::with_tls(ours.server(Some(&staff)), "200 OK", "");
    let url = format!("url = '{}/'\n{CA}", server.address);
    write(data.path(), "ca.pem", &ours.certificate);
    write_pair(data.path(), &staff.signs("hub.example"));
    let known = sink_in(data.path(), &format!("{url}\n{IDENTITY}"));
    known.deliver(&handover(json!({}))).await.expect("delivered");
    let error = sink_in(data.path(), &url).deliver(&handover(json!({}))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    write_pair(data.path(), &ours.signs("hub.example"));
    let strange = sink_in(data.path(), &format!("{url}\n{IDENTITY}"));
    let error = strange.deliver(&handover(json!({}))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    assert_eq!(server.left(), 1, "nothing was sent by a hub that is not known");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_on_disk_is_used_without_a_restart() {
    let (ours, staff, data) =
        (Authority::new("ours"), Authority::new("staff"), tempfile::tempdir().expect("a folder"));
    let server = Server::with_tls(ours.server(Some(&staff)), "200 OK", "");
    write(data.path(), "ca.pem", &ours.certificate);
    write_pair(data.path(), &ours.signs("hub.example"));
    let sink = sink_in(data.path(), &format!("url = '{}/'\n{CA}\n{IDENTITY}", server.address));
    let error = sink.deliver(&handover(json!({}))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Down, "{error}");
    write_pair(data.path(), &staff.signs("hub.example"));
    until("the new certificate is shown", async || sink.deliver(&handover(json!({}))).await.is_ok()).await;
}

#[tokio::test]
async fn a_secret_that_is_replaced_on_disk_is_used_without_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    write(data.path(), "token", "first");
    let server = Server::always("200 OK", "");
    let sink = sink_in(data.path(), &format!("url = '{}/'\nbearer = {{ file = 'token' }}", server.address));
    let sent = async || {
        sink.deliver(&handover(json!({}))).await.expect("delivered");
        header(&server.request(), "authorization").map(str::to_owned)
    };
    assert_eq!(sent().await.as_deref(), Some("Bearer first"));
    replace(&data.path().join("token"), "second");
    until("the new secret is used", async || sent().await.as_deref() == Some("Bearer second")).await;
}

#[test]
fn files_that_are_no_certificates_are_told_with_their_key_and_not_their_content() {
    let (ours, data) = (Authority::new("ours"), tempfile::tempdir().expect("a folder"));
    let (pair, other) = (ours.signs("hub.example"), ours.signs("hub.example"));
    write(data.path(), "ca.pem", "quite-secret");
    write(data.path(), "hub.pem", &pair.certificate);
    write(data.path(), "hub.key", &other.key);
    write(data.path(), "none.key", "quite-secret");
    for (more, key) in [
        (CA, "ca"),
        (IDENTITY, "certificate"),
        ("certificate = { file = 'ca.pem' }\nkey = { file = 'hub.key' }", "certificate"),
        ("certificate = { file = 'hub.pem' }\nkey = { file = 'none.key' }", "key"),
        ("certificate = { file = 'hub.pem' }\nkey = { file = 'absent.key' }", "key"),
    ] {
        let table = format!("url = 'https://till.example/'\n{more}").parse().expect("TOML");
        let settings = Settings { table, data: data.path().to_owned(), system: "till".to_owned() };
        HttpSink.check(&settings).expect("settings: they open nothing");
        let error = HttpSink.build(&settings).err().expect("an error");
        assert_eq!(error.key, key, "{more}: {error}");
        assert!(!error.to_string().contains("quite-secret"), "{error}");
    }
}

#[tokio::test]
async fn until_when_the_certificate_of_a_target_holds_is_noted_once_it_is_trusted() {
    let (ours, other, data) =
        (Authority::new("ours"), Authority::new("other"), tempfile::tempdir().expect("a folder"));
    let server = Server::with_tls(ours.server_until(2041), "200 OK", "");
    let table = format!("url = '{}/'\n{CA}", server.address).parse().expect("TOML");
    let settings = Settings { table, data: data.path().to_owned(), system: "noted".to_owned() };
    let noted = || {
        let peer = PeerOf { system: "noted".to_owned(), setting: "target.url" };
        Presented::shared().all().get(&peer).map(chrono::DateTime::to_rfc3339)
    };
    write(data.path(), "ca.pem", &other.certificate);
    let sink = HttpSink.build(&settings).expect("a sink");
    sink.deliver(&handover(json!({}))).await.expect_err("it is not trusted");
    assert_eq!(noted(), None);
    write(data.path(), "ca.pem", &ours.certificate);
    until("the target is trusted", async || sink.deliver(&handover(json!({}))).await.is_ok()).await;
    assert_eq!(noted().as_deref(), Some("2041-01-01T00:00:00+00:00"));
}

#[test]
fn the_certificates_that_the_settings_name_are_in_use() {
    let text = format!("url = 'https://till.example/'\n{CA}\n{IDENTITY}");
    let settings =
        Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "till".to_owned() };
    let expected = [
        CertificateAt::file("certificate", CertificateRole::Own, "/data/hub.pem"),
        CertificateAt::file("ca", CertificateRole::Authority, "/data/ca.pem"),
    ];
    assert_eq!(HttpSink.certificates(&settings), expected);
}
