//! The settings of a table that is read whole, again and again.

use std::time::Duration;

use postroom_connector::{Settings, SettingsError, parse_duration};
use serde::Deserialize;

use super::source::{MOST_KEY_COLUMNS, inner};
use super::{dotted, names};

/// How long one reading may take, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Longest of it: as long as the transaction lives, the database keeps what is deleted meanwhile.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// Shortest of it.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    table: String,
    order: Vec<String>,
    timeout: Option<String>,
}

/// A table or view, all of whose rows are read.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    /// Its name, behind that of its schema.
    pub(crate) table: Vec<String>,
    /// The columns in whose order its rows come.
    pub(crate) order: Vec<String>,
    /// How long one reading may take.
    pub(crate) timeout: Duration,
}

pub(super) fn whole(settings: &Settings, table: toml::Table) -> Result<Whole, SettingsError> {
    let written: Written = inner(settings, "whole", table)?;
    let order = names("whole.order", written.order)?;
    if !(1..=MOST_KEY_COLUMNS).contains(&order.len()) {
        let words = format!("the columns, 1 to {MOST_KEY_COLUMNS}, that put the rows in one order");
        return Err(SettingsError::new("whole.order", words));
    }
    let timeout = match written.timeout.as_deref() {
        None => TIMEOUT,
        Some(text) => parse_duration(text)
            .filter(|timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(timeout))
            .ok_or_else(|| {
                SettingsError::new("whole.timeout", "a duration from `1s` to `6h`, such as `30min`")
            })?,
    };
    Ok(Whole { table: dotted("whole.table", &written.table)?, order, timeout })
}

#[cfg(test)]
mod tests {
    use super::super::source::{Following, SourceSettings};
    use super::*;

    fn read(text: &str) -> Result<SourceSettings, SettingsError> {
        SourceSettings::read(&super::super::settings(&format!("url = 'sqlite:a.db'\n{text}")))
    }

    #[test]
    fn a_whole_table_is_read_every_day_and_has_half_an_hour() {
        let read = read("whole = { table = 'lpg.homes', order = ['uprn', 'seq'] }").expect("settings");
        assert_eq!(read.every, Duration::from_secs(86_400));
        assert_eq!(read.access.patience.session, TIMEOUT);
        assert_eq!(read.access.patience.step, Duration::from_secs(30));
        let Following::Whole(whole) = read.following else { panic!("a whole table") };
        assert_eq!(whole.table, ["lpg", "homes"]);
        assert_eq!(whole.order, ["uprn", "seq"]);
    }

    #[test]
    fn settings_of_a_whole_table_that_cannot_work_are_refused_with_their_key() {
        let whole = "whole = { table = 'a', order = ['id'] }";
        for (text, key) in [
            ("whole = { order = ['id'] }".to_owned(), "whole.table"),
            ("whole = { table = 'a' }".to_owned(), "whole.order"),
            ("whole = { table = 'a', order = [] }".to_owned(), "whole.order"),
            ("whole = { table = 'a', order = ['b desc; --'] }".to_owned(), "whole.order"),
            ("whole = { table = 'a\"b', order = ['id'] }".to_owned(), "whole.table"),
            ("whole = { table = 'a', order = ['id'], key = 'b' }".to_owned(), "whole.key"),
            ("whole = { table = 'a', order = ['id'], timeout = '7h' }".to_owned(), "whole.timeout"),
            (format!("{whole}\nevery = 'daily'"), "every"),
            (format!("{whole}\nrows = 500"), "rows"),
            (format!("{whole}\noutbox = {{ table = 'a', done = 'delete' }}"), "outbox"),
        ] {
            let error = read(&text).expect_err(&text);
            assert_eq!(error.key, key, "{text}: {error}");
        }
    }
}
