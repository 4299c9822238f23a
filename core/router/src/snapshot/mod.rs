//! A batch that is a whole snapshot: compared record by record with what the ledger knows, accepted or refused as a whole,
//! and only then published: what is new, what differs, and what is gone.
//!
//! Once it is accepted the batch is not needed any more: what is to be published stands in the ledger, and is published
//! whole before another snapshot of the system is looked at. It knows no connector.

mod changes;
mod compare;

use chrono::Utc;
use postroom_connector::{Batch, ConnectorError, Ending, Failure, RefusedBatch};
use postroom_council::{SnapshotRule, SourceSystem};
use postroom_event::{Fault, Reading};
use postroom_ledger::{
    Advance, Compared, Entry, Import, InHand, KnownChunk, NewImport, Opened, RefusedImport, Snapshot,
    SnapshotStep,
};
use postroom_telemetry as telemetry;

use crate::entries::now;
use crate::fail_point::FailPoint;
use crate::intake::{Again, CHUNK, Intake, OnProgress, Stop, Taken, Tally, publish_with, skip};
use crate::records::{Origin, RecordMapper};
use crate::resend::Published;
use crate::session::WorkerError;
use changes::{Changes, Page};
use compare::{Verdict, compare, print, trust};

/// The rule by which records are ignored that are as they were.
const UNCHANGED: &str = "unchanged";
/// Changes read, mapped, published and confirmed together.
const PAGE: u32 = 500;

/// How far it came.
enum Ended<T> {
    Whole(T),
    /// The hub stops.
    Stopped,
}

/// Takes snapshots of one system.
pub(crate) struct Snapshots<'t, 'i> {
    intake: &'t mut Intake<'i>,
    side: &'t SourceSystem,
    rule: &'t SnapshotRule,
    tally: Tally,
}

impl<'t, 'i> Snapshots<'t, 'i> {
    pub(crate) fn new(intake: &'t mut Intake<'i>, side: &'t SourceSystem, rule: &'t SnapshotRule) -> Self {
        Self { intake, side, rule, tally: Tally::default() }
    }

    /// Publishes what is left of a snapshot that was accepted before the hub stopped.
    pub(crate) async fn resume(&mut self) -> Result<(), Stop> {
        if let Some(snapshot) =
            self.intake.publishing.ledger.snapshot_in_publishing(self.intake.system).await?
        {
            self.publish(snapshot.generation, None).await?;
        }
        Ok(())
    }

    /// Takes one snapshot from where it stands to its end.
    pub(crate) async fn take(
        &mut self,
        mut batch: Box<dyn Batch>,
        again: Again,
        progress: OnProgress<'_>,
    ) -> Result<Taken, Stop> {
        loop {
            let new = self.import(batch.as_ref());
            match self.open(new, again).await? {
                Opened::Taken(import) => return self.repeated(batch, import).await,
                Opened::Comparing(snapshot) => {
                    match self.compare(batch.as_mut(), snapshot, (again, progress)).await? {
                        Ended::Stopped => return Ok(Taken::Stopped),
                        Ended::Whole(None) => {}
                        Ended::Whole(Some(fault)) => return self.refused(batch, fault).await,
                    }
                }
                Opened::Publishing(snapshot) => {
                    let is_this = snapshot.import.key.batch == batch.id();
                    let cursor = is_this.then(|| batch.cursor()).flatten();
                    let Ended::Whole(()) = self.publish(snapshot.generation, cursor).await? else {
                        return Ok(Taken::Stopped);
                    };
                    if is_this {
                        // A source may ask that what it puts away was read.
                        skip(batch.as_mut(), u64::MAX).await?;
                        batch.finish(Ending::Done).await.map_err(Stop::Source)?;
                        return Ok(Taken::Whole(self.tally));
                    }
                    self.tally = Tally::default();
                }
            }
        }
    }

    fn import(&self, batch: &dyn Batch) -> NewImport {
        NewImport {
            system: self.intake.system.to_owned(),
            batch: batch.id().to_owned(),
            label: batch.label().to_owned(),
            total: batch.len(),
            at: now(),
        }
    }

    async fn open(&mut self, new: NewImport, again: Again) -> Result<Opened, WorkerError> {
        let ledger = &self.intake.publishing.ledger;
        Ok(match again {
            Again::No => ledger.open_snapshot(new).await?,
            Again::Yes | Again::Shrunk => ledger.snapshot_again(new).await?,
        })
    }

    async fn repeated(&mut self, batch: Box<dyn Batch>, import: Import) -> Result<Taken, Stop> {
        let (repeated, cursor) = (Entry::ImportRepeated(import.key, now()), batch.cursor());
        self.intake.publishing.end(self.intake.system, vec![repeated], cursor).await?;
        telemetry::import_repeated(self.intake.system, batch.id(), batch.label());
        batch.finish(Ending::Repeated).await.map_err(Stop::Source)?;
        Ok(Taken::Repeated)
    }

