//! A subject behind its failed dispatch.

use std::time::Duration;

use crate::rig::{Delivered, Down, IN_PLACE_OVER, Rig, TRANSIENT, Unknown, held, kept, settings};
use postroom_lane::{
    AfterDeadLetter, Bytes, DeadReason, DispatchKey, HoldReason, Input, Outcome, Pause, RETRY, Standing,
    SubjectKey, Write,
};

#[test]
fn a_dispatch_that_fails_for_a_minute_is_held_with_all_behind_it_and_acked_when_committed() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    rig.arrive(3, 7);
    rig.end(1, TRANSIENT);
    rig.pass(IN_PLACE_OVER);
    let asked = rig.end(1, TRANSIENT);
    let head = Write::Hold { reason: HoldReason::FailedInPlace, waits: 1, next: Some(rig.now + RETRY[0]) };
    let behind = Write::Hold { reason: HoldReason::Behind, waits: 0, next: None };
    assert_eq!(asked.writes(), [(1, head), (2, behind), (3, behind)]);
    assert_eq!(asked.acked(), []);
    assert_eq!(rig.commit().acked(), [1, 2, 3]);
}

#[test]
fn a_later_arrival_of_a_held_subject_goes_straight_to_its_hold() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    let asked = rig.arrive(2, 7);
    assert_eq!((asked.held(), asked.acked(), asked.started()), (vec![2], vec![], vec![]));
    assert_eq!(rig.commit().acked(), [2]);
}

#[test]
fn a_held_subject_releases_in_order_after_its_head_is_delivered_and_flows_again() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.arrive(2, 7);
    rig.arrive(3, 7);
    rig.commit();
    let attempt = rig.pass(RETRY[0]).attempts()[0];
    assert_eq!((attempt.dispatch, attempt.bytes), (DispatchKey(1), Bytes::InLedger));
    for next in [2, 3] {
        assert_eq!(rig.end(next - 1, Delivered).writes(), [(next - 1, Write::Receipt)]);
        assert_eq!(rig.commit().started(), [next], "the next is tried at once");
    }
    rig.end(3, Delivered);
    rig.commit();
    let asked = rig.arrive(4, 7);
    assert_eq!((asked.started(), asked.held()), (vec![4], vec![]));
    assert_eq!(asked.attempts()[0].bytes, Bytes::InHand);
}

#[test]
fn an_arrival_during_the_release_is_held_behind_and_released_too() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.pass(RETRY[0]);
    rig.end(1, Delivered);
    assert_eq!(rig.arrive(2, 7).held(), [2]);
    assert_eq!(rig.commit().started(), [2], "both writes are committed: it is tried from the ledger");
}

#[test]
fn a_head_whose_own_hold_is_not_committed_is_not_tried() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.pass(RETRY[0]);
    rig.end(1, Delivered);
    let receipt_only = postroom_lane::WriteNumber(2);
    rig.arrive(2, 7);
    let asked = rig.tell(Input::Committed(receipt_only));
    assert_eq!((asked.started(), asked.acked()), (vec![], vec![]));
    let asked = rig.commit();
    assert_eq!((asked.acked(), asked.started()), (vec![2], vec![2]));
}

#[test]
fn a_held_head_keeps_the_schedule_and_then_is_a_dead_letter() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    for (waits, wait) in (2..).zip(RETRY.windows(2)) {
        assert_eq!(rig.pass(wait[0] - Duration::from_micros(1)).started(), []);
        assert_eq!(rig.pass(Duration::from_micros(1)).started(), [1]);
        let next = rig.now + wait[1];
        assert_eq!(rig.end(1, Unknown).writes(), [(1, Write::Retried { waits, next })]);
        rig.commit();
    }
    assert_eq!(rig.pass(RETRY[4]).started(), [1]);
    let writes = rig.end(1, TRANSIENT).writes();
    assert!(matches!(writes[..], [(1, Write::Dead { reason: DeadReason::Exhausted, .. })]), "{writes:?}");
}

#[test]
fn a_held_head_whose_next_wait_is_not_committed_is_not_tried_even_when_it_is_due() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.pass(RETRY[0]);
    rig.end(1, TRANSIENT);
    assert_eq!(rig.pass(RETRY[1]).0, []);
    assert_eq!(rig.commit().started(), [1]);
}

#[test]
fn a_released_dispatch_that_fails_begins_the_schedule_at_its_first_wait() {
    let mut rig = Rig::with(settings(), [held(1, 7), held(2, 7)]);
    assert_eq!(rig.pass(Duration::ZERO).started(), [1]);
    rig.end(1, Delivered);
    assert_eq!(rig.commit().started(), [2]);
    let next = rig.now + RETRY[0];
    assert_eq!(rig.end(2, TRANSIENT).writes(), [(2, Write::Retried { waits: 1, next })]);
}

