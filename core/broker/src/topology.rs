//! The one place that names every object on the broker (DESIGN section 3). Pure: it lists declarations as data.
//!
//! It does not know how a declaration is made, nor what a council calls its systems.

use std::collections::BTreeMap;
use std::time::Duration;

/// Returns before a message is dead-lettered: without it RabbitMQ 4 drops a message after 20; -1 deletes on 3.10.
const DELIVERY_LIMIT: i64 = 1_000_000;
/// How long the journal keeps a segment after its last event, where nobody says otherwise.
const JOURNAL_AGE: Duration = Duration::from_secs(30 * 86_400);
/// Size of a segment of the journal, in bytes. Retention is per segment, so a quiet stream needs small ones.
const JOURNAL_SEGMENT_BYTES: i64 = 16_000_000;

/// The names of all objects under one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names that begin with `prefix`, e.g. `postroom.`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The exchange to which one source publishes, and nobody else.
    pub fn in_exchange(&self, system: &str) -> String {
        self.under(&["in.", system])
    }

    /// The queue from which the router takes one source's events.
    pub fn ingress(&self, system: &str) -> String {
        self.under(&["ingress.", system])
    }

    /// The queue of one target that is reached by a connector.
    pub fn lane(&self, system: &str) -> String {
        self.under(&["lane.", system])
    }

    /// The queue that one target reads itself.
    pub fn to(&self, system: &str) -> String {
        self.under(&["to.", system])
    }

    /// The direct exchange through which the router reaches lanes and `to.*`; the key is the queue's name.
    pub fn deliveries(&self) -> String {
        self.under(&["deliveries"])
    }

    /// The fanout exchange, and its queue, for what reached no queue.
    pub fn unrouted(&self) -> String {
        self.under(&["unrouted"])
    }

    /// The stream that keeps every event that came in.
    pub fn journal(&self) -> String {
        self.under(&["journal"])
    }

    /// The topic exchange that tells sources what became of their events. A source that wants to know declares a queue
    /// of its own and binds it, e.g. with `<system>.#`, or `<system>.dead.#` for the dead letters only; what nobody has
    /// bound a queue for is dropped. Who may bind may see every key, unless a topic permission on reading says less.
    pub fn receipts(&self) -> String {
        self.under(&["receipts"])
    }

    /// The routing key of a receipt: the source system, then how the dispatch ended (one word), then the event's type.
    pub fn receipt_key(system: &str, ending: &str, event_type: &str) -> String {
        format!("{system}.{ending}.{event_type}")
    }

    /// The exclusive queue that a hub holds so that a second one refuses to start.
    pub fn hub_lock(&self) -> String {
        self.under(&["hub.lock"])
    }

    fn under(&self, parts: &[&str]) -> String {
        format!("{}{}", self.prefix, parts.concat())
    }
}

/// What a council needs on its broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Topology {
    /// Systems that are a source, by name.
    pub sources: Vec<String>,
    /// Systems that are reached by a connector, by name.
    pub lanes: Vec<String>,
    /// Systems that read their own queue, by name.
    pub queues: Vec<String>,
    /// Whether every event that comes in is kept in a stream as well.
    pub journal: bool,
    /// How long the stream keeps a segment after its last event; absent: 30 days. A stream that is there must
    /// have been declared with the same age.
    pub journal_age: Option<Duration>,
}

/// A value of a declaration's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// The arguments of a declaration, by name.
pub type Arguments = BTreeMap<&'static str, Argument>;

/// How an exchange chooses queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By the routing key as it is.
    Direct,
    /// Every queue.
    Fanout,
    /// By a pattern of words, where `*` is one word and `#` any number.
    Topic,
}

/// One object to declare; all are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// An exchange.
    Exchange {
        /// Its name.
        name: String,
        /// How it chooses queues.
        kind: ExchangeKind,
        /// Its arguments.
        arguments: Arguments,
    },
    /// A queue or a stream.
    Queue {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Arguments,
    },
    /// A way from an exchange to a queue.
    Binding {
        /// Where messages go.
        queue: String,
        /// Where they come from.
        exchange: String,
        /// For which keys.
        routing_key: String,
    },
}

