//! What was delivered twice is attempted once and acked as often as it came.

use crate::rig::{Delivered, IN_PLACE_OVER, Permanent, Rig, TRANSIENT, held};
use postroom_lane::Input;

#[test]
fn a_dispatch_that_the_ledger_knows_as_finished_is_acked_at_once() {
    let mut rig = Rig::new();
    let mut arrival = rig.arrival(1, 7);
    arrival.finished = true;
    let asked = rig.tell(Input::Arrived(arrival));
    assert_eq!((asked.acked(), asked.started()), (vec![1], vec![]));
}

#[test]
fn a_duplicate_of_what_is_in_hand_is_acked_with_it_and_not_before() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    assert_eq!(rig.arrive(1, 7).0, []);
    assert_eq!(rig.end(1, Delivered).acked(), []);
    assert_eq!(rig.arrive(1, 7).0, [], "the receipt is not committed yet");
    let committed = rig.commit();
    assert_eq!((committed.acked(), committed.started()), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_duplicate_waits_for_the_commit_of_the_hold_and_is_acked_at_once_behind_it() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, TRANSIENT);
    rig.pass(IN_PLACE_OVER);
    assert_eq!(rig.end(1, TRANSIENT).held(), [1]);
    assert_eq!(rig.arrive(1, 7).0, []);
    assert_eq!(rig.commit().acked(), [1, 2]);
    assert_eq!(rig.arrive(1, 7).acked(), [3]);
}

#[test]
fn a_duplicate_of_a_dead_letter_that_holds_its_subject_waits_for_its_commit() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.end(1, Permanent);
    assert_eq!(rig.arrive(1, 7).0, []);
    assert_eq!(rig.commit().acked(), [1, 2]);
    assert_eq!(rig.arrive(1, 7).acked(), [3]);
}

#[test]
fn what_was_held_and_not_acked_before_a_crash_is_acked_when_it_comes_again() {
    let mut rig = Rig::with(crate::rig::settings(), [held(1, 7), held(2, 7)]);
    let asked = rig.arrive(2, 7);
    assert_eq!((asked.acked(), asked.started(), asked.held()), (vec![1], vec![1], vec![]));
}
