//! The settings of both sides, as the council wrote them.

mod access;
mod address;
mod sink;
mod source;
mod whole;

pub(crate) use access::{Access, Password};
use postroom_connector::{Settings, SettingsError};
pub(crate) use sink::{Making, SinkSettings, Work, sink_keys};
pub(crate) use source::{
    Done, Following, Origin, Outbox, Overlap, SourceSettings, Watermark, What, source_keys,
};
pub(crate) use whole::Whole;

/// Longest name of a table or column, in bytes.
const LONGEST_NAME: usize = 128;

/// A name of a table or column.
fn name(key: &str, text: String) -> Result<String, SettingsError> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '#' | ' ');
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(fits) {
        return Err(SettingsError::new(key, "a plain name, without quotes"));
    }
    Ok(text)
}

fn names(key: &str, texts: Vec<String>) -> Result<Vec<String>, SettingsError> {
    texts.into_iter().map(|text| name(key, text)).collect()
}

/// A name of a table, behind that of its schema where there is one: its parts.
fn dotted(key: &str, text: &str) -> Result<Vec<String>, SettingsError> {
    text.split('.').map(|part| name(key, part.to_owned())).collect()
}

/// The settings of `keys` alone, and the others.
fn split(settings: &Settings, keys: &[&str]) -> (Settings, Settings) {
    let mut rest = settings.clone();
    let mut these = Settings { table: toml::Table::new(), ..settings.clone() };
    for key in keys {
        if let Some((key, value)) = rest.table.remove_entry(*key) {
            these.table.insert(key, value);
        }
    }
    (these, rest)
}

#[cfg(test)]
fn settings(text: &str) -> Settings {
    Settings { table: text.parse().expect("TOML"), data: "/data".into(), system: "till".to_owned() }
}
