//! Where a new ledger begins in a journal that is there already.

use postroom_broker::{Broker, Start};
use postroom_ledger::{JournalPlace, Ledger};

use crate::entries::now;
use crate::journal::Journal;
use crate::session::WorkerError;

/// Notes the end of the journal as the first place of each of `systems` that has none: what a journal holds already is not
/// for a new ledger. Called before anything is declared, so that what comes in later is behind that place.
pub(super) async fn note(
    broker: &dyn Broker,
    ledger: &Ledger,
    systems: &[String],
) -> Result<(), WorkerError> {
    let mut first = None;
    for system in systems {
        if ledger.journal_place(system).await?.is_none() {
            let position = match first {
                Some(position) => position,
                None => *first.insert(end(broker).await?),
            };
            ledger.begin_journal(system, JournalPlace { position, at: now(), is_reading: false }).await?;
        }
    }
    Ok(())
}

/// The offset behind the last entry of the journal; 0 when there is none.
pub(super) async fn end(broker: &dyn Broker) -> Result<u64, WorkerError> {
    let Some(journal) = Journal::open(broker, Start::First).await? else { return Ok(0) };
    let last = journal.last();
    journal.close().await;
    Ok(last.map_or(0, |last| last + 1))
}
