//! Whether the type of a result fits a JSON Schema: what can be shown before any data comes.

use std::fmt;

use serde_json::Value;
use vrl::value::Kind;
use vrl::value::kind::{Collection, Field};

use crate::Shape;

/// How many references of the schema are followed one after another.
const MAX_HOPS: usize = 32;

/// A place where the result may not fit what the target takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field of the result, dotted from `.`; `[]` is any item of a list.
    pub path: String,
    /// `missing`, `may-be-missing`, `may-be-null`, `wrong-type`, `unknown-field` or `open-object`.
    pub code: &'static str,
    /// What the result may be and what the target takes.
    pub words: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.path, self.words, self.code)
    }
}

/// Everything in which `result` may differ from `target`.
pub(crate) fn misfits(result: &Kind, target: &Value) -> Vec<Misfit> {
    let mut proof = Proof { root: target, found: vec![] };
    proof.compare(result, target, ".");
    proof.found
}

/// The kind in words, without what is inside it.
pub(crate) fn words(kind: &Kind) -> String {
    let null = if kind.contains_null() { Some("null") } else { None };
    let words: Vec<&str> = types(kind).into_iter().chain(null).collect();
    if kind.is_never() || words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
}

/// The types other than null that a value of the kind may have.
fn types(kind: &Kind) -> Vec<&'static str> {
    let all = [
        (kind.contains_bytes(), "a text"),
        (kind.contains_integer(), "a whole number"),
        (kind.contains_float(), "a number with a fraction"),
        (kind.contains_boolean(), "true or false"),
        (kind.contains_timestamp(), "a timestamp"),
        (kind.contains_regex(), "a pattern"),
        (kind.contains_array(), "a list"),
        (kind.contains_object(), "an object"),
    ];
    all.into_iter().filter(|(may_be, _)| *may_be).map(|(_, words)| words).collect()
}

/// Whether the value is one of the kind.
#[cfg(test)]
pub(crate) fn holds(kind: &Kind, value: &vrl::value::Value) -> bool {
    use vrl::value::Value as Vrl;
    let at = |kind: Option<&Kind>, unknown: Kind, value: &Vrl| holds(kind.unwrap_or(&unknown), value);
    match value {
        Vrl::Null => kind.contains_null(),
        Vrl::Boolean(_) => kind.contains_boolean(),
        Vrl::Integer(_) => kind.contains_integer(),
        Vrl::Float(_) => kind.contains_float(),
        Vrl::Timestamp(_) => kind.contains_timestamp(),
        Vrl::Regex(_) => kind.contains_regex(),
        Vrl::Bytes(_) | Vrl::String(_) => kind.contains_bytes(),
        Vrl::Array(items) => kind.as_array().is_some_and(|list| {
            let certain = list.known().iter().filter(|(_, kind)| !kind.contains_undefined());
            certain.clone().all(|(index, _)| index.to_usize() < items.len())
                && items
                    .iter()
                    .enumerate()
                    .all(|(index, item)| at(list.known().get(&index.into()), list.unknown_kind(), item))
        }),
        Vrl::Object(fields) => kind.as_object().is_some_and(|object| {
            let mut certain = object.known().iter().filter(|(_, kind)| !kind.contains_undefined());
            certain.all(|(name, _)| fields.contains_key(name.as_str()))
                && fields.iter().all(|(name, value)| {
                    at(object.known().get(&name.as_str().into()), object.unknown_kind(), value)
                })
        }),
    }
}

struct Proof<'a> {
    root: &'a Value,
    found: Vec<Misfit>,
}

impl<'a> Proof<'a> {
    fn note(&mut self, path: &str, code: &'static str, words: impl Into<String>) {
        self.found.push(Misfit { path: path.to_owned(), code, words: words.into() });
    }

    fn compare(&mut self, made: &Kind, schema: &'a Value, path: &str) {
        let Some(schema) = self.followed(schema) else {
            return self.note(path, "wrong-type", "the schema refers to what is not in its file");
        };
        let taken = Shape::of_part(self.root, schema).kind;
        let made = as_json(made);
        if made.is_never() {
            return;
        }
        self.scalars(&made, &taken, path);
        if let (Some(made), Some(taken)) = (made.as_object(), taken.as_object()) {
            self.fields(made, taken, schema, path);
        }
        if let (Some(items), true) = (made.as_array(), taken.contains_array())
            && let Some(schema) = schema.get("items")
        {
            self.compare(&items.reduced_kind().without_undefined(), schema, &format!("{path}[]"));
        }
    }

    fn followed(&self, mut schema: &'a Value) -> Option<&'a Value> {
        for _ in 0..MAX_HOPS {
            let Some(target) = schema.get("$ref").and_then(Value::as_str) else { return Some(schema) };
            schema = self.root.pointer(target.strip_prefix('#')?)?;
        }
        None
    }

    fn scalars(&mut self, made: &Kind, taken: &Kind, path: &str) {
        let takes = types(taken);
        let surplus: Vec<&str> = types(made).into_iter().filter(|made| !takes.contains(made)).collect();
        if !surplus.is_empty() {
            let words = format!("may be {}, and the target takes {}", surplus.join(" or "), words(taken));
            self.note(path, "wrong-type", words);
        }
        if made.contains_null() && !taken.contains_null() {
            let words = format!("may be null, and the target takes {}", words(taken));
            self.note(path, "may-be-null", words);
        }
    }

    fn fields(&mut self, made: &Collection<Field>, taken: &Collection<Field>, schema: &'a Value, path: &str) {
        let below = |name: &Field| format!("{}.{}", path.trim_end_matches('.'), name.as_str());
        for (name, wanted) in taken.known() {
            let kind = made.known().get(name).cloned().unwrap_or_else(|| made.unknown_kind());
            match (wanted.contains_undefined(), kind.is_undefined(), kind.contains_undefined()) {
                (false, true, _) => self.note(&below(name), "missing", "required, and never set"),
                (false, _, true) => {
                    self.note(&below(name), "may-be-missing", "required, and not set on every way");
                }
                _ => {}
            }
            let kind = kind.without_undefined();
            match schema.get("properties").and_then(|properties| properties.get(name.as_str())) {
                _ if kind.is_never() => {}
                Some(schema) => self.compare(&kind, schema, &below(name)),
                None => self.inside(&kind, wanted, &below(name)),
            }
        }
        let open = taken.unknown_kind();
        for (name, kind) in made.known() {
            let kind = kind.without_undefined();
            if taken.known().contains_key(name) || kind.is_never() {
                continue;
            }
            if open.contains_any_defined() {
                self.inside(&kind, &open, &below(name));
            } else {
                self.note(&below(name), "unknown-field", "the target has no such field");
            }
        }
        if made.unknown_kind().contains_any_defined() && !open.contains_any_defined() {
            self.note(
                path,
                "open-object",
                "may hold fields of any name, and the target takes none but its own",
            );
        }
    }

    fn inside(&mut self, made: &Kind, taken: &Kind, path: &str) {
        if taken.clone().or_undefined().is_superset(&as_json(made)).is_err() {
            let words = format!("may be {}, and the target takes {}", words(made), words(taken));
            self.note(path, "wrong-type", words);
        }
    }
}

/// What is left once the result is JSON: a timestamp is a text.
fn as_json(kind: &Kind) -> Kind {
    let mut kind = kind.clone();
    if kind.is_never() {
        return kind;
    }
    if kind.contains_timestamp() {
        kind.remove_timestamp();
        kind.add_bytes();
    }
    kind
}