impl Declaration {
    /// The name of the exchange or queue; of a binding, the queue's.
    pub fn name(&self) -> &str {
        match self {
            Self::Exchange { name, .. } | Self::Queue { name, .. } | Self::Binding { queue: name, .. } => {
                name
            }
        }
    }
}

impl Topology {
    /// Every declaration, each after those it needs.
    pub fn declarations(&self, names: &Names) -> Vec<Declaration> {
        let mut list = shared(names);
        if self.journal {
            list.push(queue(names.journal(), journal(self.journal_age.unwrap_or(JOURNAL_AGE))));
        }
        for system in &self.sources {
            list.push(exchange(names.in_exchange(system), ExchangeKind::Topic, Arguments::new()));
            list.push(queue(names.ingress(system), single_active(quorum(names))));
            list.push(binding(names.ingress(system), names.in_exchange(system), "#"));
            if self.journal {
                list.push(binding(names.journal(), names.in_exchange(system), "#"));
            }
        }
        for system in &self.lanes {
            list.push(queue(names.lane(system), single_active(quorum(names))));
            list.push(binding(names.lane(system), names.deliveries(), &names.lane(system)));
        }
        for system in &self.queues {
            list.push(queue(names.to(system), quorum(names)));
            list.push(binding(names.to(system), names.deliveries(), &names.to(system)));
        }
        list
    }
}

/// The objects that every hub has.
fn shared(names: &Names) -> Vec<Declaration> {
    let alternate = Arguments::from([("alternate-exchange", Argument::Text(names.unrouted()))]);
    vec![
        exchange(names.unrouted(), ExchangeKind::Fanout, Arguments::new()),
        queue(names.unrouted(), unlimited_returns()),
        binding(names.unrouted(), names.unrouted(), ""),
        exchange(names.deliveries(), ExchangeKind::Direct, alternate),
        exchange(names.receipts(), ExchangeKind::Topic, Arguments::new()),
    ]
}

fn exchange(name: String, kind: ExchangeKind, arguments: Arguments) -> Declaration {
    Declaration::Exchange { name, kind, arguments }
}

fn queue(name: String, arguments: Arguments) -> Declaration {
    Declaration::Queue { name, arguments }
}

fn binding(queue: String, exchange: String, routing_key: &str) -> Declaration {
    Declaration::Binding { queue, exchange, routing_key: routing_key.to_owned() }
}

fn unlimited_returns() -> Arguments {
    Arguments::from([
        ("x-queue-type", Argument::Text("quorum".to_owned())),
        ("x-delivery-limit", Argument::Number(DELIVERY_LIMIT)),
    ])
}

fn quorum(names: &Names) -> Arguments {
    let mut arguments = unlimited_returns();
    arguments.insert("x-dead-letter-exchange", Argument::Text(names.unrouted()));
    arguments.insert("x-dead-letter-strategy", Argument::Text("at-least-once".to_owned()));
    arguments.insert("x-overflow", Argument::Text("reject-publish".to_owned()));
    arguments
}

fn single_active(mut arguments: Arguments) -> Arguments {
    arguments.insert("x-single-active-consumer", Argument::Flag(true));
    arguments
}

fn journal(age: Duration) -> Arguments {
    Arguments::from([
        ("x-queue-type", Argument::Text("stream".to_owned())),
        ("x-max-age", Argument::Text(max_age(age))),
        ("x-stream-max-segment-size-bytes", Argument::Number(JOURNAL_SEGMENT_BYTES)),
    ])
}

/// An age as RabbitMQ writes it, in the largest unit that holds it whole.
fn max_age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        _ if seconds.is_multiple_of(86_400) => format!("{}D", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ => format!("{seconds}s"),
    }
}
