//! A what-if at work: the journal is read in batches, each looked at on every core while the next one is read. It reads the
//! broker and the ledger, and writes to neither.

use std::sync::Arc;

use postroom_broker::{Broker, Entry, Start};
use postroom_council::Council;
use postroom_ledger::Ledger;
use rayon::prelude::*;

use super::hand::{Ground, Hand, Pairs};
use super::tally::Tally;
use super::{Differences, Reach};
use crate::journal::{self, Journal};
use crate::references::References;
use crate::session::WorkerError;
use crate::{PublishError, Table};

/// Entries looked at together.
const BATCH: usize = 2_000;
/// Bytes of bodies after which a batch grows no more.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// What is tried, and on what.
pub struct Trial {
    /// The configuration in use.
    pub council: Arc<Council>,
    /// The changed one.
    pub changed: Arc<Council>,
    /// A session with the broker of the one in use.
    pub broker: Arc<dyn Broker>,
    /// Its ledger, where there is one; without it no cross-reference is known.
    pub ledger: Option<Ledger>,
}

/// What would differ of the events since `since` (seconds since the epoch), with so many examples of each route; `progress` is
/// told how many entries of how many were looked at.
///
/// # Errors
/// When there is no journal, or broker or ledger cannot be read.
pub async fn what_if(
    trial: &Trial,
    (since, examples): (u64, usize),
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Differences, PublishError> {
    let broker = trial.broker.as_ref();
    let oldest = journal::first_offset(broker, Start::First).await.map_err(WorkerError::from)?;
    let journal = Journal::open(broker, Start::Time(since)).await.map_err(WorkerError::from)?;
    let mut journal = journal.ok_or_else(|| PublishError::new("there is no journal"))?;
    let mut work = Work::new(trial, examples);
    let mut reach = Reach { asked: since, ..Reach::default() };
    let mut batch = gather(&mut journal).await?;
    if let Some(first) = batch.as_ref().and_then(|entries| entries.first()) {
        reach = reached(&trial.council, first, (since, oldest));
    }
    let begin = batch.as_ref().and_then(|entries| entries.first()).map_or(0, |entry| entry.offset);
    let all = journal.last().map_or(0, |last| (last + 1).saturating_sub(begin));
    while let Some(entries) = batch {
        let end = entries.last().map_or(begin, |entry| entry.offset + 1);
        let (next, looked_at) = tokio::join!(gather(&mut journal), work.take(entries));
        looked_at?;
        batch = next?;
        progress(end - begin, all);
    }
    journal.close().await;
    let asked_the_ledger = trial.council.asks_the_ledger() || trial.changed.asks_the_ledger();
    Ok(Differences { reach, asked_the_ledger, ..work.ended() })
}

/// How far back the journal goes, whose first entry since `since` is `first`; `oldest` is the offset of its oldest.
fn reached(council: &Council, first: &Entry, (since, oldest): (u64, Option<u64>)) -> Reach {
    let told = journal::event_of(council, &first.delivery).and_then(|event| event.time);
    let sent = first.delivery.timestamp.or_else(|| u64::try_from(told?.timestamp()).ok());
    // Where there is anything older, the journal goes back to where it was asked from.
    let short = oldest == Some(first.offset) && sent.is_none_or(|sent| sent > since);
    let at = sent.and_then(|sent| chrono::DateTime::from_timestamp(i64::try_from(sent).ok()?, 0));
    Reach { asked: since, short, first: at.map(|at| at.to_rfc3339()) }
}

/// The next entries; `None` at the end.
async fn gather(journal: &mut Journal) -> Result<Option<Vec<Entry>>, WorkerError> {
    let bytes = |entries: &[Entry]| entries.iter().map(|entry| entry.delivery.body.len()).sum::<usize>();
    let Some(mut entries) = journal.next().await? else { return Ok(None) };
    while entries.len() < BATCH && bytes(&entries) < BATCH_BYTES {
        let Some(more) = journal.next().await? else { break };
        entries.extend(more);
    }
    Ok(Some(entries))
}

/// The workers, and what they need together.
struct Work {
    hands: Vec<Hand>,
    ledger: Option<Ledger>,
    tally: Tally,
}

impl Work {
    fn new(trial: &Trial, examples: usize) -> Self {
        let pairs = Pairs::of(&trial.council, &trial.changed);
        let tally = Tally::new(pairs.routes.clone(), examples);
        let tables =
            [&trial.council, &trial.changed].map(|council| Arc::new(Table::new(Arc::clone(council))));
        let (council, broker) = (Arc::clone(&trial.council), Arc::clone(&trial.broker));
        let ground = Arc::new(Ground { council, broker, pairs, tables });
        let hands = (0..rayon::current_num_threads().max(1))
            .map(|_| Hand::new(&ground, &trial.changed, examples))
            .collect();
        Self { hands, ledger: trial.ledger.clone(), tally }
    }

    /// Looks at a batch; what is looked up in the ledger is asked for in one question.
    async fn take(&mut self, entries: Vec<Entry>) -> Result<(), WorkerError> {
        let entries = Arc::new(entries);
        self.each(&entries, Hand::look).await?;
        let mut asked: Vec<_> = self.hands.iter_mut().flat_map(Hand::take_asked).collect();
        if asked.is_empty() {
            return Ok(());
        }
        asked.sort();
        asked.dedup();
        let known = match &self.ledger {
            Some(ledger) => References::known(ledger, &asked).await?,
            None => References::default(),
        };
        self.each(&entries, move |hand, part| hand.look_again(part, &known)).await
    }

    /// Has every worker do its part of a batch, each on a core of its own.
    async fn each(
        &mut self,
        entries: &Arc<Vec<Entry>>,
        part: impl Fn(&mut Hand, &[Entry]) + Send + Sync + 'static,
    ) -> Result<(), WorkerError> {
        let (mut hands, entries) = (std::mem::take(&mut self.hands), Arc::clone(entries));
        let done = tokio::task::spawn_blocking(move || {
            let size = entries.len().div_ceil(hands.len().max(1)).max(1);
            let parts = hands.par_iter_mut().zip(entries.par_chunks(size));
            parts.for_each(|(hand, entries)| part(hand, entries));
            hands
        });
        self.hands = done.await.map_err(|_| WorkerError::Crashed("a what-if".to_owned()))?;
        Ok(())
    }

    fn ended(self) -> Differences {
        let Self { hands, mut tally, .. } = self;
        hands.into_iter().for_each(|hand| tally.add(hand.tally.found));
        tally.ended()
    }
}
