//! No delivery grows older than 20 minutes.

use std::time::Duration;

use crate::rig::{Delivered, Rig, TRANSIENT};
use postroom_lane::{Action, Input, OLDEST_UNACKED, RETRY, ROTATION_NEEDS};

const ROTATE_AFTER: Duration = OLDEST_UNACKED.saturating_sub(ROTATION_NEEDS);

#[test]
fn the_channel_is_rotated_before_the_oldest_is_too_old_when_attempts_and_writes_are_done() {
    let mut rig = Rig::new();
    rig.tell(Input::Pause(postroom_lane::Pause::Operator));
    rig.arrive(1, 1);
    rig.pass(ROTATE_AFTER - Duration::from_secs(60));
    rig.tell(Input::Resume(postroom_lane::Pause::Operator));
    rig.arrive(2, 1);
    assert_eq!(rig.pass(Duration::from_secs(60)).0, []);
    assert_eq!(rig.arrive(3, 3).0, [], "nothing starts any more");
    let asked = rig.end(1, Delivered);
    assert_eq!(asked.writes().len(), 1);
    assert!(!asked.has(Action::Rotate));
    let asked = rig.commit();
    assert_eq!((asked.acked(), asked.started()), (vec![1], vec![]));
    assert!(asked.has(Action::Rotate));
    assert_eq!(rig.lane.counts(), postroom_lane::Counts::default());
}

#[test]
fn behind_a_rotation_what_was_in_hand_comes_again_and_what_was_held_stays_held() {
    let mut rig = Rig::new();
    rig.hold(1, 1);
    rig.arrive(2, 2);
    rig.end(2, TRANSIENT);
    rig.tell(Input::Pause(postroom_lane::Pause::Operator));
    let mut asked = rig.wake();
    while !asked.has(Action::Rotate) {
        asked = rig.wake();
    }
    assert_eq!(rig.lane.counts().kept, 1);
    rig.tell(Input::Resume(postroom_lane::Pause::Operator));
    assert_eq!(rig.arrive(3, 3).started(), [], "the channel is closed");
    assert_eq!(rig.tell(Input::Reopened).started(), [1], "its wait was over long ago");
    assert_eq!(rig.arrive(2, 2).started(), [2]);
    assert_eq!(rig.arrive(4, 1).held(), [4]);
}

#[test]
fn an_acked_delivery_has_no_age() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.end(1, Delivered);
    rig.commit();
    rig.pass(Duration::from_secs(600));
    rig.arrive(2, 2);
    rig.end(2, TRANSIENT);
    rig.tell(Input::Pause(postroom_lane::Pause::Operator));
    rig.pass(ROTATE_AFTER - Duration::from_secs(1));
    assert!(rig.pass(Duration::from_secs(1)).has(Action::Rotate));
}

#[test]
fn without_deliveries_nothing_is_rotated() {
    let mut rig = Rig::new();
    rig.hold(1, 1);
    let asked = rig.pass(RETRY[0] + 2 * OLDEST_UNACKED);
    assert!(!asked.has(Action::Rotate));
    assert_eq!(asked.started(), [1]);
}
