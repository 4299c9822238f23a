//! Webhooks: what a system sends is answered when the broker has it. Whoever waits is taken together, so that many senders
//! cost the hub little more than one.

mod gate;
mod preset;
mod refusal;
mod settings;
mod signature;

use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use postroom_connector::{
    Arrival, ConnectorError, Failure, HeldBatch, Settings, SettingsError, Source, digest,
};
use postroom_event::Reading;
use postroom_format::ReadError;
use postroom_listener::{
    Answer, Asked, Bytes, Claim, ClaimError, Listeners, Method, Rate, Reply, StatusCode, Strangers, Turned,
};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use gate::Gate;
use refusal::Refusal;
pub(super) use settings::{WebhookSettings, keys};

/// How long one call waits for a request.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most requests in one batch.
const MOST_REQUESTS: usize = 200;
/// Most bytes in one batch, but for its last request.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Time between two looks at the secrets.
const SECRETS_LOOK: Duration = Duration::from_secs(5);

/// A path at which a system's webhooks arrive.
pub(super) struct Webhook {
    settings: WebhookSettings,
    /// As the council wrote them: where the secrets are read again.
    written: Settings,
    gate: Gate,
    looked: Instant,
    strangers: Strangers,
    rate: Option<Rate>,
    claim: Option<Claim>,
}

/// A request that is taken once its records are.
struct Taken {
    body: Bytes,
    readings: Vec<Reading>,
    reply: Reply,
}

impl Webhook {
    pub(super) fn new(settings: WebhookSettings, written: &Settings) -> Result<Self, SettingsError> {
        let gate = Gate::new(&settings.proofs, written)?;
        let rate = settings.rate.map(|rate| Rate::new(rate, std::time::Instant::now()));
        let (written, strangers) = (written.clone(), Strangers::default());
        Ok(Self { settings, written, gate, looked: Instant::now(), strangers, rate, claim: None })
    }

    /// Begins to listen, where that is still to do.
    async fn listen(&mut self) -> Result<(), ConnectorError> {
        if self.claim.is_none() {
            let claimed = Listeners::shared().claim(self.settings.wanted.clone()).await;
            self.claim = Some(claimed.map_err(|error| unclaimed(&error))?);
        }
        Ok(())
    }

    /// Takes up secrets that were changed. Where one cannot be read nobody is let in: it may have been withdrawn.
    async fn look_at_secrets(&mut self) -> Result<(), ConnectorError> {
        if self.looked.elapsed() < SECRETS_LOOK {
            return Ok(());
        }
        let (proofs, written) = (self.settings.proofs.clone(), self.written.clone());
        let gate = spawn_blocking(move || Gate::new(&proofs, &written)).await;
        let gate = gate.map_err(|_| {
            ConnectorError::new(Failure::Transient, "reading the secrets was interrupted", "")
        })?;
        self.gate = gate.map_err(|error| ConnectorError::new(Failure::Down, "nobody is let in", error))?;
        self.looked = Instant::now();
        Ok(())
    }

    /// A request that may be taken; every other is answered.
    fn judge(&mut self, asked: Asked) -> Option<Taken> {
        if !asked.reply.is_awaited() {
            // Its sender was told to come again.
            return None;
        }
        match self.readings(&asked) {
            Ok(readings) if !readings.is_empty() => {
                Some(Taken { body: asked.body, readings, reply: asked.reply })
            }
            Ok(_) => {
                asked.reply.send(Answer::new(StatusCode::OK));
                None
            }
            Err(refusal) => {
                asked.reply.send(refusal.answer());
                None
            }
        }
    }

    /// The records of a request, each with its key.
    fn readings(&mut self, asked: &Asked) -> Result<Vec<Reading>, Refusal> {
        if asked.path != self.settings.wanted.path {
            return Err(Refusal::Elsewhere);
        }
        if asked.method != Method::POST {
            return Err(Refusal::Method);
        }
        let now = std::time::Instant::now();
        // Who proves nothing uses up an allowance of its own, and nothing of the rate.
        let admitted = self.strangers.admit(asked.peer.ip(), now, || self.gate.admits(asked, Utc::now()));
        admitted.map_err(|turned| match turned {
            Turned::Away => Refusal::Unknown(self.gate.challenge()),
            Turned::Again(wait) | Turned::Later(wait) => Refusal::TooMany(wait),
        })?;
        if let Some(rate) = &mut self.rate {
            rate.take(now).map_err(Refusal::TooMany)?;
        }
        let content = &self.settings.content;
        let unreadable = |error: ReadError| Refusal::Unreadable(error.to_string());
        let readings = content.read(&asked.body).map_err(unreadable)?;
        // It is taken whole or not at all.
        let keyed = readings.into_iter().map(|reading| match super::with_key(content, reading) {
            Reading::Refused(fault) if fault.rule == super::NO_KEY => Err(Refusal::NoKey(fault.place)),
            Reading::Refused(fault) => Err(Refusal::Unreadable(fault.to_string())),
            record @ Reading::Record(_) => Ok(record),
        });
        keyed.collect()
    }

    /// With what waits already, as a batch.
    fn batch(&mut self, first: Taken) -> HeldBatch {
        let mut bytes = first.body.len();
        let mut all = vec![first];
        while all.len() < MOST_REQUESTS && bytes < BATCH_BYTES {
            let Some(asked) = self.claim.as_mut().and_then(Claim::next_waiting) else { break };
            if let Some(taken) = self.judge(asked) {
                bytes += taken.body.len();
                all.push(taken);
            }
        }
        batch(self.settings.wanted.path.clone(), all)
    }
}

#[async_trait]
impl Source for Webhook {
    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let until = Instant::now() + PATIENCE;
        self.listen().await?;
        self.look_at_secrets().await?;
        loop {
            let Some(claim) = &mut self.claim else { return Ok(Arrival::Idle) };
            let Ok(asked) = timeout_at(until, claim.next()).await else { return Ok(Arrival::Idle) };
            let Some(asked) = asked else {
                self.claim = None;
                return Ok(Arrival::Idle);
            };
            if let Some(first) = self.judge(asked) {
                return Ok(Arrival::Batch(Box::new(self.batch(first))));
            }
        }
    }
}

/// Numbers the records through, and answers every sender when they are taken. A batch that is dropped drops the replies,
/// and each says 503.
fn batch(label: String, all: Vec<Taken>) -> HeldBatch {
    let (mut readings, mut replies, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for taken in all {
        replies.push(taken.reply);
        bodies.push(taken.body);
        readings.extend(taken.readings);
    }
    let mut keys = Vec::new();
    for (number, reading) in (1..).zip(&mut readings) {
        if let Reading::Record(record) = reading {
            record.number = number;
            keys.extend(record.key.clone());
        }
    }
    let id = digest(bodies.iter().map(AsRef::as_ref).chain(keys.iter().map(String::as_bytes)));
    HeldBatch::new(label, id, readings).then(move || {
        for reply in replies {
            reply.send(Answer::new(StatusCode::OK));
        }
    })
}

/// What it means that the path cannot be had.
fn unclaimed(error: &ClaimError) -> ConnectorError {
    let failure = match error {
        ClaimError::Listening { .. } => Failure::Down,
        ClaimError::Path { .. }
        | ClaimError::Taken { .. }
        | ClaimError::OtherTls { .. }
        | ClaimError::Tls { .. } => Failure::Permanent,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    ConnectorError::new(failure, error.to_string(), cause.unwrap_or_default())
}
