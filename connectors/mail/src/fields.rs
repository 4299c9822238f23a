//! What a mail may hold of a message: the fields that the settings list. Pure.

use serde_json::{Map, Value};

/// Beginnings that a spreadsheet takes for a formula.
const FORMULA_MARKS: [char; 4] = ['=', '@', '\t', '\r'];
/// Signs that begin a number or a telephone number, too.
const SIGNS: [char; 2] = ['+', '-'];
/// What a number or a telephone number is made of.
const OF_NUMBERS: [char; 7] = [' ', '.', ',', '(', ')', '+', '-'];

/// Dotted paths into a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<String>);

impl Fields {
    /// Checks the paths as the settings have them.
    ///
    /// # Errors
    /// What a list of fields looks like.
    pub(crate) fn new(paths: Vec<String>) -> Result<Self, &'static str> {
        let is_inside = |inner: &String, outer: &String| inner.starts_with(&format!("{outer}."));
        let twice = |path: &String| {
            paths.iter().any(|other| is_inside(path, other))
                || paths.iter().filter(|other| *other == path).count() > 1
        };
        if paths.iter().any(|path| path.split('.').any(str::is_empty)) {
            return Err("dotted paths into the message, such as `address.line1`");
        }
        if paths.iter().any(twice) {
            return Err("a field is listed once, and nothing inside of it");
        }
        Ok(Self(paths))
    }

    pub(crate) fn paths(&self) -> &[String] {
        &self.0
    }

    /// Whether `path` is listed, lies inside of what is, or on the way to it.
    pub(crate) fn leads_to(&self, path: &str) -> bool {
        let is_on_the_way = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().any(|listed| is_on_the_way(listed, path) || is_on_the_way(path, listed))
    }

    /// The listed fields of `message`, each where it was; null where the message has none.
    pub(crate) fn of(&self, message: &Value) -> Value {
        self.filled(|path| at(message, path).cloned().unwrap_or_default())
    }

    /// A message that has only the listed fields, with the value that `value` gives each.
    fn filled(&self, value: impl Fn(&str) -> Value) -> Value {
        let mut kept = Map::new();
        for path in &self.0 {
            put(&mut kept, path, value(path));
        }
        Value::Object(kept)
    }

    /// The same as [`Self::of`] for a cell of a spreadsheet: no text of it is a formula.
    pub(crate) fn of_cells(&self, message: &Value) -> Value {
        self.filled(|path| match at(message, path) {
            Some(Value::String(text)) if is_formula(text) => Value::String(format!("'{text}")),
            value => value.cloned().unwrap_or_default(),
        })
    }
}

fn at<'a>(message: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(message, |value, key| value.get(key))
}

fn put(into: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        into.insert(path.to_owned(), value);
        return;
    };
    let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

/// Whether a spreadsheet may run `text`: a resident's text could otherwise act on an officer's machine.
fn is_formula(text: &str) -> bool {
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || OF_NUMBERS.contains(&c));
    text.starts_with(FORMULA_MARKS) || (text.starts_with(SIGNS) && !is_number(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(paths: &[&str]) -> Result<Fields, &'static str> {
        Fields::new(paths.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn only_what_is_listed_is_kept_and_what_is_absent_is_null() {
        let message = json!({"a": 1, "b": {"c": "x", "d": "y"}, "e": [1]});
        let kept = fields(&["b.c", "e", "b.f", "g.h"]).expect("fields").of(&message);
        assert_eq!(kept, json!({"b": {"c": "x", "f": null}, "e": [1], "g": {"h": null}}));
        assert_eq!(Fields::default().of(&message), json!({}));
    }

    #[test]
    fn a_list_that_says_a_field_twice_or_names_none_is_refused() {
        for wrong in [&["a", "a"][..], &["a", "a.b"], &["a.b", "a"], &[""], &["a..b"]] {
            assert!(fields(wrong).is_err(), "{wrong:?}");
        }
        assert!(fields(&["a", "ab", "b.a", "b.ab"]).is_ok());
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_run_is_marked_as_text() {
        for (text, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
            ("+44 1632 960001", "+44 1632 960001"),
            ("-12.50", "-12.50"),
            ("High Street", "High Street"),
        ] {
            let cells = fields(&["a"]).expect("fields").of_cells(&json!({"a": text}));
            assert_eq!(cells, json!({"a": cell}));
        }
        assert_eq!(fields(&["a"]).expect("fields").of_cells(&json!({"a": -5})), json!({"a": -5}));
    }
}
