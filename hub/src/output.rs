//! What commands print: standard output for answers, standard error for what went wrong.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;

use chrono::DateTime;
use chrono_tz::Europe::London;
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use postroom_council::Problem;
use postroom_schema::is_name;
use serde_json::Value;

use crate::failure::Failure;

/// One line on standard output; a reader that has gone is no error.
pub(crate) fn line(text: impl AsRef<str>) {
    let _gone = writeln!(stdout(), "{}", text.as_ref());
}

/// One line on standard error.
pub(crate) fn complaint(text: impl AsRef<str>) {
    let _gone = writeln!(stderr(), "{}", text.as_ref());
}

/// A value as JSON for programs.
pub(crate) fn json(value: &Value) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Problems with file, line and caret, paths relative to `folder`.
pub(crate) fn problems(problems: &[Problem], folder: &Path) {
    for problem in problems {
        complaint(problem.render(folder));
        complaint("");
    }
}

/// Why a command ended.
pub(crate) fn failure(failure: &Failure) {
    if let Failure::Configuration(found) = failure {
        problems(found, Path::new("."));
    }
    complaint(format!("postroom: {failure}"));
}

/// A table without a frame, its head first.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.to_vec());
    table
}

/// A list as JSON, or as a table; `none` where it is empty.
pub(crate) fn list(as_json: bool, all: &Value, head: &[&str; 5], cells: impl Iterator<Item = [String; 5]>) {
    if as_json {
        return json(all);
    }
    let rows: Vec<_> = cells.collect();
    if rows.is_empty() {
        return line("none");
    }
    let mut table = table(head);
    table.add_rows(rows);
    line(table.to_string());
}

/// A bar for long work, on a terminal only.
pub(crate) fn progress(length: u64, what: &str) -> ProgressBar {
    let target =
        if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
    let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// An instant of the ledger, in microseconds since the epoch, as the clock in London shows it.
pub(crate) fn time(microseconds: i64) -> String {
    let instant = DateTime::from_timestamp_micros(microseconds).unwrap_or_default();
    instant.with_timezone(&London).format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// Who is at the keyboard, for the record of what was revealed.
pub(crate) fn actor() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.unwrap_or_else(|| "unknown".to_owned())
}

/// The same JSON with every value masked: only kinds are left, and names of fields that cannot be values.
pub(crate) fn masked(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => Value::from("<true or false>"),
        Value::Number(_) => Value::from("<number>"),
        Value::String(_) => Value::from("<text>"),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(fields) => {
            let shown = |name: &str| if is_name(name) { name.to_owned() } else { "<name>".to_owned() };
            fields.iter().map(|(name, value)| (shown(name), masked(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_masked_value_keeps_kinds_and_names_that_can_be_no_values() {
        let value = json!({"name": "Ada", "age": 36, "lines": ["a", "b"], "none": null, "Ada L": true});
        let expected = json!({
            "name": "<text>", "age": "<number>", "lines": ["<text>", "<text>"], "none": null,
            "<name>": "<true or false>"
        });
        assert_eq!(masked(&value), expected);
    }
}
