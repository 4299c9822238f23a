//! The work list: what is on it, who has what, and what of it is to be told.

use std::sync::Arc;

use super::Ledger;
use crate::LedgerError;
use crate::import::{Import, RefusedRecord};
use crate::kept::{Decision, Note};
use crate::sql::{decision, import, work, work_outbox};
use crate::work::{Business, WorkFilter, WorkId, WorkItem, WorkLine};

impl Ledger {
    /// From now on what becomes of items goes to their outbox, by these reasons; to none at first.
    pub fn tell_work(&self, business: Arc<Business>) {
        self.shared.wanting.tell_work(business);
    }

    /// What is to be told of items, the oldest first, at most `most`; it comes again until [`crate::Entry::WorkTold`] names it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn work_outbox(&self, most: u32) -> Result<Vec<WorkLine>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = work_outbox::oldest(reader.conn(), most).await;
        reader.end(found).await
    }

    /// How much is to be told of items yet.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn work_untold(&self) -> Result<u64, LedgerError> {
        let mut reader = self.reader().await?;
        let found = work_outbox::count(reader.conn()).await;
        reader.end(found).await
    }

    /// Open items, those that are there longest first, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn work_list(
        &self,
        business: &Business,
        filter: &WorkFilter,
        most: u32,
    ) -> Result<Vec<WorkItem>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = work::list(reader.conn(), business, filter, most).await;
        reader.end(found).await
    }

    /// How many inputs are open items.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_inputs(&self, business: &Business) -> Result<u64, LedgerError> {
        let mut reader = self.reader().await?;
        let found = work::open_inputs(reader.conn(), business).await;
        reader.end(found).await
    }

    /// Notes at `at` who has an item, or that nobody has; whether it is there and open.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn take_work(&self, item: WorkId, by: Option<String>, at: i64) -> Result<bool, LedgerError> {
        self.write(move |conn| Box::pin(async move { work::take(conn, item, by.as_deref(), at).await })).await
    }

    /// Notes that nobody has to look at the refused records of an input any more; false where somebody said so before.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn settle_input(&self, id: i64, by: Decision) -> Result<bool, LedgerError> {
        let tell = self.shared.wanting.tell();
        self.write(move |conn| Box::pin(async move { work_outbox::settle_input(conn, id, &by, &tell).await }))
            .await
    }

    /// An input with at most `most` of its refused records, and who decided what on it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn input_show(
        &self,
        id: i64,
        most: u32,
    ) -> Result<Option<(Import, Vec<RefusedRecord>, Vec<Note>)>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let conn = reader.conn();
        let found = async {
            let Some(found) = import::numbered(conn, id).await? else { return Ok(None) };
            let records = import::refused_of(conn, id, most).await?;
            Ok(Some((found, records, decision::notes_on_import(conn, id).await?)))
        }
        .await;
        reader.end(found).await
    }
}
