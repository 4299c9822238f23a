//! The worker of one source connector: batches in, events out, and the cursor moves only after the confirms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use postroom_broker::{Backoff, Broker, Message, Outgoing, Publisher};
use postroom_connector::{Arrival, Batch, Ending, RefusedBatch};
use postroom_council::{Council, SourceSystem};
use postroom_event::{Event, Fault, Reading, STRUCTURED};
use postroom_ledger::{Advance, Entry, Import, ImportState, Ledger, LedgerError, NewImport, RefusedImport};
use postroom_telemetry as telemetry;
use postroom_transform::Data;
use tokio_util::sync::CancellationToken;

use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::halts::Halts;
use crate::late::LateSource;
use crate::outgoing::APP_ID;
use crate::records::{Mapped, Origin, RecordMapper};
use crate::resend::{Patience, Published, publish_tracked};
use crate::session::{BLOCKED_LOOK, Session, WorkerError};
use crate::snapshot::Snapshots;
use crate::traffic::Track;

/// Records read, mapped, published and confirmed together.
pub(crate) const CHUNK: usize = 500;
/// First and longest wait before a source that failed is read again.
const RETRY_WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Hears how many records of a batch are confirmed.
pub type OnProgress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// Takes batches of `system` until the session stops.
pub(crate) async fn run(session: Session, system: String, mut source: LateSource) -> Result<(), WorkerError> {
    let mut waits = Backoff::new(RETRY_WAITS.0, RETRY_WAITS.1);
    let mut failing = false;
    let publishing = session.publishing();
    let mut intake =
        Intake::open(&publishing, &session.stop, &system, Patience::Until(&session.stop)).await?;
    match intake.resume().await {
        Err(Stop::Worker(error)) => return Err(error),
        Ok(()) | Err(Stop::Source(_)) => {}
    }
    source.go_on_from(publishing.ledger.cursor(&system).await?);
    while session.halts.until_allowed(&system, &session.stop).await {
        let arrival = tokio::select! {
            () = session.stop.cancelled() => break,
            arrival = source.next() => arrival,
        };
        let outcome = match arrival {
            Ok(Arrival::Idle) => Ok(()),
            Ok(Arrival::Refused(refused)) => intake.refuse(&refused).await.map_err(Stop::Worker),
            Ok(Arrival::Batch(batch)) => intake.take(batch, Again::No, &|_| {}).await.map(drop),
            Err(error) => Err(Stop::Source(error)),
        };
        match outcome {
            Ok(()) => {
                if failing {
                    telemetry::source_recovered(&system);
                }
                failing = false;
                waits.reset();
            }
            Err(Stop::Worker(error)) => return Err(error),
            Err(Stop::Source(error)) => {
                if !failing {
                    telemetry::source_failed(&system, &error.to_string());
                }
                failing = true;
                session.pause(waits.next_delay()).await;
            }
        }
    }
    Ok(())
}

/// Why a batch was left unfinished.
pub(crate) enum Stop {
    /// The source failed; it is tried again.
    Source(postroom_connector::ConnectorError),
    /// The worker cannot go on.
    Worker(WorkerError),
}

impl<T: Into<WorkerError>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::Worker(error.into())
    }
}

/// What is needed to publish: whose events, where they are recorded, and through which broker.
#[derive(Clone)]
pub struct Publishing {
    /// The council.
    pub council: Arc<Council>,
    /// Its ledger, which holds the cursors; under a lease where a hub does it.
    pub ledger: Ledger,
    /// A session with its broker.
    pub broker: Arc<dyn Broker>,
    /// What halts the work.
    pub halts: Halts,
}

impl Publishing {
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), LedgerError> {
        self.ledger.record(vec![entry]).await
    }

    /// Records the end of a batch of `system`, and where its source goes on.
    pub(crate) async fn end(
        &self,
        system: &str,
        ended: Vec<Entry>,
        cursor: Option<String>,
    ) -> Result<(), LedgerError> {
        let moved = |cursor| Entry::CursorMoved { system: system.to_owned(), cursor, at: now() };
        self.ledger.record(ended.into_iter().chain(cursor.map(moved)).collect()).await
    }
}

/// Whether a batch that was taken before is taken once more, with new event ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The same content is recognised.
    No,
    /// It is taken once more.
    Yes,
    /// It is taken once more, even where it is a snapshot that has shrunk.
    Shrunk,
}

