//! The worker that states what becomes of the work list: its outbox in the ledger, published as events of the hub's own system
//! by the way of all events. At least once, under a stable id, in order for each item; it forgets what the broker has confirmed
//! and nothing else.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, SecondsFormat};
use postroom_council::{Council, OWN_SYSTEM, WORK_RAISED, WORK_SETTLED};
use postroom_event::{Event, MAX_ATTRIBUTE_BYTES};
use postroom_ledger::{Entry, Happened, Ledger, WorkId, WorkLine};
use postroom_transform::Data;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::codes::business_reasons;
use crate::fail_point::FailPoint;
use crate::intake::publish_with;
use crate::resend::{Patience, Published};
use crate::session::{Session, WorkerError};

/// How often the outbox is looked into when it was empty.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Lines published together.
const CHUNK: u32 = 500;
/// Longest words that an event carries, in characters.
const MAX_WORDS_CHARS: usize = 500;

/// Tells the ledger which systems want receipts, and whether anybody is told of the work list: whoever writes to it says so first.
pub fn want_told(council: &Council, ledger: &Ledger) {
    let receipts = council.sources().filter(|(_, side)| side.receipts);
    ledger.want_receipts(receipts.map(|(system, _)| system.name.clone()).collect());
    if council.tells_work() {
        ledger.tell_work(business_reasons());
    }
}

/// Publishes what becomes of items until the session stops.
pub(crate) async fn run(session: Session) -> Result<(), WorkerError> {
    let mut publisher = session.broker.publisher().await?;
    while session.halts.until_allowed(OWN_SYSTEM, &session.stop).await {
        session.wait_while_blocked().await;
        let lines = session.ledger.work_outbox(CHUNK).await?;
        if lines.is_empty() {
            session.pause(LOOK_EVERY).await;
            continue;
        }
        session.may_start()?;
        let events: Vec<_> = lines.iter().map(event).collect();
        let (broker, patience) = (session.broker.as_ref(), Patience::Until(&session.stop));
        let published = publish_with(publisher.as_mut(), broker, (OWN_SYSTEM, &events), patience).await?;
        if published == Published::Stopped {
            break;
        }
        FailPoint::WorkPublished.pass();
        let told = lines.iter().map(|line| line.position).collect();
        session.record(vec![Entry::WorkTold(told)]).await?;
    }
    Ok(())
}

/// What happened to an item, as an event; without what is not known.
fn event(line: &WorkLine) -> Event<Data> {
    let settled = match line.happened {
        Happened::Raised => None,
        Happened::Discarded => Some("discarded"),
        Happened::Redriven => Some("redriven"),
    };
    let at = instant(line.at);
    let data = [
        ("item", Some(line.item.to_string())),
        ("kind", Some(kind(line.item).to_owned())),
        ("system", Some(line.system.clone())),
        ("route", line.route.clone()),
        ("event_type", line.event_type.clone().filter(|known| known.len() <= MAX_ATTRIBUTE_BYTES)),
        ("code", Some(line.code.clone())),
        ("words", Some(line.words.chars().take(MAX_WORDS_CHARS).collect())),
        ("since_time", Some(text(instant(line.since)))),
        ("outcome", settled.map(str::to_owned)),
        ("settled_time", settled.map(|_| text(at))),
    ];
    let data = data.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Event {
        id: id(line).to_string(),
        source: format!("/systems/{OWN_SYSTEM}"),
        event_type: if settled.is_none() { WORK_RAISED } else { WORK_SETTLED }.to_owned(),
        subject: format!("work:{}", line.item),
        time: Some(at),
        extensions: std::collections::BTreeMap::new(),
        data: Value::Object(data.collect()).into(),
    }
}

/// The same for the same line, however often it is published; a ledger that was put back has other lines in the same places.
fn id(line: &WorkLine) -> Uuid {
    let what = (line.position, line.item, line.happened, line.since, line.at);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("work {what:?}").as_bytes())
}

/// What an item is, in the words of its schema.
fn kind(item: WorkId) -> &'static str {
    match item {
        WorkId::Dispatch(_) => "dead-letter",
        WorkId::Event(_) => "invalid-event",
        WorkId::Input(_) => "refused-input",
    }
}

fn instant(micros: i64) -> DateTime<FixedOffset> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().fixed_offset()
}

fn text(at: DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use postroom_event::DispatchId;

    use super::*;

    fn line(happened: Happened) -> WorkLine {
        WorkLine {
            position: 1,
            happened,
            item: WorkId::Dispatch(DispatchId::new("/shop", "1", "to-dock")),
            system: "dock".to_owned(),
            route: Some("to-dock".to_owned()),
            event_type: Some("parcel.moved.v1".to_owned()),
            code: "refused".to_owned(),
            words: "no such parcel".to_owned(),
            since: 1_000_000,
            at: 2_000_000,
        }
    }

    #[test]
    fn what_happened_to_an_item_is_one_event_however_often_it_is_told() {
        let raised = event(&line(Happened::Raised));
        let item = DispatchId::new("/shop", "1", "to-dock").to_string();
        assert_eq!((raised.event_type.as_str(), &raised.subject), (WORK_RAISED, &format!("work:{item}")));
        let expected = json!({
            "item": item, "kind": "dead-letter", "system": "dock", "route": "to-dock",
            "event_type": "parcel.moved.v1", "code": "refused", "words": "no such parcel",
            "since_time": "1970-01-01T00:00:01Z",
        });
        assert_eq!(Value::from(raised.data.clone()), expected);
        assert_eq!(event(&line(Happened::Raised)).id, raised.id);
        assert_ne!(event(&WorkLine { since: 3, ..line(Happened::Raised) }).id, raised.id, "it failed again");
        let settled = event(&line(Happened::Redriven));
        assert_eq!((settled.event_type.as_str(), &settled.subject), (WORK_SETTLED, &raised.subject));
        let data = Value::from(settled.data);
        assert_eq!(
            (&data["outcome"], &data["settled_time"]),
            (&json!("redriven"), &json!("1970-01-01T00:00:02Z"))
        );
    }
}
