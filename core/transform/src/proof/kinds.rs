//! Kinds in words, in parts, and as what is left of them in JSON.

use vrl::value::Kind;

/// The kind in words, without what is inside it.
pub(crate) fn words(kind: &Kind) -> String {
    let null = if kind.contains_null() { Some("null") } else { None };
    let words: Vec<&str> = types(kind).into_iter().chain(null).collect();
    if kind.is_never() || words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
}

/// The types other than null that a value of the kind may have.
pub(super) fn types(kind: &Kind) -> Vec<&'static str> {
    let all = [
        (kind.contains_bytes(), "a text"),
        (kind.contains_integer() && kind.contains_float(), "a number"),
        (kind.contains_integer() && !kind.contains_float(), "a whole number"),
        (kind.contains_float() && !kind.contains_integer(), "a number with a fraction"),
        (kind.contains_boolean(), "true or false"),
        (kind.contains_timestamp(), "a timestamp"),
        (kind.contains_regex(), "a pattern"),
        (kind.contains_array(), "a list"),
        (kind.contains_object(), "an object"),
    ];
    let all = all.into_iter().filter(|(may_be, _)| !kind.is_never() && *may_be);
    all.map(|(_, words)| words).collect()
}

/// Takes one type out of a kind.
type Remove = fn(&mut Kind) -> bool;

/// What the kind is apart from the types that `taken` has, without what is inside either.
pub(super) fn surplus(kind: &Kind, taken: &Kind) -> Kind {
    let mut left = kind.clone();
    if taken.is_never() || left.is_never() {
        return left;
    }
    let drop: [(bool, Remove); 9] = [
        (taken.contains_bytes(), Kind::remove_bytes),
        (taken.contains_integer(), Kind::remove_integer),
        (taken.contains_float(), Kind::remove_float),
        (taken.contains_boolean(), Kind::remove_boolean),
        (taken.contains_timestamp(), Kind::remove_timestamp),
        (taken.contains_regex(), Kind::remove_regex),
        (taken.contains_null(), Kind::remove_null),
        (taken.contains_array(), Kind::remove_array),
        (taken.contains_object(), Kind::remove_object),
    ];
    for (is_taken, remove) in drop {
        if is_taken {
            remove(&mut left);
        }
    }
    left
}

/// The kind in parts of one type each, with what is inside them.
pub(super) fn parts(kind: &Kind) -> Vec<Kind> {
    if kind.is_never() {
        return vec![];
    }
    let plain = [
        (kind.contains_bytes(), Kind::bytes()),
        (kind.contains_integer(), Kind::integer()),
        (kind.contains_float(), Kind::float()),
        (kind.contains_boolean(), Kind::boolean()),
        (kind.contains_null(), Kind::null()),
    ];
    let plain = plain.into_iter().filter(|(may_be, _)| *may_be).map(|(_, part)| part);
    let lists = kind.as_array().map(|items| Kind::array(items.clone()));
    plain.chain(lists).chain(kind.as_object().map(|fields| Kind::object(fields.clone()))).collect()
}

/// Whether any JSON may be here: its fields and items are of the same kind again, without end.
pub(super) fn is_anything(kind: &Kind) -> bool {
    !kind.is_never() && kind.without_undefined().is_superset(&Kind::json()).is_ok()
}

/// Whether a pattern stands in something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    No,
    /// Nothing at all is known of what stands there.
    Unknown,
    Stands,
}

/// Whether a pattern may stand in it, as far as it is told what stands there.
pub(super) fn pattern(kind: &Kind) -> Pattern {
    if kind.is_never() {
        return Pattern::No;
    }
    if is_anything(kind) {
        // Of all that there is, a timestamp is known to be none of a thing that was read.
        return match (kind.contains_regex(), kind.contains_timestamp()) {
            (true, true) => Pattern::Unknown,
            (true, false) => Pattern::Stands,
            (false, _) => Pattern::No,
        };
    }
    let own = if kind.contains_regex() { Pattern::Stands } else { Pattern::No };
    let below = |known: &mut dyn Iterator<Item = &Kind>, rest: Kind| {
        let all = known.map(pattern).chain([pattern(&rest.without_undefined())]);
        all.max().unwrap_or(Pattern::No)
    };
    let fields = kind.as_object().map(|it| below(&mut it.known().values(), it.unknown_kind()));
    let items = kind.as_array().map(|it| below(&mut it.known().values(), it.unknown_kind()));
    own.max(fields.unwrap_or(Pattern::No)).max(items.unwrap_or(Pattern::No))
}

/// What is left once the result is JSON: a timestamp is a text, and what is not there at all is null.
pub(super) fn as_json(kind: &Kind) -> Kind {
    let mut kind = kind.clone();
    if kind.is_never() {
        return kind;
    }
    if is_anything(&kind) {
        // A pattern that the program lets stand was told of the whole; what is read from data is none.
        kind.remove_regex();
    }
    if kind.contains_timestamp() {
        kind.remove_timestamp();
        kind.add_bytes();
    }
    kind.upgrade_undefined()
}

/// Whether the value is one of the kind.
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
