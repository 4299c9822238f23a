//! The settings as the council wrote them. Reading them touches nothing.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use serde::Deserialize;

/// Time between two looks at the file, unless the settings say otherwise.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    file: PathBuf,
    every: Option<String>,
}

/// Settings of a source or a sink, checked.
#[derive(Debug, Clone)]
pub(crate) struct LineSettings {
    /// The text file.
    pub(crate) file: PathBuf,
    /// Time between two looks at it.
    pub(crate) every: Duration,
}

/// The keys that the settings may have.
pub(crate) fn keys() -> Vec<&'static str> {
    keys_of::<Written>()
}

impl LineSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let every = match written.every.as_deref() {
            None => EVERY,
            Some(text) => parse_duration(text)
                .filter(|every| !every.is_zero())
                .ok_or_else(|| SettingsError::new("every", "a duration such as `30s` or `5min`"))?,
        };
        if written.file.as_os_str().is_empty() {
            return Err(SettingsError::new("file", "the path of a text file"));
        }
        Ok(Self { file: settings.path(&written.file), every })
    }
}
