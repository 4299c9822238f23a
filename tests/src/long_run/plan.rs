//! What a run does: how much, about whom, to whom, and which faults it meets, all drawn from one seed. Pure.

use super::faults::Fault;
use crate::dice::Dice;

/// Targets that each event goes to.
pub(super) const TARGETS_PER_EVENT: usize = 3;

/// How large a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// From which everything is drawn.
    pub seed: u64,
    /// Events, numbered from 1.
    pub events: u64,
    /// Subjects that the events are about.
    pub subjects: u64,
    /// Systems that publish.
    pub sources: usize,
    /// Systems that receive.
    pub targets: usize,
    /// Faults, one after another.
    pub faults: usize,
    /// How long a process that is stopped for a while stands still, in seconds; longer than a lease, which is 10.
    pub standstill: u64,
}

/// How messages get to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reach {
    /// It reads its own queue.
    Queue,
    /// A connector sends each by HTTP.
    Http,
    /// A connector writes a file for many.
    File,
}

impl Plan {
    /// The run that meets each kind of fault once.
    pub const fn ordinary(seed: u64) -> Self {
        Self { seed, events: 10_000, subjects: 500, sources: 2, targets: 8, faults: 23, standstill: 30 }
    }

    /// The run of which the report tells.
    pub const fn long(seed: u64) -> Self {
        Self {
            seed,
            events: 1_000_000,
            subjects: 20_000,
            sources: 2,
            targets: 20,
            faults: 200,
            standstill: 30,
        }
    }

    /// How many events may be published, of all sources, when so many faults have begun.
    pub(super) const fn published_by(&self, faults: u64) -> u64 {
        self.events * faults / (self.faults as u64 + 1)
    }

    /// Which subject the event of that number is about.
    pub(super) fn subject(&self, number: u64) -> u64 {
        Dice::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).below(self.subjects)
    }

    /// Which source publishes about a subject.
    pub(super) fn source(&self, subject: u64) -> usize {
        usize::try_from(subject).unwrap_or_default() % self.sources
    }

    /// Where events about a subject go: the first of the targets, which follow each other.
    pub(super) fn group(&self, subject: u64) -> usize {
        usize::try_from(subject).unwrap_or_default() / self.sources % self.targets
    }

    /// The targets of a group.
    pub(super) fn targets_of(&self, group: usize) -> impl Iterator<Item = usize> {
        let targets = self.targets;
        (0..TARGETS_PER_EVENT).map(move |step| (group + step) % targets)
    }

    /// How messages get to a target.
    pub(super) const fn reach(target: usize) -> Reach {
        match target % 4 {
            1 => Reach::Http,
            3 => Reach::File,
            _ => Reach::Queue,
        }
    }

    /// The numbers that a target must get, in their order.
    pub(super) fn expected(&self, target: usize) -> impl Iterator<Item = u64> {
        let plan = *self;
        (1..=self.events).filter(move |number| {
            let group = plan.group(plan.subject(*number));
            plan.targets_of(group).any(|one| one == target)
        })
    }

    /// The faults in their order: each kind comes before any comes again.
    pub(super) fn schedule(&self) -> Vec<Fault> {
        let mut dice = Dice::new(self.seed);
        let mut faults = Vec::with_capacity(self.faults);
        while faults.len() < self.faults {
            let mut kinds = Fault::kinds(self, &mut dice);
            while faults.len() < self.faults && !kinds.is_empty() {
                let drawn = usize::try_from(dice.below(kinds.len() as u64)).unwrap_or_default();
                faults.push(kinds.swap_remove(drawn));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::mem::discriminant;

    use super::*;

    #[test]
    fn an_ordinary_run_meets_every_kind_of_fault_and_a_seed_gives_the_same_ones_again() {
        let plan = Plan::ordinary(7);
        let faults = plan.schedule();
        let kinds = Fault::kinds(&plan, &mut Dice::new(1));
        for kind in &kinds {
            assert!(faults.iter().any(|fault| discriminant(fault) == discriminant(kind)), "{kind:?}");
        }
        assert!(faults.len() >= 20);
        assert_eq!(faults, Plan::ordinary(7).schedule());
        assert_ne!(faults, Plan::ordinary(8).schedule());
    }

    #[test]
    fn each_event_goes_to_three_targets_and_those_of_a_subject_to_the_same() {
        let plan = Plan { events: 200, subjects: 20, ..Plan::ordinary(7) };
        let reached: u64 = (0..plan.targets).map(|target| plan.expected(target).count() as u64).sum();
        assert_eq!(reached, plan.events * TARGETS_PER_EVENT as u64);
        let targets: BTreeSet<usize> = plan.targets_of(plan.targets - 1).collect();
        assert_eq!(targets, BTreeSet::from([0, 1, plan.targets - 1]));
    }
}
