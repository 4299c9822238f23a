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
