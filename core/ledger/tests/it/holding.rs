//! Holds, and the attempts that led to them.

use std::time::{Duration, Instant};

use crate::support::{Place, attempt, decision, delivered, dispatch, event, held, letter, staged};
use postroom_event::DispatchId;
use postroom_ledger::{
    AttemptOutcome, BlockedSubject, DeadFilter, DeadLetter, Delivered, Entry, Fate, HeldDispatch, HoldFilter,
    HoldSummary, LANE_FULL, Ledger, Leg, Reason, Released, StagedDispatch, State,
};

async fn order(ledger: &Ledger) -> Vec<DispatchId> {
    ledger.holds("tax").await.expect("read").iter().map(|row| row.dispatch).collect()
}

fn ids(names: &[&str]) -> Vec<DispatchId> {
    names.iter().map(|name| dispatch(name, "tax").id).collect()
}

async fn holds_come_back_in_the_order_of_their_holding_byte_for_byte(place: Place) {
    let ledger = place.open().await;
    let other = Entry::Held(held("9", "waste"));
    for id in ["3", "1", "2"] {
        ledger.record(vec![Entry::Held(held(id, "tax")), other.clone()]).await.expect("held");
    }
    let ledger = place.open().await;
    assert_eq!(order(&ledger).await, ids(&["3", "1", "2"]));
    let rows = ledger.holds("tax").await.expect("read");
    assert_eq!((rows[0].attempts, rows[0].next_at, rows[0].behind_dead_letter), (4, Some(9_000), false));
    let whole = ledger.held(&ids(&["2", "3", "5"])).await.expect("read");
    assert_eq!(whole, [held("3", "tax"), held("2", "tax")]);
    let expected = HoldSummary { count: 3, oldest: 5_000 };
    assert_eq!(ledger.hold_summaries().await.expect("read")["tax"], expected);
    let filter = HoldFilter { subject: Some("uprn:1".into()), ..HoldFilter::default() };
    let listed = ledger.holds_list(&filter, 10).await.expect("read");
    assert_eq!(
        listed.iter().map(|row| (row.hold.dispatch, row.hold.route.as_str())).collect::<Vec<_>>(),
        [(dispatch("1", "tax").id, "to-tax")]
    );
}

async fn what_its_lanes_queue_did_not_take_is_held_until_it_is_there_and_no_less_on_its_way(place: Place) {
    let ledger = place.open().await;
    let full = |id: &str| {
        let reason = Reason { code: LANE_FULL.to_owned(), words: String::new(), detail: String::new() };
        Entry::Held(HeldDispatch { reason, ..held(id, "tax") })
    };
    ledger.record(["1", "2", "3", "4"].map(full).to_vec()).await.expect("held");
    let all = ids(&["1", "2", "3", "4"]);
    assert!(
        ledger.finished(&all).await.expect("read").is_empty(),
        "what arrives is not taken for a duplicate"
    );
    ledger
        .record(vec![Entry::Held(held("3", "tax")), staged("4", "tax")])
        .await
        .expect("in the lane's hands");
    ledger
        .record(vec![delivered("2", "tax"), Entry::Entered(all.clone(), 6_000)])
        .await
        .expect("in the lane");
    let rows = ledger.holds("tax").await.expect("read");
    assert_eq!(
        rows.iter().map(|row| row.dispatch).collect::<Vec<_>>(),
        [all[2]],
        "the lane's own hold stays"
    );
    assert_ne!(rows[0].code, LANE_FULL);
    let finished = ledger.finished(&all).await.expect("read");
    assert_eq!(finished, all[1..].iter().copied().collect());
}

