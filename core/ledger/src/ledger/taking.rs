//! What is taken in: imports, staged batches, and runs of the hub.

use std::collections::HashMap;

use postroom_event::EventKey;

use super::Ledger;
use crate::LedgerError;
use crate::batch::{StagedBatch, StagedSummary};
use crate::entry::JournalPlace;
use crate::import::{Import, NewImport, RefusedRecord};
use crate::sql::run::RunStart;
use crate::sql::{event, import, journal_place, run, staged};

impl Ledger {
    /// The batch of `target` that is assigned and not ended, with the same id and items each time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_batch(&self, target: &str) -> Result<Option<StagedBatch>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = staged::open(reader.conn(), target).await;
        reader.end(found).await
    }

    /// The open batch of `target`, else a new one of its first `max` staged dispatches; none when nothing is staged.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn assign_batch(
        &self,
        target: &str,
        max: usize,
        at: i64,
    ) -> Result<Option<StagedBatch>, LedgerError> {
        let target = target.to_owned();
        self.write(move |conn| Box::pin(async move { staged::assign(conn, &target, max, at).await })).await
    }

    /// What waits for the next batch of `target`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn staged_summary(&self, target: &str) -> Result<StagedSummary, LedgerError> {
        let mut reader = self.reader().await?;
        let found = staged::summary(reader.conn(), target).await;
        reader.end(found).await
    }

    /// The latest round of a batch of records, begun if the batch was never seen.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn open_import(&self, new: NewImport) -> Result<Import, LedgerError> {
        self.write(move |conn| Box::pin(async move { import::open(conn, &new).await })).await
    }

    /// A further round of a batch of records; a round that is open goes on.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn import_again(&self, new: NewImport) -> Result<Import, LedgerError> {
        self.write(move |conn| Box::pin(async move { import::again(conn, &new).await })).await
    }

    /// Where the source of `system` goes on, if it keeps a cursor.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn cursor(&self, system: &str) -> Result<Option<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = import::cursor(reader.conn(), system).await;
        reader.end(found).await
    }

    /// The latest round of a batch of records.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn import(&self, system: &str, batch: &str) -> Result<Option<Import>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = import::latest(reader.conn(), system, batch).await;
        reader.end(found).await
    }

    /// The imports of `system` (or of all), newest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn imports(&self, system: Option<&str>, most: u32) -> Result<Vec<Import>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = import::list(reader.conn(), system, most).await;
        reader.end(found).await
    }

    /// The refused records of a batch, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn refused_records(
        &self,
        system: &str,
        batch: &str,
        most: u32,
    ) -> Result<Vec<RefusedRecord>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = import::refused(reader.conn(), system, batch, most).await;
        reader.end(found).await
    }

    /// How often each of `keys` was tried since it last survived; absent: never.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn tried(&self, keys: &[EventKey]) -> Result<HashMap<EventKey, u32>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = run::tried(reader.conn(), keys).await;
        reader.end(found).await
    }

    /// Begins a run of the hub.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn start_run(&self, at: i64) -> Result<RunStart, LedgerError> {
        self.write(move |conn| Box::pin(async move { run::start(conn, at).await })).await
    }

    /// Ends the run cleanly.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn end_run(&self, at: i64) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { run::end(conn, at).await })).await
    }

    /// Up to where the journal's events of `system` are recorded, as noted last ([`crate::Entry::JournalRead`]).
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn journal_place(&self, system: &str) -> Result<Option<JournalPlace>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = journal_place::of(reader.conn(), system).await;
        reader.end(found).await
    }

    /// The systems of which events may be missing that only the journal has: it is being read.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn journals_being_read(&self) -> Result<Vec<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = journal_place::reading(reader.conn()).await;
        reader.end(found).await
    }

    /// Notes the first place of `system`, unless there is one.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn begin_journal(&self, system: &str, place: JournalPlace) -> Result<(), LedgerError> {
        let system = system.to_owned();
        self.write(move |conn| Box::pin(async move { journal_place::begin(conn, &system, &place).await }))
            .await
    }

    /// When the newest event of `system` was recorded, in microseconds since the epoch.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn last_recorded_at(&self, system: &str) -> Result<Option<i64>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = event::latest(reader.conn(), "recorded", system).await;
        reader.end(found).await
    }
}
