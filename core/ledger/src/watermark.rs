//! How far a ledger is, noted outside of it, in the data folder of a hub: a ledger that is not as far any more was put
//! back, however the copy was made. It does not know what follows from that.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::{Ledger, LedgerError};

/// Where it is noted, below the data folder: in a file for each ledger, under the identity that all copies of it have.
const FOLDER: &str = "watermark";

/// How far ledgers are, as one data folder knows it; hubs may share the folder.
#[derive(Debug, Clone)]
pub struct Watermark {
    folder: PathBuf,
}

impl Watermark {
    /// The one in the data folder `data`.
    pub fn below(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// Moves the ledger on. One that is not as far as is noted here was put back, and is marked as a backup is
    /// ([`Ledger::is_restored`]). A ledger of which nothing is noted is taken as it is: it is new, or new here.
    ///
    /// # Errors
    /// When the ledger cannot be written, or the note not be read.
    pub async fn compare(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        self.moved_on(ledger).await.map(drop)
    }

    /// Compares, then notes how far the ledger is now.
    ///
    /// # Errors
    /// When the ledger or the data folder cannot be written, or the note not be read.
    pub async fn note(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let (file, reached) = self.moved_on(ledger).await?;
        write(&file, reached).await.map_err(noting(&file))
    }

    /// Where it is noted how far the ledger is, and how far that is now.
    async fn moved_on(&self, ledger: &Ledger) -> Result<(PathBuf, u64), LedgerError> {
        let file = self.folder.join(ledger.identity().await?);
        // Read before the ledger is moved on: a hub beside this one notes only what is in the ledger already.
        let known = read(&file).await.map_err(noting(&file))?;
        Ok((file, ledger.move_on(known).await?))
    }
}

/// How far the ledger was; 0 where nothing is known, or what is there tells nothing.
async fn read(file: &Path) -> io::Result<u64> {
    match tokio::fs::read(file).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Writes the note on a thread of its own, which goes on to the end when nobody waits any more.
async fn write(file: &Path, reached: u64) -> io::Result<()> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || write_whole(&file, reached)).await?
}

/// Writes the note, whole or not at all.
fn write_whole(file: &Path, reached: u64) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // A name of its own: another hub may write here now.
    let part = file.with_extension(format!("{}.part", Uuid::new_v4().simple()));
    let written = File::create_new(&part).and_then(|mut file| {
        writeln!(file, "{reached}")?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&part, file));
    if moved.is_err() {
        // What cannot be removed either are a few bytes that nobody reads.
        let _ = fs::remove_file(&part);
    }
    moved
}

fn noting(file: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let place = file.display().to_string();
    move |error| {
        let error = io::Error::new(error.kind(), format!("{place}: {error}"));
        LedgerError::database("noting the watermark of")(sqlx::Error::Io(error))
    }
}
