//! The order of a lane, as a pure state machine: no clock, no I/O.
//!
//! At most one unfinished dispatch per subject (DESIGN 3.7); different subjects run at the same time, up to a limit;
//! those that wait start in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Schedules jobs of type `T`, each about a subject of type `S`.
pub struct Lane<S, T> {
    limit: usize,
    running: usize,
    /// Subjects in hand, with the jobs that wait behind the running one.
    subjects: HashMap<S, VecDeque<T>>,
    /// Jobs whose subject is free but for which there was no room.
    ready: VecDeque<(S, T)>,
}

impl<S: Clone + Eq + Hash, T> Lane<S, T> {
    /// A lane that runs at most `limit` jobs at the same time.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), running: 0, subjects: HashMap::new(), ready: VecDeque::new() }
    }

    /// A job came; the answer is the job to start now, if any.
    pub fn arrive(&mut self, subject: S, job: T) -> Option<T> {
        if let Some(waiting) = self.subjects.get_mut(&subject) {
            waiting.push_back(job);
            return None;
        }
        self.subjects.insert(subject.clone(), VecDeque::new());
        if self.running == self.limit {
            self.ready.push_back((subject, job));
            return None;
        }
        self.running += 1;
        Some(job)
    }

    /// The running job of `subject` ended; the answer is the job to start in its place, if any.
    pub fn finish(&mut self, subject: &S) -> Option<T> {
        self.running -= 1;
        match self.subjects.get_mut(subject).map(VecDeque::pop_front) {
            Some(Some(next)) => self.ready.push_back((subject.clone(), next)),
            _ => drop(self.subjects.remove(subject)),
        }
        let (_, job) = self.ready.pop_front()?;
        self.running += 1;
        Some(job)
    }

    /// How many jobs run.
    pub fn running(&self) -> usize {
        self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Random arrivals and ends: never two of a subject at once, never more than the limit, order kept, none lost.
        #[test]
        fn each_subject_runs_alone_and_in_order_and_nothing_is_lost(
            limit in 1usize..5, steps in proptest::collection::vec((0u8..6, any::<bool>()), 0..200)
        ) {
            let mut lane = Lane::new(limit);
            let mut running: Vec<(u8, usize)> = Vec::new();
            let (mut arrived, mut ended) = (HashMap::<u8, Vec<usize>>::new(), HashMap::<u8, Vec<usize>>::new());
            let end = |running: &mut Vec<(u8, usize)>, lane: &mut Lane<u8, (u8, usize)>, at: usize,
                           ended: &mut HashMap<u8, Vec<usize>>| {
                let (subject, job) = running.remove(at);
                ended.entry(subject).or_default().push(job);
                running.extend(lane.finish(&subject));
            };
            for (job, (subject, ends)) in steps.into_iter().enumerate() {
                arrived.entry(subject).or_default().push(job);
                running.extend(lane.arrive(subject, (subject, job)));
                if ends && !running.is_empty() {
                    let at = job % running.len();
                    end(&mut running, &mut lane, at, &mut ended);
                }
                let mut subjects: Vec<u8> = running.iter().map(|(subject, _)| *subject).collect();
                subjects.sort_unstable();
                subjects.dedup();
                prop_assert_eq!(subjects.len(), running.len());
                prop_assert!(running.len() <= limit && lane.running() == running.len());
            }
            while !running.is_empty() {
                end(&mut running, &mut lane, 0, &mut ended);
            }
            prop_assert_eq!(arrived, ended);
        }
    }
}
