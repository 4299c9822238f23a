//! The settings of the source.

use std::time::Duration;

use chrono_tz::Tz;
use postroom_connector::{Settings, SettingsError, keys_of, parse_duration};
use serde::Deserialize;

use super::access::{Access, KEYS};
use super::whole::{Whole, whole};
use super::{dotted, name, names, split};

/// How often the database is looked at, unless the settings say otherwise.
const EVERY: Duration = Duration::from_secs(10);
/// How often a whole table is read, unless the settings say otherwise.
const EVERY_WHOLE: Duration = Duration::from_secs(24 * 3_600);
/// Rows in one batch, unless the settings say otherwise.
const ROWS: usize = 500;
/// Most rows in one batch.
const MOST_ROWS: usize = 5_000;
/// Most columns of a key, or of an order.
pub(super) const MOST_KEY_COLUMNS: usize = 8;
/// Longest overlap.
const LONGEST_OVERLAP: Duration = Duration::from_secs(31 * 24 * 3_600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    outbox: Option<toml::Table>,
    watermark: Option<toml::Table>,
    whole: Option<toml::Table>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    json: Vec<String>,
    zone: Option<String>,
    every: Option<String>,
    rows: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOutbox {
    table: String,
    id: Option<String>,
    done: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWatermark {
    table: Option<String>,
    query: Option<String>,
    column: String,
    key: Vec<String>,
    overlap: toml::Value,
}

/// Settings of the source, checked.
#[derive(Debug, Clone)]
pub(crate) struct SourceSettings {
    pub(crate) access: Access,
    pub(crate) following: Following,
    pub(crate) what: What,
    pub(crate) every: Duration,
}

/// Which rows are read.
#[derive(Debug, Clone)]
pub(crate) enum Following {
    Outbox(Outbox),
    Watermark(Watermark),
    Whole(Whole),
}

/// What is read of them.
#[derive(Debug, Clone)]
pub(crate) struct What {
    /// The columns of a record; all, where none are named.
    pub(crate) columns: Option<Vec<String>>,
    /// Columns of text that hold JSON.
    pub(crate) json: Vec<String>,
    /// The zone of times without offset.
    pub(crate) zone: Option<Tz>,
    /// Rows in one batch.
    pub(crate) rows: usize,
}

/// A table whose rows are taken away.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    /// Its name, behind that of its schema.
    pub(crate) table: Vec<String>,
    pub(crate) id: String,
    pub(crate) done: Done,
}

/// What becomes of a row that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    Deleted,
    /// This column is set to the time.
    Marked(String),
}

/// A table or query whose rows stay.
#[derive(Debug, Clone)]
pub(crate) struct Watermark {
    pub(crate) from: Origin,
    pub(crate) column: String,
    pub(crate) key: Vec<String>,
    pub(crate) overlap: Overlap,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Table(Vec<String>),
    Query(String),
}

/// How far back is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    Time(Duration),
    Units(i64),
}

/// The keys that the settings of a source may have.
pub(crate) fn source_keys() -> Vec<&'static str> {
    [KEYS.to_vec(), keys_of::<Written>()].concat()
}

impl SourceSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let (access, rest) = split(settings, &KEYS);
        let mut access = Access::read(&access)?;
        let written: Written = rest.read()?;
        let following = Following::read(&rest, [written.outbox, written.watermark, written.whole])?;
        if let Following::Whole(whole) = &following {
            access.patience.session = whole.timeout;
            if written.rows.is_some() {
                return Err(SettingsError::new("rows", "a whole table is one batch"));
            }
        }
        let every = match written.every.as_deref() {
            None if matches!(following, Following::Whole(_)) => EVERY_WHOLE,
            None => EVERY,
            Some(text) => parse_duration(text)
                .filter(|every| !every.is_zero())
                .ok_or_else(|| SettingsError::new("every", "a duration such as `30s` or `5min`"))?,
        };
        let zone = written.zone.map(|zone| zone.parse()).transpose();
        let zone = zone.map_err(|_| SettingsError::new("zone", "a time zone such as `Europe/London`"))?;
        let rows = written.rows.unwrap_or(ROWS);
        if !(1..=MOST_ROWS).contains(&rows) {
            return Err(SettingsError::new("rows", format!("a number from 1 to {MOST_ROWS}")));
        }
        let columns = written.columns.map(|columns| names("columns", columns)).transpose()?;
        if columns.as_ref().is_some_and(Vec::is_empty) {
            return Err(SettingsError::new("columns", "at least one column"));
        }
        let what = What { columns, json: names("json", written.json)?, zone, rows };
        Ok(Self { access, following, what, every })
    }
}

impl Following {
    fn read(
        settings: &Settings,
        [outbox, watermark, whole]: [Option<toml::Table>; 3],
    ) -> Result<Self, SettingsError> {
        match (outbox, watermark, whole) {
            (Some(table), None, None) => self::outbox(settings, table).map(Self::Outbox),
            (None, Some(table), None) => self::watermark(settings, table).map(Self::Watermark),
            (None, None, Some(table)) => self::whole(settings, table).map(Self::Whole),
            _ => Err(SettingsError::new("outbox", "one of `outbox`, `watermark` and `whole`")),
        }
    }
}

