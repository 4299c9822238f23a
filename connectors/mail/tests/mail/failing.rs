//! What every way of failing means.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use postroom_connector::Failure;
use serde_json::json;

use crate::room::{batch, failed, single, sink};
use crate::server::MailServer;

#[tokio::test]
async fn a_refused_recipient_is_down_and_a_refused_mail_is_transient_or_permanent() {
    let server = MailServer::plain();
    for (to, failure, told) in [
        (&["greylisted"][..], Failure::Transient, "the mail server refuses 1 of 1 recipients: 451"),
        (&["unknown"], Failure::Down, "the mail server refuses 1 of 1 recipients: 550"),
        (&["full"], Failure::Transient, "the mail server cannot take it now: 452"),
        (&["spam"], Failure::Permanent, "the mail server refuses it: 554"),
    ] {
        let error = failed(server.port, to, "").await;
        assert_eq!((error.failure, error.to_string().as_str()), (failure, told));
    }
}

#[tokio::test]
async fn where_some_recipients_are_refused_nobody_gets_the_mail() {
    let mut server = MailServer::plain();
    let error = failed(server.port, &["waste", "unknown", "greylisted"], "").await;
    assert_eq!(error.failure, Failure::Down);
    assert_eq!(error.to_string(), "the mail server refuses 2 of 3 recipients: 550, 451");
    let error = failed(server.port, &["waste", "greylisted"], "").await;
    assert_eq!(error.failure, Failure::Transient, "{error}");
    // The next mail is the first that came.
    sink(server.port, &["waste"], "").deliver(&single(json!({}))).await.expect("mailed");
    server.mail().header("x-postroom-dispatch");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn what_was_cut_after_the_mail_was_sent_is_unknown() {
    let server = MailServer::plain();
    let error = failed(server.port, &["cut"], "").await;
    assert_eq!(error.failure, Failure::Unknown, "{error}");
    assert_eq!(server.mail().header("x-postroom-batch"), batch().id, "it had arrived");
}

#[tokio::test]
async fn a_server_that_falls_silent_after_the_mail_was_sent_is_left_in_time_and_unknown() {
    let server = MailServer::plain();
    let began = Instant::now();
    let settings = format!(
        "server = {{ host = '127.0.0.1', port = {}, tls = 'off', timeout = '5s' }}\nto = ['silent@zedshire.example']",
        server.port
    );
    let error = crate::room::built(&settings).deliver(&batch()).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Unknown, "{error}");
    assert!((Duration::from_secs(5)..Duration::from_secs(30)).contains(&began.elapsed()));
}

/// What a server does when it has said all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Closes,
    Hangs,
}

/// A server that says `lines`, the first at once and each other when it was told one; its port.
fn scripted(lines: &'static [&'static str], then: Then) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let Ok((mut line, _)) = listener.accept() else { return };
        let mut told = BufReader::new(line.try_clone().expect("the line twice")).lines();
        for (number, says) in lines.iter().enumerate() {
            if number > 0 {
                told.next();
            }
            // Whoever has gone hears nothing.
            let _ = line.write_all(format!("{says}\r\n").as_bytes());
        }
        if then == Then::Closes {
            let _ = line.shutdown(Shutdown::Both);
        }
        thread::park();
    });
    port
}

#[tokio::test]
async fn a_server_that_cannot_be_met_is_down() {
    let closed =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    for (what, port) in [
        ("refused", closed),
        ("silent", scripted(&[], Then::Hangs)),
        ("cut at once", scripted(&[], Then::Closes)),
        ("cut after its greeting", scripted(&["220 mail.example"], Then::Closes)),
        ("no SMTP", scripted(&["HTTP/1.1 400 Bad Request"], Then::Hangs)),
    ] {
        let settings = format!(
            "server = {{ host = '127.0.0.1', port = {port}, tls = 'off', timeout = '3s' }}\nto = ['a@zedshire.example']"
        );
        let error = crate::room::built(&settings).deliver(&batch()).await.expect_err("an error");
        assert_eq!(error.failure, Failure::Down, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_lost_before_the_mail_was_sent_has_nothing() {
    const SCRIPT: &[&str] = &["220 mail.example", "250 mail.example", "250 OK", "250 OK"];
    for (what, script) in [("sender", &SCRIPT[..2]), ("recipient", &SCRIPT[..3]), ("data", SCRIPT)] {
        for then in [Then::Closes, Then::Hangs] {
            let port = scripted(script, then);
            let settings = format!(
                "server = {{ host = '127.0.0.1', port = {port}, tls = 'off', timeout = '3s' }}\nto = ['a@zedshire.example']"
            );
            let error = crate::room::built(&settings).deliver(&batch()).await.expect_err("an error");
            assert_eq!(error.failure, Failure::Transient, "{what} {then:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_says_for_how_long() {
    for (greeting, failure) in [(&["421 busy"][..], Failure::Transient), (&["554 nobody"], Failure::Down)] {
        let error = failed(scripted(greeting, Then::Hangs), &["waste"], "").await;
        assert_eq!(error.failure, failure, "{error}");
    }
}

#[tokio::test]
async fn a_mail_that_is_too_large_is_refused_before_it_is_sent() {
    let mut server = MailServer::plain();
    let error = failed(server.port, &["waste"], "max_bytes = 500").await;
    assert_eq!(
        (error.failure, error.words.as_str()),
        (Failure::Permanent, "the mail is larger than 500 bytes")
    );
    let more = "fields = ['name']\ntext = '{{ items[0].message.name }}'\nmax_bytes = 50000000";
    let large = single(json!({"name": "x".repeat(1_500_000)}));
    let error = sink(server.port, &["waste"], more).deliver(&large).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent, "the server's own limit: {error}");
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_message_that_a_template_cannot_take_is_refused_without_its_value() {
    let more = "fields = ['name']\ntext = '{{ items[0].message.name + 1 }}'";
    let error = failed(9, &["waste"], more).await;
    assert_eq!(error.failure, Failure::Permanent);
    assert!(error.words.contains("`text`"), "{error}");
}
