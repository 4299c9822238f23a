//! The oracle: what must be true after every run. Pure; it trusts the till, the dock and the shop, and holds the ledger
//! against them.

use std::collections::{BTreeMap, HashMap, HashSet};

use postroom_event::DispatchId;
use postroom_ledger::{Journey, Leg, State, Verdict};

use crate::facts::Facts;
use crate::schedule::{Event, Kind, Step};
use crate::shop::{id, subject};

/// The CloudEvents source of the shop.
const SOURCE: &str = "/systems/shop";

impl Facts {
    /// Everything that is wrong.
    pub(crate) fn judge(&self) -> Vec<String> {
        let mut wrong = self.ends();
        wrong.extend(self.accounts());
        wrong.extend(self.order());
        wrong.extend(self.repeats());
        wrong
    }

    /// Every event has ended in one way, and every dispatch of it in one state, which its target bears out.
    fn ends(&self) -> Vec<String> {
        self.events.iter().flat_map(|event| self.end(event)).collect()
    }

    fn end(&self, event: &Event) -> Vec<String> {
        let id = id(event.number);
        let found: Vec<&Journey> = self.journeys.iter().filter(|journey| journey.id == id).collect();
        let told = |words: &str| vec![format!("{id}: {words}: {found:?}")];
        match (event.kind, found.as_slice()) {
            (Kind::Invalid, [_, ..]) => {
                let all = found.iter().all(|journey| matches!(journey.verdict, Verdict::Invalid { .. }));
                if all { Vec::new() } else { told("not invalid") }
            }
            (Kind::NoRoute, [journey]) if journey.verdict == Verdict::NoRoute && journey.legs.is_empty() => {
                Vec::new()
            }
            (Kind::Routed, [journey]) if journey.verdict == Verdict::Routed => {
                self.legs(event, &journey.legs)
            }
            _ => told("decided otherwise"),
        }
    }

    fn legs(&self, event: &Event, legs: &[Leg]) -> Vec<String> {
        let mut targets: Vec<&str> = legs.iter().map(|leg| leg.target.as_str()).collect();
        targets.sort_unstable();
        if targets != ["dock", "till"] {
            return vec![format!("event-{}: it went to {targets:?}", event.number)];
        }
        legs.iter().filter_map(|leg| self.leg(event, leg)).collect()
    }

    fn leg(&self, event: &Event, leg: &Leg) -> Option<String> {
        let landed = match leg.target.as_str() {
            "till" => self.till.landings.iter().any(|landing| landing.number == event.number),
            _ => self.docked_events().any(|number| number == event.number),
        };
        let right = match &leg.state {
            State::Delivered { .. } | State::Queued => landed,
            State::Dead { code, .. } => leg.target == "till" && self.may_be_dead(event, code, landed),
            State::Waiting | State::Staged { .. } => false,
        };
        (!right || leg.held.is_some())
            .then(|| format!("event-{}: landed {landed}, but the ledger says {leg:?}", event.number))
    }

    /// Whether a dispatch to the till may be given up under `code`: the skips that are declared.
    fn may_be_dead(&self, event: &Event, code: &str, landed: bool) -> bool {
        let schedule = &self.schedule;
        match code {
            "refused" => self.till.refused.contains(&event.number) && !landed,
            "queue-full" => {
                schedule.has(|step| matches!(step, Step::Publishes(odds) if odds.nacked + odds.partial > 0))
            }
            "overtaken" => self.is_overtaken(event),
            // It came into its queue alone and was lost there, before the shop had an answer.
            "lost" => self.troubled.contains(&event.number),
            _ => false,
        }
    }

    fn is_overtaken(&self, event: &Event) -> bool {
        let subject = subject(event.parcel);
        let later = |number| number > event.number;
        self.till.landings.iter().any(|landing| landing.subject == subject && later(landing.number))
    }

    /// The sums add up, and are those of what happened; no queue has anything left.
    fn accounts(&self) -> Vec<String> {
        let mut wrong = postroom_router::sums::differences(&self.sums, |_| None);
        wrong.extend(self.left.iter().map(|(queue, left)| format!("{left} are left in {queue}")));
        let routed = self.events.iter().filter(|event| event.kind == Kind::Routed).count() as u64;
        for (name, target) in &self.sums.targets {
            let ended = target.delivered + target.dead + target.discarded;
            if (target.dispatched, ended) != (routed, routed) {
                wrong.push(format!("{name}: {routed} were routed, but {target:?}"));
            }
        }
        wrong
    }

    /// The first arrivals of each subject are in the order of its events.
    fn order(&self) -> Vec<String> {
        let parcels: HashMap<u64, u64> =
            self.events.iter().map(|event| (event.number, event.parcel)).collect();
        let landed = self.till.landings.iter().map(|landing| landing.number).collect();
        let docked = self.docked_events().collect();
        let mut wrong = Vec::new();
        for (target, numbers) in [("till", landed), ("dock", docked)] {
            for (parcel, numbers) in firsts(&parcels, numbers) {
                if !numbers.is_sorted() {
                    wrong.push(format!("{target}: parcel {parcel:?} out of order: {numbers:?}"));
                }
            }
        }
        let crowded = self.till.crowded.iter();
        wrong.extend(crowded.map(|subject| format!("two of {subject} were at the till at once")));
        wrong
    }

    /// What came more than once came under one id, and only after the hub could not know that it had come.
    fn repeats(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut before = HashMap::new();
        for landing in &self.till.landings {
            if landing.dispatch != DispatchId::new(SOURCE, &id(landing.number), "parcel-to-till") {
                wrong.push(format!("it came to the till under another id: {landing:?}"));
            }
            if let Some((answered, breaks)) =
                before.insert(landing.number, (landing.answered, landing.breaks))
                && answered
                && breaks == landing.breaks
            {
                wrong.push(format!("it came to the till twice: {landing:?}"));
            }
        }
        let mut ids: BTreeMap<u64, HashSet<Option<String>>> = BTreeMap::new();
        for (number, message) in self.docked_events().zip(&self.docked) {
            ids.entry(number).or_default().insert(message.message_id.clone());
        }
        for (number, ids) in ids {
            let own = DispatchId::new(SOURCE, &id(number), "parcel-to-dock").to_string();
            if ids != HashSet::from([Some(own)]) {
                wrong.push(format!("event-{number} came to the dock under {ids:?}"));
            }
        }
        wrong
    }

    /// The numbers of what lies at the dock, in its order.
    fn docked_events(&self) -> impl Iterator<Item = u64> {
        self.docked.iter().map(|one| {
            let id = one.correlation_id.as_deref().and_then(|id| id.strip_prefix("event-"));
            id.and_then(|number| number.parse().ok()).unwrap_or_default()
        })
    }
}

/// The first arrivals, by parcel.
fn firsts(parcels: &HashMap<u64, u64>, numbers: Vec<u64>) -> BTreeMap<Option<u64>, Vec<u64>> {
    let (mut seen, mut firsts) = (HashSet::new(), BTreeMap::<_, Vec<u64>>::new());
    for number in numbers.into_iter().filter(|number| seen.insert(*number)) {
        firsts.entry(parcels.get(&number).copied()).or_default().push(number);
    }
    firsts
}
