//! What waits in a lane, though the ledger has no row for it.

use crate::support::{Place, decision, delivered, dispatch, event, held, letter, staged};
use postroom_event::DispatchId;
use postroom_ledger::{Delivered, Dispatch, Entry, Fate, Ledger};

async fn waiting(ledger: &Ledger) -> Vec<String> {
    let page = ledger.unreceived("tax", 0, 100).await.expect("read");
    assert_eq!(page.next, None);
    page.found.into_iter().map(|waiting| waiting.event_id).collect()
}

async fn a_dispatch_waits_until_it_has_ended_or_is_held(place: Place) {
    let ledger = place.open().await;
    for (id, target) in [("1", "tax"), ("2", "tax"), ("3", "waste"), ("4", "tax"), ("5", "tax"), ("6", "tax")]
    {
        let mut outcome = event(id, vec![(target, Fate::InLane), ("land", Fate::Queued)]);
        outcome.received_at = 1_000 + id.parse::<i64>().expect("a number");
        ledger.record(vec![Entry::Event(outcome)]).await.expect("recorded");
    }
    assert_eq!(waiting(&ledger).await, ["1", "2", "4", "5", "6"]);
    assert_eq!(ledger.oldest_waiting("tax").await.expect("read"), Some(1_001));
    ledger
        .record(vec![
            delivered("1", "tax"),
            Entry::Dead(letter("2", "tax")),
            Entry::Held(held("4", "tax")),
            staged("5", "tax"),
        ])
        .await
        .expect("recorded");
    let ledger = place.open().await;
    assert_eq!(waiting(&ledger).await, ["6"]);
    let page = ledger.unreceived("tax", 0, 100).await.expect("read");
    assert_eq!(page.found[0].dispatch, dispatch("6", "tax"));
    assert_eq!(&*page.found[0].source, crate::support::SOURCE);
    assert_eq!(ledger.oldest_waiting("tax").await.expect("read"), Some(1_006));
    assert_eq!(ledger.oldest_waiting("land").await.expect("read"), None);
    ledger.redrive(&[dispatch("2", "tax").id], decision(5)).await.expect("written");
    assert_eq!(waiting(&ledger).await, ["2", "6"]);
    assert_eq!(ledger.last_recorded_at("gazetteer").await.expect("read"), Some(1_006));
    assert_eq!(ledger.last_recorded_at("planning").await.expect("read"), None);
    assert_eq!(ledger.last_success("tax").await.expect("read"), Some(3_000));
    assert_eq!(ledger.last_success("land").await.expect("read"), Some(1_006));
}

async fn what_is_settled_is_not_looked_through_again_until_something_is_redriven(place: Place) {
    const EVENTS: usize = 25_000;
    let ledger = place.open().await;
    let ids: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    ledger.record(vec![Entry::Dead(letter("0", "tax"))]).await.expect("recorded");
    for chunk in ids.chunks(2_000) {
        let lanes = chunk.iter().map(|id| Entry::Event(event(id, vec![("tax", Fate::InLane)])));
        let ends = chunk.iter().map(|id| delivered(id, "tax"));
        ledger.record(lanes.chain(ends).collect()).await.expect("recorded");
    }
    ledger.record(vec![Entry::Event(event("last", vec![("tax", Fate::InLane)]))]).await.expect("recorded");
    for _ in 0..2 {
        assert_eq!(ledger.oldest_waiting("tax").await.expect("read"), Some(1_000));
        assert_eq!(waiting(&ledger).await, ["last"]);
    }
    ledger.redrive(&[dispatch("0", "tax").id], decision(5)).await.expect("written");
    assert_eq!(waiting(&ledger).await, ["0", "last"]);
}

async fn what_comes_after_everything_was_forgotten_waits_and_is_known_to_the_next_run(place: Place) {
    let ledger = place.open().await;
    for id in ["1", "2", "3"] {
        let entries = vec![Entry::Event(event(id, vec![("tax", Fate::InLane)])), delivered(id, "tax")];
        ledger.record(entries).await.expect("recorded");
    }
    assert_eq!(ledger.oldest_waiting("tax").await.expect("read"), None);
    assert_eq!(ledger.prune(i64::MAX, 10).await.expect("pruned").events, 3);
    ledger.record(vec![Entry::Event(event("4", vec![("tax", Fate::InLane)]))]).await.expect("recorded");
    assert_eq!(waiting(&ledger).await, ["4"]);
    let ledger = place.open().await;
    let key = event("4", vec![]).key;
    assert!(ledger.known(&[key]).await.expect("read").contains(&key));
}

