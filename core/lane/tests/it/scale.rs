//! A hundred thousand holds.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rig::settings;
use postroom_lane::{
    Action, Attempt, Counts, DispatchKey, Input, Kept, Lane, Moment, Outcome, Plan, Standing, SubjectKey,
    WriteNumber,
};

const HOLDS: u128 = 100_000;
const SUBJECTS: u128 = 10_000;
/// A clock would make the test depend on the machine: what is bounded is how often the lane is asked.
const MOST_INPUTS: u128 = 2 * HOLDS + 1;

fn load() -> Lane {
    let plan = Arc::new(Plan::default());
    let kept = (0..HOLDS).map(|key| Kept {
        dispatch: DispatchKey(key),
        subject: SubjectKey(key % SUBJECTS),
        plan: Arc::clone(&plan),
        standing: Standing::Held { waits: 0, next: None },
    });
    Lane::load(settings(), Moment::from_micros(i64::MAX), kept)
}

#[test]
fn a_hundred_thousand_holds_are_loaded_and_counted() {
    let mut lane = load();
    assert_eq!((lane.counts().kept, lane.counts().subjects), (100_000, 10_000));
    assert_eq!(lane.handle(Moment::from_micros(0), Input::Passed).len(), settings().concurrency);
}

#[test]
fn a_hundred_thousand_holds_are_released_in_order_with_two_inputs_each() {
    let (mut lane, now) = (load(), Moment::from_micros(0));
    let mut actions: VecDeque<Action> = lane.handle(now, Input::Passed).collect();
    let mut next = vec![0; SUBJECTS as usize];
    let mut inputs = 1;
    while let Some(action) = actions.pop_front() {
        let input = match action {
            Action::Start(Attempt { dispatch, .. }) => {
                let subject = (dispatch.0 % SUBJECTS) as usize;
                assert_eq!(dispatch.0 / SUBJECTS, next[subject], "in order of its subject");
                next[subject] += 1;
                Input::Ended(dispatch, Outcome::Delivered)
            }
            Action::Write(WriteNumber(number), ..) => Input::Committed(WriteNumber(number)),
            other => panic!("nothing else is asked for, but {other:?} is"),
        };
        actions.extend(lane.handle(now, input));
        inputs += 1;
    }
    assert_eq!(inputs, MOST_INPUTS);
    assert_eq!(lane.counts(), Counts::default());
}
