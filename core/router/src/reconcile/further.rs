//! What stands in the journal behind what was read of it, without taking it in.

use std::collections::HashMap;

use postroom_broker::{Broker, BrokerError, Entry, Start};

use crate::journal::Journal;

/// Marks that are kept at most; some 32 bytes each.
const MOST: usize = 200_000;

/// The last offset of each mark behind what was read.
#[derive(Default)]
pub(super) struct Further {
    offsets: HashMap<u64, u64>,
    /// Up to where they were looked at.
    looked_to: u64,
}

impl Further {
    /// Whether an entry with `mark` stands at `reached` or behind it; `mark_of` tells none for what is not asked about.
    pub(super) async fn has(
        &mut self,
        broker: &dyn Broker,
        (mark, reached): (u64, u64),
        mark_of: impl Fn(&Entry) -> Option<u64>,
    ) -> Result<bool, BrokerError> {
        if self.offsets.get(&mark).is_some_and(|offset| *offset >= reached) {
            return Ok(true);
        }
        self.offsets.retain(|_, offset| *offset >= reached);
        let from = self.looked_to.max(reached);
        let start = Start::Offset(from.saturating_sub(1));
        let Some(mut journal) = Journal::open(broker, start).await? else { return Ok(false) };
        let mut found = false;
        while let Some(entries) = journal.next().await? {
            let behind = entries.iter().filter(|entry| entry.offset >= from);
            let marks: Vec<_> = behind.filter_map(|entry| Some((mark_of(entry)?, entry.offset))).collect();
            found |= marks.iter().any(|(one, _)| *one == mark);
            // What is not kept is looked at again.
            if self.offsets.len() < MOST {
                self.offsets.extend(marks);
                self.looked_to = entries.last().map_or(self.looked_to, |last| last.offset + 1);
            } else if found {
                break;
            }
        }
        journal.close().await;
        Ok(found)
    }
}
