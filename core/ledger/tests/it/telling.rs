//! The outbox of receipts, and what systems showed.

use crate::support::{Place, decision, delivered, dispatch, event, held, key, letter, reason, staged};
use postroom_ledger::{Body, Claims, Entry, Fate, InvalidEvent, Ledger, Outcome, Peer, Receipt};

fn wanting(ledger: &Ledger, systems: &[&str]) {
    ledger.want_receipts(systems.iter().map(|system| (*system).to_owned()).collect());
}

async fn outcomes(ledger: &Ledger) -> Vec<(String, Outcome)> {
    let told = ledger.outbox(100).await.expect("read");
    told.into_iter().map(|receipt| (receipt.id, receipt.outcome)).collect()
}

fn said(expected: &[(&str, Outcome)]) -> Vec<(String, Outcome)> {
    expected.iter().map(|(id, outcome)| ((*id).to_owned(), *outcome)).collect()
}

async fn of_each_certificate_that_systems_showed_the_last_is_known(place: Place) {
    let ledger = place.open().await;
    let peer = |system: &str, until| Peer { system: system.into(), setting: "target.url".into(), until };
    for shown in [peer("waste", 7), peer("tax", 5), peer("waste", 9)] {
        ledger.note_peer(shown).await.expect("written");
    }
    assert_eq!(ledger.peers().await.expect("read"), [peer("tax", 5), peer("waste", 9)]);
}

async fn a_source_is_told_each_outcome_of_its_events_in_order_once(place: Place) {
    let ledger = place.open().await;
    wanting(&ledger, &["gazetteer"]);
    let fates = vec![("waste", Fate::Queued), ("tax", Fate::InLane)];
    ledger
        .record(vec![Entry::Event(event("1", fates)), Entry::Event(event("2", vec![]))])
        .await
        .expect("recorded");
    ledger.record(vec![Entry::Held(held("1", "tax"))]).await.expect("held");
    ledger.record(vec![delivered("1", "tax"), delivered("1", "tax")]).await.expect("delivered");
    ledger.record(vec![delivered("1", "tax")]).await.expect("said before");
    let repeated = Entry::Repeated { system: "gazetteer".into(), keys: vec![key("2")], at: 9 };
    ledger.record(vec![repeated]).await.expect("recorded");
    let expected = said(&[
        ("1", Outcome::Delivered),
        ("2", Outcome::NoRoute),
        ("1", Outcome::Held),
        ("1", Outcome::Delivered),
        ("2", Outcome::Duplicate),
    ]);
    assert_eq!(outcomes(&ledger).await, expected);
    let told = ledger.outbox(100).await.expect("read");
    let expected = Receipt {
        position: told[3].position,
        system: "gazetteer".into(),
        event: Some(key("1")),
        source: crate::support::SOURCE.into(),
        id: "1".into(),
        event_type: "property.created.v1".into(),
        subject: "uprn:1".into(),
        outcome: Outcome::Delivered,
        dispatch: Some(dispatch("1", "tax").id),
        route: Some("to-tax".into()),
        target: Some("tax".into()),
        reference: Some("R1".into()),
        code: None,
        at: 3_000,
    };
    assert_eq!(told[3], expected);
    let first: Vec<i64> = told.iter().take(3).map(|receipt| receipt.position).collect();
    ledger.record(vec![Entry::ReceiptsSent(first)]).await.expect("published");
    assert_eq!(outcomes(&ledger).await, said(&[("1", Outcome::Delivered), ("2", Outcome::Duplicate)]));
}

async fn an_outcome_recorded_before_its_event_is_told_once_the_event_is_there(place: Place) {
    let ledger = place.open().await;
    wanting(&ledger, &["gazetteer"]);
    ledger.record(vec![Entry::Dead(letter("1", "tax"))]).await.expect("recorded");
    assert!(outcomes(&ledger).await.is_empty());
    ledger.record(vec![Entry::Event(event("1", vec![("tax", Fate::InLane)]))]).await.expect("recorded");
    assert_eq!(outcomes(&ledger).await, said(&[("1", Outcome::Dead)]));
    ledger.discard(&[dispatch("1", "tax").id], decision(7)).await.expect("written");
    let told = ledger.outbox(9).await.expect("read");
    assert_eq!(
        (told[1].outcome, told[1].code.as_deref(), told[1].at),
        (Outcome::Discarded, Some("refused"), 7)
    );
}

async fn a_system_that_wants_no_receipts_has_none(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![Entry::Event(event("1", vec![]))]).await.expect("recorded");
    wanting(&ledger, &["planning"]);
    ledger.record(vec![Entry::Event(event("2", vec![]))]).await.expect("recorded");
    ledger
        .record(vec![Entry::Invalid(InvalidEvent {
            system: "planning".into(),
            received_at: 5,
            code: "schema".into(),
            place: String::new(),
            words: "it does not fit".into(),
            content_type: None,
            headers: Vec::new(),
            body: Body::kept(b"{}", 10),
            claims: Claims { id: Some("7".into()), ..Claims::default() },
        })])
        .await
        .expect("recorded");
    let told = ledger.outbox(9).await.expect("read");
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].system.as_str(), told[0].id.as_str()), ("planning", "7"));
    assert_eq!((told[0].outcome, told[0].code.as_deref()), (Outcome::Invalid, Some("schema")));
}

async fn each_dispatch_of_a_batch_is_told(place: Place) {
    let ledger = place.open().await;
    wanting(&ledger, &["gazetteer"]);
    for id in ["1", "2", "3"] {
        let lane = Entry::Event(event(id, vec![("tax", Fate::InLane)]));
        ledger.record(vec![lane, staged(id, "tax")]).await.expect("staged");
    }
    let batch = ledger.assign_batch("tax", 2, 9).await.expect("written").expect("a batch");
    let end = Entry::BatchDelivered { id: batch.id, reference: Some("changes.csv".into()), at: 10 };
    ledger.record(vec![end.clone(), end]).await.expect("ended");
    let batch = ledger.assign_batch("tax", 2, 11).await.expect("written").expect("a batch");
    ledger
        .record(vec![Entry::BatchRefused { id: batch.id, reason: reason(), holding: Vec::new(), at: 12 }])
        .await
        .expect("ended");
    let expected = said(&[("1", Outcome::Delivered), ("2", Outcome::Delivered), ("3", Outcome::Dead)]);
    assert_eq!(outcomes(&ledger).await, expected);
    assert_eq!(ledger.last_success("tax").await.expect("read"), Some(10));
}

promises!(
    a_source_is_told_each_outcome_of_its_events_in_order_once,
    an_outcome_recorded_before_its_event_is_told_once_the_event_is_there,
    a_system_that_wants_no_receipts_has_none,
    each_dispatch_of_a_batch_is_told,
    of_each_certificate_that_systems_showed_the_last_is_known,
);
