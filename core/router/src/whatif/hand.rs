//! One worker of a what-if: it runs entries of the journal through both configurations and counts what differs. It does no
//! I/O: what the ledger has to be asked it says, and looks again once it was told.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use postroom_broker::{Broker, Entry};
use postroom_council::{Council, Route};
use postroom_event::{Event, Refusal};
use postroom_transform::Data;

use super::compare::{Beside, End};
use super::tally::{About, Tally};
use super::{RouteDifferences, Standing};
use crate::Table;
use crate::decide::{Decider, Made, Unmappable};
use crate::journal;
use crate::references::{Asked, References};

/// The routes of both configurations, set beside each other by name and target.
pub(crate) struct Pairs {
    /// By name, then target.
    pub(crate) routes: Vec<RouteDifferences>,
    /// The place of each route of the configuration in use, and of the changed one.
    places: [HashMap<Arc<str>, usize>; 2],
    /// Routes that make the same message of the same events: they are asked once.
    alike: HashSet<Arc<str>>,
}

impl Pairs {
    pub(crate) fn of(before: &Council, after: &Council) -> Self {
        let mut standing: BTreeMap<(&str, &str), Standing> = BTreeMap::new();
        for route in &before.routes {
            standing.insert((&route.name, &route.to), Standing::Gone);
        }
        for route in &after.routes {
            let there = standing.entry((&route.name, &route.to));
            there.and_modify(|standing| *standing = Standing::Both).or_insert(Standing::New);
        }
        let places = [before, after].map(|council| {
            let place = |route: &Route| standing.range(..(&*route.name, &*route.to)).count();
            council.routes.iter().map(|route| (Arc::clone(&route.name), place(route))).collect()
        });
        let now: HashMap<&str, &Route> = after.routes.iter().map(|route| (&*route.name, route)).collect();
        let is_alike = |route: &&Route| {
            now.get(&*route.name).is_some_and(|other| other.to == route.to && route.is_alike(other))
        };
        let alike = before.routes.iter().filter(is_alike).map(|route| Arc::clone(&route.name)).collect();
        let routes = standing.into_iter().map(|((route, target), standing)| RouteDifferences {
            route: route.to_owned(),
            target: target.to_owned(),
            standing,
            ..RouteDifferences::default()
        });
        Self { routes: routes.collect(), places, alike }
    }

    /// Whether the route at `place` is in the configuration in use (0), or in the changed one (1).
    fn has(&self, place: usize, side: usize) -> bool {
        let other = [Standing::New, Standing::Gone][side];
        self.routes.get(place).is_some_and(|route| route.standing != other)
    }
}

/// What every worker shares.
pub(crate) struct Ground {
    /// The one in use.
    pub(crate) council: Arc<Council>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) pairs: Pairs,
    /// The routes of both, for finding those that an event may match.
    pub(crate) tables: [Arc<Table>; 2],
}

/// A worker.
pub(crate) struct Hand {
    ground: Arc<Ground>,
    /// By the configuration in use, and by the changed one.
    sides: [Decider; 2],
    pub(crate) tally: Tally,
    /// Entries to be looked at again once the ledger was asked, by their place in the batch.
    again: Vec<usize>,
    asked: Vec<Asked>,
}

/// What an entry comes to.
struct Seen {
    offset: u64,
    id: String,
    subject: String,
    /// By which rule each configuration refuses it.
    refused: [Option<&'static str>; 2],
    /// What the routes come to that want it, by their place.
    ends: BTreeMap<usize, [End; 2]>,
}

impl Hand {
    pub(crate) fn new(ground: &Arc<Ground>, changed: &Arc<Council>, examples: usize) -> Self {
        let user = ground.broker.user();
        let [before, after] = &ground.tables;
        let sides = [(&ground.council, before), (changed, after)]
            .map(|(council, table)| Decider::new(Arc::clone(council), Arc::clone(table), user.to_owned()));
        let tally = Tally::new(ground.pairs.routes.clone(), examples);
        Self { ground: Arc::clone(ground), sides, tally, again: Vec::new(), asked: Vec::new() }
    }

