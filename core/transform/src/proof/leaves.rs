//! The rules that types do not tell: kept by literals, or by a part of the data that keeps them already; else left.

use std::cmp::Ordering;

use serde_json::Value;
use vrl::value::Kind;

use super::walk::{At, Walk, shown};
use super::{Found, Happens};
use crate::outline::{Is, Spot};

/// Of what a rule speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Text,
    Number,
    List,
    Object,
    Anything,
    /// It is compared elsewhere.
    Type,
}

/// The keywords of JSON Schema 2020-12 that ask for something; every other one only tells.
const RULES: &[(&str, About)] = &[
    ("type", About::Type),
    ("enum", About::Type),
    ("const", About::Type),
    ("properties", About::Type),
    ("required", About::Type),
    ("additionalProperties", About::Type),
    ("patternProperties", About::Type),
    ("items", About::Type),
    ("prefixItems", About::Type),
    ("$ref", About::Type),
    ("allOf", About::Type),
    ("anyOf", About::Type),
    ("oneOf", About::Type),
    ("pattern", About::Text),
    ("format", About::Text),
    ("minLength", About::Text),
    ("maxLength", About::Text),
    ("minimum", About::Number),
    ("maximum", About::Number),
    ("exclusiveMinimum", About::Number),
    ("exclusiveMaximum", About::Number),
    ("multipleOf", About::Number),
    ("minItems", About::List),
    ("maxItems", About::List),
    ("uniqueItems", About::List),
    ("contains", About::List),
    ("minContains", About::List),
    ("maxContains", About::List),
    ("unevaluatedItems", About::List),
    ("additionalItems", About::List),
    ("minProperties", About::Object),
    ("maxProperties", About::Object),
    ("propertyNames", About::Object),
    ("dependentRequired", About::Object),
    ("dependentSchemas", About::Object),
    ("dependencies", About::Object),
    ("unevaluatedProperties", About::Object),
    ("if", About::Anything),
    ("not", About::Anything),
    ("$dynamicRef", About::Anything),
    ("$recursiveRef", About::Anything),
];

/// The keywords of JSON Schema of which a comparison says that they are kept, or that they are left to validation.
pub fn keywords() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(name, _)| *name)
}

/// Whether the keyword asks for something that may be left.
pub(super) fn is_rule(keyword: &str) -> bool {
    keyword != "type" && RULES.iter().any(|(name, _)| *name == keyword)
}

impl<'a> Walk<'_, 'a> {
    /// A rule that is not compared by types.
    pub(super) fn leaf(&mut self, keyword: &str, asked: &'a Value, made: &Kind, at: &At<'a>) {
        let about = RULES.iter().find(|(name, _)| *name == keyword).map_or(About::Type, |(_, about)| *about);
        let concerns = match about {
            About::Type => false,
            About::Text => made.contains_bytes(),
            About::Number => made.contains_integer() || made.contains_float(),
            About::List => made.contains_array() && !counted(keyword, asked, made),
            About::Object => made.contains_object(),
            About::Anything => true,
        };
        if concerns && !self.is_kept(keyword, asked, &at.spots) {
            self.leave(at, keyword);
        }
    }

    /// `enum` and `const`: a literal that is none of the values is wrong.
    pub(super) fn values(&mut self, keyword: &str, asked: &'a Value, at: &At<'a>) {
        let values = if keyword == "const" { std::slice::from_ref(asked) } else { listed(asked) };
        let wrong = at.spots.iter().find_map(|spot| match spot.is {
            Is::Literal(value) if !is_taken_out(spot, value) && !has(values, value) => Some((spot, value)),
            _ => None,
        });
        let is_told = self.found.iter().any(|found| found.path == at.path && found.code == "wrong-type");
        if let Some((spot, value)) = wrong.filter(|_| !is_told) {
            let all_wrong =
                at.spots.iter().all(|spot| matches!(spot.is, Is::Literal(value) if !has(values, value)));
            let verb = if all_wrong { "is" } else { "may be" };
            let what = if keyword == "const" { "takes nothing but" } else { "takes only" };
            let words =
                format!("{} {verb} {value}, and {} {what} {}", shown(&at.path), self.taker, in_words(values));
            let happens = if all_wrong { Happens::Always } else { Happens::Sometimes };
            return self.note(Found { happens, span: spot.own, ..self.of(at, "not-in-enum", words) });
        }
        if !self.is_kept(keyword, asked, &at.spots) {
            self.leave(at, keyword);
        }
    }

    /// Whether all that may stand there certainly keeps the rule.
    fn is_kept(&self, keyword: &str, asked: &Value, spots: &[Spot<'a>]) -> bool {
        let keeps = |spot: &Spot<'a>| match spot.is {
            Is::Literal(value) => {
                is_taken_out(spot, value) && !is_about_anything(keyword)
                    || literal_keeps(keyword, asked, value)
            }
            Is::Data(schema) => {
                let mut kept = self.look.kept(schema).into_iter();
                // Without what is empty, lists and objects are not what they were.
                !(spot.compacted && is_of_wholes(keyword, asked))
                    && kept.any(|kept| data_keeps(keyword, asked, kept))
            }
            _ => false,
        };
        !spots.is_empty() && spots.iter().all(keeps)
    }
}

