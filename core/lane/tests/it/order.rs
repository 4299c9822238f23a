//! Who starts, and when.

use crate::rig::{Delivered, Rig, TRANSIENT};
use postroom_lane::Write;
use std::time::Duration;

#[test]
fn a_subject_has_one_unfinished_dispatch_and_the_next_starts_when_its_receipt_is_committed() {
    let mut rig = Rig::new();
    let arrived = rig.arrive(1, 7);
    assert_eq!((arrived.started(), arrived.writes()), (vec![1], vec![]), "no receipt before its end");
    assert_eq!(rig.arrive(2, 7).started(), []);
    let ended = rig.end(1, Delivered);
    assert_eq!((ended.started(), ended.writes()), (vec![], vec![(1, Write::Receipt)]));
    let committed = rig.commit();
    assert_eq!((committed.acked(), committed.started()), (vec![1], vec![2]));
}

#[test]
fn subjects_run_side_by_side_up_to_the_limit() {
    let mut rig = Rig::new();
    let started: Vec<u128> = (1..=6).flat_map(|key| rig.arrive(key, key).started()).collect();
    assert_eq!(started, [1, 2, 3, 4]);
    assert_eq!(rig.end(3, Delivered).started(), [5]);
    assert_eq!(rig.lane.counts().running, 4);
}

#[test]
fn the_subject_that_became_ready_first_starts_first() {
    let mut rig = Rig::new();
    for key in 1..=4 {
        rig.arrive(key, key);
    }
    rig.arrive(11, 1);
    rig.arrive(5, 5);
    rig.end(1, TRANSIENT);
    rig.arrive(6, 6);
    rig.pass(Duration::from_secs(1));
    let order: Vec<u128> = [5, 2, 3, 4].iter().flat_map(|key| rig.end(*key, Delivered).started()).collect();
    assert_eq!(order, [6, 1], "5 started when 1 failed; 6 arrived before 1 was ready again");
}

#[test]
fn a_target_in_trouble_with_one_subject_serves_the_others() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    rig.end(1, TRANSIENT);
    for key in 2..50 {
        assert_eq!(rig.arrive(key, key).started(), [key]);
        rig.end(key, Delivered);
        assert_eq!(rig.commit().acked(), [key as u64]);
    }
}

#[test]
fn an_end_that_no_attempt_had_changes_nothing() {
    let mut rig = Rig::new();
    rig.arrive(1, 7);
    rig.arrive(2, 7);
    assert_eq!(rig.end(2, Delivered).0, []);
    assert_eq!(rig.end(9, Delivered).0, []);
    rig.end(1, Delivered);
    assert_eq!(rig.end(1, Delivered).0, [], "an attempt ends once");
    assert_eq!(rig.lane.counts().running, 0);
}

#[test]
fn time_that_goes_back_stands_still() {
    let mut rig = Rig::new();
    rig.pass(Duration::from_secs(100));
    rig.arrive(1, 1);
    rig.end(1, TRANSIENT);
    let wake = rig.lane.wake_at();
    rig.now = postroom_lane::Moment::from_micros(0);
    assert_eq!(rig.pass(Duration::ZERO).0, []);
    assert_eq!(rig.lane.wake_at(), wake);
}
