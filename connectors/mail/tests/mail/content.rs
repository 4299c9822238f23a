//! What is in a mail, and what is not.

use serde_json::json;

use crate::room::{CANARY, batch, item, single, sink};
use crate::server::MailServer;

#[tokio::test]
async fn a_mail_of_default_settings_holds_counts_types_and_dispatch_ids_and_no_value() {
    let server = MailServer::plain();
    let receipt = sink(server.port, &["waste"], "").deliver(&batch()).await.expect("mailed");
    let mail = server.mail();
    assert_eq!(receipt.reference.as_deref(), Some("batch-2026-07-01@zedshire.example"));
    assert_eq!(mail.header("subject"), "Messages for waste: 3");
    let text = mail.text("text/plain").replace("\r\n", "\n");
    let ids: Vec<String> = batch().items.iter().map(|item| item.dispatch.to_string()).collect();
    let expected = format!(
        "Messages for waste: 3\n\nparcel.moved.v1: 1\nparcel.lost.v1: 2\n\nDispatches, for questions:\n{}",
        ids.join("\n")
    );
    assert_eq!(text.trim_end(), expected);
    let whole = mail.0.to_string();
    assert!(!whole.contains("Canary") && !whole.contains("Road") && !whole.contains("http"), "{whole}");
    assert_eq!(mail.0["parts"].as_array().map(Vec::len), Some(1), "nothing is attached");
}

#[tokio::test]
async fn a_mail_says_what_it_is_of_and_that_a_program_wrote_it() {
    let server = MailServer::plain();
    let target = sink(server.port, &["waste", "second"], "reply_to = 'desk@zedshire.example'");
    target.deliver(&batch()).await.expect("mailed");
    let of_batch = server.mail();
    assert_eq!(of_batch.0["to"], json!(["waste@zedshire.example", "second@zedshire.example"]));
    assert_eq!(of_batch.0["from"], "hub@zedshire.example");
    assert_eq!(of_batch.header("from"), "Postroom <hub@zedshire.example>");
    assert_eq!(of_batch.header("reply-to"), "desk@zedshire.example");
    assert_eq!(of_batch.header("x-postroom-batch"), "batch-2026-07-01");
    assert_eq!(of_batch.header("auto-submitted"), "auto-generated");
    assert!(!of_batch.header("date").is_empty());
    let one = single(json!({}));
    target.deliver(&one).await.expect("mailed");
    assert_eq!(server.mail().header("x-postroom-dispatch"), one.id);
}

#[tokio::test]
async fn a_mail_that_is_sent_again_has_the_message_id_of_the_first() {
    let server = MailServer::plain();
    let target = sink(server.port, &["waste"], "");
    let mut ids = Vec::new();
    for _ in 0..2 {
        target.deliver(&batch()).await.expect("mailed");
        ids.push(server.mail().header("message-id").to_owned());
    }
    assert_eq!(ids, ["<batch-2026-07-01@zedshire.example>"; 2]);
}

#[tokio::test]
async fn only_listed_fields_are_in_the_bodies_and_html_is_escaped() {
    let server = MailServer::plain();
    let more = "fields = ['name', 'address.line1', 'note']\n\
        subject = 'For {{ system }} on {{ items[0].message.name }}'\n\
        text = '{% for item in items %}{{ item.message.name }} at {{ item.message.address.line1 }}{{ item.message.note }};{% endfor %}'\n\
        html = '<p>{{ items[0].message.name }}</p>'";
    let handover =
        single(json!({"name": "<b>Émile</b>", "address": {"line1": "1 Low Road", "line2": CANARY}}));
    sink(server.port, &["waste"], more).deliver(&handover).await.expect("mailed");
    let mail = server.mail();
    assert_eq!(mail.header("subject"), "For waste on <b>Émile</b>");
    assert_eq!(mail.text("text/plain").trim_end(), "<b>Émile</b> at 1 Low Road;");
    assert_eq!(mail.text("text/html").trim_end(), "<p>&lt;b&gt;Émile&lt;&#x2f;b&gt;</p>");
    assert!(!mail.0.to_string().contains("Canary"));
}