async fn what_came_after_everything_was_forgotten_is_forgotten_in_its_time(place: Place) {
    let ledger = place.open().await;
    for id in ["1", "2"] {
        let entries = vec![Entry::Event(event(id, vec![("tax", Fate::InLane)])), delivered(id, "tax")];
        ledger.record(entries).await.expect("recorded");
        let (first, second) = (ledger.prune(i64::MAX, 10).await, ledger.prune(i64::MAX, 10).await);
        assert_eq!(first.expect("pruned").events + second.expect("pruned").events, 1, "{id}");
    }
}

async fn nothing_is_settled_while_a_dispatch_is_on_its_way_into_its_lane(place: Place) {
    const EVENTS: usize = 12_000;
    let ledger = place.open().await;
    let mut on_its_way = held("first", "tax");
    on_its_way.reason.code = postroom_ledger::LANE_FULL.to_owned();
    let first = Entry::Event(event("first", vec![("tax", Fate::InLane)]));
    ledger.record(vec![first, Entry::Held(on_its_way.clone())]).await.expect("recorded");
    let ids: Vec<String> = (0..EVENTS).map(|number| number.to_string()).collect();
    for chunk in ids.chunks(2_000) {
        let lanes = chunk.iter().map(|id| Entry::Event(event(id, vec![("tax", Fate::InLane)])));
        let ends = chunk.iter().map(|id| delivered(id, "tax"));
        ledger.record(lanes.chain(ends).collect()).await.expect("recorded");
    }
    assert_eq!(ledger.oldest_waiting("tax").await.expect("read"), None);
    ledger.record(vec![Entry::Entered(vec![on_its_way.dispatch.id], 6_000)]).await.expect("recorded");
    assert_eq!(waiting(&ledger).await, ["first"]);
}

async fn a_replay_under_an_id_of_its_own_counts_waits_and_is_traced(place: Place) {
    let ledger = place.open().await;
    ledger
        .record(vec![Entry::Event(event("1", vec![("tax", Fate::InLane)])), delivered("1", "tax")])
        .await
        .expect("recorded");
    let id = DispatchId::new(crate::support::SOURCE, "1", "to-tax\nreplay-9");
    let again = Dispatch { id, ..dispatch("1", "tax") };
    let replayed = Entry::Again { dispatches: vec![again], replay: "replay-9".into(), at: 8 };
    ledger.record(vec![replayed.clone(), replayed]).await.expect("recorded");
    assert_eq!(waiting(&ledger).await, ["1"]);
    let sums = &ledger.sums().await.expect("read").targets["tax"];
    assert_eq!((sums.dispatched, sums.delivered, sums.waiting), (2, 1, 1));
    let legs = ledger.trace(&id.0.to_string()).await.expect("read").remove(0).legs;
    assert_eq!(legs.iter().map(|leg| leg.id).collect::<Vec<_>>(), [dispatch("1", "tax").id, id]);
}

async fn an_event_that_was_replayed_is_forgotten_once_the_replay_has_ended_and_its_counts_stay(place: Place) {
    const LATER: i64 = 1_000_000;
    let ledger = place.open().await;
    let again = Dispatch {
        id: DispatchId::new(crate::support::SOURCE, "1", "to-tax\nreplay-9"),
        ..dispatch("1", "tax")
    };
    let replayed = Entry::Again { dispatches: vec![again.clone()], replay: "replay-9".into(), at: 8 };
    let taken = Entry::Event(event("1", vec![("tax", Fate::InLane)]));
    ledger.record(vec![taken, delivered("1", "tax"), replayed]).await.expect("recorded");
    let forget = async || {
        let mut all = (0, 0);
        loop {
            let pruned = ledger.prune(LATER, 9).await.expect("written");
            all = (all.0 + pruned.events, all.1 + pruned.receipts);
            if !pruned.more {
                return all;
            }
        }
    };
    assert_eq!(forget().await, (0, 0), "the replay waits");
    let arrived = Delivered { dispatch: again, attempts: 1, at: 3_000, reference: None };
    ledger.record(vec![Entry::Delivered(arrived)]).await.expect("recorded");
    let before = ledger.sums().await.expect("read");
    assert_eq!(forget().await, (1, 2));
    assert_eq!(ledger.sums().await.expect("read"), before);
    assert!(ledger.trace("1").await.expect("read").is_empty());
    assert!(waiting(&ledger).await.is_empty());
}

promises!(
    a_dispatch_waits_until_it_has_ended_or_is_held,
    what_is_settled_is_not_looked_through_again_until_something_is_redriven,
    what_comes_after_everything_was_forgotten_waits_and_is_known_to_the_next_run,
    what_came_after_everything_was_forgotten_is_forgotten_in_its_time,
    nothing_is_settled_while_a_dispatch_is_on_its_way_into_its_lane,
    a_replay_under_an_id_of_its_own_counts_waits_and_is_traced,
    an_event_that_was_replayed_is_forgotten_once_the_replay_has_ended_and_its_counts_stay,
);
