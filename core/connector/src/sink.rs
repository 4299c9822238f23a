//! The side that hands messages to a system.

use std::sync::Arc;

use async_trait::async_trait;
use postroom_event::DispatchId;
use serde_json::Value;

use crate::{CertificateAt, ConnectorError, Settings, SettingsError};

/// A kind of sink, by the name that `system.toml` uses.
pub trait SinkKind: Send + Sync {
    /// The name in `connector = "..."`.
    fn name(&self) -> &'static str;

    /// Checks the settings without touching the outside world.
    ///
    /// # Errors
    /// The first setting that is wrong.
    fn check(&self, settings: &Settings) -> Result<(), SettingsError>;

    /// The keys that its settings may have, for editors; none where the kind does not tell.
    fn keys(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Settings to begin with, one key a line, which pass [`Self::check`]; `SYSTEM` stands for the system's name. Empty
    /// where the kind has none.
    fn beginning(&self) -> &'static str {
        ""
    }

    /// How messages come to a system of this kind.
    fn manner(&self) -> Manner {
        Manner::Pushed
    }

    /// The certificates that the settings name; none where they are wrong. Opens nothing.
    fn certificates(&self, _settings: &Settings) -> Vec<CertificateAt> {
        Vec::new()
    }

    /// What of the files that the settings name cannot be used as it is now, while the sink goes on with what it read before.
    fn troubles(&self, _settings: &Settings) -> Vec<SettingsError> {
        Vec::new()
    }

    /// The fields of messages that it puts where others than the system itself can read them, as into a mail; none where
    /// the settings are wrong.
    fn reveals(&self, _settings: &Settings) -> Vec<Revealed> {
        Vec::new()
    }

    /// Hears, for each target of the council and before any is made, that there will be one with these settings; it may hear so
    /// again.
    fn announce(&self, _settings: &Settings) {}

    /// Makes a sink from settings that passed [`Self::check`].
    ///
    /// # Errors
    /// The first setting that is wrong.
    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError>;
}

/// How messages come to a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// They are handed over: an attempt has a time limit, behind which its outcome is unknown.
    Pushed,
    /// The system comes for them when it will: [`Sink::deliver`] puts a message on offer and waits for the answer, however
    /// long. The hub takes an offer back by dropping the call, as when it stops or the target is paused: that is no attempt,
    /// and the same message is on offer again later. An answer that the system was told to be heard is not lost by that.
    Pulled,
}

/// A field of messages that others than the system itself can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revealed {
    /// The setting by which it is revealed.
    pub key: String,
    /// Its dotted path in the message; with it goes everything below.
    pub field: String,
}

/// A sink. Calls for different subjects may run at the same time.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Hands over one or more messages as one unit. Called again with the same id after a crash or an unknown outcome:
    /// the second call must not deliver twice.
    ///
    /// # Errors
    /// With what the failure means for the next attempt.
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError>;

    /// Whether an earlier attempt at this handover arrived, whose answer was lost. `None`: it did not, or the sink
    /// cannot tell; it is then delivered again under the same id.
    ///
    /// # Errors
    /// When the system could not be asked; [`Failure::Permanent`](crate::Failure) means that it never can be.
    async fn look_up(&self, _handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        Ok(None)
    }

    /// How many calls the system takes at the same time, where its settings say so.
    fn concurrency(&self) -> Option<usize> {
        None
    }
}

/// What is handed over at once: one message, or a batch in the order of its lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Handover {
    /// The idempotency key: the dispatch id of a single message, the batch id of a batch.
    pub id: String,
    /// The messages, at least one.
    pub items: Vec<Outgoing>,
}

/// One message on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The idempotency key of this message.
    pub dispatch: DispatchId,
    /// The event's type.
    pub event_type: String,
    /// What it is about.
    pub subject: String,
    /// The message, valid for the target's schema; shared, for it may be sent more than once.
    pub message: Arc<Value>,
    /// Where it stands in a distributed trace (W3C `traceparent`), for a system that can be told.
    pub traceparent: Option<String>,
}

/// That a handover arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The target's own reference, or the name of the file written.
    pub reference: Option<String>,
}
