//! After an unclean stop: what comes again is tried one by one.

use std::time::Duration;

use crate::rig::{Asked, Delivered, Rig, TRANSIENT, held, kept, settings};
use postroom_lane::{Input, Kept, LastStop, Moment, Role, Settings, Standing};

fn unclean(kept: impl IntoIterator<Item = Kept>) -> Rig {
    Rig::with(Settings { last_stop: LastStop::Unclean, ..settings() }, kept)
}

fn again(rig: &mut Rig, dispatch: u128, subject: u128) -> Asked {
    let mut arrival = rig.arrival(dispatch, subject);
    arrival.redelivered = true;
    rig.tell(Input::Arrived(arrival))
}

#[test]
fn redelivered_dispatches_are_tried_one_by_one_until_each_was_tried() {
    let mut rig = unclean([]);
    let first = again(&mut rig, 1, 1);
    assert_eq!((first.started(), first.attempts()[0].role), (vec![1], Role::Careful));
    assert_eq!(again(&mut rig, 2, 2).started(), []);
    assert_eq!(again(&mut rig, 3, 3).started(), []);
    assert_eq!(rig.arrive(4, 4).started(), []);
    assert_eq!(rig.arrive(5, 5).started(), []);
    assert_eq!(rig.end(1, Delivered).started(), [2]);
    assert_eq!(rig.end(2, TRANSIENT).started(), [3]);
    let rest = rig.end(3, Delivered);
    assert_eq!(rest.started(), [4, 5]);
    assert_eq!(rest.attempts()[0].role, Role::Ordinary);
}

#[test]
fn before_anything_fresh_has_come_the_burst_may_not_be_over() {
    let mut rig = unclean([held(1, 1), held(2, 2)]);
    assert_eq!(rig.pass(Duration::ZERO).started(), [1]);
    assert_eq!(rig.end(1, Delivered).started(), [2]);
    again(&mut rig, 3, 3);
    assert_eq!(rig.arrive(4, 4).started(), []);
    assert_eq!(rig.end(2, Delivered).started(), [3]);
}

#[test]
fn what_is_held_without_an_attempt_keeps_nothing_careful() {
    let later = Standing::Held { waits: 1, next: Some(Moment::from_micros(1)) };
    let mut rig = unclean([kept(1, 1, later)]);
    rig.pass(Duration::ZERO);
    again(&mut rig, 2, 1);
    assert_eq!(rig.arrive(3, 3).started(), [3]);
    assert_eq!(rig.arrive(4, 4).started(), [4]);
}

#[test]
fn holds_that_were_due_are_tried_one_by_one_although_fresh_dispatches_come() {
    let later = Standing::Held { waits: 1, next: Some(Moment::from_micros(1)) };
    let mut rig = unclean([held(1, 1), held(2, 2), kept(3, 3, later)]);
    let first = rig.pass(Duration::ZERO);
    assert_eq!((first.started(), first.attempts()[0].role), (vec![1], Role::Careful));
    assert_eq!(rig.arrive(4, 4).started(), []);
    let second = rig.end(1, Delivered);
    assert_eq!((second.started(), second.attempts()[0].role), (vec![2], Role::Careful));
    let rest = rig.end(2, Delivered);
    assert_eq!((rest.started(), rest.attempts()[0].role), (vec![4], Role::Ordinary));
}

#[test]
fn a_burst_is_no_longer_than_the_prefetch() {
    let mut rig = unclean((1..=20).map(|key| held(key, key)));
    let mut running = rig.pass(Duration::ZERO).started();
    for _ in 0..15 {
        let ended = running.remove(0);
        running.extend(rig.end(ended, Delivered).started());
        assert_eq!(running.len(), 1);
    }
    assert_eq!(rig.end(running[0], Delivered).started().len(), 4);
}

#[test]
fn after_a_clean_stop_a_redelivery_is_nothing_special() {
    let mut rig = Rig::new();
    again(&mut rig, 1, 1);
    assert_eq!(again(&mut rig, 2, 2).started(), [2]);
}
