//! What a connector implements: [`Source`], [`Sink`], their kinds, settings, and the facts that they return.
//!
//! A connector knows one way of meeting systems (files, HTTP, SQL) and nothing of routes, the broker or the ledger.
//! It returns facts; the hub records and logs them. It never logs, and its errors hold no value of a record or message.

mod batching;
mod certificate;
#[cfg(feature = "conformance")]
pub mod conformance;
mod failure;
mod fresh;
mod held;
mod keys;
mod presented;
mod refusals;
mod registry;
mod secret;
mod secrets;
mod settings;
mod sink;
mod source;
mod tls_server;

pub use batching::{Batching, BatchingError};
pub use certificate::{CertificateAt, CertificateRole};
pub use failure::{ConnectorError, Failure};
pub use fresh::Fresh;
pub use held::{HeldBatch, digest};
pub use keys::keys_of;
pub use postroom_event::Concern;
pub use presented::{PeerOf, Presented};
pub use refusals::{Refusals, Refused, RefusedRequests};
pub use registry::{Connectors, QUEUE};
pub use secrecy::{ExposeSecret, SecretString};
pub use secret::SecretFrom;
pub use secrets::{Secrets, SecretsFrom};
pub use settings::{Settings, SettingsError, parse_duration, words_of};
pub use sink::{Handover, Manner, Outgoing, Receipt, Revealed, Sink, SinkKind};
pub use source::{Arrival, Batch, Ending, RefusedBatch, Source, SourceKind};
pub use tls_server::{Opening, TlsServer};
