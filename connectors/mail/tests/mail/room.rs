//! Sinks and handovers to try.

use postroom_connector::{ConnectorError, Handover, Outgoing, Settings, Sink, SinkKind};
use postroom_connector_mail::MailSink;
use postroom_event::DispatchId;
use serde_json::{Value, json};

/// No value of a message may be in an error, nor in a mail that does not list it.
pub(crate) const CANARY: &str = "Ada Canary";

/// A sink that mails `to` (local parts) by a server on `port` without TLS.
pub(crate) fn sink(port: u16, to: &[&str], more: &str) -> Box<dyn Sink> {
    let to: Vec<String> = to.iter().map(|local| format!("'{local}@zedshire.example'")).collect();
    let server = format!("server = {{ host = '127.0.0.1', port = {port}, tls = 'off' }}");
    built(&format!("{server}\nto = [{}]\n{more}", to.join(", ")))
}

/// A sink of these settings and a sender.
pub(crate) fn built(text: &str) -> Box<dyn Sink> {
    let table = format!("from = 'Postroom <hub@zedshire.example>'\n{text}").parse().expect("TOML");
    let settings = Settings { table, data: "/data".into(), system: "waste".to_owned() };
    MailSink.check(&settings).expect("settings");
    MailSink.build(&settings).expect("a sink")
}

pub(crate) fn item(number: u64, message: Value) -> Outgoing {
    Outgoing {
        dispatch: DispatchId::new("/yard", &number.to_string(), "route"),
        event_type: if number == 1 { "parcel.moved.v1" } else { "parcel.lost.v1" }.to_owned(),
        subject: format!("parcel:{CANARY}"),
        message: message.into(),
        traceparent: None,
    }
}

/// One message.
pub(crate) fn single(message: Value) -> Handover {
    let item = item(1, message);
    Handover { id: item.dispatch.to_string(), items: vec![item] }
}

/// Three messages.
pub(crate) fn batch() -> Handover {
    let items = [("Ada Canary", "1 Low Road"), ("Bob, \"Bo\"", "=2+2"), ("Émile", "3 High Road")];
    let items = (1..).zip(items).map(|(number, (name, line1))| {
        item(number, json!({"name": name, "address": {"line1": line1, "line2": CANARY}, "bins": number}))
    });
    Handover { id: "batch-2026-07-01".to_owned(), items: items.collect() }
}

/// How the mailing to `to` failed.
pub(crate) async fn failed(port: u16, to: &[&str], more: &str) -> ConnectorError {
    let error = sink(port, to, more).deliver(&batch()).await.expect_err("an error");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("Canary") && !told.contains("zedshire"), "{told}");
    error
}
