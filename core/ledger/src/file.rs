//! The ledger's file: how it is opened, and whether it is still the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::LedgerError;

/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// Memory for pages of each connection, in KiB.
const CACHE_KIB: u32 = 4_096;

/// What the name of the file ends with by which processes take turns.
const LOCK: &str = "-lock";

/// Pages in the log from which on the one that writes moves them into the file itself: 64 MiB.
const LOG_PAGES: u32 = 16_384;

/// For the one that writes. FULL: NORMAL can lose the last commits when the power fails.
pub(crate) fn writing(path: &Path) -> SqliteConnectOptions {
    both(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", LOG_PAGES.to_string())
}

/// For the one that moves the log into the file.
pub(crate) fn checkpointing(path: &Path) -> SqliteConnectOptions {
    both(path).synchronous(SqliteSynchronous::Full)
}

/// For those that read.
pub(crate) fn reading(path: &Path) -> SqliteConnectOptions {
    both(path).read_only(true)
}

fn both(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(BUSY)
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .disable_statement_logging()
}

/// The turn of one process to bring the tables of a file up to date, until this is dropped: SQLite's migrations are no single
/// transaction.
pub(crate) struct Turn(Option<std::fs::File>);

impl Turn {
    /// Waits until nobody else has it. Where no file can be locked, opening the ledger tells why, or it has to do without.
    pub(crate) async fn wait(path: &Path) -> Self {
        let mut beside = path.as_os_str().to_owned();
        beside.push(LOCK);
        let locked = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::create(PathBuf::from(beside)).ok()?;
            file.lock().ok().map(|()| file)
        });
        Self(locked.await.ok().flatten())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // It is given back with the file all the same.
        let _closed = self.0.as_ref().map(std::fs::File::unlock);
    }
}

/// Which file was opened: one that is removed or replaced would go on taking writes that nobody can read.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl File {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }

    pub(crate) fn check(&self) -> Result<(), LedgerError> {
        if identity(&self.path) == self.identity { Ok(()) } else { Err(LedgerError::Gone) }
    }
}

/// Device and inode.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Whether it exists.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|_| (0, 0))
}