async fn a_hold_ends_with_the_receipt_or_the_dead_letter_of_its_dispatch(place: Place) {
    let ledger = place.open().await;
    let lanes = ["1", "2", "3"].map(|id| Entry::Event(event(id, vec![("tax", Fate::InLane)])));
    ledger.record(lanes.to_vec()).await.expect("recorded");
    ledger.record(["1", "2", "3"].map(|id| Entry::Held(held(id, "tax"))).to_vec()).await.expect("held");
    assert_eq!(ledger.finished(&ids(&["1", "2", "4"])).await.expect("read").len(), 2);
    ledger.record(vec![delivered("1", "tax"), Entry::Dead(letter("2", "tax"))]).await.expect("ended");
    assert_eq!(order(&ledger).await, ids(&["3"]));
    ledger
        .record(vec![Entry::Held(held("1", "tax")), Entry::Held(held("3", "tax")), staged("3", "tax")])
        .await
        .expect("ignored");
    assert_eq!(order(&ledger).await, ids(&["3"]), "the first word stands");
    let sums = &ledger.sums().await.expect("read").targets["tax"];
    assert_eq!((sums.dispatched, sums.delivered, sums.dead, sums.held), (3, 1, 1, 1));
    assert_eq!((sums.waiting, sums.staged, sums.excess), (0, 0, 0));
    let shown = ledger.dead_show(ids(&["2"])[0]).await.expect("read").expect("there");
    assert_eq!(shown.sent, held("2", "tax").message, "what was sent is kept byte for byte");
    assert!(ledger.held(&ids(&["1", "2"])).await.expect("read").is_empty());
}

async fn every_failed_attempt_is_shown_with_what_it_led_to(place: Place) {
    let ledger = place.open().await;
    ledger.record(vec![Entry::Event(event("1", vec![("tax", Fate::InLane)]))]).await.expect("recorded");
    let id = dispatch("1", "tax").id;
    let first = vec![attempt(1, AttemptOutcome::Unknown), attempt(2, AttemptOutcome::Transient)];
    let noted = Entry::Attempts { dispatch: id, attempts: first.clone() };
    ledger.record(vec![Entry::Held(held("1", "tax")), noted.clone(), noted]).await.expect("held");
    let third = attempt(3, AttemptOutcome::Down);
    let retried =
        Entry::Retried { dispatch: id, attempts: 5, waits: 1, next_at: None, attempt: third.clone() };
    ledger.record(vec![retried]).await.expect("recorded");
    let row = ledger.holds("tax").await.expect("read").remove(0);
    assert_eq!((row.attempts, row.next_at), (5, None));
    let expected = [first, vec![third]].concat();
    let leg = ledger.trace("1").await.expect("read").remove(0).legs.remove(0);
    assert_eq!((leg.state, &leg.attempts), (State::Waiting, &expected));
    let holding = leg.held.expect("it is held");
    assert_eq!((holding.attempts, holding.at, holding.code.as_str()), (5, 5_000, "refused"));
    ledger.record(vec![Entry::Dead(letter("1", "tax"))]).await.expect("recorded");
    let shown = ledger.dead_show(id).await.expect("read").expect("there");
    assert_eq!(shown.attempts, expected);
}

/// A hold of event `id` by `code` since `at`.
fn held_by(id: &str, code: &str, at: i64) -> Entry {
    let reason = Reason { code: code.to_owned(), words: format!("why {code}"), detail: String::new() };
    Entry::Held(HeldDispatch { reason, at, ..held(id, "tax") })
}

fn arrived(id: &str, at: i64) -> Entry {
    Entry::Delivered(Delivered { dispatch: dispatch(id, "tax"), attempts: 2, at, reference: None })
}

fn released(code: &str, held_at: i64, at: i64) -> Released {
    Released { held_at, at, code: code.to_owned(), words: format!("why {code}") }
}

async fn leg(ledger: &Ledger, id: &str) -> Leg {
    ledger.trace(id).await.expect("read").remove(0).legs.remove(0)
}

