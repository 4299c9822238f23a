//! Cross-references, and what was sent.

use postroom_event::DispatchId;

use super::Ledger;
use crate::LedgerError;
use crate::sent::Sent;
use crate::sql::{counted, sent, xref};
use crate::xref::{Xref, XrefFilter, XrefKey};

impl Ledger {
    /// Those of `keys` that are known.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn xrefs(&self, keys: &[XrefKey]) -> Result<Vec<Xref>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = xref::of(reader.conn(), keys).await;
        reader.end(found).await
    }

    /// What was sent by `dispatches`, as far as it is kept beyond `at` (microseconds since the epoch).
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn sent(&self, dispatches: &[DispatchId], at: i64) -> Result<Vec<Sent>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = sent::of(reader.conn(), dispatches, at).await;
        reader.end(found).await
    }

    /// The cross-references that are meant, in the order of kind, key and system, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn xref_list(&self, filter: &XrefFilter, most: u32) -> Result<Vec<Xref>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = xref::list(reader.conn(), filter, most).await;
        reader.end(found).await
    }

    /// How many cross-references are meant.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn xref_count(&self, filter: &XrefFilter) -> Result<u64, LedgerError> {
        let mut reader = self.reader().await?;
        let found = xref::count(reader.conn(), filter).await;
        Ok(counted(reader.end(found).await?))
    }

    /// Notes cross-references, as [`crate::Entry::Xrefs`] does, from beside the hub.
    ///
    /// # Errors
    /// When they could not be written.
    pub async fn note_xrefs(&self, xrefs: Vec<Xref>) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { xref::note(conn, xrefs.iter()).await })).await
    }

    /// Forgets the cross-references that are meant; how many.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn remove_xrefs(&self, filter: XrefFilter) -> Result<u64, LedgerError> {
        self.write(move |conn| Box::pin(async move { xref::remove(conn, &filter).await })).await
    }
}