/// Whether a literal does not come to where it would stand, or null, of which the rules of texts, numbers, lists and objects do
/// not speak: `compact` takes an empty text out.
fn is_taken_out(spot: &Spot<'_>, value: &Value) -> bool {
    value.is_null() || spot.compacted && value.as_str() == Some("")
}

fn is_about_anything(keyword: &str) -> bool {
    RULES.iter().any(|(name, about)| *name == keyword && *about == About::Anything)
}

/// Whether a rule speaks of lists or objects as they are.
fn is_of_wholes(keyword: &str, asked: &Value) -> bool {
    keyword == "uniqueItems"
        || keyword == "const"
        || keyword == "enum" && !listed(asked).iter().all(is_scalar)
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Whether the type of a list tells that it has as many items as are asked for.
fn counted(keyword: &str, asked: &Value, made: &Kind) -> bool {
    let (Some(items), Some(asked)) = (made.as_array(), asked.as_u64()) else { return false };
    match keyword {
        "minItems" => {
            items.known().values().filter(|kind| !kind.contains_undefined()).count() as u64 >= asked
        }
        "maxItems" => {
            items.unknown_kind().without_undefined().is_never() && items.known().len() as u64 <= asked
        }
        _ => false,
    }
}

fn literal_keeps(keyword: &str, asked: &Value, value: &Value) -> bool {
    let length = || value.as_str().map(|text| text.chars().count() as u64);
    match keyword {
        "enum" => has(listed(asked), value),
        "const" => has(std::slice::from_ref(asked), value),
        "minLength" => length().is_none_or(|length| asked.as_u64().is_some_and(|least| length >= least)),
        "maxLength" => length().is_none_or(|length| asked.as_u64().is_some_and(|most| length <= most)),
        "minimum" => order(value, asked).is_some_and(Ordering::is_ge),
        "maximum" => order(value, asked).is_some_and(Ordering::is_le),
        _ => false,
    }
}

/// Whether data that keeps the schema `kept` keeps the rule, because it says so itself.
fn data_keeps(keyword: &str, asked: &Value, kept: &Value) -> bool {
    let of = |keyword: &str| kept.get(keyword);
    let bound = || order(of(keyword)?, asked);
    match keyword {
        "enum" | "const" => {
            let values = if keyword == "const" { std::slice::from_ref(asked) } else { listed(asked) };
            let kept = of("enum").map(listed).or_else(|| of("const").map(std::slice::from_ref));
            kept.is_some_and(|kept| kept.iter().all(|value| has(values, value)))
        }
        "minLength" | "minimum" | "exclusiveMinimum" => bound().is_some_and(Ordering::is_ge),
        "maxLength" | "maximum" | "exclusiveMaximum" | "maxItems" => bound().is_some_and(Ordering::is_le),
        "pattern" | "format" | "multipleOf" | "uniqueItems" => of(keyword) == Some(asked),
        _ => false,
    }
}

fn listed(values: &Value) -> &[Value] {
    values.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether the value is one of `values`, as JSON Schema compares them: 1 is 1.0.
fn has(values: &[Value], value: &Value) -> bool {
    values.iter().any(|one| one == value || order(one, value).is_some_and(Ordering::is_eq))
}

/// Which of two numbers is the greater, whole ones to their last digit.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Most values that are told.
const MAX_TOLD: usize = 8;

fn in_words(values: &[Value]) -> String {
    let told: Vec<String> =
        values.iter().filter(|value| !value.is_null()).take(MAX_TOLD).map(Value::to_string).collect();
    let more = if values.len() > MAX_TOLD { ", ..." } else { "" };
    format!("{}{more}", told.join(", "))
}
