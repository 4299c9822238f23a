//! The settings of both sides, as the council wrote them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use postroom_format::{Format, Layout};
use serde::Deserialize;

use crate::pattern::Pattern;
use crate::sftp::{Access, Inbox, WrittenInbox};

/// How long a file must stay as it is to be complete, unless the settings say otherwise.
const SETTLE: Duration = Duration::from_secs(2);

/// Endings of files that somebody is still writing; such files are never taken.
pub(crate) const UNFINISHED: [&str; 2] = [".tmp", ".part"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSource {
    folder: Option<PathBuf>,
    sftp: Option<toml::Table>,
    after: Option<String>,
    every: Option<String>,
    largest_mib: Option<u64>,
    order: Option<toml::Value>,
    complete: Option<toml::Value>,
    settle: Option<String>,
    files: Vec<WrittenFiles>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFiles {
    pattern: String,
    format: Format,
}

/// Settings of the source.
#[derive(Debug, Clone)]
pub(crate) struct SourceSettings {
    pub(crate) place: Place<Inbox>,
    pub(crate) order: Order,
    pub(crate) complete: Complete,
    pub(crate) files: Vec<Files>,
}

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) enum Place<Remote> {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a folder of an SFTP server.
    Sftp(Remote),
}

/// Files of one format.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) pattern: Pattern,
    pub(crate) format: Format,
}

/// In which order files are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Name,
    /// Oldest change first, then by name.
    Modified,
    /// Earlier pattern first, then by name; files that fit none come last.
    List(Vec<Pattern>),
}

/// When a file is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Complete {
    /// It kept its size and time of change this long.
    Settled(Duration),
    /// A file of its name and this ending stands beside it.
    Marker(String),
}

/// The keys that the settings of a source may have.
pub(crate) fn source_keys() -> Vec<&'static str> {
    keys_of::<WrittenSource>()
}

impl SourceSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: WrittenSource = settings.read()?;
        if written.files.is_empty() {
            return Err(SettingsError::new("files", "at least one pattern with its format is needed"));
        }
        let settle = match &written.settle {
            None => SETTLE,
            Some(text) => parse_duration(text)
                .ok_or_else(|| SettingsError::new("settle", "a duration such as `2s` or `500ms`"))?,
        };
        let complete = complete(written.complete.as_ref(), settle)?;
        if written.settle.is_some() && matches!(complete, Complete::Marker(_)) {
            return Err(SettingsError::new("settle", "`settle` goes with `complete = \"stable\"`"));
        }
        let inbox =
            WrittenInbox { after: written.after, every: written.every, largest_mib: written.largest_mib };
        let place = place(settings, written.folder, written.sftp)?;
        Ok(Self {
            place: inbox.at(place)?,
            order: order(written.order.as_ref())?,
            complete,
            files: written.files.into_iter().enumerate().map(files).collect::<Result<_, _>>()?,
        })
    }

    /// The format of files named `name`: of the first pattern that fits.
    pub(crate) fn format(&self, name: &str) -> Option<&Format> {
        self.files.iter().find(|files| files.pattern.fits(name)).map(|files| &files.format)
    }

    /// The marker beside the file at `path`, where the settings ask for one.
    pub(crate) fn marker(&self, path: &Path) -> Option<PathBuf> {
        let Complete::Marker(ending) = &self.complete else { return None };
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        Some(name.into())
    }

    /// The fields that every record of every file has as text, where all formats fix the same.
    pub(crate) fn fields(&self) -> Option<Vec<String>> {
        let mut all = self.files.iter().map(|files| files.format.fields());
        let first = all.next()??;
        all.all(|fields| fields.as_ref() == Some(&first)).then_some(first)
    }
}

/// A folder of this machine, or one of a server.
fn place(
    settings: &Settings,
    folder: Option<PathBuf>,
    sftp: Option<toml::Table>,
) -> Result<Place<Access>, SettingsError> {
    match (folder, sftp) {
        (Some(folder), None) => Ok(Place::Folder(settings.path(&folder))),
        (None, Some(table)) => Access::read(table).map(Place::Sftp),
        (Some(_), Some(_)) => Err(SettingsError::new("folder", "either `folder` or `sftp`")),
        (None, None) => Err(SettingsError::new("folder", "`folder`, or `sftp` for a folder of a server")),
    }
}

fn files((position, written): (usize, WrittenFiles)) -> Result<Files, SettingsError> {
    let key = |inner: &str| format!("files[{position}].{inner}");
    if written.pattern.is_empty() {
        return Err(SettingsError::new(key("pattern"), "a pattern of file names such as `*.csv`"));
    }
    written
        .format
        .check()
        .map_err(|error| SettingsError::new(key(&format!("format.{}", error.key)), error.words))?;
    Ok(Files { pattern: Pattern::new(&written.pattern), format: written.format })
}

fn order(written: Option<&toml::Value>) -> Result<Order, SettingsError> {
    let wrong = || SettingsError::new("order", "`name`, `modified`, or a list of patterns of file names");
    match written {
        None => Ok(Order::Name),
        Some(toml::Value::String(word)) if word == "name" => Ok(Order::Name),
        Some(toml::Value::String(word)) if word == "modified" => Ok(Order::Modified),
        Some(toml::Value::Array(list)) if !list.is_empty() => {
            let pattern = |item: &toml::Value| item.as_str().map(Pattern::new).ok_or_else(wrong);
            list.iter().map(pattern).collect::<Result<_, _>>().map(Order::List)
        }
        Some(_) => Err(wrong()),
    }
}