#[test]
fn a_retry_after_longer_than_the_wait_of_the_schedule_is_kept() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.pass(RETRY[0]);
    let hour = Duration::from_secs(3600);
    let next = rig.now + hour;
    let asked = rig.end(1, Outcome::Transient(Some(hour)));
    assert_eq!(asked.writes(), [(1, Write::Retried { waits: 2, next })]);
}

#[test]
fn holds_that_the_ledger_has_are_continued_where_they_stood() {
    let now = postroom_lane::Moment::from_micros(0);
    let standing = Standing::Held { waits: 2, next: Some(now + RETRY[1]) };
    let mut rig = Rig::with(settings(), [kept(1, 7, standing), held(2, 7), held(3, 8)]);
    let started = rig.pass(Duration::ZERO).attempts();
    assert_eq!(started.iter().map(|attempt| attempt.dispatch.0).collect::<Vec<_>>(), [3]);
    assert!(started[0].look_up, "a crash may have come between its attempt and its receipt");
    assert_eq!(rig.arrive(4, 7).held(), [4]);
    assert_eq!(rig.pass(RETRY[1]).started(), [1]);
    let writes = rig.end(1, TRANSIENT).writes();
    assert_eq!(writes, [(1, Write::Retried { waits: 3, next: rig.now + RETRY[2] })]);
}

#[test]
fn an_operator_releases_a_subject_before_its_time() {
    let mut rig = Rig::new();
    rig.hold(1, 7);
    rig.arrive(2, 7);
    rig.commit();
    assert_eq!(rig.tell(Input::ReleaseNow(DispatchKey(2))).started(), [1], "its subject's head");
    assert_eq!(rig.tell(Input::ReleaseNow(DispatchKey(1))).0, [], "it runs already");
    assert_eq!(rig.tell(Input::ReleaseNow(DispatchKey(9))).0, [], "nothing is known of it");
}

#[test]
fn a_failure_of_connection_of_one_subject_alone_never_uses_up_the_schedule() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, Down);
    rig.pass(IN_PLACE_OVER);
    let writes = rig.end(1, Down).writes();
    let (reason, next) = (HoldReason::OutOfReach, Some(rig.now + RETRY[0]));
    assert_eq!(writes, [(1, Write::Hold { reason, waits: 1, next })]);
    rig.commit();
    for _ in 0..100 {
        assert_eq!(rig.pass(RETRY[0]).started(), [1]);
        assert_eq!(rig.end(1, Down).writes(), []);
    }
    assert!(!rig.lane.is_open());
}

#[test]
fn what_is_published_during_a_pause_is_held_and_goes_in_order_when_it_is_over() {
    let mut rig = Rig::new();
    rig.tell(Input::Pause(Pause::Operator));
    let first = rig.arrival(1, 7);
    let paused = Write::Hold { reason: HoldReason::Paused, waits: 0, next: None };
    assert_eq!(rig.tell(Input::Unconfirmed(first)).writes(), [(1, paused)]);
    let second = rig.arrival(2, 7);
    rig.tell(Input::Unconfirmed(second));
    assert_eq!(rig.commit().started(), []);
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started(), [1]);
    rig.end(1, Delivered);
    assert_eq!(rig.commit().started(), [2]);
}

#[test]
fn an_unconfirmed_publish_is_held_at_once_and_the_next_of_its_subject_behind_it() {
    let mut rig = Rig::new();
    assert!(rig.lane.may_pass(SubjectKey(7)));
    let first = rig.arrival(1, 7);
    let (reason, next) = (HoldReason::Unconfirmed, Some(rig.now + RETRY[0]));
    assert_eq!(rig.tell(Input::Unconfirmed(first)).writes(), [(1, Write::Hold { reason, waits: 1, next })]);
    assert!(!rig.lane.may_pass(SubjectKey(7)) && rig.lane.may_pass(SubjectKey(8)));
    let second = rig.arrival(2, 7);
    assert_eq!(rig.tell(Input::Unconfirmed(second)).held(), [2]);
    assert_eq!(rig.commit().acked(), [1, 2]);
    let attempt = rig.pass(RETRY[0]).attempts()[0];
    assert_eq!((attempt.dispatch, attempt.bytes, attempt.look_up), (DispatchKey(1), Bytes::InLedger, true));
}

#[test]
fn what_cannot_be_sent_is_dead_without_an_attempt_and_the_next_of_its_subject_waits_behind_it() {
    let mut rig = Rig::new();
    let first = rig.arrival(1, 7);
    let dead = Write::Dead { reason: DeadReason::Unsendable, after: AfterDeadLetter::HoldSubject };
    assert_eq!(rig.tell(Input::Unsendable(first)).writes(), [(1, dead)]);
    let second = rig.arrival(2, 7);
    assert_eq!(rig.tell(Input::Unsendable(second)).held(), [2]);
    let committed = rig.commit();
    assert_eq!((committed.acked(), committed.started()), (vec![1, 2], vec![]));
    assert!(!rig.lane.may_pass(SubjectKey(7)) && rig.lane.may_pass(SubjectKey(8)));
}
