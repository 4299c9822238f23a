//! Moving what was committed from SQLite's log into the file, beside the one who writes: a checkpoint waits for the disk,
//! and nobody who records should wait for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::db::Conn;
use crate::file;

/// How often at most, while anything is written.
const EVERY: Duration = Duration::from_millis(500);

/// Tells the one who checkpoints; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    written: mpsc::Sender<()>,
    next: Instant,
}

impl Checkpoints {
    /// Begins; the connection is opened with the first checkpoint.
    pub(crate) fn of(path: &Path) -> Self {
        let (written, news) = mpsc::channel(1);
        tokio::spawn(run(path.to_owned(), news));
        Self { written, next: Instant::now() + EVERY }
    }

    /// Something was committed.
    pub(crate) fn committed(&mut self) {
        if Instant::now() >= self.next {
            self.next = Instant::now() + EVERY;
            // One that is under way looks at the log once more when it is done.
            let _ = self.written.try_send(());
        }
    }
}

/// What cannot be moved now is moved by the next one; a log that is too long, by the one who writes.
async fn run(path: PathBuf, mut news: mpsc::Receiver<()>) {
    let mut conn = None;
    while news.recv().await.is_some() {
        if conn.is_none() {
            conn = file::checkpointing(&path).connect().await.ok().map(Conn::Sqlite);
        }
        if let Some(open) = &mut conn
            && open.query("PRAGMA wal_checkpoint(PASSIVE)").execute().await.is_err()
        {
            conn = None;
        }
    }
    if let Some(conn) = conn {
        // Nobody is left to be told; what was committed stays.
        let _ = conn.close().await;
    }
}

#[cfg(test)]
mod tests {
    use crate::db::Home;

    #[tokio::test]
    async fn the_library_is_one_in_which_two_connections_may_checkpoint() {
        // Up to 3.51.2 a checkpoint beside a writer that begins the log anew could lose a commit
        // (https://sqlite.org/wal.html, section "The WAL-reset bug").
        let folder = tempfile::tempdir().unwrap();
        let mut conn = Home::file(&folder.path().join("ledger.db")).writing().await.unwrap();
        let (version,): (String,) = conn.query("SELECT sqlite_version()").one().await.unwrap();
        let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
        assert!(parts >= vec![3, 51, 3], "{version}");
    }
}