    async fn refused(&mut self, batch: Box<dyn Batch>, fault: Fault) -> Result<Taken, Stop> {
        let (id, label) = (batch.id().to_owned(), batch.label().to_owned());
        telemetry::import_refused(self.intake.system, &label, fault.rule, fault.line, &fault.words);
        let refused = RefusedBatch { label, id, fault: fault.clone() };
        batch.refuse(&refused).await.map_err(Stop::Source)?;
        Ok(Taken::Refused(Box::new(fault)))
    }

    /// Compares what is left of a snapshot; why it is refused as a whole, if it is.
    async fn compare(
        &mut self,
        batch: &mut dyn Batch,
        snapshot: Snapshot,
        (again, progress): (Again, OnProgress<'_>),
    ) -> Result<Ended<Option<Fault>>, Stop> {
        let system = self.intake.system;
        let Snapshot { import, generation, mut compared, mut refused, .. } = snapshot;
        telemetry::import_started(system, batch.id(), batch.label(), batch.len(), compared);
        let in_hand = InHand { system: system.to_owned(), generation };
        skip(batch, compared).await?;
        let mut position = import.position;
        loop {
            if !self.intake.may_go_on().await {
                return Ok(Ended::Stopped);
            }
            let readings = batch.read(CHUNK).await.map_err(Stop::Source)?;
            if readings.is_empty() {
                break;
            }
            let to = compared + readings.len() as u64;
            let chunk = self.compared(readings, (generation, compared, to), (&import, position)).await?;
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(fault) => return self.refuse(in_hand, &import, fault).await,
            };
            (compared, position) = (to, chunk.step.position);
            refused += chunk.step.refused.len() as u64;
            self.tally.add(&chunk.step);
            self.tell_refused(&import.key.batch, &chunk.step.refused);
            self.step(&in_hand, SnapshotStep::Compared(chunk)).await?;
            progress(compared);
        }
        self.judge(in_hand, &import, (refused, again)).await
    }

    /// What a chunk of records comes to; a fault of the whole, if it shows one.
    async fn compared(
        &mut self,
        readings: Vec<Reading>,
        (generation, from, to): (u64, u64, u64),
        (import, position): (&Import, u64),
    ) -> Result<Result<Compared, Fault>, Stop> {
        let (mut prints, mut refused) = (Vec::with_capacity(readings.len()), Vec::new());
        for reading in readings {
            match print(self.rule, reading) {
                Ok(print) => prints.push(print),
                Err(fault) => refused.push(fault),
            }
        }
        let keys: Vec<_> = prints.iter().map(|print| print.key).collect();
        let ledger = &self.intake.publishing.ledger;
        let KnownChunk { place, known } = ledger.snapshot_known(self.intake.system, &keys).await?;
        if place != Some((generation, from)) {
            return Err(Stop::Source(somebody_else()));
        }
        let chunk = match compare(self.rule, generation, prints, &known) {
            Ok(chunk) => chunk,
            Err(fault) => return Ok(Err(fault)),
        };
        let step = Advance {
            import: import.key.clone(),
            position: position + chunk.unchanged + refused.len() as u64,
            mapped: 0,
            published: 0,
            ignored: Vec::from_iter((chunk.unchanged > 0).then(|| (UNCHANGED.to_owned(), chunk.unchanged))),
            refused,
            at: now(),
        };
        let (seen, created, pending) = (chunk.seen, chunk.created, chunk.pending);
        Ok(Ok(Compared { from, to, seen, created, pending, step }))
    }

    /// Accepts a snapshot that was compared whole, or refuses it.
    async fn judge(
        &mut self,
        in_hand: InHand,
        import: &Import,
        (refused, again): (u64, Again),
    ) -> Result<Ended<Option<Fault>>, Stop> {
        let count = self.intake.publishing.ledger.snapshot_count(self.intake.system).await?;
        let rule = match again {
            Again::Shrunk => self.rule.bearing_all(),
            Again::No | Again::Yes => self.rule.clone(),
        };
        let told = match trust(&rule, count, refused) {
            Verdict::Refused(fault) => return self.refuse(in_hand, import, fault).await,
            Verdict::Accepted(told) => told,
        };
        if let Some(told) = &told {
            telemetry::snapshot_incomplete(self.intake.system, &import.label, &told.words);
        }
        self.step(&in_hand, SnapshotStep::Accepted(import.key.clone(), told)).await?;
        Ok(Ended::Whole(None))
    }

