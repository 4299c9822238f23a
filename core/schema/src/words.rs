//! A violation in words for an officer: the schema's side only, never the value's.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};

/// Longest name of a field of the sender's that is told; a longer one could be a value.
const MAX_NAME_CHARS: usize = 40;

/// What is wrong, without any value.
pub(crate) fn of(kind: &Kind) -> String {
    match kind {
        Kind::Required { property } => format!("`{}` is required", property.as_str().unwrap_or_default()),
        Kind::Type { kind } => format!("{} is expected", types(kind)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            fields(unexpected)
        }
        Kind::Enum { .. } => "it is none of the values allowed".to_owned(),
        Kind::Constant { .. } => "it is not the one value allowed".to_owned(),
        Kind::Pattern { .. } => "it does not have the form that is expected".to_owned(),
        Kind::Format { format } => format!("it is not a valid {format}"),
        Kind::MinLength { limit } => format!("it is shorter than {limit} characters"),
        Kind::MaxLength { limit } => format!("it is longer than {limit} characters"),
        Kind::Minimum { limit } => format!("it is below {limit}"),
        Kind::Maximum { limit } => format!("it is above {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("it is not above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("it is not below {limit}"),
        Kind::MinItems { limit } => format!("it has fewer than {limit} items"),
        Kind::MaxItems { limit } => {
            format!("it has more than {limit} items")
        }
        Kind::MinProperties { limit } => format!("it has fewer than {limit} fields"),
        Kind::AdditionalItems { limit } => format!("it has more than {limit} items"),
        Kind::MaxProperties { limit } => format!("it has more than {limit} fields"),
        Kind::UniqueItems => "an item stands in it twice".to_owned(),
        Kind::FalseSchema => "it is not allowed here".to_owned(),
        Kind::MultipleOf { multiple_of } => format!("it is not a multiple of {multiple_of}"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "it fits none of the forms allowed".to_owned(),
        Kind::OneOfMultipleValid { .. } => "it fits more than one of the forms allowed".to_owned(),
        Kind::Contains => "no item is of the form expected".to_owned(),
        other => format!("it breaks the rule `{}`", other.keyword()),
    }
}

fn types(kind: &TypeKind) -> String {
    let name = |name: &str| match name {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    };
    match kind {
        TypeKind::Single(one) => name(one.as_str()).to_owned(),
        TypeKind::Multiple(many) => {
            many.iter().map(|one| name(one.as_str())).collect::<Vec<_>>().join(" or ")
        }
    }
}

/// A JSON pointer into a value, with `*` for each name that could be a value.
pub(crate) fn pointer(pointer: &str) -> String {
    let segments = pointer.split('/').map(|name| if name.is_empty() || is_place(name) { name } else { "*" });
    segments.collect::<Vec<_>>().join("/")
}

fn is_place(name: &str) -> bool {
    is_name(name) || name.bytes().all(|b| b.is_ascii_digit()) && name.len() < 7
}

/// Whether a name of a field looks like one that a programmer gave, an XML attribute's `@` included: others could be values.
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'))
        && name.chars().skip(1).all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Fields that the schema does not know, by name where the name cannot be a value.
fn fields(unexpected: &[String]) -> String {
    let named: Vec<String> =
        unexpected.iter().filter(|name| is_name(name)).map(|name| format!("`{name}`")).collect();
    let unnamed = unexpected.len() - named.len();
    match (named.is_empty(), unnamed) {
        (false, 0) => format!("unknown: {}", named.join(", ")),
        (false, more) => format!("unknown: {} and {more} more", named.join(", ")),
        (true, more) => format!("{more} unknown fields"),
    }
}
