//! The oracle: from what was published, what arrived and what the hub declares, whether the promises were kept. Pure; it
//! knows nothing of the hub but its words for what it gave up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use postroom_event::DispatchId;
use serde_json::Value;
use uuid::Uuid;

use super::council::route;
use super::faults::Met;
use super::plan::{Plan, Reach, TARGETS_PER_EVENT};
use super::publishing::{event_id, source_attribute};

/// How long before a fault and after it the answer to an attempt may be lost through it, in microseconds: as long as a
/// message may be under way.
const AROUND: u64 = 15_000_000;
/// The code of what was lost with a queue and is not sent behind what overtook it, and of what the journal does not have.
const OVERTAKEN: &str = "overtaken";
const LOST: &str = "lost";
/// Most memory that the hub may have, in MiB, whatever waits.
const MOST_MEMORY: u64 = 384;
/// Most complaints of one kind that are kept word for word.
const MOST_WORDS: usize = 20;

/// A message that a target got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The number of its event.
    pub(super) number: u64,
    /// The id of its dispatch.
    pub(super) key: Uuid,
    /// When, in microseconds since the epoch; 0 where it is not known.
    pub(super) at: u64,
    /// Whether the broker delivered it again, because its reader had not acked it.
    pub(super) again: bool,
    /// Whether a replay sent it.
    pub(super) replayed: bool,
}

/// What became of everything.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Dispatches that arrived, by reach.
    pub(super) arrived: BTreeMap<Reach, u64>,
    /// Messages that came once more under the same key, by reach.
    pub(super) doubled: BTreeMap<Reach, u64>,
    /// Messages that a replay sent.
    pub(super) replayed: u64,
    /// At which targets an event did not arrive that is not given up either, by event.
    pub(super) missing: BTreeMap<u64, Vec<usize>>,
    /// Events that the broker confirmed and its own stream does not have.
    pub(super) unjournaled: u64,
    /// Those of them that were lost with their ingress.
    pub(super) lost_unjournaled: u64,
    /// Dispatches that the hub declares given up and that did not arrive, by code.
    pub(super) declared: BTreeMap<String, u64>,
    /// What a reconcile says is in the journal and not in the ledger, and in no lane.
    pub(super) unreconciled: String,
    /// Promises that were broken, by promise.
    pub(super) broken: BTreeMap<&'static str, u64>,
    /// Some of them, word for word.
    pub(super) words: Vec<String>,
    /// The events that those are about.
    pub(super) suspects: BTreeSet<u64>,
}

/// What the oracle knows.
pub(super) struct Oracle<'a> {
    /// The run.
    pub(super) plan: &'a Plan,
    /// The faults, and when they were.
    pub(super) met: &'a [Met],
    /// What the hub lists as given up: its code, by dispatch.
    pub(super) dead: &'a HashMap<Uuid, String>,
}

impl Findings {
    fn complain(&mut self, promise: &'static str, words: &str) {
        let count = self.broken.entry(promise).or_default();
        *count += 1;
        if *count <= MOST_WORDS as u64 {
            self.words.push(format!("{promise}: {words}"));
        }
    }

    pub(super) fn complain_of(&mut self, event: u64, promise: &'static str, words: &str) {
        self.complain(promise, words);
        if self.broken[promise] <= MOST_WORDS as u64 {
            self.suspects.insert(event);
        }
    }
}

/// The events that a status says are routed.
pub(super) fn routed(status: &Value) -> u64 {
    sum(status, "sources", "/events/routed")
}

fn sum(status: &Value, what: &str, pointer: &str) -> u64 {
    let all = status[what].as_object().into_iter().flat_map(|all| all.values());
    all.filter_map(|one| one.pointer(pointer).and_then(Value::as_u64)).sum()
}

impl Findings {
    /// Judges the hub's own accounts: each event and each dispatch is in one state, and it is an end.
    pub(super) fn judge_accounts(&mut self, plan: &Plan, status: &Value) {
        const PROMISE: &str = "every input is accounted for";
        let sum = |what: &str, pointer: &str| sum(status, what, pointer);
        let (routed, taken) = (routed(status), plan.events - self.lost_unjournaled);
        if routed != taken {
            self.complain(PROMISE, &format!("{routed} events are routed of {taken}"));
        }
        for pointer in ["/events/invalid", "/events/no_route"] {
            if sum("sources", pointer) > 0 {
                self.complain(PROMISE, &format!("{} events at {pointer}", sum("sources", pointer)));
            }
        }
        let ended =
            ["/delivered", "/dead", "/discarded"].map(|state| sum("targets", state)).iter().sum::<u64>();
        let dispatched = sum("targets", "/dispatched");
        if ended != dispatched || dispatched < taken * TARGETS_PER_EVENT as u64 {
            self.complain(PROMISE, &format!("{dispatched} dispatches, of which {ended} have ended"));
        }
        for difference in status["differences"].as_array().into_iter().flatten() {
            self.complain(PROMISE, &difference.to_string());
        }
    }

