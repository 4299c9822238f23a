//! Where a ledger is.

use std::path::{Path, PathBuf};

/// Where a ledger is: in a file, or on a server when more than one hub runs.
#[derive(Debug, Clone)]
pub enum Place {
    /// SQLite in a file.
    File(PathBuf),
    /// PostgreSQL by its URL.
    Url(LedgerUrl),
}

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`. It is never printed: it may hold a password.
#[derive(Clone)]
pub struct LedgerUrl(String);

impl LedgerUrl {
    /// Takes the URL; it is checked when the ledger is opened.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for LedgerUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LedgerUrl(..)")
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}
