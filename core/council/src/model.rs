//! A council as it was read: systems, routes, vocabulary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{Batching, QUEUE, Settings};
use postroom_schema::{Validator, Vocabulary};
use postroom_transform::{Filter, Mapping};

use crate::{
    AfterDeadLetter, Asks, Fill, HealthAt, Lookup, Program, Purpose, Reload, SnapshotRule, Versions,
    WORK_TYPES,
};

/// Everything that the council wrote.
pub struct Council {
    /// Its name, for people.
    pub name: String,
    /// The folder of its text.
    pub folder: PathBuf,
    /// The folder of inboxes, outboxes and the ledger.
    pub data: PathBuf,
    /// Prefix of every object on the broker.
    pub prefix: String,
    /// The broker's URL, where the text gives one.
    pub broker_url: Option<String>,
    /// The URL of the broker's management API, where the text gives one.
    pub management_url: Option<String>,
    /// The URL of the server that the ledger is on, where the text gives one; else it is a file in the data folder.
    pub ledger_url: Option<String>,
    /// Whether a journal of everything that came in is kept.
    pub journal: bool,
    /// How long the journal keeps an event.
    pub journal_age: Duration,
    /// How long the ledger keeps what has ended: at least the journal's age plus the longest retry schedule, so that nothing
    /// that can come again is taken for new.
    pub keep: Duration,
    /// Largest body of an event, in bytes.
    pub max_body: usize,
    /// How long a dispatch is retried in place before it is held.
    pub in_place: Duration,
    /// Where health and metrics can be asked for.
    pub health: HealthAt,
    /// The OpenTelemetry collector that is told of every step, as `http://host:port`.
    pub otlp: Option<String>,
    /// When a hub that runs takes over a text that was changed.
    pub reload: Reload,
    /// The event types.
    pub vocabulary: Vocabulary,
    /// How events of one version of a type become those of another.
    pub versions: Versions,
    /// The systems by name.
    pub systems: BTreeMap<String, System>,
    /// The routes, by name.
    pub routes: Vec<Route>,
    /// The purposes by name.
    pub purposes: BTreeMap<String, Purpose>,
}

/// One back-office system.
pub struct System {
    /// The name of its folder.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Whose it is.
    pub department: Option<String>,
    /// Who sells it.
    pub supplier: Option<String>,
    /// The broker user with which it publishes or reads a queue itself.
    pub broker_user: Option<String>,
    /// How often something is expected from it.
    pub expect_every: Option<Duration>,
    /// What it states.
    pub source: Option<SourceSystem>,
    /// What it receives.
    pub target: Option<Target>,
}

/// The side of a system that states events.
pub struct SourceSystem {
    /// The kind of connector, or [`QUEUE`].
    pub connector: String,
    /// The CloudEvents sources that it owns, at least one.
    pub owns: Vec<String>,
    /// The event types that a system which publishes itself says it publishes; for documents only, it may publish others.
    pub publishes: BTreeSet<String>,
    /// Whether it is told what became of its events.
    pub receipts: bool,
    /// The connector's settings.
    pub settings: Settings,
    /// Where each batch is a whole snapshot: how it is compared with the last one.
    pub snapshot: Option<SnapshotRule>,
    /// Which records become which events, in the order of the text.
    pub maps: Vec<MapRule>,
    /// Which records are ignored on purpose.
    pub ignores: Vec<IgnoreRule>,
}

/// A rule by which a record becomes events.
pub struct MapRule {
    /// Its name.
    pub rule: String,
    /// Which records; `None` is all.
    pub when: Option<Program<Filter>>,
    /// The type of the events.
    pub event_type: String,
    /// Record to events.
    pub mapping: Program<Mapping>,
    /// What is looked up before it runs.
    pub lookups: Vec<Lookup>,
}

/// A rule by which a record is ignored.
pub struct IgnoreRule {
    /// Its name, which the accounts show.
    pub rule: String,
    /// Which records; `None` is all.
    pub when: Option<Program<Filter>>,
}

/// The side of a system that receives messages.
pub struct Target {
    /// The kind of connector, or [`QUEUE`].
    pub connector: String,
    /// The connector's settings.
    pub settings: Settings,
    /// When messages are handed over together; `None` is each by itself.
    pub batching: Option<Batching>,
    /// The messages that it accepts, by name.
    pub messages: BTreeMap<String, Arc<Validator>>,
}

impl Route {
    /// Whether the other makes the same message of every event: by the same mapping with the same lookups for the
    /// same schema.
    pub fn makes_the_same(&self, other: &Self) -> bool {
        self.mapping.is_same(&other.mapping) && Arc::ptr_eq(&self.accepts, &other.accepts)
    }

