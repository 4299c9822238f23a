//! Copies of a ledger, and what happens when one is put back.

use std::path::Path;

use super::Ledger;
use crate::LedgerError;
use crate::db::{Conn, Home};
use crate::sql::mark;

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
        Ok(self.why_restored().await?.is_some())
    }

    /// Why the ledger is taken to be a backup that was put back; `None` where it is none, or somebody has acknowledged it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn why_restored(&self) -> Result<Option<String>, LedgerError> {
        let mut reader = self.reader().await?;
        let found = mark::why_put_back(reader.conn()).await;
        reader.end(found).await
    }

    /// Takes somebody's word, with who and why in `words`, that the ledger is a backup that was put back.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn declare_restored(&self, words: String) -> Result<(), LedgerError> {
        self.write(move |conn| Box::pin(async move { mark::put_back(conn, &words).await })).await
    }

    /// The ledger that was put back is the ledger now.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn acknowledge_restore(&self) -> Result<(), LedgerError> {
        self.write(|conn| Box::pin(mark::acknowledge(conn))).await
    }

    /// Which ledger this is, however often it is copied. Asked where it is written: a server that was restarted meanwhile
    /// is met again at once.
    pub(crate) async fn identity(&self) -> Result<String, LedgerError> {
        self.write(|conn| Box::pin(mark::identity(conn))).await
    }

    /// Moves on how far the ledger is, and gives that. One that was `known` to be further was put back, and is marked.
    pub(crate) async fn move_on(&self, known: u64) -> Result<u64, LedgerError> {
        self.write(move |conn| Box::pin(mark::move_on(conn, known))).await
    }
}

async fn copy(home: &Home, part: &Path) -> Result<(), sqlx::Error> {
    let mut conn = home.writing().await?;
    conn.query("VACUUM INTO $1").bind(part.to_string_lossy().into_owned()).execute().await?;
    conn.close().await?;
    let mut copy: Conn = Home::file(part).writing().await?;
    mark::copied(&mut copy).await?;
    // Everything in one file.
    copy.query("PRAGMA journal_mode = DELETE").all::<(String,)>().await?;
    copy.close().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SQLITE;

    /// The last migration of a ledger that had no identity yet.
    const BEFORE: i64 = 5;

    #[tokio::test]
    async fn a_ledger_from_before_it_had_an_identity_and_its_copies_get_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("ledger.db"), folder.path().join("copy.db"));
        let mut conn = Home::file(&file).writing().await.unwrap();
        let Conn::Sqlite(old) = &mut conn else { panic!("a file is SQLite's") };
        SQLITE.run_direct(Some(BEFORE), old, false).await.unwrap();
        conn.query("INSERT INTO run (started_at) VALUES (7)").execute().await.unwrap();
        conn.close().await.unwrap();
        std::fs::copy(&file, &copy).unwrap();
        for file in [file, copy] {
            assert_eq!(Ledger::open(&file).await.unwrap().identity().await.unwrap(), "run-7");
        }
    }
}
