//! Cross-references, and what was sent.

use postroom_ledger::{Entry, MAX_XREF_BYTES, Sent, Xref, XrefFilter, XrefKey};

use crate::support::{Place, delivered, dispatch};

fn of(kind: &str, key: &str, system: &str) -> XrefKey {
    XrefKey { kind: kind.into(), key: key.into(), system: system.into() }
}

fn xref(key: &str, id: &str, at: i64) -> Xref {
    Xref { of: of("account", key, "tax"), id: id.into(), at, noted_by: format!("job {at}") }
}

fn of_kind(kind: &str) -> XrefFilter {
    XrefFilter { kind: Some(kind.into()), ..XrefFilter::default() }
}

async fn what_was_asked_for_is_found_in_one_question_and_nothing_else(place: Place) {
    let ledger = place.open().await;
    let other = Xref { of: of("account", "uprn:1", "waste"), ..xref("uprn:1", "W1", 3) };
    ledger
        .record(vec![Entry::Xrefs(vec![xref("uprn:1", "T1", 1), xref("uprn:2", "T2", 2)])])
        .await
        .expect("written");
    ledger.note_xrefs(vec![other.clone()]).await.expect("written");
    let asked = [
        of("account", "uprn:1", "tax"),
        of("account", "uprn:1", "waste"),
        of("account", "uprn:3", "tax"),
        of("person", "uprn:2", "tax"),
        of("account", "UPRN:2", "tax"),
        of("account", "it's \"1\"", "tax"),
    ];
    let mut found = place.open().await.xrefs(&asked).await.expect("read");
    found.sort_by(|a, b| a.of.cmp(&b.of));
    assert_eq!(found, [xref("uprn:1", "T1", 1), other]);
    assert_eq!(ledger.xrefs(&[]).await.expect("read"), []);
}

async fn the_newest_id_counts_and_the_same_again_changes_nothing(place: Place) {
    let ledger = place.open().await;
    let note = async |xrefs: Vec<Xref>| ledger.record(vec![Entry::Xrefs(xrefs)]).await.expect("written");
    note(vec![xref("uprn:1", "T1", 1), xref("uprn:1", "T2", 2)]).await;
    note(vec![xref("uprn:1", "T2", 3)]).await;
    let listed = async || ledger.xref_list(&XrefFilter::default(), 10).await.expect("read");
    assert_eq!(listed().await, [xref("uprn:1", "T2", 2)]);
    note(vec![xref("uprn:1", "T3", 4)]).await;
    assert_eq!(listed().await, [xref("uprn:1", "T3", 4)]);
}

async fn what_cannot_be_kept_does_not_keep_its_receipt_from_being_written(place: Place) {
    let ledger = place.open().await;
    let long = "x".repeat(MAX_XREF_BYTES + 1);
    let xrefs =
        vec![xref("uprn:1", &long, 1), xref(&long, "T1", 1), xref("uprn:2", "", 1), xref("uprn:3", "T3", 1)];
    ledger.record(vec![delivered("1", "tax"), Entry::Xrefs(xrefs)]).await.expect("written");
    assert_eq!(ledger.sums().await.expect("read").targets["tax"].delivered, 1);
    assert_eq!(ledger.xref_list(&XrefFilter::default(), 10).await.expect("read"), [xref("uprn:3", "T3", 1)]);
}

async fn those_that_are_meant_are_listed_counted_and_forgotten(place: Place) {
    let ledger = place.open().await;
    let person = Xref { of: of("person", "person:1", "tax"), ..xref("person:1", "P1", 5) };
    ledger
        .note_xrefs(vec![person.clone(), xref("uprn:2", "T2", 2), xref("uprn:1", "T1", 1)])
        .await
        .expect("written");
    let ids = async |filter: &XrefFilter| {
        let found = ledger.xref_list(filter, 2).await.expect("read");
        found.into_iter().map(|xref| xref.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&XrefFilter::default()).await, ["T1", "T2"], "in order, at most so many");
    assert_eq!(ids(&XrefFilter { id: Some("P1".into()), ..XrefFilter::default() }).await, ["P1"]);
    assert_eq!(ids(&XrefFilter { key: Some("uprn:2".into()), ..of_kind("account") }).await, ["T2"]);
    assert_eq!(ids(&XrefFilter { system: Some("waste".into()), ..XrefFilter::default() }).await, [""; 0]);
    assert_eq!(ledger.xref_count(&of_kind("account")).await.expect("read"), 2);
    assert_eq!(ledger.remove_xrefs(of_kind("account")).await.expect("written"), 2);
    assert_eq!(ledger.xref_list(&XrefFilter::default(), 10).await.expect("read"), [person]);
}

fn sent(id: &str, until: i64) -> Sent {
    let content = format!(r#"{{"name": "{id}"}}"#).into_bytes();
    let dispatch = dispatch(id, "tax").id;
    Sent { dispatch, target: "tax".into(), message: "bill".into(), content, until }
}

async fn what_was_sent_is_found_by_its_dispatch_until_its_time_and_only_where_it_arrived(place: Place) {
    let ledger = place.open().await;
    let arrived = |id: &str, until| vec![delivered(id, "tax"), Entry::Sent(sent(id, until))];
    ledger.record([arrived("1", 5_000), arrived("2", 7_000)].concat()).await.expect("written");
    ledger.record(vec![Entry::Sent(sent("3", 9_000))]).await.expect("written");
    let late = Sent { content: b"{}".to_vec(), ..sent("1", 9_000) };
    ledger.record(vec![delivered("1", "tax"), Entry::Sent(late)]).await.expect("written");
    let all = ["1", "2", "3"].map(|id| dispatch(id, "tax").id);
    let found = async |at| ledger.sent(&all, at).await.expect("read");
    assert_eq!(found(4_999).await, [sent("1", 5_000), sent("2", 7_000)]);
    assert_eq!(found(5_000).await, [sent("2", 7_000)], "its time is over, though it is still there");
    ledger.forget_sent(5_000).await.expect("written");
    assert_eq!(found(0).await, [sent("2", 7_000)]);
    assert_eq!(ledger.sent(&[], 0).await.expect("read"), []);
}

promises!(
    what_was_sent_is_found_by_its_dispatch_until_its_time_and_only_where_it_arrived,
    what_was_asked_for_is_found_in_one_question_and_nothing_else,
    the_newest_id_counts_and_the_same_again_changes_nothing,
    what_cannot_be_kept_does_not_keep_its_receipt_from_being_written,
    those_that_are_meant_are_listed_counted_and_forgotten,
);
