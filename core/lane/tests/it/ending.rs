//! Stop, and the end of the lease.

use std::time::Duration;

use crate::rig::{Delivered, LEASE, Permanent, Rig, TRANSIENT, held, settings};
use postroom_lane::{Action, Input, Lane, Moment};

#[test]
fn a_stop_starts_nothing_lets_attempts_end_and_is_drained_when_they_are_recorded() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.arrive(2, 1);
    assert_eq!(rig.tell(Input::Stop).0, []);
    assert_eq!(rig.arrive(3, 3).0, []);
    assert!(!rig.end(1, Delivered).has(Action::Drained));
    let asked = rig.commit();
    assert_eq!((asked.acked(), asked.started()), (vec![1], vec![]));
    assert!(asked.has(Action::Drained));
    assert_eq!(rig.pass(Duration::from_secs(1)).0, [], "it is said once");
    assert_eq!(rig.tell(Input::Reopened).0, [], "and for good");
    assert_eq!(rig.arrive(4, 4).0, []);
}

#[test]
fn an_idle_lane_is_drained_at_once_also_when_it_was_rotating() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.pass(Duration::from_secs(20 * 60));
    assert_eq!(rig.tell(Input::Stop).0, []);
    rig.end(1, TRANSIENT);
    assert_eq!(rig.pass(Duration::from_secs(1)).0, []);
    assert!(Rig::new().tell(Input::Stop).has(Action::Drained));
}

#[test]
fn a_failure_in_place_while_it_stops_is_left_to_come_again() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.tell(Input::Stop);
    let asked = rig.end(1, TRANSIENT);
    assert_eq!((asked.writes(), asked.acked()), (vec![], vec![]));
    assert!(asked.has(Action::Drained));
}

#[test]
fn behind_the_end_of_the_lease_nothing_starts_and_nothing_is_acked() {
    let mut rig = Rig::with(settings(), [held(7, 7)]);
    rig.pass(LEASE - Duration::from_micros(1));
    rig.arrive(1, 1);
    rig.arrive(2, 2);
    rig.end(1, Delivered);
    assert_eq!(rig.pass(Duration::from_micros(1)).0, []);
    assert_eq!(rig.commit().acked(), [], "whenever it was committed");
    assert_eq!(rig.tell(Input::Leased(rig.now + LEASE)).0, [], "an ended lease is not renewed");
    assert_eq!(rig.arrive(3, 3).0, []);
    assert_eq!(
        rig.end(2, Delivered).writes().len(),
        1,
        "what was delivered is recorded if the ledger takes it"
    );
    let asked = rig.end(7, Permanent);
    assert_eq!(asked.acked(), []);
    assert_eq!(rig.commit().0, [Action::Drained]);
}

#[test]
fn at_the_last_microsecond_of_the_lease_a_commit_is_acked() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.end(1, Delivered);
    rig.now = rig.now + LEASE;
    rig.now = Moment::from_micros(rig.now.micros() - 1);
    assert_eq!(rig.commit().acked(), [1]);
}

#[test]
fn a_renewed_lease_goes_on_and_is_never_shortened() {
    let mut rig = Rig::new();
    rig.tell(Input::Leased(rig.now + 2 * LEASE));
    rig.tell(Input::Leased(rig.now + LEASE / 2));
    rig.pass(LEASE);
    assert_eq!(rig.arrive(1, 1).started(), [1]);
    assert_eq!(rig.lane.wake_at().map(|at| at.since(rig.now) < LEASE), Some(true));
}

#[test]
fn the_news_of_a_lease_that_was_renewed_in_time_may_come_late() {
    let mut rig = Rig::new();
    rig.now = rig.now + LEASE;
    rig.tell(Input::Leased(rig.now + LEASE));
    assert_eq!(rig.arrive(1, 1).started(), [1]);
}

#[test]
fn a_lane_whose_lease_has_ended_before_its_first_input_does_nothing() {
    let mut lane = Lane::load(settings(), Moment::from_micros(5), [held(1, 1)]);
    let actions: Vec<Action> = lane.handle(Moment::from_micros(5), Input::Passed).collect();
    assert_eq!(actions, [Action::Drained]);
    assert_eq!(lane.wake_at(), None);
}

#[test]
fn the_lease_wakes_the_lane() {
    assert_eq!(Rig::new().lane.wake_at(), Some(Moment::from_micros(0) + LEASE));
}
