//! What is recorded is there, once, and can be asked for.

use std::sync::Arc;

use crate::support::{Place, event, key};
use postroom_ledger::{Body, Claims, Entry, Fate, InvalidEvent, JournalPlace};

fn routed(id: &str) -> Entry {
    Entry::Event(event(id, vec![("waste", Fate::Queued)]))
}

async fn what_was_recorded_is_known_after_the_ledger_is_opened_again(place: Place) {
    place.open().await.record(vec![routed("1"), routed("2")]).await.expect("recorded");
    let ledger = place.open().await;
    let known = ledger.known(&[key("1"), key("2"), key("3")]).await.expect("read");
    assert_eq!(known, [key("1"), key("2")].into());
}

async fn many_who_open_a_new_ledger_at_the_same_time_all_have_it(place: Place) {
    let place = Arc::new(place);
    let opened = (0..8).map(|number| {
        let place = Arc::clone(&place);
        tokio::spawn(async move { place.open().await.record(vec![routed(&number.to_string())]).await })
    });
    for opened in opened.collect::<Vec<_>>() {
        opened.await.expect("a ledger").expect("recorded");
    }
}

async fn many_callers_at_once_are_all_recorded(place: Place) {
    let ledger = place.open().await;
    let calls = (0..300).map(|number| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.record(vec![routed(&number.to_string())]).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("not cancelled").expect("recorded");
    }
    let keys: Vec<_> = (0..300).map(|number| key(&number.to_string())).collect();
    assert_eq!(ledger.known(&keys).await.expect("read").len(), 300);
}

async fn an_event_recorded_twice_counts_once_and_as_one_duplicate(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![routed("1"), routed("1")]).await.expect("recorded");
    ledger.record(vec![routed("1")]).await.expect("recorded");
    ledger.record(vec![Entry::Duplicates { system: "gazetteer".into(), count: 5 }]).await.expect("recorded");
    let sums = ledger.sums().await.expect("read");
    let events = &sums.sources["gazetteer"].events;
    assert_eq!((events.routed, events.duplicate), (1, 7));
    assert_eq!(sums.targets["waste"].delivered, 1);
}

async fn events_on_both_sides_of_the_index_are_known_and_traced(place: Place) {
    const EVENTS: usize = 33_000;
    let ledger = place.open().await;
    let ids: Vec<String> = (0..=EVENTS).map(|number| number.to_string()).collect();
    for chunk in ids.chunks(1_000) {
        ledger.record(chunk.iter().map(|id| routed(id)).collect()).await.expect("recorded");
    }
    let (first, last) = (ids.first().expect("one"), ids.last().expect("one"));
    for ledger in [ledger, place.open().await] {
        let known = ledger.known(&[key(first), key(last), key("none")]).await.expect("read");
        assert_eq!(known, [key(first), key(last)].into());
        for id in [first, last] {
            assert_eq!(ledger.trace(id).await.expect("read").len(), 1, "by id {id}");
            assert_eq!(ledger.trace(&format!("uprn:{id}")).await.expect("read").len(), 1, "by subject {id}");
        }
        let taken = ledger.taken(&[key(last), key("none"), key(first)]).await.expect("read");
        assert_eq!(taken.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [first, last]);
        let (before, subjects) = (taken[0].row - 1, [format!("uprn:{last}"), format!("uprn:{first}")]);
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        assert_eq!(ledger.taken_after(before, &subjects).await.expect("read"), taken);
        assert_eq!(ledger.taken_after(taken[0].row, &subjects).await.expect("read"), taken[1..]);
    }
}

async fn a_second_ledger_reads_while_the_first_one_writes(place: Place) {
    let (writing, reading) = (place.open().await, place.open().await);
    let mut seen = 0;
    for number in 0..20 {
        writing.record(vec![routed(&number.to_string())]).await.expect("recorded");
        let sums = reading.sums().await.expect("read");
        let now = sums.sources["gazetteer"].events.routed;
        assert_eq!(now, seen + 1, "a commit is visible at once");
        seen = now;
    }
}

