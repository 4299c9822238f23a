//! The source: each whole line behind the cursor is a record. The cursor is the place in the file, in bytes.

use std::io::SeekFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postroom_connector::{
    Arrival, Batch, ConnectorError, Ending, Failure, Settings, SettingsError, Source, SourceKind,
};
use postroom_event::{Fault, Reading, Record};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::sleep;

use crate::NAME;
use crate::settings::{self, LineSettings};

/// Most bytes that are read at once; a line is not longer.
const MOST_BYTES: u64 = 1024 * 1024;
/// Longest time until the caller may stop.
const PATIENCE: Duration = Duration::from_secs(2);
/// The rule for a line that is no JSON.
const NO_JSON: &str = "json";

/// Settings to begin with.
const BEGINNING: &str = r#"file = "SYSTEM/in.jsonl"
"#;

/// The kind of source that reads lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineSource;

impl SourceKind for LineSource {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        LineSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn fields(&self, _settings: &Settings) -> Option<Vec<String>> {
        None
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Source>, SettingsError> {
        Ok(Box::new(Lines { settings: LineSettings::read(settings)?, place: Arc::default() }))
    }

    fn open(&self, _settings: &Settings, _path: &std::path::Path) -> Result<Arrival, ConnectorError> {
        Err(ConnectorError::new(Failure::Permanent, "lines are read by the hub alone", ""))
    }
}

/// A file, and how far it was taken: a batch moves that when it is put away, so that one that came to nothing comes again.
struct Lines {
    settings: LineSettings,
    place: Arc<AtomicU64>,
}

#[async_trait]
impl Source for Lines {
    fn resume(&mut self, cursor: &str) -> Result<(), ConnectorError> {
        let place = cursor.parse().map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the cursor is no place in a file", error)
        })?;
        self.place.store(place, Ordering::Relaxed);
        Ok(())
    }

    async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let from = self.place.load(Ordering::Relaxed);
        let lines = self.read(from).await?;
        if lines.is_empty() {
            sleep(self.settings.every.min(PATIENCE)).await;
            return Ok(Arrival::Idle);
        }
        Ok(Arrival::Batch(Box::new(LineBatch::new(from, &lines, Arc::clone(&self.place)))))
    }
}

impl Lines {
    /// The whole lines behind a place.
    async fn read(&self, from: u64) -> Result<Vec<u8>, ConnectorError> {
        let failed = |error| ConnectorError::new(Failure::Down, "the file cannot be read", error);
        let mut file = File::open(&self.settings.file).await.map_err(failed)?;
        if file.metadata().await.map_err(failed)?.len() < from {
            let words = "the file is shorter than what was taken of it: was it replaced?";
            return Err(ConnectorError::new(Failure::Permanent, words, ""));
        }
        file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).await.map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        if whole == 0 && bytes.len() as u64 == MOST_BYTES {
            return Err(ConnectorError::new(Failure::Permanent, "a line is longer than 1 MiB", ""));
        }
        bytes.truncate(whole);
        Ok(bytes)
    }
}

/// Lines that were read at once.
struct LineBatch {
    id: String,
    /// Each with its place, the next one last.
    left: Vec<(u64, Vec<u8>)>,
    count: u64,
    end: u64,
    place: Arc<AtomicU64>,
}

impl LineBatch {
    fn new(from: u64, lines: &[u8], place: Arc<AtomicU64>) -> Self {
        // The same lines may be written again, and mean something new: the place is part of what makes them these.
        let id = Sha256::new().chain_update(from.to_be_bytes()).chain_update(lines).finalize();
        let end = from + lines.len() as u64;
        let mut left = Vec::new();
        let mut at = from;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            left.push((at, line.to_vec()));
            at += line.len() as u64;
        }
        left.reverse();
        let id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id, count: left.len() as u64, left, end, place }
    }
}

#[async_trait]
impl Batch for LineBatch {
    fn label(&self) -> &'static str {
        "lines"
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn len(&self) -> u64 {
        self.count
    }

    fn cursor(&self) -> Option<String> {
        Some(self.end.to_string())
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Reading>, ConnectorError> {
        let first = self.count - self.left.len() as u64 + 1;
        let taken = self.left.split_off(self.left.len().saturating_sub(limit));
        let read = |(number, (place, line)): (u64, (u64, Vec<u8>))| match serde_json::from_slice(&line) {
            Ok(value) => {
                Reading::Record(Record { number, line: number, key: Some(place.to_string()), value })
            }
            // What is wrong is told, and never what stands there.
            Err(error) => Reading::Refused(Fault {
                number,
                line: number,
                place: String::new(),
                rule: NO_JSON,
                words: format!("no JSON at its character {}", error.column()),
            }),
        };
        Ok((first..).zip(taken.into_iter().rev()).map(read).collect())
    }

    async fn finish(self: Box<Self>, _ending: Ending) -> Result<(), ConnectorError> {
        self.place.store(self.end, Ordering::Relaxed);
        Ok(())
    }
}
