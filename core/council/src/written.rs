//! The TOML files as the council writes them, before anything is checked against anything else. What is said of each key
//! here is what editors show (`config_schema`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::snapshot::SnapshotText;
pub(crate) use crate::text::{Spanned, Text};

/// Any table.
type AnyTable = BTreeMap<String, serde_json::Value>;

/// What the hub is for this council: its names, its broker and its limits (`council.toml`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CouncilText {
    /// The council's name, for people.
    pub(crate) name: String,
    /// The folder of inboxes, outboxes and the ledger, beside this file unless it is absolute; `var` unless it is given.
    pub(crate) data: Option<PathBuf>,
    /// RabbitMQ.
    #[serde(default)]
    pub(crate) broker: BrokerText,
    /// The hub's own database.
    #[serde(default)]
    pub(crate) ledger: LedgerText,
    /// What keeps every event that came in.
    #[serde(default)]
    pub(crate) journal: JournalText,
    /// The vocabulary.
    #[serde(default)]
    pub(crate) schemas: SchemasText,
    /// Limits.
    #[serde(default)]
    pub(crate) limits: LimitsText,
    /// Health and metrics.
    #[serde(default)]
    pub(crate) health: HealthText,
    /// Traces.
    #[serde(default)]
    pub(crate) telemetry: TelemetryText,
    /// When a hub that runs takes over a text that was changed.
    #[serde(default)]
    pub(crate) reload: Reload,
}

/// When a hub that runs takes over a text that was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// Once the folder has changed and is left alone, and on SIGHUP.
    #[default]
    OnChange,
    /// On SIGHUP alone.
    OnSignal,
}

/// Where health and metrics can be asked for.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthText {
    /// An address such as `127.0.0.1:9464`, or `off`.
    pub(crate) listen: Option<Spanned<String>>,
}

/// Where traces go.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetryText {
    /// The OpenTelemetry collector, as `http://host:port`.
    pub(crate) otlp: Option<Spanned<String>>,
}

/// Where RabbitMQ is and what the hub calls its objects there.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerText {
    /// The broker's URL; the environment's `AMQP_URL` wins.
    pub(crate) url: Option<String>,
    /// Prefix of every object on the broker, with a full stop at its end; `postroom.` unless it is given.
    pub(crate) prefix: Option<Spanned<String>>,
    /// Whether a journal of everything that came in is kept; it is unless this says `false`.
    pub(crate) journal: Option<bool>,
    /// The URL of the broker's management API.
    pub(crate) management_url: Option<String>,
}

/// Where the ledger is and how long it remembers.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerText {
    /// The URL of a PostgreSQL server; else the ledger is a file in the data folder.
    pub(crate) url: Option<String>,
    /// How long what has ended is kept, such as `90d`.
    pub(crate) keep: Option<Spanned<String>>,
}

/// How long the journal keeps events.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalText {
    /// A duration such as `30d`.
    pub(crate) max_age: Option<Spanned<String>>,
}

/// Where event types are described.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemasText {
    /// Folders of event types, beside the council's own `schemas/`.
    #[serde(default)]
    pub(crate) folders: Vec<PathBuf>,
}

/// Limits of the hub.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsText {
    /// Largest body of an event, in bytes: from 1 KiB to 16 MiB.
    pub(crate) body_bytes: Option<Spanned<usize>>,
    /// How long a dispatch is retried before it is held, at most 10 minutes, such as `60s`.
    pub(crate) in_place: Option<Spanned<String>>,
}

/// One back-office system (`system.toml`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemText {
    /// What people call it.
    pub(crate) title: String,
    /// Whose it is.
    pub(crate) department: Option<String>,
    /// Who sells it.
    pub(crate) supplier: Option<String>,
    /// How often something is expected from it, such as `1d`.
    pub(crate) expect_every: Option<Spanned<String>>,
    /// The broker user with which it publishes or reads a queue itself.
    pub(crate) broker_user: Option<Spanned<String>>,
    /// The side that states events.
    pub(crate) source: Option<SourceText>,
    /// The side that receives messages.
    pub(crate) target: Option<TargetText>,
}

/// The side of a system that states events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceText {
    /// The kind of connector; `queue` for a system that publishes events itself.
    pub(crate) connector: Spanned<String>,
    /// The CloudEvents sources that it owns; `/systems/<name>` unless they are given.
    pub(crate) sources: Option<Vec<String>>,
    /// The event types that a system of `queue` publishes: for documents, nothing is refused by it.
    #[serde(default)]
    pub(crate) publishes: Vec<Spanned<String>>,
    /// Whether it is told what became of its events.
    #[serde(default)]
    pub(crate) receipts: bool,
    /// That each batch is a whole export, and how it is compared with the last one.
    pub(crate) snapshot: Option<SnapshotText>,
    /// The connector's settings.
    #[serde(default)]
    #[schemars(with = "AnyTable")]
    pub(crate) settings: toml::Table,
    /// Which records become which events.
    #[serde(default)]
    pub(crate) map: Vec<MapText>,
    /// Which records are left out on purpose.
    #[serde(default)]
    pub(crate) ignore: Vec<IgnoreText>,
}

/// A rule by which a record becomes events.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapText {
    /// The rule in words, which the accounts show.
    pub(crate) rule: String,
    /// Which records, in VRL; all unless it is given.
    pub(crate) when: Option<Spanned<String>>,
    /// The event type; its mapping is `events/<type>.vrl`.
    pub(crate) event: Spanned<String>,
    /// What is looked up before the mapping runs.
    #[serde(default)]
    pub(crate) lookup: Vec<LookupText>,
}