/// Reads a table within the settings; its keys are told behind `outer`.
pub(super) fn inner<T: serde::de::DeserializeOwned>(
    settings: &Settings,
    outer: &str,
    table: toml::Table,
) -> Result<T, SettingsError> {
    let settings = Settings { table, ..settings.clone() };
    settings.read().map_err(|error| SettingsError::new(format!("{outer}.{}", error.key), error.words))
}

fn outbox(settings: &Settings, table: toml::Table) -> Result<Outbox, SettingsError> {
    let written: WrittenOutbox = inner(settings, "outbox", table)?;
    let done = match written.done {
        toml::Value::String(word) if word == "delete" => Done::Deleted,
        toml::Value::Table(table) if table.len() == 1 && table.contains_key("mark") => {
            let column = table.get("mark").and_then(toml::Value::as_str).unwrap_or_default();
            Done::Marked(name("outbox.done.mark", column.to_owned())?)
        }
        _ => return Err(SettingsError::new("outbox.done", "`\"delete\"`, or `{ mark = \"taken_at\" }`")),
    };
    Ok(Outbox {
        table: dotted("outbox.table", &written.table)?,
        id: name("outbox.id", written.id.unwrap_or_else(|| "id".to_owned()))?,
        done,
    })
}

fn watermark(settings: &Settings, table: toml::Table) -> Result<Watermark, SettingsError> {
    let written: WrittenWatermark = inner(settings, "watermark", table)?;
    let from = match (written.table, written.query) {
        (Some(table), None) => Origin::Table(dotted("watermark.table", &table)?),
        (None, Some(query)) if !query.trim().is_empty() => {
            Origin::Query(query.trim().trim_end_matches(';').to_owned())
        }
        _ => return Err(SettingsError::new("watermark.table", "either `table` or `query`")),
    };
    let overlap = match written.overlap {
        toml::Value::Integer(units @ 0..) => Some(Overlap::Units(units)),
        toml::Value::String(text) => {
            parse_duration(&text).filter(|time| *time <= LONGEST_OVERLAP).map(Overlap::Time)
        }
        _ => None,
    };
    let key = names("watermark.key", written.key)?;
    if !(1..=MOST_KEY_COLUMNS).contains(&key.len()) {
        let words = format!("the columns, 1 to {MOST_KEY_COLUMNS}, that tell one row from all others");
        return Err(SettingsError::new("watermark.key", words));
    }
    let wrong = "a duration of at most `31d` such as `5min`, or for a column of integers a number";
    Ok(Watermark {
        from,
        column: name("watermark.column", written.column)?,
        key,
        overlap: overlap.ok_or_else(|| SettingsError::new("watermark.overlap", wrong))?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;

    fn read(text: &str) -> Result<SourceSettings, SettingsError> {
        SourceSettings::read(&settings(&format!("url = 'sqlite:a.db'\n{text}")))
    }

    #[test]
    fn what_is_not_said_is_every_column_and_ten_seconds() {
        let read = read("outbox = { table = 'public.out', done = 'delete' }").expect("settings");
        assert_eq!((read.every, read.what.rows, read.what.columns), (EVERY, ROWS, None));
        let Following::Outbox(outbox) = read.following else { panic!("an outbox") };
        assert_eq!((outbox.id.as_str(), outbox.done), ("id", Done::Deleted));
        assert_eq!(outbox.table, ["public", "out"]);
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        let outbox = "outbox = { table = 'a', done = 'delete' }";
        let watermark = |more: &str| format!("watermark = {{ column = 'at', key = ['id'], {more} }}");
        for (text, key) in [
            (String::new(), "outbox"),
            ("outbox = { table = 'a', done = 'keep' }".to_owned(), "outbox.done"),
            ("outbox = { table = 'a' }".to_owned(), "outbox.done"),
            ("outbox = { table = 'a', done = { mark = '' } }".to_owned(), "outbox.done.mark"),
            ("outbox = { table = 'a\"b', done = 'delete' }".to_owned(), "outbox.table"),
            ("outbox = { table = 'a', done = 'delete', key = 'a' }".to_owned(), "outbox.key"),
            (format!("{outbox}\nevery = '10'"), "every"),
            (format!("{outbox}\nrows = 0"), "rows"),
            (format!("{outbox}\ncolumns = []"), "columns"),
            (format!("{outbox}\nzone = 'London'"), "zone"),
            (format!("{outbox}\ncolunms = ['a']"), "colunms"),
            (watermark("table = 'a'"), "watermark.overlap"),
            (watermark("table = 'a', overlap = -1"), "watermark.overlap"),
            (watermark("table = 'a', overlap = '1y'"), "watermark.overlap"),
            (watermark("table = 'a', query = 'b', overlap = 0"), "watermark.table"),
            (watermark("query = ' ', overlap = 0"), "watermark.table"),
            (format!("{outbox}\n{}", watermark("table = 'a', overlap = 0")), "outbox"),
            ("watermark = { table = 'a', column = 'b', key = [], overlap = 0 }".to_owned(), "watermark.key"),
        ] {
            let error = read(&text).expect_err(&text);
            assert_eq!(error.key, key, "{text}: {error}");
        }
        read(&watermark("table = 'a', overlap = '5min'")).expect("settings");
    }
}
