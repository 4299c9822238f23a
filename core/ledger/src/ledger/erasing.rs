//! What is held of a subject, and its erasing.

use std::time::Duration;

use super::Ledger;
use crate::LedgerError;
use crate::db::{Conn, Home};
use crate::erasure::{Erase, Erased, Erasure, Open};
use crate::sql::{Result as SqlResult, erase, subject};
use crate::subject::SubjectHeld;

/// How often it is tried to empty the log of a file that others read, and the wait between two tries.
const EMPTYINGS: (usize, Duration) = (100, Duration::from_millis(100));

impl Ledger {
    /// Everything that is held of a subject, of one moment.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn subject(&self, subject: &str) -> Result<SubjectHeld, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = subject::held_of(reader.conn(), subject).await;
        reader.end(found).await
    }

    /// What stands in the way of an erasure now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn open_of(&self, asked: &Erase) -> Result<Vec<Open>, LedgerError> {
        let mut reader = self.consistent_reader().await?;
        let found = erase::open_of(reader.conn(), asked).await;
        reader.end(found).await
    }

    /// Erases a subject in one transaction, and records that; nothing while something of it is open. What a file held of it
    /// is gone from the disk only with [`Self::scrub`].
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn erase(&self, asked: Erase) -> Result<Erased, LedgerError> {
        self.write(move |conn| Box::pin(async move { erase::erase(conn, &asked).await })).await
    }

    /// The erasures of subjects, in order of time.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = erase::list(reader.conn()).await;
        reader.end(found).await
    }

    /// Every subject of which an outcome, a dead letter, an invalid event or a cross-reference is held.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn subjects(&self) -> Result<Vec<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = erase::subjects(reader.conn()).await;
        reader.end(found).await
    }

    /// Writes a ledger in a file anew, so that neither the file nor its log holds anything that was deleted; whoever writes
    /// meanwhile waits. False where somebody reads the log all the time: it still holds old pages. On a server it does nothing:
    /// that is its own work.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn scrub(&self) -> Result<bool, LedgerError> {
        let Home::File(_) = &self.shared.home else { return Ok(true) };
        scrub(&self.shared.home).await.map_err(LedgerError::database("writing anew"))
    }
}

async fn scrub(home: &Home) -> SqlResult<bool> {
    let mut conn = home.writing().await?;
    conn.query("VACUUM").execute().await?;
    let emptied = empty_log(&mut conn).await?;
    conn.close().await?;
    Ok(emptied)
}

async fn empty_log(conn: &mut Conn) -> SqlResult<bool> {
    let (most, wait) = EMPTYINGS;
    for _ in 0..most {
        let (busy, ..): (i64, i64, i64) = conn.query("PRAGMA wal_checkpoint(TRUNCATE)").one().await?;
        if busy == 0 {
            return Ok(true);
        }
        tokio::time::sleep(wait).await;
    }
    Ok(false)
}
