//! What is read of a row, and how a record is made of it. Found out once, when the columns are known.

use chrono_tz::Tz;
use postroom_connector::{ConnectorError, Failure};
use postroom_event::{Fault, Reading, Record, read_value};
use serde_json::{Map, Value, json};

use crate::cell::Cell;
use crate::database::{Column, Database, Form};
use crate::line::Session;
use crate::settings::What;
use crate::time::{Unclear, Written};
use crate::{LOCAL_TIME, NO_JSON};

/// The columns that are read, and those of them that a record holds.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    columns: Vec<(Column, Form)>,
    /// How many of them, from the first, a record holds; the others are read for their own sake.
    shown: usize,
    what: What,
}

impl Plan {
    /// Learns the columns of `from`, of which `needed` (setting, column) must be there.
    ///
    /// # Errors
    /// When they cannot be learnt, or one that the settings name is absent.
    pub(crate) async fn learn(
        session: &mut Session<'_>,
        from: &str,
        needed: &[(&'static str, &str)],
        what: &What,
    ) -> Result<Self, ConnectorError> {
        let there = session.columns(&format!("SELECT q.* FROM {from} q")).await;
        let there = there.map_err(|trouble| trouble.doing("learning the columns"))?;
        let mut names: Vec<(&str, &str)> = match &what.columns {
            Some(columns) => columns.iter().map(|column| ("columns", column.as_str())).collect(),
            None => there.iter().map(|column| ("columns", column.name.as_str())).collect(),
        };
        let shown = names.len();
        for (key, name) in needed {
            if !names.iter().any(|(_, column)| column == name) {
                names.push((key, name));
            }
        }
        let mut columns = Vec::with_capacity(names.len());
        for (key, name) in names {
            let column = there.iter().find(|column| column.name == name).cloned();
            let column = column.ok_or_else(|| absent(key, name))?;
            let form = form(session.database(), &column, what);
            columns.push((column, form));
        }
        Ok(Self { columns, shown, what: what.clone() })
    }

    /// The list of what is selected from `q`.
    pub(crate) fn selected(&self, database: &dyn Database) -> String {
        let read = |(column, _): &(Column, Form)| {
            database.reading(column, &format!("q.{}", database.quoted(&column.name)))
        };
        self.columns.iter().map(read).collect::<Vec<_>>().join(", ")
    }

    /// What makes the same cells the same records: their columns, and how they are shown.
    pub(crate) fn head(&self) -> String {
        let columns = self.columns.iter().map(|(column, _)| [column.name.as_str(), column.kind.as_str()]);
        let columns: Vec<_> = columns.collect();
        json!([columns, self.shown, self.what.json, self.what.zone.map(Tz::name)]).to_string()
    }

    /// The column that the setting `key` needs: where it stands, and what it is.
    ///
    /// # Errors
    /// When it is absent.
    pub(crate) fn needed(&self, key: &str, name: &str) -> Result<(usize, &Column, Form), ConnectorError> {
        let found = self.columns.iter().enumerate().find(|(_, (column, _))| column.name == name);
        let (at, (column, form)) = found.ok_or_else(|| absent(key, name))?;
        Ok((at, column, *form))
    }

    /// The record of a row, or why it is refused.
    pub(crate) fn reading(&self, number: u64, key: impl Into<Option<String>>, row: &[Cell]) -> Reading {
        let mut value = Map::new();
        for ((column, form), cell) in self.columns.iter().zip(row).take(self.shown) {
            match shown(cell, *form, &self.what) {
                Ok(shown) => {
                    value.insert(column.name.clone(), shown);
                }
                Err((rule, words)) => {
                    let (place, words) = (column.name.clone(), words.to_owned());
                    return Reading::Refused(Fault { number, line: 0, place, rule, words });
                }
            }
        }
        Reading::Record(Record { number, line: 0, key: key.into(), value: Value::Object(value) })
    }
}

fn absent(key: &str, name: &str) -> ConnectorError {
    let words = format!("setting `{key}`: the database gives no column of that name");
    ConnectorError::new(Failure::Permanent, words, name)
}

/// What the texts of a column are, by its type or by the settings.
fn form(database: &dyn Database, column: &Column, what: &What) -> Form {
    if what.json.contains(&column.name) { Form::Json } else { database.form(column) }
}

/// A value as a record holds it, or the rule by which it cannot and what there is to say.
fn shown(cell: &Cell, form: Form, what: &What) -> Result<Value, (&'static str, &'static str)> {
    let Cell::Text(text) = cell else { return Ok(cell.json()) };
    match (form, Written::read(text)) {
        (Form::Json, _) => {
            read_value(text.as_bytes()).map_err(|_| (NO_JSON, "no JSON that can be taken as it stands"))
        }
        (Form::Local, Some(time)) => match what.zone {
            None => Ok(time.iso().into()),
            Some(zone) => time.within(zone).map(Value::String).map_err(|unclear| match unclear {
                Unclear::Twice => (LOCAL_TIME, "a time that the clocks of the zone show twice"),
                Unclear::Never => (LOCAL_TIME, "a time that the clocks of the zone never show"),
            }),
        },
        (Form::Instant, Some(time)) => Ok(time.instant().into()),
        (Form::Plain | Form::Local | Form::Instant, _) => Ok(text.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::London;

    use super::*;

    #[test]
    fn a_value_is_shown_by_what_its_column_is() {
        let what = |zone| What { columns: None, json: Vec::new(), zone, rows: 1 };
        for (text, form, zone, expected) in [
            ("2026-07-01 12:00:00", Form::Plain, None, json!("2026-07-01 12:00:00")),
            ("2026-07-01 12:00:00", Form::Local, None, json!("2026-07-01T12:00:00")),
            ("2026-07-01 12:00:00", Form::Local, Some(London), json!("2026-07-01T12:00:00+01:00")),
            ("2026-07-01 12:00:00+00", Form::Instant, Some(London), json!("2026-07-01T12:00:00Z")),
            ("infinity", Form::Instant, None, json!("infinity")),
            (r#"{"a": 1}"#, Form::Json, None, json!({"a": 1})),
        ] {
            let cell = Cell::Text(text.to_owned());
            assert_eq!(shown(&cell, form, &what(zone)), Ok(expected), "{text}");
        }
        for (text, form, rule) in
            [("2026-10-25 01:30:00", Form::Local, LOCAL_TIME), ("{Ada", Form::Json, NO_JSON)]
        {
            let refused = shown(&Cell::Text(text.to_owned()), form, &what(Some(London)));
            assert_eq!(refused.expect_err("refused").0, rule);
        }
        assert_eq!(shown(&Cell::Null, Form::Json, &what(None)), Ok(json!(null)));
    }
}