#[tokio::test]
async fn the_messages_of_a_batch_are_attached_as_rows_of_the_listed_fields() {
    let server = MailServer::plain();
    let more = "fields = ['name', 'address.line1', 'bins']\n\
        attachment = { name = '../work {{ system }}-{{ count }}.csv', newline = 'lf' }\n\
        html = '<p>{{ count }}</p>'";
    sink(server.port, &["waste"], more).deliver(&batch()).await.expect("mailed");
    let mail = server.mail();
    let file = mail.part("text/csv");
    assert_eq!((&file["name"], &file["charset"]), (&json!("_work_waste-3.csv"), &json!("utf-8")));
    let rows = "name,address.line1,bins\nAda Canary,1 Low Road,1\n\"Bob, \"\"Bo\"\"\",'=2+2,2\nÉmile,3 High Road,3\n";
    assert_eq!(mail.text("text/csv").replace("\r\n", "\n"), rows);
    assert!(
        mail.text("text/plain").contains("parcel.moved.v1: 1") && mail.text("text/html").contains("<p>3</p>")
    );
    assert!(!mail.text("text/plain").contains("Canary"));
}

#[tokio::test]
async fn an_attachment_is_in_the_encoding_that_the_settings_ask_for() {
    let server = MailServer::plain();
    let more =
        "fields = ['name']\nattachment = { name = 'a.csv', encoding = 'windows-1252', header = false }";
    sink(server.port, &["waste"], more).deliver(&single(json!({"name": "Émile"}))).await.expect("mailed");
    let mail = server.mail();
    assert_eq!(
        (mail.text("text/csv"), &mail.part("text/csv")["charset"]),
        ("Émile\r\n", &json!("windows-1252"))
    );
    let error = sink(server.port, &["waste"], more)
        .deliver(&single(json!({"name": "Ада"})))
        .await
        .expect_err("an error");
    assert!(error.to_string().contains("`name`") && !error.to_string().contains("Ада"), "{error}");
}

#[tokio::test]
async fn a_value_with_line_ends_in_it_makes_no_header() {
    let server = MailServer::plain();
    let more = "fields = ['name']\nsubject = 'For {{ items[0].message.name }}'";
    let target = sink(server.port, &["waste"], more);
    for name in
        ["x\r\nBcc: thief@example.org\r\n\r\nbody", "x\nBcc: thief@example.org", "x\rBcc: thief@example.org"]
    {
        target.deliver(&single(json!({"name": name}))).await.expect("mailed");
        let mail = server.mail();
        assert!(mail.headers().all(|(header, _)| !header.eq_ignore_ascii_case("bcc")), "{}", mail.0);
        assert!(mail.header("subject").starts_with("For x Bcc: thief@example.org"), "{}", mail.0);
        assert_eq!(mail.0["to"], json!(["waste@zedshire.example"]));
        assert!(mail.text("text/plain").starts_with("Messages for waste"), "{}", mail.0);
    }
}

#[tokio::test]
async fn a_line_that_is_a_dot_does_not_end_the_mail() {
    let server = MailServer::plain();
    let more = "fields = ['name']\ntext = '{{ items[0].message.name }}'";
    let name = "before\n.\nQUIT\n..after";
    sink(server.port, &["waste"], more).deliver(&single(json!({"name": name}))).await.expect("mailed");
    assert_eq!(server.mail().text("text/plain").replace("\r\n", "\n").trim_end(), name);
}

#[tokio::test]
async fn a_large_batch_arrives_whole() {
    let server = MailServer::plain();
    let items =
        (0..2_000).map(|number| item(number, json!({"name": format!("{number} {}", "x".repeat(100))})));
    let handover = postroom_connector::Handover { id: "large".to_owned(), items: items.collect() };
    let more = "fields = ['name']\nattachment = { name = 'a.csv' }";
    sink(server.port, &["waste"], more).deliver(&handover).await.expect("mailed");
    let mail = server.mail();
    assert_eq!(mail.text("text/csv").lines().count(), 2_001);
    assert!(mail.text("text/plain").contains("parcel.lost.v1: 1999"));
}