    async fn refuse(
        &mut self,
        in_hand: InHand,
        import: &Import,
        fault: Fault,
    ) -> Result<Ended<Option<Fault>>, Stop> {
        let refused = RefusedImport {
            system: self.intake.system.to_owned(),
            batch: import.key.batch.clone(),
            label: import.label.clone(),
            fault: fault.clone(),
            at: now(),
        };
        self.step(&in_hand, SnapshotStep::Refused(import.key.clone(), refused)).await?;
        Ok(Ended::Whole(Some(fault)))
    }

    async fn step(&mut self, in_hand: &InHand, step: SnapshotStep) -> Result<(), WorkerError> {
        Ok(self.intake.publishing.record(Entry::Snapshot(in_hand.clone(), Box::new(step))).await?)
    }

    fn tell_refused(&self, batch: &str, refused: &[Fault]) {
        for fault in refused {
            let words = format!("{:?}: {}", fault.place, fault.words);
            telemetry::record_refused(self.intake.system, batch, fault.line, fault.rule, &words);
        }
    }

    /// Publishes what is left of an accepted snapshot, and records its end; with the cursor of its batch, where that is at hand.
    async fn publish(&mut self, generation: u64, cursor: Option<String>) -> Result<Ended<()>, Stop> {
        let mut after = Some(0);
        loop {
            if !self.intake.may_go_on().await {
                return Ok(Ended::Stopped);
            }
            let ledger = &self.intake.publishing.ledger;
            let in_hand = ledger.snapshot_in_publishing(self.intake.system).await?;
            let Some(snapshot) = in_hand.filter(|snapshot| snapshot.generation == generation) else {
                // Somebody else has published the rest of it.
                return Ok(Ended::Whole(()));
            };
            let Some(page) = self.page(&snapshot, &mut after).await? else {
                self.end(generation, snapshot.import, cursor).await?;
                return Ok(Ended::Whole(()));
            };
            if self.published(&snapshot, page).await? == Published::Stopped {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// What is published next; the removals come last, and not of a snapshot that may lack what was refused.
    async fn page(
        &mut self,
        snapshot: &Snapshot,
        after: &mut Option<i64>,
    ) -> Result<Option<Page>, WorkerError> {
        let (publishing, system) = (self.intake.publishing, self.intake.system);
        let mapper = RecordMapper::new(&publishing.council, self.side);
        let mut changes = Changes { mapper, rule: self.rule, snapshot };
        // The ids of events are made of the change, not of how often the batch was taken.
        let origin = Origin {
            system,
            label: &snapshot.import.label,
            batch: &snapshot.import.key.batch,
            round: 0,
            now: Utc::now().fixed_offset(),
        };
        let pending = publishing.ledger.snapshot_pending(system, PAGE).await?;
        if !pending.is_empty() {
            return Ok(Some(changes.published(pending, &origin)));
        }
        let Some(behind) = after.filter(|_| snapshot.refused == 0) else { return Ok(None) };
        let gone = publishing.ledger.snapshot_gone(system, behind, PAGE).await?;
        *after = gone.last().map(|last| last.id);
        Ok((!gone.is_empty()).then(|| changes.removed(gone, &origin)))
    }

    async fn published(&mut self, snapshot: &Snapshot, page: Page) -> Result<Published, WorkerError> {
        let Intake { publishing, system, patience, publisher, .. } = &mut *self.intake;
        let events = (*system, page.events.as_slice());
        let published =
            publish_with(publisher.as_mut(), publishing.broker.as_ref(), events, *patience).await?;
        if published == Published::Stopped {
            return Ok(published);
        }
        FailPoint::IntakePublished.pass();
        self.tell_refused(&snapshot.import.key.batch, &page.refused);
        if let SnapshotStep::Published(changes) = &page.step {
            self.tally.add(&changes.step);
        }
        if let SnapshotStep::Removed(records) = &page.step {
            self.tally.add(&records.step);
        }
        let in_hand = InHand { system: self.intake.system.to_owned(), generation: snapshot.generation };
        self.step(&in_hand, page.step).await?;
        Ok(published)
    }

    async fn end(
        &mut self,
        generation: u64,
        import: Import,
        cursor: Option<String>,
    ) -> Result<(), WorkerError> {
        let system = self.intake.system;
        let in_hand = InHand { system: system.to_owned(), generation };
        let done = Entry::Snapshot(in_hand, Box::new(SnapshotStep::Done));
        let ended = vec![done, Entry::ImportDone(import.key, now())];
        self.intake.publishing.end(system, ended, cursor).await?;
        FailPoint::IntakeDone.pass();
        let Tally { mapped, refused, ignored, .. } = self.tally;
        telemetry::import_finished(system, &import.label, mapped, refused, ignored);
        Ok(())
    }
}

/// The error when the snapshot in hand is not this one any more.
fn somebody_else() -> ConnectorError {
    let words = "another snapshot of this system is being taken";
    ConnectorError::new(Failure::Transient, words, "")
}
