//! Staging, batches, receipts and dead letters.

use crate::support::{Place, attempt, delivered, dispatch, event, letter, reason, staged};
use postroom_event::DispatchId;
use postroom_ledger::{AttemptOutcome, DeadFilter, Entry, Fate, StagedSummary, State};

fn ids(names: &[&str]) -> Vec<DispatchId> {
    names.iter().map(|name| dispatch(name, "tax").id).collect()
}

async fn a_batch_that_did_not_end_comes_again_with_the_same_id_and_items(place: Place) {
    let ledger = place.open().await;
    ledger.record(["3", "1", "2"].map(|id| staged(id, "tax")).to_vec()).await.expect("staged");
    let batch = ledger.assign_batch("tax", 2, 9).await.expect("written").expect("a batch");
    assert_eq!(batch.items.iter().map(|item| item.dispatch).collect::<Vec<_>>(), ids(&["3", "1"]));
    drop(ledger);

    let ledger = place.open().await;
    ledger.record(vec![staged("4", "tax")]).await.expect("staged");
    assert_eq!(ledger.open_batch("tax").await.expect("read"), Some(batch.clone()));
    assert_eq!(ledger.assign_batch("tax", 100, 10).await.expect("written"), Some(batch));
}

async fn a_batch_ends_with_a_receipt_for_each_item_and_the_next_one_has_another_id(place: Place) {
    let ledger = place.open().await;
    ledger.record(["1", "2", "3"].map(|id| staged(id, "tax")).to_vec()).await.expect("staged");
    let first = ledger.assign_batch("tax", 2, 9).await.expect("written").expect("a batch");
    assert_eq!(
        ledger.staged_summary("tax").await.expect("read"),
        StagedSummary { count: 1, oldest: Some(2_000) }
    );
    let end = Entry::BatchDelivered { id: first.id.clone(), reference: Some("changes.csv".into()), at: 10 };
    ledger.record(vec![end.clone(), end]).await.expect("ended, and again");
    assert_eq!(ledger.open_batch("tax").await.expect("read"), None);
    let second = ledger.assign_batch("tax", 2, 11).await.expect("written").expect("a batch");
    assert_ne!(second.id, first.id);
    assert_eq!(second.items.iter().map(|item| item.dispatch).collect::<Vec<_>>(), ids(&["3"]));
    let finished = ledger.finished(&ids(&["1", "2", "3", "4"])).await.expect("read");
    assert_eq!(finished, ids(&["1", "2", "3"]).into_iter().collect());
    ledger.record(vec![staged("1", "tax")]).await.expect("ignored");
    assert_eq!(ledger.staged_summary("tax").await.expect("read").count, 0, "delivered is not staged again");
}

async fn a_batch_refused_for_good_becomes_dead_letters_with_their_whole_events(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![staged("1", "tax")]).await.expect("staged");
    let batch = ledger.assign_batch("tax", 9, 9).await.expect("written").expect("a batch");
    let refused = Entry::BatchRefused { id: batch.id, reason: reason(), holding: Vec::new(), at: 4_000 };
    ledger.record(vec![refused]).await.expect("recorded");
    let shown = ledger.dead_show(ids(&["1"])[0]).await.expect("read").expect("there");
    let mut expected = letter("1", "tax");
    expected.attempts = 1;
    assert_eq!(shown.letter, expected);
    assert_eq!(ledger.assign_batch("tax", 9, 9).await.expect("written"), None);
}