/// A question that is answered before a mapping runs, as `%lookup.<name>`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupText {
    /// Its name below `%lookup`.
    pub(crate) name: Spanned<String>,
    /// The code list that is asked, `lists/<name>.csv`.
    pub(crate) list: Option<Spanned<String>>,
    /// The kind of thing of which a system's id is asked.
    pub(crate) xref: Option<Spanned<String>>,
    /// The message of a system that is asked for as it was sent, by the id of its dispatch.
    pub(crate) sent: Option<Spanned<String>>,
    /// The system whose id or message is meant; the target unless it is given.
    pub(crate) system: Option<Spanned<String>>,
    /// Where the code stands: `subject`, or a dotted path into the data.
    pub(crate) from: Spanned<String>,
    /// The column of the list that answers.
    pub(crate) column: Option<Spanned<String>>,
    /// Whether capital letters make no difference.
    #[serde(default)]
    pub(crate) ignore_case: bool,
    /// Whether an event that has nothing to ask with is an exception.
    #[serde(default)]
    pub(crate) required: bool,
    /// What becomes of an event of whose thing no id is known.
    pub(crate) unknown: Option<Spanned<UnknownText>>,
}

/// What becomes of an event of whose thing no id is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnknownText {
    /// It is an exception, for an officer.
    Exception,
    /// The answer is null.
    Null,
}

/// A cross-reference that is noted of an event.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillText {
    /// The kind of thing.
    pub(crate) xref: Spanned<String>,
    /// What the thing is known by: `subject`, or a dotted path into the data.
    pub(crate) key: Spanned<String>,
    /// Where the id stands in the event; else it is what the target answers.
    pub(crate) from: Option<Spanned<String>>,
    /// The id, where it is always the same.
    pub(crate) id: Option<Spanned<String>>,
    /// Whose id it is; the target unless it is given.
    pub(crate) system: Option<Spanned<String>>,
}

/// A rule by which a record is left out on purpose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IgnoreText {
    /// The rule in words, which the accounts show.
    pub(crate) rule: String,
    /// Which records, in VRL; all unless it is given.
    pub(crate) when: Option<Spanned<String>>,
}

/// The side of a system that receives messages.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetText {
    /// The kind of connector; `queue` for a system that reads its own queue.
    pub(crate) connector: Spanned<String>,
    /// The connector's settings.
    #[serde(default)]
    #[schemars(with = "AnyTable")]
    pub(crate) settings: toml::Table,
    /// When messages are handed over together; each by itself unless it is given.
    #[schemars(with = "Option<BatchText>")]
    pub(crate) batch: Option<toml::Table>,
}

/// When messages are handed over together: at times of the day, at an age of the oldest, or when there are so many. What
/// reads it is `postroom_connector::Batching`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "it is the form of a table, for editors")]
pub(crate) struct BatchText {
    /// Times of the day in London, such as `18:00`.
    at: Option<Vec<String>>,
    /// The age of the oldest message, such as `5min`.
    every: Option<String>,
    /// The most messages in one batch.
    max_items: Option<usize>,
}

/// One way of an event type to a system (`route.toml`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteText {
    /// The event type.
    pub(crate) from: Spanned<String>,
    /// The target system.
    pub(crate) to: Spanned<String>,
    /// The message that it gets, `messages/<name>.schema.json` of the system.
    pub(crate) message: Spanned<String>,
    /// Which events, in VRL over their data; all unless it is given.
    pub(crate) when: Option<Spanned<String>>,
    /// Why personal data may flow: a name of `purposes.toml`.
    pub(crate) purpose: Option<Spanned<String>>,
    /// Waits between the attempts of what is held, such as `["60s", "5min", "1h"]`.
    pub(crate) retry: Option<Vec<Spanned<String>>>,
    /// What becomes of the later events of a subject whose dispatch is a dead letter.
    pub(crate) after_dead_letter: Option<AfterDeadLetter>,
    /// What is looked up before the mapping runs.
    #[serde(default)]
    pub(crate) lookup: Vec<LookupText>,
    /// What is noted of the events that take it.
    #[serde(default)]
    pub(crate) fill: Vec<FillText>,
    /// How long what it sends is kept for lookups by its dispatch, such as `7d`; not at all unless it is given.
    pub(crate) keep_sent: Option<Spanned<String>>,
}

/// What becomes of a subject whose dispatch is a dead letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDeadLetter {
    /// The later dispatches of that subject are held until an officer redrives or discards the dead letter.
    #[default]
    HoldSubject,
    /// The later ones go on.
    Continue,
}

/// Why personal data may flow (`purposes.toml`).
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurposesText {
    /// The purposes by name.
    #[serde(default)]
    pub(crate) purposes: BTreeMap<String, Purpose>,
}

/// Why personal data may flow (`purposes.toml`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// What it is called.
    pub title: String,
    /// The lawful basis (UK GDPR Article 6).
    pub lawful_basis: String,
    /// The classes of data allowed (`x-class`).
    pub classes: Vec<String>,
    /// Those of them that may stand in a mail, a text or a letter, which others than the target can read.
    #[serde(default)]
    pub may_mail: Vec<String>,
    /// Whose data it is, by categories of people, in the council's words.
    #[serde(default)]
    pub people: Vec<String>,
    /// How long a target keeps it, in the council's words.
    pub retention: Option<String>,
}
