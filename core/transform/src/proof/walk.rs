//! The walk over the schema of the target, keyword by keyword, with what may stand at each place.

use serde_json::{Map, Value};
use vrl::diagnostic::Span;
use vrl::value::Kind;

use super::kinds::{Pattern, as_json, is_anything, parts, pattern, surplus, types, words};
use super::words::{default_for, written};
use super::{Found, Happens, Left};
use crate::Shape;
use crate::outline::{Is, Look, Spot, Step};
use crate::value::integral;

/// Most places that one comparison looks at; what is beyond them is left to validation.
const MAX_PLACES: usize = 5_000;
/// How deep a comparison goes, in fields, items and references; what is deeper is left to validation.
const MAX_DEPTH: usize = 64;
/// The rule that is left where a comparison goes no further.
const TOO_LARGE: &str = "everything below";

/// A place of the result.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    /// The field, dotted from `.`.
    pub(super) path: String,
    /// What may stand there.
    pub(super) spots: Vec<Spot<'a>>,
    /// Where it is in the source, or what is around it.
    pub(super) span: Span,
    pub(super) depth: usize,
    /// Whether the target asks for it.
    pub(super) asked: Asked,
}

/// Whether a field has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Required,
    Optional,
}

/// One comparison under way.
pub(super) struct Walk<'w, 'a> {
    pub(super) root: &'a Value,
    /// Who takes the result, in words.
    pub(super) taker: &'static str,
    pub(super) look: &'w Look<'a>,
    pub(super) found: Vec<Found>,
    pub(super) left: Vec<Left>,
    pub(super) places: usize,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(root: &'a Value, taker: &'static str, look: &'w Look<'a>) -> Self {
        Self { root, taker, look, found: vec![], left: vec![], places: 0 }
    }

    /// The same comparison, of another schema or on trial, with nothing found yet.
    pub(super) fn anew(&self, root: &'a Value) -> Self {
        Self { places: self.places, ..Self::new(root, self.taker, self.look) }
    }

