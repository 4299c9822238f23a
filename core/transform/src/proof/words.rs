//! Hints: what the author of a mapping can write instead.

use std::collections::BTreeSet;

use vrl::value::Kind;

use super::kinds::{is_anything, types};
use super::walk::{Asked, At};

/// Most names that a hint lists.
const MAX_NAMES: usize = 12;

/// For a required field inside `compact`, `NAME` being its name.
pub(super) const MERGED: &str =
    "`compact` leaves out what is empty: set it outside, as in `merge(compact({ ... }), { \"NAME\": ... })`";

/// For a required field that is set in some branch only.
pub(super) fn one_way(name: &str) -> String {
    format!("set `{name}` in each branch, or before the `if`")
}

/// For what may be null.
pub(super) fn default_for(at: &At<'_>, taken: &Kind) -> String {
    let name = at.path.rsplit('.').next().unwrap_or_default();
    if at.asked == Asked::Optional {
        return format!("leave it out where it is null: `compact({{ \"{name}\": ... }})`");
    }
    match types(taken)[..] {
        ["a text", ..] => "give a default: `string(...) ?? \"none\"`".to_owned(),
        ["a whole number", ..] => "give a default: `int(...) ?? 0`".to_owned(),
        ["true or false", ..] => "compare it: `... == true` is false for null".to_owned(),
        ["a list", ..] => "give a default: `array(...) ?? []`".to_owned(),
        ["an object", ..] => "give a default: `object(...) ?? { ... }`".to_owned(),
        _ => "give a default with `if ... != null { ... } else { ... }`".to_owned(),
    }
}

/// For a value of another type, by what it is and what is taken.
pub(super) fn written(made: &Kind, taken: &Kind, name: &str) -> Option<String> {
    if is_anything(made) {
        return Some(match types(taken).first().copied()? {
            "a text" => "read it as a text: `string(...) ?? \"\"`".to_owned(),
            "a whole number" => "read it as a number: `int(...) ?? 0`".to_owned(),
            "a list" => "read it as a list: `array(...) ?? []`".to_owned(),
            _ => return None,
        });
    }
    let hint = match (types(made).first().copied()?, types(taken).first().copied()?) {
        ("a text", "a number") => "read the number: `parse_float(...) ?? 0`",
        ("a text", "a whole number") => "read the number: `parse_int(...) ?? 0`",
        ("a text", "a number with a fraction") => "read the number: `parse_float(...) ?? 0.0`",
        ("a text", "true or false") => "compare it: `... == \"yes\"`, or `to_bool(...) ?? false`",
        ("a number" | "a whole number" | "a number with a fraction" | "true or false", "a text") => {
            "write it as a text: `to_string(...)`"
        }
        ("a number with a fraction", "a whole number") => "`to_int(round(...)) ?? 0` makes it whole",
        ("a list", "a text") => "join its items: `join(..., \", \")`",
        (_, "a list") if !name.is_empty() => return Some(format!("put it in a list: `\"{name}\": [ ... ]`")),
        _ => return None,
    };
    Some(hint.to_owned())
}

/// For an object that has to name its fields.
pub(super) fn all_named(names: &BTreeSet<&str>) -> String {
    let told: Vec<&str> = names.iter().copied().take(MAX_NAMES).collect();
    let more = if names.len() > MAX_NAMES { ", ..." } else { "" };
    format!("its fields are {}{more}", told.join(", "))
}
