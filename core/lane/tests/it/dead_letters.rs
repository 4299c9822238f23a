//! What cannot be delivered, and what becomes of its subject.

use std::sync::Arc;
use std::time::Duration;

use crate::rig::{
    Delivered, Down, IN_PLACE_OVER, Permanent, Rig, TRANSIENT, Unsendable, held, kept, settings,
};
use postroom_lane::AfterDeadLetter::{Continue, HoldSubject};
use postroom_lane::{DeadReason, DispatchKey, Input, Kept, Plan, RETRY, Standing, Write};

#[test]
fn a_refused_dispatch_holds_its_subject_and_those_in_hand_behind_it() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    let asked = rig.end(1, Permanent);
    let dead = Write::Dead { reason: DeadReason::Refused, after: HoldSubject };
    assert_eq!(asked.writes()[0], (1, dead));
    assert_eq!((asked.held(), asked.acked()), (vec![2], vec![]));
    let asked = rig.commit();
    assert_eq!((asked.acked(), asked.started()), (vec![1, 2], vec![]));
    assert_eq!(rig.arrive(3, 7).held(), [3]);
    rig.commit();
    assert_eq!(rig.pass(Duration::from_secs(500_000)).started(), [], "it waits for an officer");
    assert_eq!(rig.arrive(4, 8).started(), [4], "other subjects do not");
}

#[test]
fn with_continue_the_next_of_the_subject_starts_when_the_dead_letter_is_committed() {
    let mut rig = Rig::new();
    rig.plan(&RETRY, Continue);
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    let asked = rig.end(1, Unsendable);
    let dead = Write::Dead { reason: DeadReason::Unsendable, after: Continue };
    assert_eq!((asked.writes(), asked.started()), (vec![(1, dead)], vec![]));
    let asked = rig.commit();
    assert_eq!((asked.acked(), asked.started()), (vec![1], vec![2]));
}

#[test]
fn with_continue_a_held_subject_goes_on_behind_an_exhausted_head() {
    let mut rig = Rig::new();
    rig.plan(&RETRY[..1], Continue);
    rig.hold(1, 7);
    rig.arrive(2, 7);
    rig.commit();
    assert_eq!(rig.pass(RETRY[0]).started(), [1]);
    let dead = Write::Dead { reason: DeadReason::Exhausted, after: Continue };
    assert_eq!(rig.end(1, TRANSIENT).writes(), [(1, dead)]);
    assert_eq!(rig.commit().started(), [2]);
}

#[test]
fn without_a_schedule_what_failed_in_place_is_a_dead_letter() {
    let mut rig = Rig::new();
    rig.plan(&[], HoldSubject);
    rig.arrive(1, 7);
    rig.end(1, TRANSIENT);
    rig.pass(IN_PLACE_OVER);
    let dead = Write::Dead { reason: DeadReason::Exhausted, after: HoldSubject };
    assert_eq!(rig.end(1, TRANSIENT).writes(), [(1, dead)]);
}

#[test]
fn a_redriven_dead_letter_goes_first_of_its_subject_and_the_rest_follow() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    rig.end(1, Permanent);
    rig.commit();
    let asked = rig.tell(Input::Redriven(held(1, 7)));
    assert_eq!(asked.started(), [1]);
    assert!(asked.attempts()[0].look_up);
    rig.end(1, Delivered);
    assert_eq!(rig.commit().started(), [2]);
}

#[test]
fn a_redriven_dead_letter_has_the_whole_schedule_before_it_again() {
    let mut rig = Rig::new();
    rig.plan(&RETRY[..1], HoldSubject);
    rig.hold(1, 7);
    rig.pass(RETRY[0]);
    rig.end(1, TRANSIENT);
    rig.commit();
    assert_eq!(rig.tell(Input::Redriven(held(1, 7))).started(), [1]);
    let next = rig.now + RETRY[0];
    assert_eq!(rig.end(1, TRANSIENT).writes(), [(1, Write::Retried { waits: 1, next })]);
}

#[test]
fn a_dead_letter_of_the_start_keeps_the_schedule_of_its_route_when_it_is_redriven() {
    let mut rig = Rig::with(settings(), [kept(1, 7, Standing::Dead)]);
    let day = Duration::from_secs(24 * 3600);
    let plan = Plan { retry: vec![day], after_dead_letter: HoldSubject };
    let redriven = Kept { plan: Arc::new(plan), ..held(1, 7) };
    assert_eq!(rig.tell(Input::Redriven(redriven)).started(), [1]);
    let next = rig.now + day;
    assert_eq!(rig.end(1, TRANSIENT).writes(), [(1, Write::Retried { waits: 1, next })]);
}

#[test]
fn a_discarded_dead_letter_releases_its_subject() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    rig.end(1, Permanent);
    rig.commit();
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(2))).0, [], "it is no dead letter");
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(1))).started(), [2]);
    assert_eq!(rig.lane.counts().kept, 1);
}

#[test]
fn a_subject_that_a_dead_letter_held_at_the_start_is_held() {
    let mut rig = Rig::with(settings(), [kept(1, 7, Standing::Dead), held(2, 7), held(3, 8)]);
    assert_eq!(rig.pass(Duration::ZERO).started(), [3]);
    assert_eq!(rig.arrive(4, 7).held(), [4]);
    rig.commit();
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(1))).started(), [2]);
}

#[test]
fn of_two_dead_letters_of_one_subject_each_waits_for_its_officer() {
    let dead = |key| kept(key, 7, Standing::Dead);
    let mut rig = Rig::with(settings(), [dead(1), dead(2), held(3, 7)]);
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(2))).0, []);
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(1))).started(), [3]);
    let mut rig = Rig::with(settings(), [dead(1), dead(2), held(3, 7)]);
    assert_eq!(rig.tell(Input::Discarded(DispatchKey(1))).started(), []);
    assert_eq!(rig.tell(Input::Redriven(held(2, 7))).started(), [2]);
}

#[test]
fn a_dead_letter_that_held_nothing_up_is_redriven_behind_what_flows_and_never_beside_it() {
    let mut rig = Rig::new();
    rig.plan(&RETRY, Continue);
    rig.arrive(1, 7);
    rig.end(1, Permanent);
    rig.commit();
    rig.arrive(2, 7);
    assert_eq!(rig.tell(Input::Redriven(held(1, 7))).started(), []);
    assert_eq!(rig.arrive(3, 7).held(), [], "a hold of 3 would overtake 2 at the next redelivery");
    rig.end(2, Delivered);
    assert_eq!(rig.commit().started(), [1]);
    assert_eq!(rig.end(1, TRANSIENT).held(), [3], "what waits behind a hold is held");
}

#[test]
fn what_waits_in_hand_behind_a_redriven_dead_letter_is_held_when_that_is_out_of_reach() {
    let mut rig = Rig::new();
    rig.plan(&RETRY, Continue);
    rig.arrive(1, 7);
    rig.end(1, Permanent);
    rig.commit();
    rig.arrive(2, 7);
    rig.tell(Input::Redriven(held(1, 7)));
    rig.arrive(3, 7);
    rig.end(2, Delivered);
    assert_eq!(rig.commit().started(), [1]);
    assert_eq!(rig.end(1, Down).held(), [3]);
}
