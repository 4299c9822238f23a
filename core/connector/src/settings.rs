//! The settings of a connector as the council wrote them in `system.toml`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

/// The table `[source.settings]` or `[target.settings]`, with the folder under which its relative paths lie.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The table as it was written.
    pub table: toml::Table,
    /// The hub's data folder: relative paths in settings start here.
    pub data: PathBuf,
    /// The system's name.
    pub system: String,
}

/// Settings that a connector cannot take: where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}`: {words}")]
pub struct SettingsError {
    /// The key, dotted.
    pub key: String,
    /// What is wrong, and what would be right.
    pub words: String,
}

impl SettingsError {
    /// An error at `key`.
    pub fn new(key: impl Into<String>, words: impl Into<String>) -> Self {
        Self { key: key.into(), words: words.into() }
    }
}

impl Settings {
    /// Reads the table into a connector's own type; unknown keys are refused where that type denies them.
    ///
    /// # Errors
    /// The first key that does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        T::deserialize(toml::Value::Table(self.table.clone()))
            .map_err(|error| SettingsError::new(key_of(&error), words_of(&error)))
    }

    /// A path of the settings, under the data folder unless it is absolute.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.data.join(path)
    }
}

/// What is wrong with a text that should be of another shape; what it holds is not repeated, as that may be a secret.
pub fn words_of(error: &toml::de::Error) -> String {
    let told = error.message();
    match (told.split_once(": string \""), told.rsplit_once(", expected ")) {
        (Some((what, _)), Some((_, expected))) => format!("{what}: a string, expected {expected}"),
        _ => told.to_owned(),
    }
}

/// The key at which the table does not fit: unknown or missing by the words of serde, or of a wrong type by its place.
fn key_of(error: &toml::de::Error) -> String {
    let told = error.to_string();
    let named =
        ["unknown field `", "missing field `", "\nin `"].iter().find_map(|lead| told.split_once(lead));
    named.and_then(|(_, rest)| rest.split('`').next()).unwrap_or_default().to_owned()
}

/// Units of a duration in settings, in seconds.
const UNITS: [(&str, u64); 5] = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

/// Reads a duration as the settings write it: `30s`, `5min`, `1h`, `2d`, `1w`, `250ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    if unit == "ms" {
        return Some(Duration::from_millis(number));
    }
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_does_not_fit_is_told_with_its_key() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[expect(dead_code, reason = "its type is what is tried")]
            name: String,
        }
        for (text, key) in [("name = 5", "name"), ("", "name"), ("name = 'a'\nnmae = 'a'", "nmae")] {
            let table = text.parse().expect("TOML");
            let settings = Settings { table, data: PathBuf::new(), system: String::new() };
            assert_eq!(settings.read::<Table>().expect_err("an error").key, key, "{text}");
        }
    }

    #[test]
    fn a_text_that_should_be_something_else_is_not_repeated() {
        let error = toml::from_str::<std::collections::BTreeMap<String, u8>>("a = 'quite, expected secret'");
        let words = words_of(&error.expect_err("an error"));
        assert_eq!(words, "invalid type: a string, expected u8");
    }

    #[test]
    fn durations_are_read_with_their_unit_and_never_without() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("2d"), Some(Duration::from_secs(172_800)));
        for wrong in ["30", "s", "", "-1s", "1 h", "5m", "99999999999999999999s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
