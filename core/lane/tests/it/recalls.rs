//! What is on offer and taken back: nothing was tried, so nothing counts.

use std::time::Duration;

use crate::rig::{Rig, held};
use postroom_lane::{Action, Input, LONGEST_PROBE, OLDEST_UNACKED, Outcome, Pause, ROTATION_NEEDS, Role};

const RECALLED: Outcome = Outcome::Recalled;

#[test]
fn what_is_recalled_is_offered_again_behind_all_others_and_nothing_is_written() {
    let mut rig = Rig::with(crate::rig::settings(), [held(9, 9)]);
    assert_eq!(rig.pass(Duration::ZERO).started(), [9]);
    for key in 1..=4 {
        rig.arrive(key, key);
    }
    for round in 0..100 {
        let asked = rig.end([9, 4][round % 2], RECALLED);
        assert_eq!((asked.writes(), asked.started()), (vec![], vec![[4, 9][round % 2]]), "{round}");
    }
    assert!(!rig.lane.is_open());
    assert_eq!(rig.lane.counts().writes, 0);
}

#[test]
fn nothing_may_wait_while_the_lane_is_paused_and_what_was_recalled_starts_behind_the_pause() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    assert!(rig.lane.lets_wait());
    rig.tell(Input::Pause(Pause::Operator));
    assert!(!rig.lane.lets_wait());
    assert_eq!(rig.end(1, RECALLED).0, []);
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started(), [1]);
    assert!(rig.lane.lets_wait());
}

#[test]
fn a_lane_rotates_and_stops_once_what_waits_is_recalled() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.arrive(2, 1);
    let asked = rig.pass(OLDEST_UNACKED.saturating_sub(ROTATION_NEEDS));
    assert!(!asked.has(Action::Rotate) && !rig.lane.lets_wait());
    assert_eq!(rig.end(1, RECALLED).0, [Action::Rotate]);
    rig.tell(Input::Reopened);
    assert_eq!(rig.arrive(1, 1).started(), [1], "it comes again first of its subject");
    rig.tell(Input::Stop);
    assert!(!rig.lane.lets_wait());
    assert_eq!(rig.end(1, RECALLED).0, [Action::Drained]);
}

#[test]
fn a_probe_that_is_on_offer_closes_the_circuit_and_one_that_is_taken_back_by_a_pause_does_not() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    let probe = rig.pass(LONGEST_PROBE).attempts();
    assert_eq!((probe[0].dispatch.0, probe[0].role), (2, Role::Probe));
    rig.tell(Input::Pause(Pause::Operator));
    rig.end(2, RECALLED);
    assert!(rig.lane.is_open());
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started(), [1], "the next probe comes at once");
    let asked = rig.end(1, RECALLED);
    assert!(asked.has(Action::CircuitClosed { after: LONGEST_PROBE }) && !rig.lane.is_open());
    assert_eq!(asked.started(), [2, 1]);
}
