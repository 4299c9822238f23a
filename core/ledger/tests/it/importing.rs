//! The cursors of imports.

use crate::support::Place;
use postroom_event::Fault;
use postroom_ledger::{Advance, Entry, ImportKey, ImportState, Ledger, NewImport, RefusedImport};

fn new() -> NewImport {
    let batch = "ab".repeat(32);
    NewImport { system: "gazetteer".into(), batch, label: "insert.csv".into(), total: 10, at: 1 }
}

fn fault(number: u64) -> Fault {
    Fault {
        number,
        line: number + 1,
        place: "UPRN".into(),
        rule: "columns",
        words: "a column is missing".into(),
    }
}

fn advance(import: &ImportKey, position: u64) -> Entry {
    Entry::Advanced(Advance {
        import: import.clone(),
        position,
        mapped: 3,
        published: 4,
        ignored: vec![("CR09 has no event type".into(), 1)],
        refused: vec![fault(position)],
        at: 2,
    })
}

async fn key(ledger: &Ledger) -> ImportKey {
    ledger.open_import(new()).await.expect("written").key
}

async fn an_import_goes_on_where_its_last_confirmed_chunk_ended(place: Place) {
    let ledger = place.open().await;
    let key = key(&ledger).await;
    ledger.record(vec![advance(&key, 5)]).await.expect("recorded");
    let import = place.open().await.open_import(new()).await.expect("written");
    assert_eq!((import.position, import.mapped, import.published), (5, 3, 4));
    assert_eq!(import.state, ImportState::Open);
}

async fn a_chunk_that_is_confirmed_twice_counts_once(place: Place) {
    let ledger = place.open().await;
    let key = key(&ledger).await;
    for position in [5, 5, 10, 5] {
        ledger.record(vec![advance(&key, position)]).await.expect("recorded");
    }
    let source = &ledger.sums().await.expect("read").sources["gazetteer"];
    assert_eq!((source.records_read, source.mapped, source.refused), (10, 6, 2));
    assert_eq!(source.ignored["CR09 has no event type"], 2);
    let refused = ledger.refused_records(&key.system, &key.batch, 10).await.expect("read");
    assert_eq!(refused.iter().map(|record| record.line).collect::<Vec<_>>(), [6, 11]);
}

async fn a_source_goes_on_where_it_said_last(place: Place) {
    let ledger = place.open().await;
    assert_eq!(ledger.cursor("gazetteer").await.expect("read"), None);
    for cursor in ["17", "23"] {
        let moved = Entry::CursorMoved { system: "gazetteer".to_owned(), cursor: cursor.to_owned(), at: 1 };
        ledger.record(vec![moved]).await.expect("recorded");
    }
    let again = place.open().await;
    assert_eq!(again.cursor("gazetteer").await.expect("read").as_deref(), Some("23"));
    assert_eq!(again.cursor("waste").await.expect("read"), None);
}

async fn the_same_content_again_is_recognised_and_taken_again_only_on_demand(place: Place) {
    let ledger = place.open().await;
    let key = key(&ledger).await;
    assert_eq!(ledger.import_again(new()).await.expect("written").key.round, 0, "an open round goes on");
    ledger.record(vec![Entry::ImportDone(key.clone(), 3)]).await.expect("recorded");
    assert_eq!(ledger.open_import(new()).await.expect("written").state, ImportState::Done);
    ledger.record(vec![Entry::ImportRepeated(key.clone(), 4)]).await.expect("recorded");
    let again = ledger.import_again(NewImport { at: 5, ..new() }).await.expect("written");
    assert_eq!((again.key.round, again.position, again.state), (1, 0, ImportState::Open));
    let source = &ledger.sums().await.expect("read").sources["gazetteer"];
    assert_eq!((source.batches_done, source.batches_open, source.batches_repeated), (1, 1, 1));
    assert_eq!(ledger.imports(Some("gazetteer"), 10).await.expect("read").len(), 2);
}

async fn a_batch_refused_as_a_whole_keeps_its_reason_and_no_record_is_counted(place: Place) {
    let ledger = place.open().await;
    let refuse = |batch: &str| {
        let NewImport { system, label, at, .. } = new();
        Entry::ImportRefused(RefusedImport { system, batch: batch.into(), label, fault: fault(0), at })
    };
    ledger.record(vec![refuse(""), refuse(""), refuse(&new().batch)]).await.expect("recorded");
    let source = &ledger.sums().await.expect("read").sources["gazetteer"];
    assert_eq!((source.batches_refused, source.batches_repeated, source.refused), (2, 1, 0));
    let kept = ledger.refused_records("gazetteer", &new().batch, 10).await.expect("read");
    assert_eq!((kept.len(), kept[0].number, kept[0].rule.as_str()), (1, 0, "columns"));
}

async fn a_batch_that_was_cut_is_open_no_more_behind_others_and_is_again_when_it_goes_on(place: Place) {
    let ledger = place.open().await;
    let counts = async || {
        let source = &ledger.sums().await.expect("read").sources["gazetteer"];
        (source.batches_done, source.batches_open, source.batches_cut)
    };
    let cut = key(&ledger).await;
    ledger.record(vec![advance(&cut, 5)]).await.expect("recorded");
    let elsewhere = NewImport { system: "waste".into(), at: 9, ..new() };
    ledger.open_import(elsewhere).await.expect("written");
    assert_eq!(counts().await, (0, 1, 0), "what others sent says nothing of it");
    let later = NewImport { batch: "cd".repeat(32), at: 3, ..new() };
    let later = ledger.open_import(later).await.expect("written").key;
    ledger.record(vec![Entry::ImportDone(later, 4)]).await.expect("recorded");
    assert_eq!(counts().await, (1, 0, 1));
    let goes_on = Advance {
        import: cut.clone(),
        position: 10,
        mapped: 5,
        published: 5,
        ignored: Vec::new(),
        refused: Vec::new(),
        at: 5,
    };
    ledger.record(vec![Entry::Advanced(goes_on)]).await.expect("recorded");
    assert_eq!(counts().await, (1, 1, 0));
    ledger.record(vec![Entry::ImportDone(cut, 6)]).await.expect("recorded");
    assert_eq!(counts().await, (2, 0, 0));
}

promises!(
    a_batch_that_was_cut_is_open_no_more_behind_others_and_is_again_when_it_goes_on,
    a_source_goes_on_where_it_said_last,
    an_import_goes_on_where_its_last_confirmed_chunk_ended,
    a_chunk_that_is_confirmed_twice_counts_once,
    the_same_content_again_is_recognised_and_taken_again_only_on_demand,
    a_batch_refused_as_a_whole_keeps_its_reason_and_no_record_is_counted,
);
