//! The settings of the sink.

use postroom_connector::{Settings, SettingsError, keys_of};
use serde::Deserialize;

use super::access::{Access, KEYS};
use super::address::Product;
use super::{dotted, name, split};
use crate::statement::{Path, Statement};

/// Connections at the same time, unless the settings say otherwise.
const AT_ONCE: usize = 4;
/// Most connections at the same time.
const MOST_AT_ONCE: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    statement: Option<String>,
    procedure: Option<String>,
    parameters: Option<Vec<String>>,
    receipts: Receipts,
    reference: Option<String>,
    concurrency: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipts {
    table: String,
    #[serde(default)]
    create: bool,
}

/// Settings of the sink, checked.
#[derive(Debug, Clone)]
pub(crate) struct SinkSettings {
    pub(crate) access: Access,
    pub(crate) work: Work,
    /// The table of receipts, behind the name of its schema.
    pub(crate) receipts: Vec<String>,
    pub(crate) making: Making,
    /// The column of what the statement returns that holds the target's own reference.
    pub(crate) reference: Option<String>,
    pub(crate) concurrency: usize,
}

/// What is done with a message.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Statement(Statement),
    /// A procedure, behind the name of its schema, and what it is given.
    Procedure(Vec<String>, Vec<Path>),
}

/// What is done where the table of receipts is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Making {
    Never,
    WhereAbsent,
}

/// The keys that the settings of a sink may have.
pub(crate) fn sink_keys() -> Vec<&'static str> {
    [KEYS.to_vec(), keys_of::<Written>()].concat()
}

impl SinkSettings {
    pub(crate) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let (access, rest) = split(settings, &KEYS);
        let access = Access::read(&access)?;
        let written: Written = rest.read()?;
        let work = match (written.statement, written.procedure) {
            (Some(text), None) if written.parameters.is_none() => {
                Work::Statement(statement(&text, access.product)?)
            }
            (Some(_), None) => {
                return Err(SettingsError::new(
                    "parameters",
                    "they go with `procedure`; a statement names its own",
                ));
            }
            (None, Some(procedure)) => {
                procedure_of(&procedure, written.parameters.as_deref().unwrap_or_default(), access.product)?
            }
            _ => return Err(SettingsError::new("statement", "either `statement` or `procedure`")),
        };
        let most = if access.product == Product::Sqlite { 1 } else { AT_ONCE };
        let concurrency = written.concurrency.unwrap_or(most);
        if !(1..=MOST_AT_ONCE).contains(&concurrency) {
            return Err(SettingsError::new("concurrency", format!("a number from 1 to {MOST_AT_ONCE}")));
        }
        Ok(Self {
            access,
            work,
            receipts: dotted("receipts.table", &written.receipts.table)?,
            making: if written.receipts.create { Making::WhereAbsent } else { Making::Never },
            reference: written.reference.map(|column| name("reference", column)).transpose()?,
            concurrency,
        })
    }
}

fn statement(text: &str, product: Product) -> Result<Statement, SettingsError> {
    let statement =
        Statement::read(text, product.backslash()).map_err(|words| SettingsError::new("statement", words))?;
    if product != Product::Postgres && statement.has_places() {
        return Err(SettingsError::new("statement", "parameters have names: `:name`, not `?`"));
    }
    Ok(statement)
}

fn procedure_of(procedure: &str, parameters: &[String], product: Product) -> Result<Work, SettingsError> {
    if product == Product::Sqlite {
        return Err(SettingsError::new("procedure", "SQLite has no procedures: `statement`"));
    }
    let path = |text: &String| {
        let words = "dotted paths into the message, such as `address.postcode`";
        Path::read(text).ok_or_else(|| SettingsError::new("parameters", words))
    };
    let paths = parameters.iter().map(path).collect::<Result<_, _>>()?;
    Ok(Work::Procedure(dotted("procedure", procedure)?, paths))
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;

    const RECEIPTS: &str = "receipts = { table = 'postroom_delivered' }\n";

    fn read(product: &str, text: &str) -> Result<SinkSettings, SettingsError> {
        let url = if product == "sqlite" { "sqlite:a.db" } else { &format!("{product}://hub@localhost/a") };
        SinkSettings::read(&settings(&format!("url = '{url}'\n{text}")))
    }

    #[test]
    fn what_is_not_said_is_four_at_once_but_one_in_a_file() {
        let text = format!("{RECEIPTS}statement = 'INSERT INTO a VALUES (:b)'");
        for (product, at_once) in [("postgres", 4), ("mysql", 4), ("sqlite", 1)] {
            let read = read(product, &text).expect("settings");
            assert_eq!((read.concurrency, read.making), (at_once, Making::Never), "{product}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        for (product, text, key) in [
            ("postgres", String::new(), "receipts"),
            ("postgres", RECEIPTS.to_owned(), "statement"),
            ("postgres", format!("{RECEIPTS}statement = 'SELECT 1'"), "statement"),
            ("mysql", format!("{RECEIPTS}statement = 'SELECT ?, :a'"), "statement"),
            ("sqlite", format!("{RECEIPTS}procedure = 'p'"), "procedure"),
            ("mysql", format!("{RECEIPTS}procedure = 'p('"), "procedure"),
            ("mysql", format!("{RECEIPTS}procedure = 'p'\nparameters = ['a b']"), "parameters"),
            ("mysql", format!("{RECEIPTS}statement = ':a'\nparameters = ['a']"), "parameters"),
            ("mysql", format!("{RECEIPTS}statement = ':a'\nprocedure = 'p'"), "statement"),
            ("mysql", format!("{RECEIPTS}statement = ':a'\nconcurrency = 0"), "concurrency"),
            ("mysql", format!("{RECEIPTS}statement = ':a'\nreference = ''"), "reference"),
            ("mysql", "statement = ':a'\nreceipts = { table = 'a;b' }".to_owned(), "receipts.table"),
            ("mysql", format!("{RECEIPTS}statment = ':a'"), "statment"),
        ] {
            let error = read(product, &text).expect_err(&text);
            assert_eq!(error.key, key, "{text}: {error}");
        }
        read("postgres", &format!("{RECEIPTS}statement = 'SELECT a ? :a'")).expect("an operator");
    }
}
