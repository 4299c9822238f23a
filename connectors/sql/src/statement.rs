//! A statement with named parameters: taken apart once, spelt for a database, filled from a message. Pure.

use serde_json::Value;

use crate::cell::Cell;

/// Most parameters of one statement.
const MOST_PARAMETERS: usize = 500;

/// A statement: texts, and between two of them the value at a path of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// One more than there are paths.
    texts: Vec<String>,
    paths: Vec<Path>,
    has_places: bool,
}

/// Where in a message a value stands: the members on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

/// What a backslash does between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backslash {
    /// It stands for itself.
    Plain,
    /// What follows it does not end the text.
    Escapes,
}

impl Path {
    /// A dotted path such as `address.postcode`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let members: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_name = |member: &String| !member.is_empty() && member.chars().all(in_name);
        members.iter().all(is_name).then_some(Self(members))
    }

    /// The value there; null where the message has none.
    fn of(&self, message: &Value) -> Cell {
        let mut value = message;
        for member in &self.0 {
            let inner = match value {
                Value::Array(items) => member.parse().ok().and_then(|index: usize| items.get(index)),
                other => other.get(member),
            };
            let Some(inner) = inner else { return Cell::Null };
            value = inner;
        }
        Cell::of(value)
    }
}

impl Statement {
    /// Finds the parameters `:name` and `:address.postcode`, but for those in quotes and comments.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, backslash: Backslash) -> Result<Self, &'static str> {
        let mut statement = Self { texts: vec![String::new()], paths: Vec::new(), has_places: false };
        let mut rest = text.trim().trim_end_matches(';');
        while let Some(first) = rest.chars().next() {
            let length = opaque(rest, backslash)?;
            let (taken, after) = rest.split_at(if length > 0 { length } else { first.len_utf8() });
            if length > 0 || rest.starts_with("::") {
                let taken = if length > 0 { taken } else { "::" };
                statement.push(taken);
                rest = &rest[taken.len()..];
                continue;
            }
            if first == '$' && after.starts_with(|c: char| c.is_ascii_digit()) {
                return Err("parameters have names: `:name`, not `$1`");
            }
            rest = after;
            statement.has_places |= first == '?';
            if first == ':' && after.starts_with(begins_name) {
                rest = statement.parameter(after)?;
            } else {
                statement.push(taken);
            }
        }
        if statement.paths.is_empty() {
            return Err("a statement takes at least one value of the message, such as `:name`");
        }
        Ok(statement)
    }

    /// A call of the procedure of this (quoted) name.
    pub(crate) fn call(name: &str, paths: Vec<Path>) -> Self {
        let mut texts = vec![format!("CALL {name}(")];
        texts.extend(std::iter::repeat_n(", ".to_owned(), paths.len().saturating_sub(1)));
        if paths.is_empty() {
            texts[0].push(')');
        } else {
            texts.push(")".to_owned());
        }
        Self { texts, paths, has_places: false }
    }

    /// How it reads where the `n`th value, from 1, is spelt `place(n)`.
    pub(crate) fn spelt(&self, place: impl Fn(usize) -> String) -> String {
        let mut spelt = String::new();
        for (index, text) in self.texts.iter().enumerate() {
            if index > 0 {
                spelt.push_str(&place(index));
            }
            spelt.push_str(text);
        }
        spelt
    }

    /// Its values, in order, from `message`.
    pub(crate) fn values(&self, message: &Value) -> Vec<Cell> {
        self.paths.iter().map(|path| path.of(message)).collect()
    }

    /// Whether it has a `?` outside of quotes and comments, which most databases take for a value.
    pub(crate) fn has_places(&self) -> bool {
        self.has_places
    }

    fn push(&mut self, text: &str) {
        if let Some(last) = self.texts.last_mut() {
            last.push_str(text);
        }
    }

    /// Takes the path at the start of `after`; what follows it.
    fn parameter<'t>(&mut self, after: &'t str) -> Result<&'t str, &'static str> {
        let end = after.find(|c| !in_name(c) && c != '.').unwrap_or(after.len());
        let name = after[..end].trim_end_matches('.');
        let path = Path::read(name).ok_or("a parameter is a dotted path such as `:address.postcode`")?;
        self.paths.push(path);
        self.texts.push(String::new());
        if self.paths.len() > MOST_PARAMETERS {
            return Err("a statement has at most 500 parameters");
        }
        Ok(&after[name.len()..])
    }
}

fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How long the quoted text or comment is with which `rest` begins; 0 for anything else.
fn opaque(rest: &str, backslash: Backslash) -> Result<usize, &'static str> {
    let unclosed = "a quote or comment of the statement is not closed";
    let until =
        |start: usize, end: &str| rest[start..].find(end).map(|at| start + at + end.len()).ok_or(unclosed);
    match rest.as_bytes() {
        [b'-', b'-', ..] => Ok(rest.find('\n').map_or(rest.len(), |at| at + 1)),
        [b'/', b'*', ..] => until(2, "*/"),
        // A quote that is doubled begins the next text.
        [quote @ (b'\'' | b'"' | b'`'), ..] => {
            let mut bytes = rest.bytes().enumerate().skip(1);
            while let Some((at, byte)) = bytes.next() {
                if byte == b'\\' && backslash == Backslash::Escapes && *quote != b'`' {
                    bytes.next();
                } else if byte == *quote {
                    return Ok(at + 1);
                }
            }
            Err(unclosed)
        }
        [b'$', ..] => match rest[1..].find(|c: char| !in_name(c)) {
            Some(end)
                if rest[1 + end..].starts_with('$')
                    && !rest[1..].starts_with(|c: char| c.is_ascii_digit()) =>
            {
                until(end + 2, &rest[..end + 2])
            }
            _ => Ok(0),
        },
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spelt(text: &str) -> String {
        let statement = Statement::read(text, Backslash::Plain).expect(text);
        statement.spelt(|number| format!("${number}"))
    }

    #[test]
    fn parameters_are_found_outside_of_quotes_comments_and_casts() {
        for (text, expected) in [
            ("INSERT INTO a VALUES (:a, :b.c);", "INSERT INTO a VALUES ($1, $2)"),
            ("SELECT :a::date, x::text", "SELECT $1::date, x::text"),
            ("SELECT ':no', \":no\", `:no`, :a", "SELECT ':no', \":no\", `:no`, $1"),
            ("SELECT 'it''s :no', :a", "SELECT 'it''s :no', $1"),
            ("SELECT :a -- :no\n, :b /* :no */", "SELECT $1 -- :no\n, $2 /* :no */"),
            ("SELECT $x$ :no $x$, $$ :no $$, :a", "SELECT $x$ :no $x$, $$ :no $$, $1"),
            ("SELECT @x := :a.", "SELECT @x := $1."),
            ("SELECT ä, :a", "SELECT ä, $1"),
        ] {
            assert_eq!(spelt(text), expected, "{text}");
        }
        let escaped = Statement::read(r"SELECT 'it\' :no', :a", Backslash::Escapes).expect("a statement");
        assert_eq!(escaped.spelt(|_| "?".to_owned()), r"SELECT 'it\' :no', ?");
    }

    #[test]
    fn a_statement_that_cannot_be_taken_apart_is_refused() {
        for wrong in
            ["SELECT 1", "SELECT ':a", "SELECT /* :a", "SELECT $1, :a", "SELECT :a..b", "SELECT $$ :a"]
        {
            assert!(Statement::read(wrong, Backslash::Plain).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_come_from_their_paths_and_what_is_absent_is_null() {
        let statement =
            Statement::read("a(:name, :at.x, :at, :none.x, :list.1)", Backslash::Plain).expect("a statement");
        let values = statement.values(&json!({"name": "n", "at": {"x": 5}, "list": [1, 2]}));
        assert_eq!(
            values,
            [
                Cell::Text("n".to_owned()),
                Cell::Integer(5),
                Cell::Text(r#"{"x":5}"#.to_owned()),
                Cell::Null,
                Cell::Integer(2)
            ]
        );
    }

    #[test]
    fn a_procedure_is_called_with_its_parameters_in_order() {
        let path = |text| Path::read(text).expect("a path");
        let place = |number: usize| format!("${number}");
        assert_eq!(Statement::call("p", vec![]).spelt(place), "CALL p()");
        assert_eq!(Statement::call("p", vec![path("a")]).spelt(place), "CALL p($1)");
        assert_eq!(Statement::call("p", vec![path("a"), path("b.c")]).spelt(place), "CALL p($1, $2)");
        assert_eq!(Path::read("a..b"), None);
    }
}
