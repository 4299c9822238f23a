//! The circuit: a target that cannot be reached costs a backlog and nothing else.

use std::time::Duration;

use crate::rig::{Delivered, Down, IN_PLACE_OVER, Permanent, Rig, TRANSIENT, Unknown, Unsendable};
use postroom_lane::{Action, FIRST_PROBE, Input, LONGEST_PROBE, Outcome, Pause, RETRY, Role};

#[test]
fn two_subjects_without_a_connection_open_the_circuit_and_one_does_not() {
    let mut rig = Rig::new();
    rig.arrive(1, 1);
    let since = rig.now;
    rig.end(1, Down);
    rig.pass(Duration::from_secs(1));
    rig.end(1, Down);
    assert!(!rig.lane.is_open());
    rig.arrive(2, 2);
    let asked = rig.end(2, Down);
    assert!(asked.has(Action::CircuitOpened { since }) && rig.lane.is_open());
    assert_eq!(rig.arrive(3, 3).started(), []);
}

#[test]
fn a_delivery_between_two_failures_keeps_the_circuit_closed() {
    let mut rig = Rig::new();
    for key in 1..=3 {
        rig.arrive(key, key);
    }
    rig.end(1, Down);
    rig.end(2, Delivered);
    rig.end(3, Down);
    assert!(!rig.lane.is_open());
}

#[test]
fn failures_of_other_kinds_open_no_circuit() {
    let mut rig = Rig::new();
    for (key, outcome) in [(1, TRANSIENT), (2, Unknown), (3, Permanent), (4, Unsendable), (5, TRANSIENT)] {
        rig.arrive(key, key);
        rig.end(key, outcome);
    }
    assert!(!rig.lane.is_open());
}

#[test]
fn probes_go_one_at_a_time_with_growing_waits_over_the_waiting_subjects() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    let mut waits = Vec::new();
    let mut probed = Vec::new();
    for _ in 0..10 {
        let before = rig.now;
        let attempts = loop {
            let attempts = rig.wake().attempts();
            if !attempts.is_empty() {
                break attempts;
            }
        };
        assert_eq!((attempts.len(), attempts[0].role), (1, Role::Probe));
        assert_eq!(rig.pass(Duration::from_secs(30)).started(), [], "one at a time");
        waits.push(rig.now.since(before));
        probed.push(attempts[0].dispatch.0);
        assert_eq!(rig.end(probed[probed.len() - 1], Down).0, []);
    }
    assert!(waits[0] <= Duration::from_secs(30) + FIRST_PROBE * 3 / 2, "{waits:?}");
    assert!(waits[9] >= Duration::from_secs(30) + LONGEST_PROBE / 2, "{waits:?}");
    assert_eq!(probed[..4], [2, 1, 2, 1]);
}

#[test]
fn a_probe_that_arrives_closes_the_circuit_and_everything_goes_on() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    let since = rig.now;
    rig.arrive(3, 3);
    let probe = rig.pass(Duration::from_secs(100)).started();
    assert_eq!(probe, [2], "1 waited for its retry when the circuit opened");
    let asked = rig.end(2, Delivered);
    assert!(asked.has(Action::CircuitClosed { after: rig.now.since(since) }));
    assert_eq!(asked.started(), [3, 1]);
}

#[test]
fn any_answer_of_the_target_closes_the_circuit_and_counts() {
    for outcome in [TRANSIENT, Unknown, Permanent] {
        let mut rig = Rig::new();
        rig.open_circuit([1, 2]);
        assert_eq!(rig.pass(Duration::from_secs(2)).started(), [2]);
        let asked = rig.end(2, outcome);
        assert!(!rig.lane.is_open(), "{outcome:?}");
        assert_eq!(asked.writes().is_empty(), outcome != Permanent);
    }
}