/// Takes batches of one system.
pub(crate) struct Intake<'a> {
    pub(crate) publishing: &'a Publishing,
    stop: &'a CancellationToken,
    pub(crate) system: &'a str,
    /// Until when a full queue is waited for.
    pub(crate) patience: Patience<'a>,
    pub(crate) publisher: Box<dyn Publisher>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Every record is accounted for.
    Whole(Tally),
    /// The same content was taken before.
    Repeated,
    /// It is a snapshot that was refused as a whole, and was put aside.
    Refused(Box<Fault>),
    /// The hub stops; the rest is taken when it runs again.
    Stopped,
}

/// What became of the records of a batch, in this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that became events.
    pub mapped: u64,
    /// Records that were refused.
    pub refused: u64,
    /// Records that were ignored by a named rule.
    pub ignored: u64,
    /// Events published.
    pub published: u64,
}

impl<'a> Intake<'a> {
    /// An intake for `system` with a publisher of its own.
    pub(crate) async fn open(
        publishing: &'a Publishing,
        stop: &'a CancellationToken,
        system: &'a str,
        patience: Patience<'a>,
    ) -> Result<Self, WorkerError> {
        let publisher = publishing.broker.publisher().await?;
        Ok(Self { publishing, stop, system, patience, publisher })
    }

    /// Records an input that was refused whole.
    pub(crate) async fn refuse(&mut self, refused: &RefusedBatch) -> Result<(), WorkerError> {
        let refusal = RefusedImport {
            system: self.system.to_owned(),
            batch: refused.id.clone(),
            label: refused.label.clone(),
            fault: refused.fault.clone(),
            at: now(),
        };
        self.publishing.record(Entry::ImportRefused(refusal)).await?;
        let fault = &refused.fault;
        telemetry::import_refused(self.system, &refused.label, fault.rule, fault.line, &fault.words);
        Ok(())
    }

    /// Publishes what is left of a snapshot that needs its batch no more.
    async fn resume(&mut self) -> Result<(), Stop> {
        let council = Arc::clone(&self.publishing.council);
        let side = council.systems.get(self.system).and_then(|system| system.source.as_ref());
        match side.and_then(|side| Some((side, side.snapshot.as_ref()?))) {
            Some((side, rule)) => Snapshots::new(self, side, rule).resume().await,
            None => Ok(()),
        }
    }

    /// Takes one batch from where its cursor stands to its end.
    pub(crate) async fn take(
        &mut self,
        mut batch: Box<dyn Batch>,
        again: Again,
        progress: OnProgress<'_>,
    ) -> Result<Taken, Stop> {
        let Some(side) =
            self.publishing.council.systems.get(self.system).and_then(|system| system.source.as_ref())
        else {
            return Ok(Taken::Stopped);
        };
        if let Some(rule) = &side.snapshot {
            return Snapshots::new(self, side, rule).take(batch, again, progress).await;
        }
        let (id, label) = (batch.id().to_owned(), batch.label().to_owned());
        let new = NewImport {
            system: self.system.to_owned(),
            batch: id.clone(),
            label: label.clone(),
            total: batch.len(),
            at: now(),
        };
        let import = match again {
            Again::No => self.publishing.ledger.open_import(new).await,
            Again::Yes | Again::Shrunk => self.publishing.ledger.import_again(new).await,
        };
        let import = import.map_err(WorkerError::from)?;
        if import.state == ImportState::Done {
            let repeated = Entry::ImportRepeated(import.key, now());
            self.publishing.end(self.system, vec![repeated], batch.cursor()).await?;
            telemetry::import_repeated(self.system, &id, &label);
            batch.finish(Ending::Repeated).await.map_err(Stop::Source)?;
            return Ok(Taken::Repeated);
        }
        telemetry::import_started(self.system, &id, &label, batch.len(), import.position);
        skip(batch.as_mut(), import.position).await?;
        let Some(tally) = self.publish_all(batch.as_mut(), side, &import, progress).await? else {
            return Ok(Taken::Stopped);
        };
        let done = Entry::ImportDone(import.key, now());
        self.publishing.end(self.system, vec![done], batch.cursor()).await?;
        FailPoint::IntakeDone.pass();
        telemetry::import_finished(self.system, &label, tally.mapped, tally.refused, tally.ignored);
        batch.finish(Ending::Done).await.map_err(Stop::Source)?;
        Ok(Taken::Whole(tally))
    }

    /// Waits until something may be taken; whether the hub goes on.
    pub(crate) async fn may_go_on(&mut self) -> bool {
        while self.publishing.broker.blocked() && !self.stop.is_cancelled() {
            tokio::time::sleep(BLOCKED_LOOK).await;
        }
        self.publishing.halts.until_allowed(self.system, self.stop).await
    }