    /// Looks at its part of a batch.
    pub(crate) fn look(&mut self, entries: &[Entry]) {
        for (place, entry) in entries.iter().enumerate() {
            let seen = self.see(entry);
            let asked: Vec<Asked> = self.sides.iter_mut().flat_map(Decider::take_asked).collect();
            if asked.is_empty() {
                self.count(seen);
            } else {
                self.asked.extend(asked);
                self.again.push(place);
            }
        }
    }

    /// What the ledger has to be asked before this worker looks again.
    pub(crate) fn take_asked(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.asked)
    }

    /// Looks again at what asked for something, in the same part of the same batch.
    pub(crate) fn look_again(&mut self, entries: &[Entry], known: &References) {
        self.sides.iter_mut().for_each(|side| side.learn(known.clone()));
        for place in std::mem::take(&mut self.again) {
            let seen = entries.get(place).and_then(|entry| self.see(entry));
            self.count(seen);
        }
        self.sides.iter_mut().for_each(Decider::forget);
    }

    /// What both make of an entry; nothing where it is no entry of a source.
    fn see(&mut self, entry: &Entry) -> Option<Seen> {
        let ground = Arc::clone(&self.ground);
        let delivery = &entry.delivery;
        let system = journal::system_of(&ground.council, ground.broker.as_ref(), delivery)?;
        let [before, after] = &mut self.sides;
        let code = |refusal: Refusal| refusal.rule.code();
        // Who sent it, and how, was so when it came: that is for the configuration in use to judge.
        let sent = before.check_properties(system, delivery).map_err(code);
        let events =
            [before, after].map(|side| sent.and_then(|()| side.read(system, delivery).map_err(code)));
        let head = events.iter().find_map(|event| event.as_ref().ok());
        let (id, subject) = head.map(|head| (head.id.clone(), head.subject.clone())).unwrap_or_default();
        let refused = [0, 1].map(|side| events[side].as_ref().err().copied());
        let ends = self.ends(&ground.pairs, events, refused);
        Some(Seen { offset: entry.offset, id, subject, refused, ends })
    }

    /// What the routes come to that want an event by either configuration.
    fn ends(
        &mut self,
        pairs: &Pairs,
        events: [Result<Event<Data>, &'static str>; 2],
        refused: [Option<&'static str>; 2],
    ) -> BTreeMap<usize, [End; 2]> {
        let mut ends: BTreeMap<usize, [End; 2]> = BTreeMap::new();
        let is_valid = refused == [None, None];
        // Which of the versions of its type a target gets depends on all routes to it.
        let is_of_one_version = events.iter().flatten().all(|event| {
            self.ground.tables.iter().all(|table| table.versions(&event.event_type).next().is_none())
        });
        let is_asked_once = |route: &Arc<str>| is_valid && is_of_one_version && pairs.alike.contains(route);
        for (side, event) in events.into_iter().enumerate() {
            let Ok(event) = event else { continue };
            let chosen = |route: &Route| side == 0 || !is_asked_once(&route.name);
            for Made { route, message } in self.sides[side].messages(event, chosen) {
                let Some(place) = pairs.places[side].get(&route) else { continue };
                let both = ends.entry(*place).or_insert([End::Nothing, End::Nothing]);
                both[side] = end(message);
                if is_asked_once(&route) {
                    both[1] = both[0].clone();
                }
            }
        }
        for (side, code) in refused.into_iter().enumerate() {
            let Some(code) = code else { continue };
            for (place, both) in &mut ends {
                if pairs.has(*place, side) {
                    both[side] = End::Refused(code);
                }
            }
        }
        ends
    }

    fn count(&mut self, seen: Option<Seen>) {
        let Some(seen) = seen else { return };
        let found = &mut self.tally.found;
        found.events += 1;
        match seen.refused {
            [None, None] => {}
            [Some(_), Some(_)] => found.still_invalid += 1,
            [None, Some(code)] => *found.newly_invalid.entry(code).or_default() += 1,
            [Some(_), None] => found.newly_valid += 1,
        }
        let about = About { offset: seen.offset, id: &seen.id, subject: &seen.subject };
        for (place, [before, after]) in &seen.ends {
            if let Some(beside) = Beside::of(before, after) {
                self.tally.note(*place, &beside, &about);
            }
        }
    }
}

fn end(message: Result<Arc<Data>, Unmappable>) -> End {
    message.map_or_else(|unmappable| End::Refused(unmappable.code), End::Message)
}
