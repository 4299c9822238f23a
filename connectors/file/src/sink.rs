//! The sink: writes each handover as one file that appears whole, under its own name, once.

use std::fs;
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
use crate::settings::SinkSettings;

/// Longest id of a handover, in characters: it becomes part of a file's name.
const MAX_ID_CHARS: usize = 128;

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

    fn build(&self, settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        let target = Target { settings: SinkSettings::read(settings)?, made: OnceLock::new() };
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
    settings: SinkSettings,
    /// Set once the folder was made: one that is gone later is down (a share that is not mounted), not to be made anew.
    made: OnceLock<()>,
}

impl Target {
    fn make(&self) -> Result<(), ConnectorError> {
        let folder = &self.settings.folder;
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
        let steps = Steps::new(&self.settings.folder, &handover.id);
        let evidence = steps.evidence().map_err(failed("reading the evidence of the handover"))?;
        let name = match evidence {
            Some(name) => name,
            None => self.write(&steps, handover)?,
        };
        if steps.appear(&name).map_err(failed("moving the file to its name"))? {
            return Ok(Receipt { reference: Some(name) });
        }
        let words = "a file of that name with other content is there; it is never overwritten";
        Err(ConnectorError::new(Failure::Permanent, words, name))
    }

    /// Writes content and evidence; the file's final name.
    fn write(&self, steps: &Steps<'_>, handover: &Handover) -> Result<String, ConnectorError> {
        let date = Utc::now().with_timezone(&London).format("%Y%m%d").to_string();
        let name = self.settings.name.replace("{date}", &date).replace("{batch}", &handover.id);
        let messages = handover.items.iter().map(|item| &*item.message);
        steps.stage(|out| self.settings.layout.write(messages, out)).map_err(unwritten)?;
        steps.witness(&name).map_err(failed("writing the evidence of the handover"))?;
        Ok(name)
    }
}

fn unwritten(error: WriteError) -> ConnectorError {
    match error {
        WriteError::Io(error) => failed("writing the file")(error),
        error => ConnectorError::new(Failure::Permanent, "a message cannot be written in this form", error),
    }
}

/// An id becomes part of a file's name: letters, digits, `-`, `_` and `.`, not hidden.
fn check_id(id: &str) -> Result<(), ConnectorError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !id.is_empty() && id.len() <= MAX_ID_CHARS && !id.starts_with('.') && id.bytes().all(plain) {
        return Ok(());
    }
    Err(ConnectorError::new(Failure::Permanent, "the id of the handover is not fit for a file name", ""))
}