#[tokio::test]
async fn a_ledger_whose_file_was_removed_takes_no_more() {
    let place = Place::file();
    let ledger = place.open().await;
    std::fs::remove_file(place.path()).expect("removed");
    let error = ledger.record(vec![routed("1")]).await.expect_err("refused");
    assert_eq!(error.failure(), postroom_ledger::Failure::Permanent);
    assert_eq!(error.to_string(), "the ledger's file was removed or replaced");
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused_for_good() {
    let place = Place::file();
    std::fs::write(place.path(), "a letter to the council, by no means a database".repeat(100))
        .expect("written");
    let error = postroom_ledger::Ledger::open(&place.path()).await.expect_err("refused");
    assert_eq!(error.failure(), postroom_ledger::Failure::Permanent);
    assert_eq!(error.kind(), postroom_ledger::Kind::Corrupt);
}

fn invalid(body: &[u8]) -> Entry {
    Entry::Invalid(InvalidEvent {
        system: "planning".into(),
        received_at: 5,
        code: "schema".into(),
        place: "/data/uprn".into(),
        words: "`uprn` is not a whole number".into(),
        content_type: None,
        headers: vec![("x-delivery-count".into(), body.len().to_string()), ("n".into(), "1".into())],
        body: Body::kept(body, 4),
        claims: Claims { id: Some("7".into()), ..Claims::default() },
    })
}

async fn an_invalid_event_is_kept_whole_and_the_same_again_is_a_duplicate(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![invalid(b"{}"), invalid(b"{}"), invalid(b"large")]).await.expect("recorded");
    let list = ledger.invalid_list(Some("planning"), 10).await.expect("read");
    assert_eq!(list.iter().map(|row| row.body_size).collect::<Vec<_>>(), [5, 2], "newest first");
    assert!(ledger.invalid_list(Some("waste"), 10).await.expect("read").is_empty());
    let shown = ledger.invalid_show(list[1].id).await.expect("read").expect("there");
    assert_eq!(shown.body, Body::kept(b"{}", 4));
    assert_eq!(shown.headers[1], ("n".to_owned(), "1".to_owned()));
    let large = ledger.invalid_show(list[0].id).await.expect("read").expect("there");
    assert_eq!((large.body.bytes, large.body.sha256), (None, Body::kept(b"large", 4).sha256));
    let events = &ledger.sums().await.expect("read").sources["planning"].events;
    assert_eq!((events.invalid, events.duplicate), (2, 1));
    assert!(ledger.known(&[key("7")]).await.expect("read").is_empty(), "a corrected event may come");
}

async fn attempts_are_counted_until_they_are_taken_back_or_the_event_survives(place: Place) {
    let ledger = place.open().await;
    for keys in [vec![key("1"), key("2")], vec![key("1")]] {
        ledger.record(vec![Entry::Trying(keys)]).await.expect("written");
    }
    let keys = [key("1"), key("2"), key("3")];
    assert_eq!(place.open().await.tried(&keys).await.expect("read"), [(key("1"), 2), (key("2"), 1)].into());
    ledger.record(vec![Entry::Untried(keys.to_vec())]).await.expect("written");
    assert_eq!(ledger.tried(&keys).await.expect("read"), [(key("1"), 1)].into());
    ledger.record(vec![Entry::Survived(vec![key("1")])]).await.expect("written");
    assert_eq!(ledger.tried(&keys).await.expect("read"), [].into());
}

async fn the_newest_place_in_the_journal_counts_for_each_source(place: Place) {
    let ledger = place.open().await;
    assert_eq!(ledger.journal_place("shop").await.expect("read"), None);
    for position in [4, 9] {
        ledger
            .begin_journal("shop", JournalPlace { position, at: 3, is_reading: false })
            .await
            .expect("written");
    }
    let first = ledger.journal_place("shop").await.expect("read");
    assert_eq!(first, Some(JournalPlace { position: 4, at: 3, is_reading: false }), "the first one stands");
    let read = |system: &str, position: u64| Entry::JournalRead {
        system: system.to_owned(),
        place: JournalPlace { position, at: 5, is_reading: position == 7 },
    };
    ledger.record(vec![read("shop", 7), read("yard", 3)]).await.expect("written");
    assert_eq!(ledger.journals_being_read().await.expect("read"), ["shop"]);
    ledger.record(vec![read("shop", 2)]).await.expect("written");
    let place = ledger.journal_place("shop").await.expect("read");
    assert_eq!(place, Some(JournalPlace { position: 2, at: 5, is_reading: false }));
    assert!(ledger.journals_being_read().await.expect("read").is_empty());
}

promises!(
    the_newest_place_in_the_journal_counts_for_each_source,
    events_on_both_sides_of_the_index_are_known_and_traced,
    what_was_recorded_is_known_after_the_ledger_is_opened_again,
    many_who_open_a_new_ledger_at_the_same_time_all_have_it,
    many_callers_at_once_are_all_recorded,
    an_event_recorded_twice_counts_once_and_as_one_duplicate,
    a_second_ledger_reads_while_the_first_one_writes,
    an_invalid_event_is_kept_whole_and_the_same_again_is_a_duplicate,
    attempts_are_counted_until_they_are_taken_back_or_the_event_survives,
);
