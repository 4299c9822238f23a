//! The functions that a mapping may call: pure, bounded, without clock, environment or network, and honest about types.
//!
//! VRL's own wherever they are so; ours where the library reads `007` as octal, cuts characters in two, makes 0 of
//! null, repeats a text a million times, or tells a type that the result does not have. Ours bear VRL's names.

mod closures;
mod lists;
mod numbers;
mod own;
mod text;
mod times;

use std::sync::OnceLock;

use vrl::compiler::Function;
use vrl::stdlib;

/// One function that a mapping may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The name, as it is called.
    pub name: &'static str,
    /// How it is called and what it gives.
    pub words: &'static str,
}

const fn allowed(name: &'static str, words: &'static str) -> Allowed {
    Allowed { name, words }
}

/// Every function that a mapping may call, by name.
pub const FUNCTIONS: &[Allowed] = &[
    allowed("abs", "`abs(number)`: the number without its sign."),
    allowed("append", "`append(list, items)`: the list followed by the items of the other."),
    allowed("array", "`array(value)`: the value if it is a list; an error otherwise."),
    allowed("bool", "`bool(value)`: the value if it is true or false; an error otherwise."),
    allowed("ceil", "`ceil(number, precision: 0)`: rounded up to so many decimal places."),
    allowed(
        "compact",
        "`compact(value)`: without nulls, empty texts, empty lists and empty objects, at any depth.",
    ),
    allowed(
        "contains",
        "`contains(text, substring, case_sensitive: true)`: whether the text holds the other.",
    ),
    allowed("count", "`count(list) -> |item| { ... }`: for how many items the closure is true."),
    allowed("downcase", "`downcase(text)`: in small letters."),
    allowed("ends_with", "`ends_with(text, substring, case_sensitive: true)`: whether the text ends so."),
    allowed("exists", "`exists(.field)`: whether the field is there, null or not."),
    allowed("filter", "`filter(list) -> |item| { ... }`: the items for which the closure is true."),
    allowed("flatten", "`flatten(list)`: the items of the lists in the list, at any depth, as one list."),
    allowed("float", "`float(value)`: the value if it is a number with a fraction; an error otherwise."),
    allowed("floor", "`floor(number, precision: 0)`: rounded down to so many decimal places."),
    allowed(
        "format_timestamp",
        "`format_timestamp(timestamp, format, timezone: \"Europe/London\")`: as text in that form (strftime).",
    ),
    allowed(
        "get",
        "`get(value, path)`: what stands at a path that is only known at run time; null if nothing.",
    ),
    allowed("includes", "`includes(list, item)`: whether the item is in the list."),
    allowed("int", "`int(value)`: the value if it is a whole number; an error otherwise."),
    allowed("is_array", "`is_array(value)`: whether it is a list."),
    allowed("is_integer", "`is_integer(value)`: whether it is a whole number."),
    allowed("is_null", "`is_null(value)`: whether it is null or absent."),
    allowed(
        "is_nullish",
        "`is_nullish(value)`: whether it is null, absent, `-`, or a text of nothing but spaces.",
    ),
    allowed("is_object", "`is_object(value)`: whether it is an object."),
    allowed("is_string", "`is_string(value)`: whether it is a text."),
    allowed("join", "`join(list, separator: \"\")`: a list of texts as one text."),
    allowed("keys", "`keys(object)`: the names of its fields as a list of texts."),
    allowed("length", "`length(value)`: how many characters, items or fields it has."),
    allowed("map", "`map(list) -> |item| { ... }`: the list of what the closure makes of each item."),
    allowed("match", "`match(text, r'pattern')`: whether the pattern is found in the text."),
    allowed("merge", "`merge(object, other, deep: false)`: both objects as one; the other's fields win."),
    allowed("mod", "`mod(integer, modulus)`: the remainder of a division; an error for a modulus of 0."),
    allowed("object", "`object(value)`: the value if it is an object; an error otherwise."),
    allowed("parse_float", "`parse_float(text)`: the number that the text writes; an error otherwise."),
    allowed(
        "parse_int",
        "`parse_int(text)`: the whole number that the text writes in decimal digits, zeros before it or not.",
    ),
    allowed(
        "parse_regex",
        "`parse_regex(text, r'(?P<name>...)')`: the named groups of the first match; an error without one.",
    ),
    allowed(
        "parse_timestamp",
        "`parse_timestamp(text, format, timezone: \"Europe/London\", clock_change: \"earlier\")`: the instant (strptime); for a time that the clocks skip or show twice an error, or the earlier or later of the two that it may tell.",
    ),
    allowed("push", "`push(list, item)`: the list with one item more."),
    allowed(
        "replace",
        "`replace(text, pattern, with, count: -1)`: with each match of a text or pattern replaced.",
    ),
    allowed("round", "`round(number, precision: 0)`: rounded to so many decimal places."),
    allowed(
        "slice",
        "`slice(value, start, end)`: characters or items from start up to end, from 0; negative from the end.",
    ),
    allowed("split", "`split(text, pattern, limit)`: the parts between the matches of a text or pattern."),
    allowed(
        "starts_with",
        "`starts_with(text, substring, case_sensitive: true)`: whether the text starts so.",
    ),
    allowed("string", "`string(value)`: the value if it is a text; an error otherwise."),
    allowed("strip_whitespace", "`strip_whitespace(text)`: without spaces at both ends."),
    allowed(
        "to_bool",
        "`to_bool(value)`: true or false from text (`true`, `yes`, `y`, `t`, `1` and their opposites) or number.",
    ),
    allowed("to_float", "`to_float(value)`: a number from a number or text; an error for null."),
    allowed(
        "to_int",
        "`to_int(value)`: a whole number from a number or text; an error for null and for a fraction.",
    ),
    allowed(
        "to_string",
        "`to_string(value)`: a text from a number, a timestamp, true or false; an error for null.",
    ),
    allowed(
        "truncate",
        "`truncate(text, limit, suffix: \"\")`: at most so many characters, with the suffix where it was cut.",
    ),
    allowed("unique", "`unique(list)`: each item once, in the order of the first."),
    allowed("upcase", "`upcase(text)`: in capital letters."),
    allowed("values", "`values(object)`: the values of its fields as a list."),
];