#[test]
fn a_probe_of_which_no_message_can_be_made_tells_nothing_and_the_next_goes_at_once() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    assert_eq!(rig.pass(Duration::from_secs(2)).started(), [2]);
    let asked = rig.end(2, Unsendable);
    assert!(rig.lane.is_open());
    assert_eq!(asked.started(), [1]);
    assert_eq!(asked.writes().len(), 1);
}

#[test]
fn while_it_is_open_nothing_counts_and_no_schedule_runs() {
    let mut rig = Rig::new();
    rig.hold(9, 9);
    rig.open_circuit([1, 2]);
    let weekend = Duration::from_secs(60 * 3600);
    let until = rig.now + weekend;
    let mut rotations = 0;
    while rig.now < until {
        let asked = rig.wake();
        assert_eq!(asked.writes(), []);
        for dispatch in asked.started() {
            assert_eq!(rig.end(dispatch, Down).writes(), []);
        }
        if asked.has(Action::Rotate) {
            rotations += 1;
            rig.tell(Input::Reopened);
        }
    }
    assert_eq!(rotations, 1, "what was in hand is with the broker again");
    let probe = loop {
        if let [probe] = rig.wake().started()[..] {
            break probe;
        }
    };
    assert_eq!(probe, 9);
    let writes = rig.end(9, TRANSIENT).writes();
    let next = rig.now + RETRY[1];
    assert_eq!(writes, [(9, postroom_lane::Write::Retried { waits: 2, next })]);
}

#[test]
fn an_outage_does_not_use_up_the_time_in_place() {
    let mut rig = Rig::new();
    rig.arrive(3, 3);
    rig.end(3, TRANSIENT);
    rig.open_circuit([1, 2]);
    assert_eq!(rig.pass(Duration::from_secs(600)).started(), [2]);
    assert!(rig.end(2, Delivered).started().contains(&3));
    assert_eq!(rig.end(3, TRANSIENT).held(), []);
    assert_eq!(rig.pass(IN_PLACE_OVER).started(), [3]);
    assert_eq!(rig.end(3, TRANSIENT).held(), [3]);
}

#[test]
fn while_it_is_open_what_waits_stays_in_hand_and_is_thinned_out_when_it_closes() {
    let mut rig = Rig::new();
    rig.arrive(3, 3);
    rig.end(3, TRANSIENT);
    rig.open_circuit([1, 2]);
    let held: Vec<u128> = (30..38).flat_map(|key| rig.arrive(key, 3).held()).collect();
    assert_eq!(held, []);
    assert_eq!(rig.lane.counts().waiters, 10, "3 with eight behind it, and 1");
    assert_eq!(rig.pass(FIRST_PROBE * 2).started(), [2]);
    assert_eq!(rig.arrive(38, 1).held(), []);
    assert_eq!(rig.end(2, Delivered).started(), [3, 1], "what is ready waits no longer");
    let asked = rig.end(3, TRANSIENT);
    assert_eq!(asked.held(), [3, 30, 31, 32, 33, 34, 35, 36, 37]);
}

#[test]
fn an_attempt_that_began_before_the_outage_ended_does_not_open_it_again() {
    let mut rig = Rig::new();
    rig.arrive(3, 3);
    rig.arrive(4, 4);
    rig.open_circuit([1, 2]);
    rig.pass(Duration::from_secs(2));
    rig.end(2, Delivered);
    rig.end(3, Down);
    rig.end(4, Down);
    assert!(!rig.lane.is_open());
}

#[test]
fn a_paused_target_is_not_probed() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    rig.tell(Input::Pause(Pause::Operator));
    assert_eq!(rig.pass(Duration::from_secs(300)).started(), []);
    assert_eq!(rig.tell(Input::Resume(Pause::Operator)).started().len(), 1);
}

#[test]
fn a_retry_after_of_a_probe_is_kept() {
    let mut rig = Rig::new();
    rig.open_circuit([1, 2]);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.end(2, Outcome::Transient(Some(Duration::from_secs(3600)))).held(), [2]);
}
