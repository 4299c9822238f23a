//! Snapshots of sources: what is known of their records, and what of the one in hand is still to be published.

use uuid::Uuid;

use super::Ledger;
use crate::LedgerError;
use crate::import::NewImport;
use crate::snapshot::{Gone, KnownChunk, KnownCount, Opened, Pending, Snapshot};
use crate::sql::{counted, snapshot};

impl Ledger {
    /// The snapshot of a batch, begun if the last one of its system was another.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn open_snapshot(&self, new: NewImport) -> Result<Opened, LedgerError> {
        self.write(move |conn| Box::pin(async move { snapshot::open(conn, &new).await })).await
    }

    /// A further snapshot of a batch, even of the last one; one that is not done goes on.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn snapshot_again(&self, new: NewImport) -> Result<Opened, LedgerError> {
        self.write(move |conn| Box::pin(async move { snapshot::again(conn, &new).await })).await
    }

    /// The snapshot of `system` that was accepted and is not published whole.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_in_publishing(&self, system: &str) -> Result<Option<Snapshot>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = snapshot::publishing(reader.conn(), system).await;
        reader.end(found).await
    }

    /// What is known of the records of `system` whose keys have these hashes.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_known(&self, system: &str, keys: &[Uuid]) -> Result<KnownChunk, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = snapshot::known(reader.conn(), system, keys).await;
        reader.end(found).await
    }

    /// How many records of `system` are known, and how many of them its snapshot in hand has not.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_count(&self, system: &str) -> Result<KnownCount, LedgerError> {
        let mut reader = self.reader().await?;
        let found = snapshot::count(reader.conn(), system).await;
        reader.end(found).await
    }

    /// The systems of whose records anything is known, with how many.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_systems(&self) -> Result<Vec<(String, u64)>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = snapshot::systems(reader.conn()).await;
        let found = reader.end(found).await?;
        Ok(found.into_iter().map(|(system, records)| (system, counted(records))).collect())
    }

    /// Forgets records of `system`, at most `most`; how many. None: nothing is known of it any more.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn forget_snapshot(&self, system: &str, most: u32) -> Result<u64, LedgerError> {
        let system = system.to_owned();
        self.write(move |conn| Box::pin(async move { snapshot::forget(conn, &system, most).await })).await
    }

    /// The first records of the snapshot of `system` in hand that are to be published, at most `most`, in its order.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_pending(&self, system: &str, most: u32) -> Result<Vec<Pending>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = snapshot::pending(reader.conn(), system, most).await;
        reader.end(found).await
    }

    /// Records of `system`, behind the one kept at `after`, that its snapshot in hand has not, at most `most`.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn snapshot_gone(&self, system: &str, after: i64, most: u32) -> Result<Vec<Gone>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = snapshot::gone(reader.conn(), system, after, most).await;
        reader.end(found).await
    }
}
