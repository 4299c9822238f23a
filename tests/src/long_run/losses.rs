//! What arrived nowhere and is listed nowhere: a broken promise, but where it is the one loss that guarantees.md declares. Pure.

use std::collections::{BTreeMap, HashSet};

use super::faults::Met;
use super::oracle::Findings;
use super::plan::{Plan, TARGETS_PER_EVENT};

/// What is missing, and what tells of the broker.
pub(super) struct Losses<'a> {
    /// The run.
    pub(super) plan: &'a Plan,
    /// The sources whose ingress was deleted, each with the last event that may have waited in it, or come while it was gone.
    pub(super) gone: &'a [(usize, u64)],
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

    /// Whether no queue had the event but one that somebody deleted, or none at all: the broker confirmed it while its stream had
    /// not started.
    fn was_nowhere_else(&self, number: u64) -> bool {
        let source = self.plan.source(self.plan.subject(number));
        self.unjournaled.contains(&number)
            && self.gone.iter().any(|(gone, last)| *gone == source && number <= *last)
    }
}

/// The last event that may have been published before the moment `made`, at which an ingress that was deleted was made anew.
pub(super) fn last_before(plan: &Plan, met: &[Met], made: u64) -> u64 {
    let begun = met.iter().take_while(|met| met.begun <= made).count();
    let is_over = begun.checked_sub(1).is_some_and(|last| met[last].ended < made);
    plan.published_by(begun as u64 + u64::from(is_over))
}

#[cfg(test)]
mod tests {
    use super::super::faults::Fault;
    use super::*;

    #[test]
    fn what_is_published_between_two_faults_is_of_the_next() {
        let plan = Plan { events: 1_000, faults: 9, ..Plan::ordinary(7) };
        let met = [10, 20, 30].map(|begun| Met { fault: Fault::HubKilled, begun, ended: begun + 5 });
        for (made, last) in [(20, 200), (25, 200), (26, 300), (30, 300), (99, 400)] {
            assert_eq!(last_before(&plan, &met, made), last, "{made}");
        }
    }

    #[test]
    fn only_what_the_broker_kept_out_of_its_stream_and_was_deleted_before_it_was_taken_may_be_missing() {
        let plan = Plan { events: 100, subjects: 5, faults: 1, ..Plan::ordinary(7) };
        let number = 20;
        let source = plan.source(plan.subject(number));
        for (unjournaled, gone, at, is_well) in [
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
            Losses { plan: &plan, gone: &gone, unjournaled: &unjournaled }.judge(missing, &mut findings);
            assert_eq!(findings.broken.is_empty(), is_well, "{:?}", findings.words);
            assert_eq!(findings.lost_unjournaled, u64::from(is_well));
        }
    }
}