    /// Publishes what is left of a batch; nothing when the hub stopped before its end.
    async fn publish_all(
        &mut self,
        batch: &mut dyn Batch,
        side: &SourceSystem,
        import: &Import,
        progress: OnProgress<'_>,
    ) -> Result<Option<Tally>, Stop> {
        let mut mapper = RecordMapper::new(&self.publishing.council, side);
        let label = batch.label().to_owned();
        let (mut position, mut tally) = (import.position, Tally::default());
        loop {
            if !self.may_go_on().await {
                return Ok(None);
            }
            let readings = batch.read(CHUNK).await.map_err(Stop::Source)?;
            if readings.is_empty() {
                return Ok(Some(tally));
            }
            position += readings.len() as u64;
            let origin = Origin {
                system: self.system,
                label: &label,
                batch: &import.key.batch,
                round: import.key.round,
                now: Utc::now().fixed_offset(),
            };
            let (events, step) = map_all(&mut mapper, readings, &origin, import, position);
            let (publisher, broker) = (self.publisher.as_mut(), self.publishing.broker.as_ref());
            let published = publish_with(publisher, broker, (self.system, &events), self.patience).await?;
            if published == Published::Stopped {
                return Ok(None);
            }
            FailPoint::IntakePublished.pass();
            for fault in &step.refused {
                let words = format!("{:?}: {}", fault.place, fault.words);
                telemetry::record_refused(self.system, origin.batch, fault.line, fault.rule, &words);
            }
            tally.add(&step);
            self.publishing.record(Entry::Advanced(step)).await?;
            progress(position);
        }
    }
}

impl Tally {
    pub(crate) fn add(&mut self, step: &Advance) {
        self.mapped += step.mapped;
        self.published += step.published;
        self.refused += step.refused.len() as u64;
        self.ignored += step.ignored.iter().map(|(_, records)| records).sum::<u64>();
    }
}

/// Publishes events of `system`, and awaits that each is confirmed.
pub(crate) async fn publish_with(
    publisher: &mut dyn Publisher,
    broker: &dyn Broker,
    (system, events): (&str, &[Event<Data>]),
    patience: Patience<'_>,
) -> Result<Published, WorkerError> {
    let exchange = broker.names().in_exchange(system);
    let outgoing = |event: &Event<Data>| {
        (Track::of(system, &event.source, &event.subject), envelope(&exchange, broker.user(), event))
    };
    publish_tracked(publisher, events.iter().map(outgoing).collect(), patience).await
}

/// Reads past the records that were confirmed before.
pub(crate) async fn skip(batch: &mut dyn Batch, position: u64) -> Result<(), Stop> {
    let mut left = position;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let read = batch.read(most).await.map_err(Stop::Source)?.len() as u64;
        if read == 0 {
            break;
        }
        left -= read;
    }
    Ok(())
}

/// Maps a chunk, which ends at `position`; what it comes to is recorded once its events are confirmed.
fn map_all(
    mapper: &mut RecordMapper<'_>,
    readings: Vec<Reading>,
    origin: &Origin<'_>,
    import: &Import,
    position: u64,
) -> (Vec<Event<Data>>, Advance) {
    let mut events = Vec::with_capacity(readings.len());
    let (mut mapped, mut refused, mut ignored) = (0, Vec::new(), BTreeMap::<String, u64>::new());
    for reading in readings {
        match reading {
            Reading::Refused(fault) => refused.push(fault),
            Reading::Record(record) => match mapper.map(record, origin) {
                Mapped::Events(made) => {
                    mapped += 1;
                    events.extend(made);
                }
                Mapped::Ignored(rule) => *ignored.entry(rule).or_default() += 1,
                Mapped::Refused(fault) => refused.push(fault),
            },
        }
    }
    let published = events.len() as u64;
    let ignored = ignored.into_iter().collect();
    let import = import.key.clone();
    (events, Advance { import, position, mapped, published, ignored, refused, at: now() })
}

fn envelope(exchange: &str, user: &str, event: &Event<Data>) -> Outgoing {
    Outgoing {
        exchange: exchange.to_owned(),
        routing_key: event.event_type.clone(),
        message: Message {
            body: Bytes::from(event.to_bytes()),
            content_type: Some(STRUCTURED.to_owned()),
            message_id: Some(event.id.clone()),
            message_type: Some(event.event_type.clone()),
            user_id: Some(user.to_owned()),
            app_id: Some(APP_ID.to_owned()),
            ..Message::default()
        },
    }
}