    /// Whether the other, which may be of another configuration, makes the same message of the same events.
    pub fn is_alike(&self, other: &Self) -> bool {
        let filters = match (&self.when, &other.when) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_alike(other),
            _ => false,
        };
        let lookups = self.lookups.iter().zip(&other.lookups).all(|(one, other)| one.is_alike(other));
        self.from == other.from
            && filters
            && self.mapping.is_alike(&other.mapping)
            && self.lookups.len() == other.lookups.len()
            && lookups
            && self.accepts.is_alike(&other.accepts)
    }
}

/// One way of an event to a system.
pub struct Route {
    /// The name of its folder.
    pub name: Arc<str>,
    /// The event type.
    pub from: String,
    /// The target system.
    pub to: Arc<str>,
    /// The message's name.
    pub message: String,
    /// What the target accepts.
    pub accepts: Arc<Validator>,
    /// Which events; `None` is all.
    pub when: Option<Program<Filter>>,
    /// Event data to message.
    pub mapping: Program<Mapping>,
    /// What is looked up before it runs.
    pub lookups: Vec<Lookup>,
    /// What is noted of the events that take it.
    pub fills: Vec<Fill>,
    /// How long what it sends is kept for lookups, if at all.
    pub keep_sent: Option<Duration>,
    /// Waits between the attempts of a held dispatch; behind the last it is a dead letter.
    pub retry: Vec<Duration>,
    /// What becomes of its subject then.
    pub after_dead_letter: AfterDeadLetter,
    /// Why personal data may flow.
    pub purpose: Option<String>,
    /// The folder, for its golden cases.
    pub folder: PathBuf,
}

impl SourceSystem {
    /// The event types that it states, as far as the text says so.
    pub fn event_types(&self) -> BTreeSet<&str> {
        let own = WORK_TYPES.into_iter().filter(|_| self.is_own());
        let mapped = self.maps.iter().map(|map| map.event_type.as_str());
        self.publishes.iter().map(String::as_str).chain(mapped).chain(own).collect()
    }

    /// Whether the system publishes CloudEvents to its exchange itself.
    pub fn is_queue(&self) -> bool {
        self.connector == QUEUE
    }
}

impl Target {
    /// Whether the system reads its queue itself.
    pub fn is_queue(&self) -> bool {
        self.connector == QUEUE
    }
}

impl Council {
    /// The systems that state events, by name.
    pub fn sources(&self) -> impl Iterator<Item = (&System, &SourceSystem)> {
        self.systems.values().filter_map(|system| Some((system, system.source.as_ref()?)))
    }

    /// The systems that receive messages, by name.
    pub fn targets(&self) -> impl Iterator<Item = (&System, &Target)> {
        self.systems.values().filter_map(|system| Some((system, system.target.as_ref()?)))
    }

    /// The routes to `target` on which a dead letter holds its subject up.
    pub fn holding(&self, target: &str) -> Vec<Arc<str>> {
        let holds =
            |route: &&Route| *route.to == *target && route.after_dead_letter == AfterDeadLetter::HoldSubject;
        self.routes.iter().filter(holds).map(|route| Arc::clone(&route.name)).collect()
    }

    /// Every kind of cross-reference that a route looks up or notes.
    pub fn xref_kinds(&self) -> BTreeSet<&str> {
        let looked_up = self.routes.iter().flat_map(|route| &route.lookups);
        let looked_up = looked_up.filter_map(|lookup| match &lookup.asks {
            Asks::Xref { kind, .. } => Some(kind.as_str()),
            Asks::List(_) | Asks::Sent(_) => None,
        });
        let noted = self.routes.iter().flat_map(|route| &route.fills).map(|fill| fill.kind.as_str());
        looked_up.chain(noted).collect()
    }

    /// Whether any route looks anything up in the ledger.
    pub fn asks_the_ledger(&self) -> bool {
        let lookups = self.routes.iter().flat_map(|route| &route.lookups);
        lookups.into_iter().any(|lookup| lookup.asks.is_of_ledger())
    }

    /// Whether `system` reads its queue itself.
    pub fn is_queue_target(&self, system: &str) -> bool {
        self.systems.get(system).and_then(|system| system.target.as_ref()).is_some_and(Target::is_queue)
    }

    /// The system that owns the CloudEvents source.
    pub fn owner_of(&self, source: &str) -> Option<&System> {
        self.sources()
            .find(|(_, side)| side.owns.iter().any(|owned| owned == source))
            .map(|(system, _)| system)
    }
}
