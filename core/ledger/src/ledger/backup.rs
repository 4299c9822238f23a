//! Copies of a ledger, and what happens when one is put back.

use std::path::Path;

use super::Ledger;
use crate::LedgerError;
use crate::db::{Conn, Home};
use crate::sql::run;

impl Ledger {
    /// Copies the ledger into the file `path` while it is in use. The copy is marked: where it is put back, every start
    /// tells so ([`crate::RunStart::restored`]) until [`Self::acknowledge_restore`].
    ///
    /// # Errors
    /// When the file exists already or could not be written, or when the ledger is on a server.
    pub async fn backup(&self, path: &Path) -> Result<(), LedgerError> {
        let Home::File(_) = &self.shared.home else {
            let words = "a ledger on a server is backed up with pg_dump, and put back with pg_restore";
            return Err(LedgerError::Backup { words });
        };
        if path.exists() {
            return Err(LedgerError::Backup { words: "the file of the backup exists already" });
        }
        let part = path.with_extension("part");
        let making = |error: std::io::Error| LedgerError::database("backing up")(sqlx::Error::Io(error));
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(making(error)),
            _ => {}
        }
        copy(&self.shared.home, &part).await.map_err(LedgerError::database("backing up"))?;
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(making)?;
        std::fs::rename(&part, path).map_err(making)
    }

    /// Whether the ledger is a backup that was put back, and nobody has acknowledged it yet.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn is_restored(&self) -> Result<bool, LedgerError> {
        let mut reader = self.reader().await?;
        let found = run::is_copy(reader.conn()).await;
        reader.end(found).await
    }

    /// The ledger that was put back is the ledger now.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn acknowledge_restore(&self) -> Result<(), LedgerError> {
        self.write(|conn| Box::pin(run::acknowledge(conn))).await
    }
}

async fn copy(home: &Home, part: &Path) -> Result<(), sqlx::Error> {
    let mut conn = home.writing().await?;
    conn.query("VACUUM INTO $1").bind(part.to_string_lossy().into_owned()).execute().await?;
    conn.close().await?;
    let mut copy: Conn = Home::file(part).writing().await?;
    run::mark_copied(&mut copy).await?;
    // Everything in one file.
    copy.query("PRAGMA journal_mode = DELETE").all::<(String,)>().await?;
    copy.close().await
}