async fn attempts_at_a_batch_are_those_of_each_of_its_dispatches_however_it_ends(place: Place) {
    let ledger = place.open().await;
    let tried = |id: &str, number, outcome| Entry::BatchTried {
        id: id.to_owned(),
        attempt: attempt(number, outcome),
    };
    for name in ["1", "2"] {
        let entries = vec![Entry::Event(event(name, vec![("tax", Fate::InLane)])), staged(name, "tax")];
        ledger.record(entries).await.expect("staged");
        let batch = ledger.assign_batch("tax", 9, 9).await.expect("written").expect("a batch");
        let entries = [(1, AttemptOutcome::Down), (2, AttemptOutcome::Transient)];
        let entries = entries.map(|(number, outcome)| tried(&batch.id, number, outcome));
        ledger.record(entries.to_vec()).await.expect("recorded");
        assert_eq!(ledger.open_batch("tax").await.expect("read").expect("open").attempts, 2);
        let end = match name {
            "1" => Entry::BatchDelivered { id: batch.id, reference: None, at: 9 },
            _ => Entry::BatchRefused { id: batch.id, reason: reason(), holding: Vec::new(), at: 9 },
        };
        ledger.record(vec![end]).await.expect("ended");
        let leg = ledger.trace(name).await.expect("read").remove(0).legs.remove(0);
        let outcomes: Vec<_> = leg.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [AttemptOutcome::Down, AttemptOutcome::Transient], "{name}");
        match leg.state {
            State::Delivered { attempts, .. } => assert_eq!((name, attempts), ("1", 3)),
            State::Dead { attempts, .. } => assert_eq!((name, attempts), ("2", 2)),
            other => panic!("{other:?}"),
        }
    }
    let shown = ledger.dead_show(ids(&["2"])[0]).await.expect("read").expect("there");
    assert_eq!(shown.attempts.len(), 2);
    let pruned = ledger.prune(i64::MAX, 100).await.expect("written");
    assert_eq!((pruned.events, pruned.receipts), (1, 1), "the dead one stays");
}

async fn the_first_word_on_a_dispatch_stands(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![delivered("1", "tax")]).await.expect("recorded");
    ledger.record(vec![Entry::Dead(letter("1", "tax")), staged("1", "tax")]).await.expect("ignored");
    ledger.record(vec![Entry::Dead(letter("2", "tax"))]).await.expect("recorded");
    ledger.record(vec![delivered("2", "tax"), delivered("2", "tax")]).await.expect("ignored");
    assert_eq!(ledger.staged_summary("tax").await.expect("read").count, 0);
    let sums = ledger.sums().await.expect("read");
    assert_eq!((sums.targets["tax"].delivered, sums.targets["tax"].dead), (1, 1));
}

async fn dead_letters_are_listed_by_what_is_asked_for(place: Place) {
    let ledger = place.open().await;
    let dead = |id, target| Entry::Dead(letter(id, target));
    ledger.record(vec![dead("1", "tax"), dead("2", "waste"), dead("3", "tax")]).await.expect("recorded");
    let check = async |filter: DeadFilter, most, expected| {
        let rows = ledger.dead_list(&filter, most).await.expect("read");
        assert_eq!(rows.len(), expected, "{filter:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    check(DeadFilter::default(), 10, 3).await;
    check(DeadFilter::default(), 2, 2).await;
    check(DeadFilter { target: text("tax"), ..DeadFilter::default() }, 10, 2).await;
    check(DeadFilter { route: text("to-waste"), ..DeadFilter::default() }, 10, 1).await;
    check(DeadFilter { code: text("mapping"), ..DeadFilter::default() }, 10, 0).await;
    check(DeadFilter { state: text("open"), ..DeadFilter::default() }, 10, 3).await;
    let shown = ledger.dead_show(dispatch("2", "waste").id).await.expect("read").expect("there");
    assert_eq!(shown.letter, letter("2", "waste"));
}

promises!(
    a_batch_that_did_not_end_comes_again_with_the_same_id_and_items,
    a_batch_ends_with_a_receipt_for_each_item_and_the_next_one_has_another_id,
    a_batch_refused_for_good_becomes_dead_letters_with_their_whole_events,
    attempts_at_a_batch_are_those_of_each_of_its_dispatches_however_it_ends,
    the_first_word_on_a_dispatch_stands,
    dead_letters_are_listed_by_what_is_asked_for,
);
