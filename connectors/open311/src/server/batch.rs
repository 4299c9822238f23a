//! Reports that wait together, as one batch: each sender is answered when all are taken.

use postroom_connector::HeldBatch;
use postroom_event::{Reading, Record};
use serde_json::Value;

use super::answering::{Answering, Pending};
use super::posted::hash;

/// A report that is taken once its record is.
pub(super) struct Taken {
    pub(super) record: Value,
    pub(super) pending: Pending,
}

/// The batch of them. Dropped before it is finished it drops the replies, and each says 503.
pub(super) fn batch(label: String, all: Vec<Taken>, answering: Answering) -> HeldBatch {
    let (mut readings, mut pending) = (Vec::new(), Vec::new());
    for (number, taken) in (1..).zip(all) {
        let key = Some(taken.pending.token.clone());
        readings.push(Reading::Record(Record { number, line: 0, key, value: taken.record }));
        pending.push(taken.pending);
    }
    let tokens: Vec<_> = pending.iter().map(|pending| ("token", pending.token.as_str())).collect();
    let id = hash(&tokens);
    HeldBatch::new(label, id, readings).then(move || answering.answer(pending))
}
