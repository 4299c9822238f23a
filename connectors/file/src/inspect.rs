//! The first reading of a file: checks it whole, counts its records and learns its hash, before any record is given.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postroom_connector::{ConnectorError, Failure, RefusedBatch};
use postroom_event::Fault;
use postroom_format::{Format, ReadError};

use crate::UNKNOWN_FILE;
use crate::failure::failed;
use crate::folder::Stamp;
use crate::settings::SourceSettings;
use crate::tally::{counted, hash};

/// A file that was opened: it is read through the same handle to the end, whatever happens to its name.
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) file: Arc<File>,
    pub(crate) stamp: Stamp,
}

/// A file that was read whole and found good.
pub(crate) struct Inspected {
    pub(crate) opened: Opened,
    pub(crate) format: Format,
    /// SHA-256 of the content, in hex.
    pub(crate) id: String,
    pub(crate) records: u64,
}

impl Opened {
    pub(crate) fn new(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, file: Arc::new(file), stamp: (metadata.len(), metadata.modified()?) })
    }

    /// Reads it whole, unless it is `stopped`: what it is, or why it is refused.
    pub(crate) fn inspect(
        self,
        settings: &SourceSettings,
        stopped: &AtomicBool,
    ) -> Result<Result<Inspected, RefusedBatch>, ConnectorError> {
        let Some(format) = settings.format(&self.name).cloned() else {
            let words = "no pattern of the settings fits this file's name".to_owned();
            let fault = Fault { number: 0, line: 0, place: String::new(), rule: UNKNOWN_FILE, words };
            return self.refused(fault).map(Err);
        };
        let (reader, tally) = counted(&self.file).map_err(failed("reading the file"))?;
        let mut records = 0;
        for reading in format.read(reader) {
            if stopped.load(Ordering::Relaxed) {
                return Err(ConnectorError::new(Failure::Transient, "reading the file was stopped", ""));
            }
            match reading {
                Ok(_) => records += 1,
                Err(ReadError::Refused(fault)) => return self.refused(fault).map(Err),
                Err(ReadError::Io(error)) => return Err(failed("reading the file")(error)),
            }
        }
        Ok(Ok(Inspected { opened: self, format, id: tally.hex(), records }))
    }

    fn refused(self, fault: Fault) -> Result<RefusedBatch, ConnectorError> {
        let id = hash(&self.file).map_err(failed("reading the file"))?;
        Ok(RefusedBatch { label: self.name, id, fault })
    }
}
