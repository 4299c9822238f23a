//! A few connections that read; one that failed is closed, and the next call opens another.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Conn, Home, Result, is_lost};
use crate::LedgerError;

/// Connections that read at the same time.
const READERS: usize = 3;

/// The connections that read.
pub(crate) struct Readers {
    home: Home,
    idle: Mutex<Vec<Conn>>,
    permits: Semaphore,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Readers").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Readers {
    pub(crate) fn new(home: Home) -> Self {
        Self { home, idle: Mutex::new(Vec::new()), permits: Semaphore::new(READERS) }
    }

    /// A connection to read with.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, LedgerError> {
        let permit = self.permits.acquire().await.map_err(|_| LedgerError::Closed)?;
        let idle = self.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.home.reading().await.map_err(LedgerError::database("opening"))?,
        };
        Ok(Reader { readers: self, conn, ends: Ends::AtOnce, _permit: permit })
    }

    /// A connection to read with as of one moment.
    pub(crate) async fn consistent_reader(&self) -> Result<Reader<'_>, LedgerError> {
        let mut reader = self.reader().await?;
        match reader.conn.begin_snapshot().await {
            Ok(()) => Ok(Reader { ends: Ends::Transaction, ..reader }),
            Err(error) => reader.end(Err(error)).await,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that was lent. One that is dropped before its end takes its connection along.
pub(crate) struct Reader<'r> {
    readers: &'r Readers,
    conn: Conn,
    ends: Ends,
    _permit: SemaphorePermit<'r>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    AtOnce,
    Transaction,
}

impl Reader<'_> {
    pub(crate) fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Gives the connection back, if it is of use, and tells what was read.
    pub(crate) async fn end<T>(self, outcome: Result<T>) -> Result<T, LedgerError> {
        let Self { readers, mut conn, ends, _permit } = self;
        let ended = match ends {
            Ends::AtOnce => Ok(()),
            Ends::Transaction => conn.rollback().await,
        };
        if outcome.as_ref().is_err_and(is_lost) {
            // The others have most likely gone the same way.
            readers.lock().clear();
        } else if ended.is_ok() {
            readers.lock().push(conn);
        }
        outcome.map_err(LedgerError::database("reading"))
    }
}
