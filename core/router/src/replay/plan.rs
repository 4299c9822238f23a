//! The plan of a replay: the journal read, each event decided as the configuration is now, and set beside what the ledger
//! knows. Nothing is sent.

use std::collections::{BTreeSet, HashMap, HashSet};

use postroom_broker::{Entry, Start};
use postroom_event::{DispatchId, EventKey};
use postroom_ledger::{Made, Stage, Taken};
use serde_json::Value;
use uuid::Uuid;

use super::{Fate, Line, MOST_LINES, Plan, Request, changed};
use crate::decide::{Decider, Dispatch, Head, Verdict};
use crate::journal::{self, Journal};
use crate::references::{References, resolved};
use crate::session::WorkerError;
use crate::{PublishError, Publishing};

/// Subjects whose events are looked up together.
const SUBJECTS_AT_ONCE: usize = 200;

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
        invalid: HashSet::new(),
        first: None,
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
    Ok(planner.ended().await?)
}

struct Planner<'a> {
    ground: &'a Publishing,
    request: &'a Request,
    decider: Decider,
    plan: Plan,
    /// Events that were looked at: a second copy in the journal is none of its own.
    seen: HashSet<EventKey>,
    /// Invalid ones: a valid event under the same id is another one.
    invalid: HashSet<EventKey>,
    /// The first event of the plan in the order of the ledger.
    first: Option<i64>,
}

/// An event of the journal, decided as the configuration is now.
struct Decided {
    entry: Entry,
    system: String,
    head: Head,
    dispatches: Vec<Dispatch>,
}

