//! What arrived nowhere and is listed nowhere: a broken promise, but where it is the one loss that guarantees.md declares. Pure.

use std::collections::{BTreeMap, HashSet};

use super::oracle::Findings;
use super::plan::{Plan, TARGETS_PER_EVENT};

/// What is missing, and what tells of the broker.
pub(super) struct Losses<'a> {
    /// The run.
    pub(super) plan: &'a Plan,
    /// The sources whose ingress was deleted, each with the last event that may have waited in it.
    pub(super) deleted: &'a [(usize, u64)],
    /// Events that the broker confirmed and its own stream does not have.
    pub(super) unjournaled: &'a HashSet<u64>,
}

impl Losses<'_> {
    /// Judges what is `missing`: at which targets, by event.
    pub(super) fn judge(&self, missing: BTreeMap<u64, Vec<usize>>, findings: &mut Findings) {
        for (number, targets) in missing {
            if targets.len() == TARGETS_PER_EVENT && self.was_nowhere_else(number) {
                findings.lost_unjournaled += 1;
                continue;
            }
            for target in targets {
                let words = format!("target {target}: event {number}");
                findings.complain_of(number, "nothing is lost", &words);
            }
        }
    }

    /// Whether somebody deleted the only queue that had the event: the broker confirmed it into its ingress, and not into the
    /// stream.
    fn was_nowhere_else(&self, number: u64) -> bool {
        let source = self.plan.source(self.plan.subject(number));
        self.unjournaled.contains(&number)
            && self.deleted.iter().any(|(deleted, last)| *deleted == source && number <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_broker_kept_out_of_its_stream_and_was_deleted_before_it_was_taken_may_be_missing() {
        let plan = Plan { events: 100, subjects: 5, faults: 1, ..Plan::ordinary(7) };
        let number = 20;
        let source = plan.source(plan.subject(number));
        for (unjournaled, deleted, at, is_well) in [
            (true, vec![(source, number)], 0..3, true),
            (false, vec![(source, number)], 0..3, false),
            (true, vec![(source, number)], 0..2, false),
            (true, vec![], 0..3, false),
            (true, vec![(source + 1, number)], 0..3, false),
            (true, vec![(source, number - 1)], 0..3, false),
        ] {
            let unjournaled = unjournaled.then_some(number).into_iter().collect();
            let mut findings = Findings::default();
            let missing = BTreeMap::from([(number, at.collect())]);
            Losses { plan: &plan, deleted: &deleted, unjournaled: &unjournaled }
                .judge(missing, &mut findings);
            assert_eq!(findings.broken.is_empty(), is_well, "{:?}", findings.words);
            assert_eq!(findings.lost_unjournaled, u64::from(is_well));
        }
    }
}