fn complete(written: Option<&toml::Value>, settle: Duration) -> Result<Complete, SettingsError> {
    let wrong = || SettingsError::new("complete", "`stable`, or `{ marker = \".done\" }`");
    match written {
        None => Ok(Complete::Settled(settle)),
        Some(toml::Value::String(word)) if word == "stable" => Ok(Complete::Settled(settle)),
        Some(toml::Value::Table(table)) if table.len() == 1 => {
            let ending = table.get("marker").and_then(toml::Value::as_str).ok_or_else(wrong)?;
            if !ending.starts_with('.') || ending.len() < 2 || ending.contains(['/', '\\']) {
                return Err(SettingsError::new("complete.marker", "an ending such as `.done`"));
            }
            Ok(Complete::Marker(ending.to_owned()))
        }
        Some(_) => Err(wrong()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSink {
    folder: Option<PathBuf>,
    sftp: Option<toml::Table>,
    name: String,
    format: Layout,
}

/// Settings of the sink.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    pub(crate) place: Place<Access>,
    pub(crate) name: String,
    pub(crate) layout: Layout,
}

/// The keys that the settings of a sink may have.
pub(crate) fn sink_keys() -> Vec<&'static str> {
    keys_of::<WrittenSink>()
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: WrittenSink = settings.read()?;
        check_name(&written.name).map_err(|words| SettingsError::new("name", words))?;
        written
            .format
            .check()
            .map_err(|error| SettingsError::new(format!("format.{}", error.key), error.words))?;
        let place = place(settings, written.folder, written.sftp)?;
        Ok(Self { place, name: written.name, layout: written.format })
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if !name.contains("{batch}") {
        return Err("the name must hold `{batch}`, so that no two files have the same");
    }
    if name.replace("{batch}", "").replace("{date}", "").contains(['{', '}']) {
        return Err("only `{batch}` and `{date}` are filled in");
    }
    let unfinished = UNFINISHED.iter().any(|ending| name.to_lowercase().ends_with(ending));
    if name.starts_with('.') || unfinished || name.contains(['/', '\\', '\0']) {
        return Err("a plain name: no folder, not hidden, not ending in `.tmp` or `.part`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let table = text.parse().expect("TOML");
        Settings { table, data: PathBuf::from("/data"), system: "gazetteer".to_owned() }
    }

    const FILES: &str = "\nfiles = [{ pattern = '*.csv', format = { kind = 'csv', columns = ['a'] } }]";

    #[test]
    fn what_is_not_said_is_name_order_and_two_seconds() {
        let read = SourceSettings::read(&settings(&format!("folder = 'in'{FILES}"))).expect("settings");
        assert_eq!((read.order.clone(), read.complete.clone()), (Order::Name, Complete::Settled(SETTLE)));
        assert!(read.format("X.CSV").is_some() && read.format("x.xml").is_none());
        assert_eq!(read.fields(), Some(vec!["a".to_owned()]));
        assert!(matches!(read.place, Place::Folder(folder) if folder == Path::new("/data/in")));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (wrong, key) in [
            ("folder = 'in'\nfiles = []".to_owned(), "files"),
            (format!("folder = 'in'\norder = 'size'{FILES}"), "order"),
            (format!("folder = 'in'\norder = []{FILES}"), "order"),
            (format!("folder = 'in'\nsettle = '2'{FILES}"), "settle"),
            (format!("folder = 'in'\nsettle = '2s'\ncomplete = {{ marker = '.done' }}{FILES}"), "settle"),
            (format!("folder = 'in'\ncomplete = 'soon'{FILES}"), "complete"),
            (format!("folder = 'in'\ncomplete = {{ marker = 'done' }}{FILES}"), "complete.marker"),
            (
                "folder = 'in'\nfiles = [{ pattern = '*', format = { kind = 'csv' } }]".to_owned(),
                "files[0].format.columns",
            ),
            (format!("folder = 'in'\nwatch = true{FILES}"), "watch"),
            (format!("order = 'name'{FILES}"), "folder"),
            (format!("folder = 'in'\nafter = 'leave'{FILES}"), "after"),
            (format!("folder = 'in'\nevery = '1s'{FILES}"), "every"),
            (format!("folder = 'in'\nlargest_mib = 1{FILES}"), "largest_mib"),
            (format!("folder = 'in'\nsftp = {{ host = 'h' }}{FILES}"), "folder"),
        ] {
            let error = SourceSettings::read(&settings(&wrong)).expect_err("an error");
            assert_eq!(error.key, key, "{wrong}: {error}");
        }
    }

    #[test]
    fn a_name_must_differ_by_batch_and_stay_in_its_folder() {
        let read = |name: &str| {
            SinkSettings::read(&settings(&format!(
                "folder = 'out'\nname = '{name}'\nformat = {{ kind = 'jsonl' }}"
            )))
        };
        assert!(read("changes-{date}-{batch}.jsonl").is_ok());
        for wrong in ["changes.jsonl", "../{batch}", ".{batch}", "{batch}.tmp", "{batch}-{time}.jsonl"] {
            assert_eq!(read(wrong).expect_err("an error").key, "name", "{wrong}");
        }
    }
}
