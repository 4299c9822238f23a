//! What stands in the journal behind what was read of it, without taking it in.

use std::collections::HashMap;

use postroom_broker::{Broker, BrokerError, Entry, Start};

use tokio::time::Instant;

use crate::journal::Journal;

/// Marks that are kept at most; some 32 bytes each.
const MOST: usize = 200_000;

/// The last offset of each mark behind what was read.
#[derive(Default)]
pub(super) struct Further {
    offsets: HashMap<u64, u64>,
    /// Up to where they were looked at, and when.
    looked_to: u64,
    looked_at: Option<Instant>,
}

impl Further {
    /// Whether an entry with `mark` stands at `reached` or behind it, of what was there at `since`; `mark_of` tells none for what is
    /// not asked about. To look at the journal takes a tenth of a second, even where nothing is new.
    pub(super) async fn has(
        &mut self,
        broker: &dyn Broker,
        (mark, reached, since): (u64, u64, Instant),
        mark_of: impl Fn(&Entry) -> Option<u64>,
    ) -> Result<bool, BrokerError> {
        if self.offsets.get(&mark).is_some_and(|offset| *offset >= reached) {
            return Ok(true);
        }
        if self.offsets.len() < MOST && self.looked_at.is_some_and(|at| at >= since) {
            return Ok(false);
        }
        let now = Instant::now();
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
        self.looked_at = Some(now);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use postroom_broker::memory::Server;
    use postroom_broker::{Message, Outgoing, Topology};

    use super::*;

    #[tokio::test]
    async fn the_end_of_the_journal_is_looked_at_once_for_many_deliveries_and_again_for_those_that_come_later()
     {
        let server = Server::new();
        let broker = server.connect("test.", "shop");
        let topology = Topology { sources: vec!["shop".to_owned()], journal: true, ..Topology::default() };
        broker.declare(&topology).await.unwrap();
        let body = |body: &'static str| Message { body: body.into(), ..Message::default() };
        let publish = async |text| {
            let (exchange, routing_key) = (broker.names().in_exchange("shop"), "any".to_owned());
            let outgoing = Outgoing { exchange, routing_key, message: body(text) };
            broker.publisher().await.unwrap().publish(vec![outgoing]).await.unwrap().wait().await;
        };
        let mark_of = |entry: &Entry| entry.delivery.body.first().map(|byte| u64::from(*byte));
        let (mut further, since) = (Further::default(), Instant::now());
        publish("a").await;
        let mut looks = Vec::new();
        for mark in [b'a', b'b', b'c'] {
            let asked = (u64::from(mark), 0, since);
            looks.push((further.has(&broker, asked, mark_of).await.unwrap(), server.readers()));
        }
        assert_eq!(looks, [(true, 1), (false, 1), (false, 1)]);
        publish("c").await;
        let asked = (u64::from(b'c'), 0, Instant::now());
        assert!(further.has(&broker, asked, mark_of).await.unwrap(), "what came since");
    }
}
