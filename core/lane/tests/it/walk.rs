//! A random walk of the world: whatever happens, in whatever order, the model holds at each step, and in the end
//! everything ends.

use std::sync::Arc;
use std::time::Duration;

use postroom_lane::{
    AfterDeadLetter, Counts, DispatchKey, LastStop, Outcome, Pause, Plan, RETRY, Settings, SubjectKey,
};
use proptest::prelude::*;

use crate::model::State;
use crate::world::World;

/// Random walks in one run.
const CASES: u32 = 3_000;
/// Most steps of one walk.
const STEPS: usize = 120;
/// Subjects of one walk.
const SUBJECTS: u128 = 6;

#[derive(Debug, Clone)]
enum Step {
    Publish(u128, usize),
    PublishAgain(u128),
    Deliver(usize),
    End(usize, Outcome),
    Commit(usize),
    Advance(u64),
    Pause(Pause),
    Resume,
    Redrive(usize),
    Discard(usize),
    Release(usize),
    Crash(usize, Option<u64>),
    Stop,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Delivered),
        4 => Just(Outcome::Transient(None)),
        1 => Just(Outcome::Transient(Some(Duration::from_secs(20)))),
        1 => Just(Outcome::Transient(Some(Duration::from_secs(7200)))),
        2 => Just(Outcome::Unknown),
        4 => Just(Outcome::Down),
        1 => Just(Outcome::Permanent),
        1 => Just(Outcome::Unsendable),
        2 => Just(Outcome::Recalled),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![4 => 1u64..20, 2 => 60u64..120, 2 => 300u64..1500, 1 => 3600u64..200_000];
    prop_oneof![
        12 => (0..SUBJECTS, 0usize..3).prop_map(|(subject, plan)| Step::Publish(subject, plan)),
        2 => (0u128..100).prop_map(Step::PublishAgain),
        8 => (1usize..8).prop_map(Step::Deliver),
        16 => (0usize..8, outcome()).prop_map(|(which, outcome)| Step::End(which, outcome)),
        12 => (1usize..6).prop_map(Step::Commit),
        6 => seconds.prop_map(Step::Advance),
        1 => prop_oneof![Just(Pause::Operator), Just(Pause::Ledger)].prop_map(Step::Pause),
        2 => Just(Step::Resume),
        1 => (0usize..4).prop_map(Step::Redrive),
        1 => (0usize..4).prop_map(Step::Discard),
        1 => (0usize..4).prop_map(Step::Release),
        1 => (0usize..4, prop::option::of(1u64..100)).prop_map(|(writes, lease)| Step::Crash(writes, lease)),
        1 => Just(Step::Stop),
    ]
}

fn settings() -> Settings {
    Settings { concurrency: 3, prefetch: 16, last_stop: LastStop::Clean, ..Settings::default() }
}

fn plans() -> [Arc<Plan>; 3] {
    [
        Plan::default(),
        Plan { retry: RETRY[..2].to_vec(), after_dead_letter: AfterDeadLetter::Continue },
        Plan { retry: Vec::new(), after_dead_letter: AfterDeadLetter::HoldSubject },
    ]
    .map(Arc::new)
}

fn walk(world: &mut World, steps: Vec<Step>) -> u128 {
    let plans = plans();
    let mut published = 0;
    for step in steps {
        match step {
            Step::Publish(subject, plan) => {
                world.publish(DispatchKey(published), SubjectKey(subject), &plans[plan]);
                published += 1;
            }
            Step::PublishAgain(which) if published > 0 => {
                world.publish(DispatchKey(which % published), SubjectKey(0), &plans[0]);
            }
            Step::PublishAgain(_) => {}
            Step::Deliver(most) => world.deliver(most),
            Step::End(which, outcome) => world.end(which, outcome),
            Step::Commit(most) => world.commit(most),
            Step::Advance(seconds) => world.advance(Duration::from_secs(seconds)),
            Step::Pause(pause) => world.pause(pause),
            Step::Resume => world.resume(),
            Step::Redrive(which) => world.redrive(which),
            Step::Discard(which) => world.discard(which),
            Step::Release(which) => world.release(which),
            Step::Crash(writes, lease) => world.crash(writes, lease.map(Duration::from_secs)),
            Step::Stop => world.stop(),
        }
    }
    published
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    /// One at a time and in order by subject, nothing twice, no ack too early, room for others, no old delivery,
    /// nothing behind the lease: checked at each action. And when all is well again, every dispatch ends.
    #[test]
    fn whatever_happens_the_rules_hold_and_everything_ends(
        steps in prop::collection::vec(step(), 1..STEPS)
    ) {
        let mut world = World::new(settings());
        let published = walk(&mut world, steps);
        world.heal();
        prop_assert_eq!(world.model.all(State::Finished).len() as u128, published);
        prop_assert_eq!(world.lane.counts(), Counts::default());
    }
}
