//! The plan of a replay: the journal read, each event decided as the configuration is now, and set beside what the ledger
//! knows. Nothing is sent.

use std::collections::{HashMap, HashSet};

use postroom_broker::{Entry, Start};
use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{Journey, Leg, State};
use serde_json::Value;
use uuid::Uuid;

use super::{Fate, Line, MOST_LINES, Plan, Request, changed};
use crate::decide::{Decider, Dispatch, Head, Verdict, Way};
use crate::journal::{self, Journal};
use crate::overtaken::{self, Place};
use crate::session::WorkerError;
use crate::{PublishError, Publishing};

/// Most journeys that the ledger tells of one subject.
const MOST_JOURNEYS: usize = 1_000;

/// What `request` comes to now.
///
/// # Errors
/// When the broker or the ledger cannot be read, when there is no journal, or when there are more than [`MOST_LINES`]
/// dispatches.
pub async fn plan(ground: &Publishing, request: &Request) -> Result<Plan, PublishError> {
    let end = match request.until {
        Some(until) => journal::first_offset(ground.broker.as_ref(), Start::Time(until)).await?,
        None => None,
    };
    let start = request.from.map_or(Start::First, Start::Time);
    let journal = Journal::open(ground.broker.as_ref(), start).await?;
    let mut journal = journal.ok_or_else(|| PublishError::new("there is no journal"))?;
    let replay = Uuid::new_v4().to_string();
    let decider = journal::decider(&ground.council, ground.broker.as_ref());
    let mut planner = Planner {
        ground,
        request,
        decider,
        plan: Plan { replay, stale: request.stale, ..Plan::default() },
        seen: HashSet::new(),
        histories: HashMap::new(),
    };
    while let Some(mut entries) = journal.next().await? {
        let read = entries.len();
        entries.retain(|entry| end.is_none_or(|end| entry.offset < end));
        let is_over = entries.len() < read;
        planner.take(entries).await?;
        if planner.plan.lines.len() > MOST_LINES {
            let words =
                format!("more than {MOST_LINES} dispatches: ask for a shorter time, or for one target");
            return Err(PublishError::new(words));
        }
        if is_over {
            break;
        }
    }
    journal.close().await;
    Ok(planner.ended())
}

struct Planner<'a> {
    ground: &'a Publishing,
    request: &'a Request,
    decider: Decider,
    plan: Plan,
    /// Events that were looked at: a second copy in the journal is none of its own.
    seen: HashSet<EventKey>,
    /// The journeys of the subjects that were met.
    histories: HashMap<String, Vec<Journey>>,
}

