//! Retries in hand: for about a minute, in a quarter of the prefetch.

use std::time::Duration;

use crate::rig::{Delivered, IN_PLACE_OVER, Rig, TRANSIENT, Unknown};
use postroom_lane::{FIRST_WAIT, HoldReason, IN_PLACE, Input, Moment, Outcome, Pause, Write};

#[test]
fn waits_in_place_grow_and_end_within_the_budget() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    let mut waits = Vec::new();
    while rig.end(1, TRANSIENT).held().is_empty() {
        let before = rig.now;
        assert_eq!(rig.wake().started(), [1]);
        waits.push(rig.now.since(before));
    }
    assert!(waits[0] >= FIRST_WAIT / 2 && waits[0] <= FIRST_WAIT * 3 / 2, "{waits:?}");
    assert!(waits.len() >= 6 && waits.len() <= 14, "{waits:?}");
    assert!(rig.now.since(Moment::from_micros(0)) <= IN_PLACE, "{waits:?}");
    assert!(waits.last() > waits.first());
}

#[test]
fn waits_of_different_dispatches_and_seeds_lie_apart() {
    let first_wait = |dispatch, seed| {
        let mut rig = Rig::with(postroom_lane::Settings { seed, ..crate::rig::settings() }, []);
        rig.arrive(dispatch, 7);
        rig.end(dispatch, TRANSIENT);
        rig.lane.wake_at()
    };
    assert_ne!(first_wait(1, 0), first_wait(2, 0));
    assert_ne!(first_wait(1, 0), first_wait(1, 1));
    assert_eq!(first_wait(1, 0), first_wait(1, 0));
}

#[test]
fn a_success_in_place_lets_the_next_of_the_subject_begin_with_a_budget_of_its_own() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    rig.end(1, TRANSIENT);
    rig.pass(Duration::from_secs(50));
    rig.end(1, Delivered);
    assert_eq!(rig.commit().started(), [2]);
    rig.pass(Duration::from_secs(30));
    assert_eq!(rig.end(2, TRANSIENT).held(), [], "its own minute begins with its own first failure");
}

#[test]
fn a_short_retry_after_is_waited_for_in_place() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, Outcome::Transient(Some(Duration::from_secs(40))));
    assert_eq!(rig.pass(Duration::from_secs(39)).started(), []);
    assert_eq!(rig.pass(Duration::from_secs(1)).started(), [1]);
}

#[test]
fn a_long_retry_after_holds_at_once_until_then() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    let next = Some(rig.now + Duration::from_secs(7200));
    let asked = rig.end(1, Outcome::Transient(Some(Duration::from_secs(7200))));
    let reason = HoldReason::RetryAfter;
    assert_eq!(asked.writes(), [(1, Write::Hold { reason, waits: 1, next })]);
    rig.commit();
    assert_eq!(rig.pass(Duration::from_secs(7199)).started(), []);
    assert_eq!(rig.pass(Duration::from_secs(1)).started(), [1]);
}

#[test]
fn a_retry_after_of_years_is_cut_to_the_longest_that_is_kept() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, Outcome::Transient(Some(Duration::from_secs(10 * 365 * 24 * 3600))));
    rig.commit();
    assert_eq!(rig.lane.wake_at(), Some(rig.now + postroom_lane::LONGEST_RETRY_AFTER));
}

#[test]
fn when_too_much_waits_the_oldest_waiting_subject_is_held_whole_and_in_order() {
    let mut rig = Rig::new();
    for (dispatch, subject) in [(1, 1), (2, 2), (21, 2), (11, 1)] {
        rig.arrive(dispatch, subject);
    }
    rig.end(2, TRANSIENT);
    assert_eq!(rig.lane.counts().waiters, 2);
    rig.end(1, TRANSIENT);
    assert_eq!(rig.lane.counts().waiters, 4);
    let asked = rig.arrive(12, 1);
    assert_eq!(asked.held(), [2, 21], "2 has waited longest; 4 deliveries are a quarter of 16");
    let (now, first) = (rig.now, Duration::from_secs(60));
    let head = Write::Hold { reason: HoldReason::Crowded, waits: 1, next: Some(now + first) };
    let behind = Write::Hold { reason: HoldReason::Behind, waits: 0, next: None };
    assert_eq!(asked.writes(), [(2, head), (21, behind)]);
    assert_eq!(rig.commit().acked(), [2, 3]);
    assert_eq!(rig.lane.counts().waiters, 3);
}

#[test]
fn the_subject_that_failed_first_is_the_oldest_however_often_it_was_tried_since() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.end(1, TRANSIENT);
    rig.arrive(2, 2);
    rig.end(2, TRANSIENT);
    while rig.wake().started() != [1] {
        rig.end(2, TRANSIENT);
    }
    rig.end(1, TRANSIENT);
    let held: Vec<u128> = (10..13).flat_map(|key| rig.arrive(key, 2).held()).collect();
    assert_eq!(held, [1]);
}

#[test]
fn duplicates_of_waiting_dispatches_take_room_too() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.end(1, TRANSIENT);
    let held: Vec<u128> = (0..4).flat_map(|_| rig.arrive(1, 1).held()).collect();
    assert_eq!(held, [1]);
    assert_eq!(rig.commit().acked(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_pause_does_not_use_up_the_time_in_place() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, TRANSIENT);
    rig.tell(Input::Pause(Pause::Operator));
    assert_eq!(rig.pass(Duration::from_secs(600)).started(), []);
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started(), [1]);
    assert_eq!(rig.end(1, TRANSIENT).held(), []);
    assert_eq!(rig.pass(IN_PLACE_OVER).started(), [1]);
    assert_eq!(rig.end(1, TRANSIENT).held(), [1]);
}

#[test]
fn a_lane_is_paused_until_every_reason_is_gone() {
    let mut rig = Rig::new();
    rig.tell(Input::Pause(Pause::Operator));
    rig.tell(Input::Pause(Pause::Ledger));
    assert_eq!(rig.arrive(1, 7).started(), []);
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started(), []);
    assert_eq!(rig.tell(Input::Resume(Pause::Ledger)).started(), [1]);
}

#[test]
fn behind_an_unknown_end_every_attempt_looks_up_first() {
    let mut rig = Rig::new();
    assert!(!rig.arrive(1, 7).attempts()[0].look_up);
    rig.end(1, TRANSIENT);
    assert!(!rig.wake().attempts()[0].look_up, "it was refused: it did not arrive");
    rig.end(1, Unknown);
    assert!(rig.wake().attempts()[0].look_up);
    rig.end(1, TRANSIENT);
    assert!(rig.wake().attempts()[0].look_up, "the unknown one may still have arrived");
}

#[test]
fn what_comes_again_may_have_been_sent_before() {
    let mut rig = Rig::new();
    let mut arrival = rig.arrival(1, 7);
    arrival.redelivered = true;
    assert!(rig.tell(Input::Arrived(arrival)).attempts()[0].look_up);
}