/// Whether a mapping may call `name`.
pub(crate) fn is_allowed(name: &str) -> bool {
    FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).is_ok()
}

/// The product of two numbers, for the operator `*`; no source can spell it.
pub(crate) const MULTIPLY: &str = numbers::MULTIPLY;
/// The value itself, null where it is absent, for the left side of `||`; no source can spell it.
pub(crate) const PRESENT: &str = text::PRESENT;

/// The functions for VRL's compiler, made once.
pub(crate) fn all() -> &'static [Box<dyn Function>] {
    static ALL: OnceLock<Vec<Box<dyn Function>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = library();
        for rows in [text::FUNCTIONS, numbers::FUNCTIONS, lists::FUNCTIONS, times::FUNCTIONS] {
            all.extend(rows.iter().map(|row| Box::new(*row) as Box<dyn Function>));
        }
        all.extend(closures::FUNCTIONS.iter().map(|each| Box::new(*each) as Box<dyn Function>));
        all
    })
}

fn library() -> Vec<Box<dyn Function>> {
    vec![
        Box::new(stdlib::Array),
        Box::new(stdlib::Boolean),
        Box::new(stdlib::Contains),
        Box::new(stdlib::Downcase),
        Box::new(stdlib::EndsWith),
        Box::new(stdlib::Exists),
        Box::new(stdlib::Float),
        Box::new(stdlib::Get),
        Box::new(stdlib::Includes),
        Box::new(stdlib::Integer),
        Box::new(stdlib::IsArray),
        Box::new(stdlib::IsInteger),
        Box::new(stdlib::IsNull),
        Box::new(stdlib::IsNullish),
        Box::new(stdlib::IsObject),
        Box::new(stdlib::IsString),
        Box::new(stdlib::Keys),
        Box::new(stdlib::Match),
        Box::new(stdlib::Merge),
        Box::new(stdlib::Object),
        Box::new(stdlib::Replace),
        Box::new(stdlib::Split),
        Box::new(stdlib::StartsWith),
        Box::new(stdlib::String),
        Box::new(stdlib::StripWhitespace),
        Box::new(stdlib::Truncate),
        Box::new(stdlib::Unique),
        Box::new(stdlib::Upcase),
        Box::new(stdlib::Values),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_exactly_the_functions_that_can_be_called() {
        let mut callable: Vec<&str> = all().iter().map(|function| function.identifier()).collect();
        callable.retain(|name| ![MULTIPLY, PRESENT].contains(name));
        callable.sort_unstable();
        let told: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        assert_eq!(told, callable);
    }

    #[test]
    fn nothing_that_reaches_outside_or_forward_can_be_called() {
        for name in
            ["now", "get_env_var", "http_request", "dns_lookup", "random_int", "uuid_v4", "log", "del"]
        {
            assert!(!is_allowed(name), "{name}");
        }
    }
}