/// A ledger with events in the lane of `tax`.
async fn in_lane(place: &Place, names: &[&str]) -> Ledger {
    let ledger = place.open().await;
    let lanes = names.iter().map(|id| Entry::Event(event(id, vec![("tax", Fate::InLane)])));
    ledger.record(lanes.collect()).await.expect("recorded");
    ledger
}

async fn a_hold_that_was_released_is_told_with_its_times_and_its_reason(place: Place) {
    let ledger = in_lane(&place, &["1", "2", "3", "4", "5"]).await;
    let holds =
        [("1", "failed-in-place"), ("2", "behind"), ("3", LANE_FULL), ("4", LANE_FULL), ("5", "behind")];
    let holds = holds.map(|(id, code)| held_by(id, code, 5_000));
    ledger.record(holds.to_vec()).await.expect("held");
    assert!(leg(&ledger, "1").await.released.is_empty(), "it is held");
    let dead = Entry::Dead(DeadLetter { failed_at: 8_000, ..letter("5", "tax") });
    // Each has its own time, though they are written together, and the first word on each stands.
    ledger
        .record(vec![arrived("1", 6_000), arrived("2", 7_000), arrived("2", 7_500), dead])
        .await
        .expect("recorded");
    let Entry::Staged(staged) = staged("4", "tax") else { panic!("not staged") };
    let staged = Entry::Staged(StagedDispatch { at: 9_000, ..staged });
    ledger
        .record(vec![Entry::Entered(ids(&["1", "3", "4"]), 9_500), staged, arrived("1", 9_900)])
        .await
        .expect("recorded");
    let ledger = place.open().await;
    for (id, code, at) in [
        ("1", "failed-in-place", 6_000),
        ("2", "behind", 7_000),
        ("3", LANE_FULL, 9_500),
        ("4", LANE_FULL, 9_000),
        ("5", "behind", 8_000),
    ] {
        let leg = leg(&ledger, id).await;
        assert_eq!(leg.released, [released(code, 5_000, at)], "{id}");
        assert!(leg.held.is_none(), "{id}");
    }
}

async fn the_holds_of_a_dispatch_are_told_in_order_of_time_up_to_the_one_that_lasts(place: Place) {
    let ledger = in_lane(&place, &["1"]).await;
    let id = ids(&["1"]);
    ledger.record(vec![held_by("1", LANE_FULL, 2_000)]).await.expect("held");
    ledger.record(vec![Entry::Entered(id.clone(), 3_000)]).await.expect("in the lane");
    ledger.record(vec![held_by("1", "behind", 4_000)]).await.expect("held");
    let dead = Entry::Dead(DeadLetter { failed_at: 5_000, ..letter("1", "tax") });
    ledger.record(vec![dead]).await.expect("given up");
    let again = Entry::Redriven { dispatches: id, decision: decision(6_000) };
    ledger.record(vec![again, held_by("1", "unconfirmed", 6_500)]).await.expect("held");
    let before = [released(LANE_FULL, 2_000, 3_000), released("behind", 4_000, 5_000)];
    let told = leg(&ledger, "1").await;
    assert_eq!(told.released, before);
    assert_eq!(told.held.expect("it is held").at, 6_500);
    ledger.record(vec![arrived("1", 7_000)]).await.expect("delivered");
    let told = leg(&ledger, "1").await.released;
    assert_eq!(told, [&before[..], &[released("unconfirmed", 6_500, 7_000)]].concat());
    let times: Vec<i64> = told.iter().flat_map(|hold| [hold.held_at, hold.at]).collect();
    assert!(times.is_sorted(), "{times:?}");
}

async fn what_is_forgotten_leaves_no_hold_behind(place: Place) {
    let ledger = in_lane(&place, &["1"]).await;
    ledger.record(vec![held_by("1", "behind", 5_000)]).await.expect("held");
    ledger.record(vec![arrived("1", 6_000)]).await.expect("delivered");
    assert_eq!(ledger.prune(i64::MAX, 10).await.expect("pruned").events, 1);
    let ledger = in_lane(&place, &["1"]).await;
    assert!(leg(&ledger, "1").await.released.is_empty());
}