    /// Judges the most memory that the hub had, in MiB.
    pub(super) fn judge_memory(&mut self, most: u64) {
        if most > MOST_MEMORY {
            self.complain("memory is bounded", &format!("{most} MiB of {MOST_MEMORY}"));
        }
    }

    /// Judges what the hub says: a value of a person stands nowhere.
    pub(super) fn judge_words(&mut self, words: impl IntoIterator<Item = String>, canary: &str) {
        for said in words.into_iter().filter(|said| said.contains(canary)) {
            let head: String = said.chars().take(80).collect();
            self.complain("no personal value in a word of the hub", &head);
        }
    }
}

impl Oracle<'_> {
    /// The id that the dispatch of an event to a target must have.
    pub(super) fn key(&self, number: u64, target: usize) -> Uuid {
        let subject = self.plan.subject(number);
        let source = source_attribute(self.plan.source(subject));
        DispatchId::new(&source, &event_id(number), &route(self.plan.group(subject), target)).0
    }

    /// Judges what one target got, in the order in which it came.
    pub(super) fn judge(&self, target: usize, arrivals: &[Arrival], findings: &mut Findings) {
        let reach = Plan::reach(target);
        let (mut first, mut last) = (HashMap::new(), HashMap::new());
        let mut replayed = HashSet::new();
        for arrival in arrivals {
            if arrival.replayed {
                findings.replayed += 1;
                replayed.insert(arrival.number);
                continue;
            }
            if arrival.key != self.key(arrival.number, target) {
                let words = format!("event {} at target {target} under {}", arrival.number, arrival.key);
                findings.complain_of(arrival.number, "one dispatch, one key", &words);
            }
            if let Some(at) = first.get(&arrival.number).copied() {
                if !arrival.again {
                    self.judge_double(target, arrival, at, findings);
                }
                continue;
            }
            first.insert(arrival.number, arrival.at);
            let before = last.insert(self.plan.subject(arrival.number), arrival.number).unwrap_or_default();
            if arrival.number < before {
                let words = format!("target {target}: event {} came after {before}", arrival.number);
                findings.complain_of(arrival.number, "in order of its subject", &words);
            }
        }
        *findings.arrived.entry(reach).or_default() += first.len() as u64;
        for number in self.plan.expected(target) {
            if first.contains_key(&number) || replayed.contains(&number) {
                continue;
            }
            match self.dead.get(&self.key(number, target)).map(String::as_str) {
                Some(code) if self.may_be_skipped(number, target, (code, &last)) => {
                    *findings.declared.entry(code.to_owned()).or_default() += 1;
                }
                Some(code) => {
                    let words = format!("target {target}: event {number} as `{code}`");
                    findings.complain_of(
                        number,
                        "a fault costs a backlog, and no dead letter but of what a queue lost",
                        &words,
                    );
                }
                None => findings.missing.entry(number).or_default().push(target),
            }
        }
    }

    /// Whether a dispatch may be given up as `code`: a later one of its subject did arrive, by `last`, the last event of each
    /// subject at the target; or a queue was lost with which it may have been lost.
    fn may_be_skipped(&self, number: u64, target: usize, (code, last): (&str, &HashMap<u64, u64>)) -> bool {
        let subject = self.plan.subject(number);
        let source = self.plan.source(subject);
        match code {
            OVERTAKEN => last.get(&subject).is_some_and(|later| *later > number),
            LOST => self.met.iter().any(|met| met.fault.may_lose(source, target)),
            _ => false,
        }
    }

    /// Judges how much came twice: no fault loses more answers than were awaited at its time.
    pub(super) fn judge_doubles(&self, findings: &mut Findings) {
        for (reach, doubled) in findings.doubled.clone() {
            let most: u64 = self.met.iter().map(|met| met.fault.most_doubles(self.plan, reach)).sum();
            if doubled > most {
                let words = format!("{doubled} of {reach:?}, and faults explain {most}");
                findings.complain("twice only where an answer was lost", &words);
            }
        }
    }

    /// What comes twice must have a reason: a fault that loses answers, at the time of the first.
    fn judge_double(&self, target: usize, arrival: &Arrival, first: u64, findings: &mut Findings) {
        let reach = Plan::reach(target);
        *findings.doubled.entry(reach).or_default() += 1;
        let has_reason = self.met.iter().any(|met| {
            met.fault.may_double(target) && met.begun <= first + AROUND && first <= met.ended + AROUND
        });
        if !has_reason {
            let words = format!(
                "target {target}: event {} came at {first} and again at {}",
                arrival.number, arrival.at
            );
            findings.complain_of(arrival.number, "twice only where an answer was lost", &words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::faults::Fault;
    use super::*;

    const HTTP: usize = 1;

    fn plan() -> Plan {
        Plan { events: 100, subjects: 5, ..Plan::ordinary(7) }
    }

    fn well(oracle: &Oracle<'_>, target: usize) -> Vec<Arrival> {
        let arrival = |number| Arrival {
            number,
            key: oracle.key(number, target),
            at: number * 1_000_000,
            again: false,
            replayed: false,
        };
        oracle.plan.expected(target).map(arrival).collect()
    }

    fn check(met: &[Met], change: impl FnOnce(&Oracle<'_>, &mut Vec<Arrival>), broken: &[&str]) -> Findings {
        let (plan, dead) = (plan(), HashMap::new());
        let oracle = Oracle { plan: &plan, met, dead: &dead };
        let mut arrivals = well(&oracle, HTTP);
        change(&oracle, &mut arrivals);
        let mut findings = Findings::default();
        oracle.judge(HTTP, &arrivals, &mut findings);
        assert_eq!(findings.broken.keys().copied().collect::<Vec<_>>(), broken, "{:?}", findings.words);
        findings
    }

    #[test]
    fn what_did_not_arrive_is_missing() {
        let mut gone = None;
        let findings = check(&[], |_, arrivals| gone = Some(arrivals.remove(3).number), &[]);
        assert_eq!(findings.missing, BTreeMap::from([(gone.expect("one"), vec![HTTP])]));
    }

    #[test]
    fn a_run_without_a_fault_is_found_to_be_well() {
        let findings = check(&[], |_, _| {}, &[]);
        assert!(findings.arrived[&Reach::Http] > 0);
    }

    #[test]
    fn what_the_hub_declares_given_up_needs_a_reason() {
        let plan = plan();
        let dead = HashMap::new();
        let oracle = Oracle { plan: &plan, met: &[], dead: &dead };
        let arrivals = well(&oracle, HTTP);
        let later = |at: usize| {
            let subject = plan.subject(arrivals[at].number);
            arrivals[at + 1..].iter().any(|arrival| plan.subject(arrival.number) == subject)
        };
        let places = || 0..arrivals.len();
        let overtaken = places().find(|at| later(*at)).expect("one that is overtaken");
        let last = places().rfind(|at| !later(*at)).expect("the last of its subject");
        let lane = Met { fault: Fault::LaneDeleted(HTTP), begun: 1, ended: 2 };
        let elsewhere = Met { fault: Fault::LaneDeleted(HTTP + 1), ..lane };
        for (at, code, met, is_well) in [
            (overtaken, "overtaken", vec![], true),
            (last, "overtaken", vec![lane], false),
            (last, "lost", vec![lane], true),
            (last, "lost", vec![elsewhere], false),
            (overtaken, "exhausted", vec![lane], false),
        ] {
            let dead = HashMap::from([(arrivals[at].key, code.to_owned())]);
            let mut arrivals = arrivals.clone();
            arrivals.remove(at);
            let mut findings = Findings::default();
            Oracle { plan: &plan, met: &met, dead: &dead }.judge(HTTP, &arrivals, &mut findings);
            assert_eq!(findings.broken.is_empty(), is_well, "{code} at {at}: {:?}", findings.words);
            assert_eq!(findings.declared.contains_key(code), is_well);
        }
    }

    #[test]
    fn more_doubles_than_the_faults_explain_are_found() {
        let (plan, dead) = (plan(), HashMap::new());
        let met = [Met { fault: Fault::HubKilled, begun: 1, ended: 2 }];
        let oracle = Oracle { plan: &plan, met: &met, dead: &dead };
        let most = Fault::HubKilled.most_doubles(&plan, Reach::Http);
        for (doubled, is_well) in [(most, true), (most + 1, false)] {
            let doubled = BTreeMap::from([(Reach::Http, doubled)]);
            let mut findings = Findings { doubled, ..Findings::default() };
            oracle.judge_doubles(&mut findings);
            assert_eq!(findings.broken.is_empty(), is_well);
        }
    }

    #[test]
    fn an_older_event_of_a_subject_behind_a_newer_one_is_out_of_order() {
        check(&[], |_, arrivals| arrivals.reverse(), &["in order of its subject"]);
    }

    #[test]
    fn what_comes_twice_needs_a_fault_that_loses_answers_when_it_came_first() {
        let again = |_: &Oracle<'_>, arrivals: &mut Vec<Arrival>| {
            let last = Arrival { at: 500_000_000, ..arrivals[2] };
            arrivals.push(last);
        };
        let promise = ["twice only where an answer was lost"];
        check(&[], again, &promise);
        let at = |fault, begun| Met { fault, begun, ended: begun + 1 };
        check(&[at(Fault::HubKilled, 1)], again, &[]);
        check(&[at(Fault::WireCut, 1)], again, &promise);
        check(&[at(Fault::HubKilled, 400_000_000)], again, &promise);
    }

    #[test]
    fn another_key_for_the_same_dispatch_is_found() {
        check(&[], |_, arrivals| arrivals[0].key = Uuid::nil(), &["one dispatch, one key"]);
    }
}
