//! The sink: each message is a line with the id of its dispatch, by which one that comes again is recognised.

use std::io::SeekFrom;

use async_trait::async_trait;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use crate::NAME;
use crate::settings::{self, LineSettings};

/// Settings to begin with.
const BEGINNING: &str = r#"file = "SYSTEM/out.jsonl"
"#;

/// The kind of sink that writes lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineSink;

impl SinkKind for LineSink {
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

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(Box::new(Lines { settings: LineSettings::read(settings)?, writing: Mutex::new(()) }))
    }
}

struct Lines {
    settings: LineSettings,
    /// One at a time: calls for different subjects come at the same time.
    writing: Mutex<()>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    messages: Vec<&'a Value>,
}

#[derive(Deserialize)]
struct Known {
    id: String,
}

#[async_trait]
impl Sink for Lines {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let _one = self.writing.lock().await;
        let mut file = self.open().await?;
        let end = match find(&mut file, &handover.id).await.map_err(failed)? {
            Found::Known => return Ok(receipt(handover)),
            Found::End(end) => end,
        };
        let messages = handover.items.iter().map(|item| &*item.message).collect();
        let mut line = serde_json::to_vec(&Line { id: &handover.id, messages }).map_err(|error| {
            ConnectorError::new(Failure::Permanent, "the message cannot be written as JSON", error)
        })?;
        line.push(b'\n');
        // A line that was cut off by a crash was never acknowledged, and goes.
        file.set_len(end).await.map_err(failed)?;
        file.seek(SeekFrom::Start(end)).await.map_err(failed)?;
        file.write_all(&line).await.map_err(uncertain)?;
        file.sync_data().await.map_err(uncertain)?;
        Ok(receipt(handover))
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        let found = find(&mut self.open().await?, &handover.id).await.map_err(failed)?;
        Ok(matches!(found, Found::Known).then(|| receipt(handover)))
    }
}

impl Lines {
    async fn open(&self) -> Result<File, ConnectorError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(&self.settings.file).await.map_err(failed)
    }
}

/// Whether an id is in the file.
enum Found {
    /// It is.
    Known,
    /// It is not, and the last whole line ends there.
    End(u64),
}

async fn find(file: &mut File, id: &str) -> std::io::Result<Found> {
    let (mut lines, mut line, mut end) = (BufReader::new(file), Vec::new(), 0);
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line).await?;
        if read == 0 || !line.ends_with(b"\n") {
            return Ok(Found::End(end));
        }
        if serde_json::from_slice::<Known>(&line).is_ok_and(|known| known.id == id) {
            return Ok(Found::Known);
        }
        end += read as u64;
    }
}

fn receipt(handover: &Handover) -> Receipt {
    Receipt { reference: Some(handover.id.clone()) }
}

/// Nothing was written.
fn failed(error: std::io::Error) -> ConnectorError {
    ConnectorError::new(Failure::Down, "the file cannot be opened or read", error)
}

/// Something may have been.
fn uncertain(error: std::io::Error) -> ConnectorError {
    ConnectorError::new(Failure::Unknown, "the line may not have been written", error)
}