async fn an_open_dead_letter_that_blocks_is_known_after_a_start_and_lets_go_when_it_is_decided(place: Place) {
    let ledger = place.open().await;
    let behind = HeldDispatch { dispatch: same_subject("2"), next_at: None, ..held("2", "tax") };
    let id = dispatch("1", "tax").id;
    let blocks = Entry::Blocks { dispatch: id, source: crate::support::SOURCE.into() };
    ledger
        .record(vec![
            Entry::Dead(letter("1", "tax")),
            blocks,
            Entry::Held(behind),
            Entry::Held(held("3", "tax")),
        ])
        .await
        .expect("recorded");
    let ledger = place.open().await;
    let blocked =
        BlockedSubject { dispatch: id, source: crate::support::SOURCE.into(), subject: "uprn:1".into() };
    assert_eq!(ledger.blocked("tax").await.expect("read"), [blocked]);
    assert!(ledger.blocked("waste").await.expect("read").is_empty());
    let behind = async || -> Vec<bool> {
        ledger.holds("tax").await.expect("read").iter().map(|row| row.behind_dead_letter).collect()
    };
    assert_eq!(behind().await, [true, false]);
    assert!(ledger.dead_list(&DeadFilter::default(), 9).await.expect("read")[0].blocks);
    assert_eq!(ledger.discard(&[id], decision(6_000)).await.expect("written"), [id]);
    assert!(ledger.blocked("tax").await.expect("read").is_empty());
    assert_eq!(behind().await, [false, false]);
}

/// A dispatch of event `id` about what event 1 is about.
fn same_subject(id: &str) -> postroom_ledger::Dispatch {
    postroom_ledger::Dispatch { subject: "uprn:1".into(), ..dispatch(id, "tax") }
}

async fn a_hundred_thousand_holds_are_read_in_seconds(place: Place) {
    const HOLDS: usize = 100_000;
    let ledger = place.open().await;
    let blocks = Entry::Blocks { dispatch: dispatch("0", "tax").id, source: crate::support::SOURCE.into() };
    ledger.record(vec![Entry::Dead(letter("0", "tax")), blocks]).await.expect("recorded");
    let ids: Vec<String> = (1..=HOLDS).map(|number| number.to_string()).collect();
    for chunk in ids.chunks(2_000) {
        let hold = |id: &String| {
            let mut hold = held(id, "tax");
            hold.event.body = vec![b'x'; 1_000];
            Entry::Held(hold)
        };
        ledger.record(chunk.iter().map(hold).collect()).await.expect("held");
    }
    let begun = Instant::now();
    let rows = ledger.holds("tax").await.expect("read");
    let took = begun.elapsed();
    assert_eq!(rows.len(), HOLDS);
    assert!(rows.iter().zip(&ids).all(|(row, id)| row.subject == format!("uprn:{id}")), "in order");
    // A debug build on a shared machine; a release build takes a fraction.
    assert!(took < Duration::from_secs(10), "{took:?}");
}

promises!(
    holds_come_back_in_the_order_of_their_holding_byte_for_byte,
    what_its_lanes_queue_did_not_take_is_held_until_it_is_there_and_no_less_on_its_way,
    a_hold_ends_with_the_receipt_or_the_dead_letter_of_its_dispatch,
    every_failed_attempt_is_shown_with_what_it_led_to,
    a_hold_that_was_released_is_told_with_its_times_and_its_reason,
    the_holds_of_a_dispatch_are_told_in_order_of_time_up_to_the_one_that_lasts,
    what_is_forgotten_leaves_no_hold_behind,
    an_open_dead_letter_that_blocks_is_known_after_a_start_and_lets_go_when_it_is_decided,
    a_hundred_thousand_holds_are_read_in_seconds,
);