impl Planner<'_> {
    async fn take(&mut self, entries: Vec<Entry>) -> Result<(), WorkerError> {
        self.look_up(&entries).await?;
        let decided: Vec<Decided> = entries.into_iter().filter_map(|entry| self.decide(entry)).collect();
        let keys: Vec<EventKey> = decided.iter().map(|one| one.head.key).collect();
        let taken = self.ground.ledger.taken(&keys).await?;
        self.first = self.first.into_iter().chain(taken.first().map(|taken| taken.row)).min();
        let taken: HashMap<EventKey, Taken> = taken.into_iter().map(|taken| (taken.key, taken)).collect();
        self.decider.forget();
        for one in decided {
            match taken.get(&one.head.key) {
                Some(taken) => self.event(one, &taken.dispatches).await?,
                None => self.plan.unknown += 1,
            }
        }
        Ok(())
    }

    /// Asks the ledger for what the routes of entries look up there.
    async fn look_up(&mut self, entries: &[Entry]) -> Result<(), WorkerError> {
        let (council, broker) = (&self.ground.council, self.ground.broker.as_ref());
        if !council.asks_the_ledger() {
            return Ok(());
        }
        for entry in entries {
            if let Some(system) = journal::system_of(council, broker, &entry.delivery) {
                // What it asks is all that is wanted.
                drop(self.decider.decide(system, &entry.delivery));
            }
        }
        let asked = self.decider.take_asked();
        self.decider.learn(References::known(&self.ground.ledger, &asked).await?);
        Ok(())
    }

    /// What an entry comes to, if it is asked for.
    fn decide(&mut self, entry: Entry) -> Option<Decided> {
        let (council, broker) = (&self.ground.council, self.ground.broker.as_ref());
        let system = journal::system_of(council, broker, &entry.delivery)?;
        if !fits(self.request.system.as_ref(), system) {
            return None;
        }
        let decision = self.decider.decide(system, &entry.delivery);
        let dispatches = match decision.verdict {
            Verdict::Routed(dispatches) => dispatches,
            Verdict::NoRoute => Vec::new(),
            Verdict::Invalid(_) => {
                let is_asked_for = match &decision.head {
                    Some(head) => self.wants(head) && self.invalid.insert(head.key),
                    None => self.request.event_type.is_none() && self.request.subject.is_none(),
                };
                self.plan.events += u64::from(is_asked_for);
                self.plan.invalid += u64::from(is_asked_for);
                return None;
            }
        };
        let head = decision.head.filter(|head| self.wants(head))?;
        if !self.seen.insert(head.key) {
            return None;
        }
        self.plan.events += 1;
        Some(Decided { system: system.to_owned(), entry, head, dispatches })
    }

    fn wants(&self, head: &Head) -> bool {
        fits(self.request.event_type.as_ref(), &head.event_type)
            && fits(self.request.subject.as_ref(), &head.subject)
    }

    fn wants_way(&self, route: &str, target: &str) -> bool {
        fits(self.request.route.as_ref(), route) && fits(self.request.to.as_ref(), target)
    }

    /// An event, and the dispatches that were made of it before.
    async fn event(&mut self, decided: Decided, before: &[Made]) -> Result<(), WorkerError> {
        let Decided { entry, system, head, dispatches } = decided;
        let made: HashSet<String> = dispatches.iter().map(|dispatch| dispatch.route.to_string()).collect();
        for dispatch in dispatches {
            if !self.wants_way(&dispatch.route, &dispatch.target) {
                continue;
            }
            let known = before.iter().find(|known| known.id == dispatch.id);
            let fate = fate(&dispatch, known, self.request.again);
            let (route, target) = (dispatch.route.to_string(), dispatch.target.to_string());
            let changed = match known {
                Some(known) => self.changed(&entry, known).await?,
                None => None,
            };
            let id = match fate {
                Fate::Again { .. } => DispatchId::again(&head.source, &head.id, &route, &self.plan.replay),
                _ => dispatch.id,
            };
            self.line((entry.offset, &system, &head), (route, target, id), fate, changed);
        }
        let own = |known: &&Made| known.id == DispatchId::new(&head.source, &head.id, &known.route);
        for known in before.iter().filter(own) {
            if !made.contains(&known.route) && self.wants_way(&known.route, &known.target) {
                let way = (known.route.clone(), known.target.clone(), known.id);
                let was = known.stage.word();
                self.line((entry.offset, &system, &head), way, Fate::NoLonger { was }, None);
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

    /// In which fields the message that was kept differs from the one of now.
    async fn changed(&mut self, entry: &Entry, known: &Made) -> Result<Option<Vec<String>>, WorkerError> {
        let (ledger, council) = (&self.ground.ledger, &self.ground.council);
        let kept: Option<Value> = match known.stage {
            Stage::Dead | Stage::Discarded => {
                ledger.dead_show(known.id).await?.and_then(|shown| shown.letter.message)
            }
            Stage::Held => {
                let held = ledger.held(&[known.id]).await?.into_iter().next().and_then(|held| held.message);
                held.and_then(|message| serde_json::from_slice(&message.bytes).ok())
            }
            _ => None,
        };
        let route = council.routes.iter().find(|route| *route.name == *known.route);
        let event = journal::event_of(council, &entry.delivery);
        let (Some(kept), Some(route), Some(event)) = (kept, route, event) else { return Ok(None) };
        let message = |decider: &mut Decider| decider.message(route, event.clone()).ok();
        let made = resolved(ledger, &mut self.decider, message).await?;
        Ok(made.map(|made| changed::fields(&kept, &Value::from(made))))
    }

    /// The plan, with what was overtaken left out.
    async fn ended(mut self) -> Result<Plan, WorkerError> {
        let Some(first) = self.first.filter(|_| !self.request.stale) else { return Ok(self.plan) };
        let mut ahead = Ahead::of(&self.plan.lines);
        let subjects: BTreeSet<&str> = self.plan.lines.iter().map(|line| line.subject.as_str()).collect();
        for subjects in subjects.into_iter().collect::<Vec<_>>().chunks(SUBJECTS_AT_ONCE) {
            // From the first event on, that one too.
            let mut row = first - 1;
            loop {
                let page = self.ground.ledger.taken_after(row, subjects).await?;
                let Some(last) = page.last() else { break };
                row = last.row;
                page.iter().for_each(|taken| ahead.look(taken));
            }
        }
        for (place, by) in ahead.overtaken {
            self.plan.lines[place].fate = Fate::Overtaken { by };
        }
        Ok(self.plan)
    }
}

/// Finds what is ahead of the lines of a plan, while the events of their subjects go by in their order.
struct Ahead {
    /// The places of the lines that are sent, by event.
    lines: HashMap<EventKey, Vec<(usize, String)>>,
    /// What is sent, by event and target: it comes behind again.
    comes: HashSet<(EventKey, String)>,
    /// The lines whose event has gone by, by source, subject and target.
    behind: HashMap<(String, String, String), Vec<usize>>,
    /// The lines that were overtaken, and by which event.
    overtaken: Vec<(usize, String)>,
}

impl Ahead {
    fn of(lines: &[Line]) -> Self {
        let sent = || lines.iter().enumerate().filter(|(_, line)| line.fate.is_sent());
        let mut by_event = HashMap::<_, Vec<_>>::new();
        for (place, line) in sent() {
            by_event.entry(line.key).or_default().push((place, line.target.clone()));
        }
        let comes = sent().map(|(_, line)| (line.key, line.target.clone())).collect();
        Self { lines: by_event, comes, behind: HashMap::new(), overtaken: Vec::new() }
    }

    fn look(&mut self, taken: &Taken) {
        let track = |target: &str| (taken.source.clone(), taken.subject.clone(), target.to_owned());
        for made in taken.dispatches.iter().filter(|made| made.stage.is_ahead()) {
            if !self.comes.contains(&(taken.key, made.target.clone())) {
                let overtaken = self.behind.remove(&track(&made.target)).unwrap_or_default();
                self.overtaken.extend(overtaken.into_iter().map(|place| (place, taken.id.clone())));
            }
        }
        for (place, target) in self.lines.remove(&taken.key).unwrap_or_default() {
            self.behind.entry(track(&target)).or_default().push(place);
        }
    }
}

fn fits(wanted: Option<&String>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

/// What becomes of a dispatch that the configuration makes now; `known` is the one that was made before.
fn fate(dispatch: &Dispatch, known: Option<&Made>, again: bool) -> Fate {
    if let Some(unmappable) = dispatch.way.why_not() {
        return Fate::Unmappable { code: unmappable.code };
    }
    let Some(stage) = known.map(|known| known.stage) else { return Fate::New };
    let was = stage.word();
    let ended = matches!(stage, Stage::Queued | Stage::Delivered | Stage::Discarded);
    if again && ended { Fate::Again { was } } else { Fate::Suppressed { was } }
}