    /// The result as a whole.
    pub(super) fn top(&self) -> At<'a> {
        let spots = self.look.results();
        let span = spots.last().map_or(Span::new(0, 1), |spot| spot.own);
        At { path: ".".to_owned(), spots, span, depth: 0, asked: Asked::Required }
    }

    /// The place one step below another.
    pub(super) fn below(&self, at: &At<'a>, step: &Step, asked: Asked) -> At<'a> {
        let path = match step {
            Step::Field(name) => format!("{}.{name}", at.path.trim_end_matches('.')),
            Step::Item => format!("{}[]", at.path),
        };
        let spots = self.look.below(&at.spots, step);
        let span = spots.first().map_or(at.span, |spot| spot.entry);
        At { path, spots, span, depth: at.depth + 1, asked }
    }

    /// Keeps what was found; each kind of it once at each path.
    pub(super) fn note(&mut self, found: Found) {
        if !self.found.iter().any(|old| old.path == found.path && old.code == found.code) {
            self.found.push(found);
        }
    }

    pub(super) fn leave(&mut self, at: &At<'a>, rule: &str) {
        self.left.push(Left { path: at.path.clone(), rule: rule.to_owned() });
    }

    /// A pattern is nothing that JSON can carry, wherever it stands.
    pub(super) fn whole(&mut self, made: &Kind, at: &At<'a>) {
        let found = if self.look.has_patterns() { pattern(made) } else { Pattern::No };
        match found {
            Pattern::Stands => {
                let words = "the result holds a pattern (`r'...'`), which is no JSON".to_owned();
                self.note(Found { happens: Happens::Always, ..self.of(at, "wrong-type", words) });
            }
            Pattern::Unknown => self.leave(at, "type"),
            Pattern::No => {}
        }
    }

    /// Compares what may stand at `at` with what `schema` takes there.
    pub(super) fn compare(&mut self, made: &Kind, schema: &'a Value, at: &At<'a>) {
        let made = whole_numbers(as_json(made), &at.spots);
        let rules = match schema {
            _ if made.is_never() => return,
            Value::Object(rules) => rules,
            Value::Bool(false) => return self.wrong_type(&made, &Kind::never(), at),
            _ => return,
        };
        self.places += 1;
        if self.places > MAX_PLACES || at.depth > MAX_DEPTH {
            return self.leave(at, TOO_LARGE);
        }
        for taken in [rules.get("type").and_then(Shape::of_types), of_values(rules)].into_iter().flatten() {
            self.types(&made, &taken, at);
        }
        if is_anything(&made) {
            return self.anything(rules, at);
        }
        self.fields(&made, rules, at);
        self.items(&made, rules, at);
        for (keyword, value) in rules {
            self.keyword(keyword, value, &made, at);
        }
    }

    /// Nothing can be shown of what may be anything: where its type is not refused already, every rule is left.
    fn anything(&mut self, rules: &Map<String, Value>, at: &At<'a>) {
        for keyword in rules.keys().filter(|keyword| super::leaves::is_rule(keyword)) {
            self.leave(at, keyword);
        }
    }

    fn keyword(&mut self, keyword: &str, value: &'a Value, made: &Kind, at: &At<'a>) {
        match keyword {
            "$ref" => {
                let target = value.as_str().and_then(|target| target.strip_prefix('#'));
                match target.and_then(|target| self.root.pointer(target)) {
                    Some(schema) => self.compare(made, schema, &At { depth: at.depth + 1, ..at.clone() }),
                    None => self.leave(at, keyword),
                }
            }
            "anyOf" | "oneOf" => self.branches(made, (keyword, value), at),
            "allOf" => {
                let deeper = At { depth: at.depth + 1, ..at.clone() };
                for schema in value.as_array().into_iter().flatten() {
                    self.compare(made, schema, &deeper);
                }
            }
            "enum" | "const" => self.values(keyword, value, at),
            _ => self.leaf(keyword, value, made, at),
        }
    }

    /// Compares the types alone.
    pub(super) fn types(&mut self, made: &Kind, taken: &Kind, at: &At<'a>) {
        let left = surplus(made, taken);
        if left.is_never() {
            return;
        }
        if !types(&left).is_empty() {
            self.wrong_type(made, taken, at);
        }
        if left.contains_null() && (!is_anything(made) || types(&left).is_empty()) {
            let happens = if made.is_null() { Happens::Always } else { Happens::Sometimes };
            let verb = if made.is_null() { "is" } else { "may be" };
            let words = format!("{} {verb} null, and {} takes {}", shown(&at.path), self.taker, words(taken));
            let hint = default_for(at, taken);
            self.note(Found { happens, hint: Some(hint), ..self.of(at, "may-be-null", words) });
        }
    }

    fn wrong_type(&mut self, made: &Kind, taken: &Kind, at: &At<'a>) {
        let left = surplus(made, taken);
        // A number with a fraction of nothing is a whole one.
        let may_be_whole = left.contains_float() && taken.contains_integer() && !taken.is_never();
        let always = parts(&left).len() == parts(made).len() && !may_be_whole;
        let verb = if always { "is" } else { "may be" };
        let may_be = if is_anything(made) { "anything".to_owned() } else { types(&left).join(" or ") };
        let words = format!("{} {verb} {may_be}, and {} takes {}", shown(&at.path), self.taker, words(taken));
        let happens = if always { Happens::Always } else { Happens::Sometimes };
        let hint = written(
            if is_anything(made) { made } else { &left },
            taken,
            at.path.rsplit('.').next().unwrap_or_default(),
        );
        let wrong = at.spots.iter().find(|spot| match spot.is {
            Is::Literal(value) => !surplus(&Shape::of_value(value), taken).is_never(),
            _ => false,
        });
        let unknown = || at.spots.iter().find(|spot| !matches!(spot.is, Is::Literal(_)));
        let span = wrong.or_else(unknown).map_or(at.span, |spot| spot.entry);
        self.note(Found { happens, hint, span, ..self.of(at, "wrong-type", words) });
    }

    /// Something at that place, which happens at times and has no hint.
    pub(super) fn of(&self, at: &At<'a>, code: &'static str, words: String) -> Found {
        let (path, span) = (at.path.clone(), at.span);
        Found { path, code, happens: Happens::Sometimes, words, hint: None, span }
    }
}

/// The kind without the numbers with a fraction that are written with none, as in `1.0`: they leave as whole ones.
fn whole_numbers(mut made: Kind, spots: &[Spot<'_>]) -> Kind {
    let is_whole = |spot: &Spot<'_>| match spot.is {
        Is::Literal(value) => !value.is_f64() || value.as_f64().and_then(integral).is_some(),
        Is::Object(_) | Is::Other(_) => true,
        Is::Unknown | Is::Data(_) | Is::Number(_) => false,
    };
    if made.contains_float() && !made.is_never() && !spots.is_empty() && spots.iter().all(is_whole) {
        made.remove_float();
        made.add_integer();
    }
    made
}

/// A path in words.
pub(super) fn shown(path: &str) -> String {
    if path == "." { "the result".to_owned() } else { format!("`{path}`") }
}

/// The types of the values that a schema lists; none where it lists none.
fn of_values(rules: &Map<String, Value>) -> Option<Kind> {
    let values = rules.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let values = values.or_else(|| rules.get("const").map(std::slice::from_ref))?;
    Some(values.iter().map(Shape::of_value).fold(Kind::never(), |all, kind| all.union(kind)))
}
