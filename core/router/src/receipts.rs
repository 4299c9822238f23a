//! The worker that tells sources what became of their events: the outbox of the ledger, published as CloudEvents to the
//! exchange `receipts`. At least once, under a stable id; it forgets what the broker has confirmed and nothing else.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use postroom_broker::{Broker, MAX_SHORT_TEXT_BYTES, Message, Names, Outgoing, Publication};
use postroom_event::STRUCTURED;
use postroom_ledger::{Entry, Outcome, Receipt};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::codes::{HOLD_CODES, meaning};
use crate::outgoing::APP_ID;
use crate::session::{Session, WorkerError, answers};

/// How often the outbox is looked into when it was empty.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Receipts published together.
const CHUNK: u32 = 500;
/// Longest event type in a key, in bytes: system and outcome stand beside it.
const LONGEST_WORD: usize = 150;
/// What the key says where the type of an invalid event could not be read.
const UNREAD: &str = "unread";

/// Publishes receipts until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let mut publisher = session.broker.publisher().await?;
    while !session.stop.is_cancelled() {
        session.wait_while_blocked().await;
        let receipts = session.ledger.outbox(CHUNK).await?;
        if receipts.is_empty() {
            session.pause(LOOK_EVERY).await;
            continue;
        }
        session.may_start()?;
        let outgoing = receipts.iter().map(|receipt| outgoing(session.broker.as_ref(), receipt)).collect();
        let confirms = publisher.publish(outgoing).await?;
        let answers = answers(&session.stop, confirms).await?;
        let confirmed = receipts.iter().zip(answers);
        let confirmed = confirmed.filter(|(_, answer)| matches!(answer, Publication::Confirmed(_)));
        let sent: Vec<i64> = confirmed.map(|(receipt, _)| receipt.position).collect();
        let all = sent.len() == receipts.len();
        session.record(vec![Entry::ReceiptsSent(sent)]).await?;
        if !all {
            // A queue of a source is full: its receipts wait, and come again.
            session.pause(LOOK_EVERY).await;
        }
    }
    Ok(())
}

fn outgoing(broker: &dyn Broker, receipt: &Receipt) -> Outgoing {
    let outcome = word(receipt.outcome);
    let event_type = if is_word(&receipt.event_type) { &receipt.event_type } else { UNREAD };
    let id = id(receipt).to_string();
    Outgoing {
        exchange: broker.names().receipts(),
        routing_key: Names::receipt_key(&receipt.system, outcome, event_type),
        message: Message {
            body: Bytes::from(event(receipt, &id).to_string()),
            content_type: Some(STRUCTURED.to_owned()),
            message_id: Some(id),
            correlation_id: known(&receipt.id),
            message_type: Some(event_type_of(receipt.outcome)),
            user_id: Some(broker.user().to_owned()),
            app_id: Some(APP_ID.to_owned()),
            ..Message::default()
        },
    }
}

/// Whether it can stand in a key: what an invalid event says of itself may be anything.
fn is_word(text: &str) -> bool {
    let fits = (1..=LONGEST_WORD).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// What an event says of itself, where it says it at a length that may be repeated.
fn known(text: &str) -> Option<String> {
    (1..=MAX_SHORT_TEXT_BYTES).contains(&text.len()).then(|| text.to_owned())
}

/// The same for the same outcome, however often it is published.
fn id(receipt: &Receipt) -> Uuid {
    let about = (&receipt.system, &receipt.source, &receipt.id, receipt.dispatch.map(|id| id.0));
    let outcome = (word(receipt.outcome), receipt.at, receipt.position);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("receipt {about:?} {outcome:?}").as_bytes())
}

fn event_type_of(outcome: Outcome) -> String {
    format!("receipt.{}.v1", word(outcome))
}

/// The receipt as a CloudEvent; without what is not known.
fn event(receipt: &Receipt, id: &str) -> Value {
    let at = DateTime::from_timestamp_micros(receipt.at).unwrap_or_default();
    let data = [
        ("outcome", Some(word(receipt.outcome).to_owned())),
        ("event_id", known(&receipt.id)),
        ("event_source", known(&receipt.source)),
        ("event_type", known(&receipt.event_type)),
        ("dispatch", receipt.dispatch.map(|dispatch| dispatch.to_string())),
        ("route", receipt.route.clone()),
        ("target", receipt.target.clone()),
        ("reference", receipt.reference.clone()),
        ("code", receipt.code.clone()),
        ("words", receipt.code.as_deref().and_then(words).map(str::to_owned)),
    ];
    let data = data.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
    json!({
        "specversion": "1.0", "id": id, "source": "/postroom", "type": event_type_of(receipt.outcome),
        "subject": known(&receipt.subject).unwrap_or_else(|| UNREAD.to_owned()),
        "time": at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "datacontenttype": "application/json", "data": Value::Object(data.collect()),
    })
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Held => "held",
        Outcome::Dead => "dead",
        Outcome::Discarded => "discarded",
        Outcome::Invalid => "invalid",
        Outcome::Duplicate => "duplicate",
        Outcome::NoRoute => "no-route",
    }
}

/// What a code means; the words of the refusal itself may hold a value, and are for officers only.
fn words(code: &str) -> Option<&'static str> {
    let hold = HOLD_CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning);
    hold.or_else(|| meaning(code))
}