impl Planner<'_> {
    async fn take(&mut self, entries: Vec<Entry>) -> Result<(), WorkerError> {
        for entry in entries {
            let (council, broker) = (&self.ground.council, self.ground.broker.as_ref());
            let Some(system) = journal::system_of(council, broker, &entry.delivery) else { continue };
            if !fits(self.request.system.as_ref(), system) {
                continue;
            }
            let system = system.to_owned();
            let decision = self.decider.decide(&system, &entry.delivery);
            let dispatches = match decision.verdict {
                Verdict::Routed(dispatches) => dispatches,
                Verdict::NoRoute => Vec::new(),
                Verdict::Invalid(_) => {
                    self.plan.events += 1;
                    self.plan.invalid += 1;
                    continue;
                }
            };
            let Some(head) = decision.head.filter(|head| self.wants(head)) else { continue };
            if self.seen.insert(head.key) {
                self.plan.events += 1;
                self.event(&entry, &system, &head, dispatches).await?;
            }
        }
        Ok(())
    }

    fn wants(&self, head: &Head) -> bool {
        fits(self.request.event_type.as_ref(), &head.event_type)
            && fits(self.request.subject.as_ref(), &head.subject)
    }

    fn wants_way(&self, route: &str, target: &str) -> bool {
        fits(self.request.route.as_ref(), route) && fits(self.request.to.as_ref(), target)
    }

    async fn event(
        &mut self,
        entry: &Entry,
        system: &str,
        head: &Head,
        dispatches: Vec<Dispatch>,
    ) -> Result<(), WorkerError> {
        let Some(legs) = self.legs(head).await? else {
            self.plan.unknown += 1;
            return Ok(());
        };
        let made: HashSet<String> = dispatches.iter().map(|dispatch| dispatch.route.to_string()).collect();
        for dispatch in dispatches {
            if !self.wants_way(&dispatch.route, &dispatch.target) {
                continue;
            }
            let leg = legs.iter().find(|leg| leg.id == dispatch.id);
            let fate = fate(&dispatch, leg, self.request.again);
            let (route, target) = (dispatch.route.to_string(), dispatch.target.to_string());
            let changed = match leg {
                Some(leg) => self.changed(entry, leg).await?,
                None => None,
            };
            let id = match fate {
                Fate::Again { .. } => DispatchId::again(&head.source, &head.id, &route, &self.plan.replay),
                _ => dispatch.id,
            };
            self.line((entry.offset, system, head), (route, target, id), fate, changed);
        }
        for leg in legs.iter().filter(|leg| leg.id == DispatchId::new(&head.source, &head.id, &leg.route)) {
            if !made.contains(&leg.route) && self.wants_way(&leg.route, &leg.target) {
                let way = (leg.route.clone(), leg.target.clone(), leg.id);
                self.line((entry.offset, system, head), way, Fate::NoLonger { was: was(leg) }, None);
            }
        }
        Ok(())
    }

    fn line(
        &mut self,
        (offset, system, head): (u64, &str, &Head),
        (route, target, dispatch): (String, String, DispatchId),
        fate: Fate,
        changed: Option<Vec<String>>,
    ) {
        self.plan.lines.push(Line {
            offset,
            key: head.key,
            event: head.id.clone(),
            source: head.source.clone(),
            system: system.to_owned(),
            subject: head.subject.clone(),
            route,
            target,
            dispatch,
            fate,
            changed,
        });
    }

    /// The dispatches of an event that were made; none where the ledger does not know it.
    async fn legs(&mut self, head: &Head) -> Result<Option<Vec<Leg>>, WorkerError> {
        let ledger = &self.ground.ledger;
        if ledger.known(&[head.key]).await?.is_empty() {
            return Ok(None);
        }
        if !self.histories.contains_key(&head.subject) {
            let journeys = ledger.trace(&head.subject).await?;
            self.histories.insert(head.subject.clone(), journeys);
        }
        let is_it = |journey: &Journey| journey.key == Some(head.key);
        let known = self.histories.get(&head.subject).and_then(|all| all.iter().find(|one| is_it(one)));
        if let Some(journey) = known {
            return Ok(Some(journey.legs.clone()));
        }
        let found = ledger.trace(&head.key.0.to_string()).await?;
        Ok(found.into_iter().find(is_it).map(|journey| journey.legs))
    }

    /// In which fields the message that was kept differs from the one of now.
    async fn changed(&mut self, entry: &Entry, leg: &Leg) -> Result<Option<Vec<String>>, WorkerError> {
        let (ledger, council) = (&self.ground.ledger, &self.ground.council);
        let kept: Option<Value> = match &leg.state {
            State::Dead { .. } => ledger.dead_show(leg.id).await?.and_then(|shown| shown.letter.message),
            State::Waiting if leg.held.is_some() => {
                let held = ledger.held(&[leg.id]).await?.into_iter().next().and_then(|held| held.message);
                held.and_then(|message| serde_json::from_slice(&message.bytes).ok())
            }
            _ => None,
        };
        let route = council.routes.iter().find(|route| *route.name == *leg.route);
        let event = journal::event_of(council, &entry.delivery);
        let (Some(kept), Some(route), Some(event)) = (kept, route, event) else { return Ok(None) };
        let made = self.decider.message(route, event).ok();
        Ok(made.map(|made| changed::fields(&kept, &Value::from(made))))
    }

    /// The plan, with what was overtaken left out.
    fn ended(mut self) -> Plan {
        if self.request.stale {
            return self.plan;
        }
        let comes: HashSet<(EventKey, String)> = self
            .plan
            .lines
            .iter()
            .filter(|line| line.fate.is_sent())
            .map(|line| (line.key, line.target.clone()))
            .collect();
        for line in self.plan.lines.iter_mut().filter(|line| line.fate.is_sent()) {
            let journeys = self.histories.get(&line.subject).map(Vec::as_slice).unwrap_or_default();
            let place =
                Place { key: line.key, source: &line.source, subject: &line.subject, target: &line.target };
            let again = |key: EventKey| comes.contains(&(key, line.target.clone()));
            let counts =
                |later: &Journey, leg: &Leg| overtaken::is_ahead(leg) && !later.key.is_some_and(again);
            if let Some(later) = overtaken::past(journeys, &place, counts) {
                line.fate = Fate::Overtaken { by: later.id.clone() };
            } else if journeys.len() >= MOST_JOURNEYS {
                line.fate = Fate::Overtaken { by: String::new() };
            }
        }
        self.plan
    }
}

fn fits(wanted: Option<&String>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

/// What becomes of a dispatch that the configuration makes now; `leg` is the one that was made before.
fn fate(dispatch: &Dispatch, leg: Option<&Leg>, again: bool) -> Fate {
    if let Way::Dead(unmappable) = &dispatch.way {
        return Fate::Unmappable { code: unmappable.code };
    }
    let Some(leg) = leg else { return Fate::New };
    let ended =
        matches!(leg.state, State::Queued | State::Delivered { .. } | State::Dead { discarded: true, .. });
    if again && ended { Fate::Again { was: was(leg) } } else { Fate::Suppressed { was: was(leg) } }
}

/// How far a dispatch came, in a word.
fn was(leg: &Leg) -> &'static str {
    match &leg.state {
        State::Waiting if leg.held.is_some() => "held",
        State::Waiting => "waiting",
        State::Staged { .. } => "staged",
        State::Queued => "queued",
        State::Delivered { .. } => "delivered",
        State::Dead { discarded: true, .. } => "discarded",
        State::Dead { .. } => "dead",
    }
}
