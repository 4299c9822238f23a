//! The sink: writes each handover as one file that appears whole, under its own name, once.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use async_trait::async_trait;
use chrono::Utc;
use chrono_tz::Europe::London;
use postroom_connector::{
    ConnectorError, Failure, Handover, Receipt, Settings, SettingsError, Sink, SinkKind,
};
use postroom_format::WriteError;
use tokio::task::spawn_blocking;

use crate::NAME;
use crate::evidence::{Steps, prune, staging};
use crate::failure::{failed, interrupted};
use crate::settings::{self, Place, SinkSettings};
use crate::sftp;

/// Longest id of a handover, in characters: it becomes part of a file's name.
const MAX_ID_CHARS: usize = 128;

/// Settings to begin with.
const BEGINNING: &str = r#"folder = "SYSTEM/out"
name = "SYSTEM-{date}-{batch}.jsonl"
format = { kind = "jsonl" }
"#;

/// The kind of sink that writes files into a folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSink;

impl SinkKind for FileSink {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        SinkSettings::read(settings).map(drop)
    }

    fn keys(&self) -> Vec<&'static str> {
        settings::sink_keys()
    }

    fn beginning(&self) -> &'static str {
        BEGINNING
    }

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let read = SinkSettings::read(settings)?;
        let folder = match &read.place {
            Place::Folder(folder) => folder.clone(),
            Place::Sftp(access) => return sftp::sink(settings, access.clone(), read),
        };
        let target = Target { folder, settings: read, made: OnceLock::new() };
        // Where the folder cannot be made now, `deliver` says that it is down, and why.
        let _ = target.make();
        Ok(Box::new(FolderSink(Arc::new(target))))
    }
}

struct FolderSink(Arc<Target>);

#[async_trait]
impl Sink for FolderSink {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        let (target, handover) = (Arc::clone(&self.0), handover.clone());
        spawn_blocking(move || target.deliver(&handover)).await.map_err(interrupted)?
    }
}

/// The folder that files go to.
struct Target {
    folder: PathBuf,
    settings: SinkSettings,
    /// Set once the folder was made: one that is gone later is down (a share that is not mounted), not to be made anew.
    made: OnceLock<()>,
}

impl Target {
    fn make(&self) -> Result<(), ConnectorError> {
        let folder = &self.folder;
        if self.made.get().is_none() {
            fs::create_dir_all(staging(folder)).map_err(failed("making the folder of the target"))?;
            prune(folder, SystemTime::now()).map_err(failed("looking into the folder of the target"))?;
            self.made.get_or_init(|| ());
        }
        if staging(folder).is_dir() {
            return Ok(());
        }
        Err(ConnectorError::new(Failure::Down, "the folder of the target is gone", ""))
    }

    fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        check_id(&handover.id)?;
        self.make()?;
        let steps = Steps::new(&self.folder, &handover.id);
        let name = prepare(&steps, &self.settings, handover)?;
        if steps.appear(&name).map_err(failed("moving the file to its name"))? {
            return Ok(Receipt { reference: Some(name) });
        }
        Err(in_the_way(&name))
    }
}

/// Makes sure of the handover's content and evidence, which an earlier attempt may have written; the file's final name.
pub(crate) fn prepare(
    steps: &Steps<'_>,
    settings: &SinkSettings,
    handover: &Handover,
) -> Result<String, ConnectorError> {
    if let Some(name) = steps.evidence().map_err(failed("reading the evidence of the handover"))? {
        return Ok(name);
    }
    let date = Utc::now().with_timezone(&London).format("%Y%m%d").to_string();
    let name = settings.name.replace("{date}", &date).replace("{batch}", &handover.id);
    let messages = handover.items.iter().map(|item| &*item.message);
    steps.stage(|out| settings.layout.write(messages, out)).map_err(unwritten)?;
    steps.witness(&name).map_err(failed("writing the evidence of the handover"))?;
    Ok(name)
}

/// The error where another file has the final name.
pub(crate) fn in_the_way(name: &str) -> ConnectorError {
    let words = "a file of that name with other content is there; it is never overwritten";
    ConnectorError::new(Failure::Permanent, words, name)
}

fn unwritten(error: WriteError) -> ConnectorError {
    match error {
        WriteError::Io(error) => failed("writing the file")(error),
        error => ConnectorError::new(Failure::Permanent, "a message cannot be written in this form", error)
            .business(),
    }
}

/// An id becomes part of a file's name: letters, digits, `-`, `_` and `.`, not hidden.
pub(crate) fn check_id(id: &str) -> Result<(), ConnectorError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !id.is_empty() && id.len() <= MAX_ID_CHARS && !id.starts_with('.') && id.bytes().all(plain) {
        return Ok(());
    }
    Err(ConnectorError::new(Failure::Permanent, "the id of the handover is not fit for a file name", ""))
}
