//! From what differs to events, and to what of it is recorded once they are confirmed. It publishes and records nothing.

use std::collections::BTreeMap;

use postroom_council::{FirstSnapshot, SnapshotRule};
use postroom_event::{Event, Fault, Record};
use postroom_ledger::{
    Advance, Gone, Import, Pending, PublishedChanges, RemovedRecords, Snapshot, SnapshotStep,
};
use postroom_transform::Data;
use serde_json::Value;
use uuid::Uuid;

use super::compare::{kept, old};
use crate::entries::now;
use crate::records::{Change, Mapped, Origin, RecordMapper};

/// The rule by which the records of a first snapshot are ignored that is only remembered.
const REMEMBERED: &str = "remembered";

/// Makes events of what differs in one snapshot.
pub(crate) struct Changes<'a> {
    pub(crate) mapper: RecordMapper<'a>,
    pub(crate) rule: &'a SnapshotRule,
    pub(crate) snapshot: &'a Snapshot,
}

/// What a page of changes comes to.
pub(crate) struct Page {
    pub(crate) events: Vec<Event<Data>>,
    pub(crate) refused: Vec<Fault>,
    pub(crate) step: SnapshotStep,
}

/// What became of records so far.
#[derive(Default)]
struct Sums {
    events: Vec<Event<Data>>,
    mapped: u64,
    ignored: BTreeMap<String, u64>,
    refused: Vec<Fault>,
}

impl Sums {
    /// Adds a record; whether it was understood.
    fn understood(&mut self, mapped: Mapped) -> bool {
        match mapped {
            Mapped::Events(events) => {
                self.mapped += 1;
                self.events.extend(events);
            }
            Mapped::Ignored(rule) => *self.ignored.entry(rule).or_default() += 1,
            Mapped::Refused(fault) => {
                self.refused.push(fault);
                return false;
            }
        }
        true
    }

    /// The step of an import by so many records.
    fn advance(&self, import: &Import, records: usize) -> Advance {
        Advance {
            import: import.key.clone(),
            position: import.position + records as u64,
            mapped: self.mapped,
            published: self.events.len() as u64,
            ignored: self.ignored.clone().into_iter().collect(),
            refused: self.refused.clone(),
            at: now(),
        }
    }
}

impl Changes<'_> {
    /// Events of records that are new or differ. One that is refused stays what it was, so that the next snapshot tells it again.
    pub(crate) fn published(&mut self, pending: Vec<Pending>, origin: &Origin<'_>) -> Page {
        let (records, to) = (pending.len(), pending.last().map_or(0, |last| last.new.number));
        let (mut sums, mut refused, mut keep) = (Sums::default(), Vec::new(), Vec::new());
        for Pending { new, id, old_hash, old: before } in pending {
            let value: Value = serde_json::from_slice(&new.content).unwrap_or_default();
            let change = match before {
                Some(before) => Change::Changed(old(self.rule, &before).into()),
                None => Change::Created,
            };
            let kept = kept(self.rule, new.content, &value);
            let key = Some(self.key(new.key, old_hash, Some(new.hash)));
            let record = Record { number: new.number, line: new.line, key, value };
            let mapped = self.map(record, &change, origin);
            if sums.understood(mapped) { keep.push((id, kept)) } else { refused.push(new.key) }
        }
        let step = sums.advance(&self.snapshot.import, records);
        let step = SnapshotStep::Published(PublishedChanges { to, refused, kept: keep, step });
        Page { events: sums.events, refused: sums.refused, step }
    }

    fn map(&mut self, record: Record, change: &Change, origin: &Origin<'_>) -> Mapped {
        if self.snapshot.taken == 0 && self.rule.first == FirstSnapshot::Remember {
            return Mapped::Ignored(REMEMBERED.to_owned());
        }
        self.mapper.map_change(record, change, origin)
    }

    /// Events of records that are gone. One whose removal is refused stays until the next snapshot.
    pub(crate) fn removed(&mut self, gone: Vec<Gone>, origin: &Origin<'_>) -> Page {
        let records = gone.len();
        let (mut sums, mut refused, mut removed) = (Sums::default(), Vec::new(), Vec::new());
        // They are counted behind the records of the batch.
        for (number, one) in (self.snapshot.import.position + 1..).zip(gone) {
            let value = old(self.rule, &one.content);
            let change = Change::Removed(value.clone().into());
            let key = Some(self.key(one.key, Some(one.hash), None));
            let mapped = self.mapper.map_change(Record { number, line: 0, key, value }, &change, origin);
            if sums.understood(mapped) { removed.push(one.key) } else { refused.push(one.key) }
        }
        let step = sums.advance(&self.snapshot.import, records);
        let step = SnapshotStep::Removed(RemovedRecords { removed, refused, step });
        Page { events: sums.events, refused: sums.refused, step }
    }

    /// What the ids of the events of a change are made of: the same however often it is published, and another for the same
    /// change in a later snapshot.
    fn key(&self, key: Uuid, old: Option<Uuid>, new: Option<Uuid>) -> String {
        let hash = |hash: Option<Uuid>| hash.map(|hash| hash.to_string()).unwrap_or_default();
        format!("{key}\n{}\n{}\n{}", hash(old), hash(new), self.snapshot.generation)
    }
}
