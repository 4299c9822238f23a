//! Lists and emptiness, with types that do not count what may be absent.

use std::collections::HashSet;

use vrl::compiler::prelude::*;

use super::own::{Arguments, Kinds, Outcome, Own, unchecked};

const PUSHED: &[Parameter] = &[
    Parameter::required("value", kind::ARRAY, "the list"),
    Parameter::required("item", kind::ANY, "the item"),
];
const APPENDED: &[Parameter] = &[
    Parameter::required("value", kind::ARRAY, "the list"),
    Parameter::required("items", kind::ARRAY, "the list that follows"),
];
const LIST: &[Parameter] = &[Parameter::required("value", kind::ARRAY, "the list")];
const NESTED: &[Parameter] =
    &[Parameter::required("value", kind::ARRAY | kind::OBJECT, "the list or object")];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    Own {
        name: "push",
        parameters: PUSHED,
        returns: kind::ARRAY,
        result: |given| list_of(elements(&given[0]).union(given[1].kind().clone().upgrade_undefined())),
        run: push,
        check: unchecked,
    },
    Own {
        name: "append",
        parameters: APPENDED,
        returns: kind::ARRAY,
        result: |given| list_of(elements(&given[0]).union(elements(&given[1]))),
        run: append,
        check: unchecked,
    },
    Own {
        name: "flatten",
        parameters: LIST,
        returns: kind::ARRAY,
        result: |given| list_of(leaves(elements(&given[0]))),
        run: |[value, ..]| Ok(Value::Array(flat(value))),
        check: unchecked,
    },
    Own {
        name: "unique",
        parameters: LIST,
        returns: kind::ARRAY,
        result: |given| list_of(elements(&given[0])),
        run: unique,
        check: unchecked,
    },
    Own {
        name: "compact",
        parameters: NESTED,
        returns: kind::ARRAY | kind::OBJECT,
        result: compact_kind,
        run: |[value, ..]| Ok(compact(value)),
        check: unchecked,
    },
];

fn list_of(kind: Kind) -> TypeDef {
    TypeDef::array(Collection::from_unknown(kind))
}

/// Whatever an element of the list may be.
fn elements(list: &TypeDef) -> Kind {
    list.kind().as_array().map_or_else(Kind::never, |items| items.reduced_kind().without_undefined())
}

/// Whether any JSON may be here: its fields and items are of the same kind again, without end.
pub(super) fn is_anything(kind: &Kind) -> bool {
    kind.without_undefined().is_superset(&Kind::json()).is_ok()
}

/// Whatever an element may be once the lists in it are taken apart.
fn leaves(kind: Kind) -> Kind {
    if is_anything(&kind) {
        return kind;
    }
    match kind.as_array() {
        Some(items) => kind.without_array().union(leaves(items.reduced_kind().without_undefined())),
        None => kind,
    }
}

fn push([list, item, ..]: Arguments) -> Outcome {
    let Value::Array(mut list) = list else { return Err("not a list") };
    list.push(item);
    Ok(Value::Array(list))
}

fn append([list, items, ..]: Arguments) -> Outcome {
    let (Value::Array(mut list), Value::Array(items)) = (list, items) else { return Err("not a list") };
    list.extend(items);
    Ok(Value::Array(list))
}

fn flat(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.into_iter().flat_map(flat).collect(),
        value => vec![value],
    }
}

#[expect(clippy::mutable_key_type, reason = "a pattern is told by its text, which stays")]
fn unique([list, ..]: Arguments) -> Outcome {
    let Value::Array(mut items) = list else { return Err("not a list") };
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
    Ok(Value::Array(items))
}

fn compact_kind(given: &Kinds) -> TypeDef {
    let whole = loosened(given[0].kind());
    let mut kind = Kind::never();
    if let Some(fields) = whole.as_object() {
        kind.add_object(fields.clone());
    }
    if let Some(items) = whole.as_array() {
        kind.add_array(items.clone());
    }
    TypeDef::from(kind)
}

/// What is left of a value: any field may be gone, items move up, and null is nowhere.
fn loosened(kind: &Kind) -> Kind {
    if is_anything(kind) {
        return kind.clone();
    }
    let mut left = kind.without_object().without_array();
    left.remove_null();
    if let Some(fields) = kind.as_object() {
        let known = fields.known().iter().map(|(name, kind)| (name.clone(), loosened(kind).or_undefined()));
        let unknown = loosened(&fields.unknown_kind());
        left.add_object(Collection::from_parts(known.collect(), unknown));
    }
    if let Some(items) = kind.as_array() {
        left.add_array(Collection::from_unknown(loosened(&items.reduced_kind())));
    }
    left
}

fn compact(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            Value::Array(items.into_iter().map(compact).filter(|item| !is_empty(item)).collect())
        }
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, compact(value)));
            Value::Object(fields.filter(|(_, value)| !is_empty(value)).collect())
        }
        value => value,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        value => value.to_str_lossy().is_some_and(|text| text.is_empty()),
    }
}
