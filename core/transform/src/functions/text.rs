//! Texts, counted and cut by characters, never by bytes.

use vrl::compiler::prelude::*;

use crate::budget;

use super::own::{Arguments, Kinds, Outcome, Own, fallible_unless, unchecked};

const SCALAR: &[Parameter] = &[Parameter::required("value", kind::ANY, "what is written as text")];
const COUNTED: &[Parameter] =
    &[Parameter::required("value", kind::BYTES | kind::ARRAY | kind::OBJECT, "what is counted")];
const CUT: &[Parameter] = &[
    Parameter::required("value", kind::BYTES | kind::ARRAY, "what is cut"),
    Parameter::required("start", kind::INTEGER, "the first character or item, from 0"),
    Parameter::optional("end", kind::INTEGER, "the one after the last"),
];
const JOINED: &[Parameter] = &[
    Parameter::required("value", kind::ARRAY, "the texts"),
    Parameter::optional("separator", kind::BYTES, "what stands between them"),
];
const MATCHED: &[Parameter] = &[
    Parameter::required("value", kind::BYTES, "the text"),
    Parameter::required("pattern", kind::REGEX, "the pattern with named groups"),
];

const SPLIT: &[Parameter] = &[
    Parameter::required("value", kind::BYTES, "the text"),
    Parameter::required("pattern", kind::BYTES | kind::REGEX, "what stands between the parts"),
    Parameter::optional("limit", kind::INTEGER, "most parts, the last of which is the rest"),
];
const REPLACED: &[Parameter] = &[
    Parameter::required("value", kind::BYTES, "the text"),
    Parameter::required("pattern", kind::BYTES | kind::REGEX, "what is replaced"),
    Parameter::required("with", kind::BYTES, "what stands there then"),
    Parameter::optional("count", kind::INTEGER, "how many at most; all where it is negative"),
];

/// A name that no source can spell, because `|` is no letter.
pub(super) const PRESENT: &str = "||";

/// The functions of this module.
pub(super) const FUNCTIONS: &[Own] = &[
    Own {
        name: PRESENT,
        parameters: SCALAR,
        returns: kind::ANY,
        result: |given| TypeDef::from(given[0].kind().clone().upgrade_undefined()),
        run: |[value, ..]| Ok(value),
        check: unchecked,
    },
    Own {
        name: "to_string",
        parameters: SCALAR,
        returns: kind::BYTES,
        result: string_kind,
        run: to_string,
        check: unchecked,
    },
    Own {
        name: "length",
        parameters: COUNTED,
        returns: kind::INTEGER,
        result: |_| TypeDef::integer(),
        run: length,
        check: unchecked,
    },
    Own {
        name: "slice",
        parameters: CUT,
        returns: kind::BYTES | kind::ARRAY,
        result: slice_kind,
        run: slice,
        check: unchecked,
    },
    Own {
        name: "join",
        parameters: JOINED,
        returns: kind::BYTES,
        result: join_kind,
        run: join,
        check: unchecked,
    },
    Own {
        name: "split",
        parameters: SPLIT,
        returns: kind::ARRAY,
        result: |_| TypeDef::array(Collection::from_unknown(Kind::bytes())),
        run: split,
        check: unchecked,
    },
    Own {
        name: "replace",
        parameters: REPLACED,
        returns: kind::BYTES,
        result: |_| TypeDef::bytes(),
        run: replace,
        check: unchecked,
    },
    Own {
        name: "parse_regex",
        parameters: MATCHED,
        returns: kind::OBJECT,
        result: |_| {
            TypeDef::object(Collection::from_unknown(Kind::bytes().or_null().or_undefined())).fallible()
        },
        run: groups,
        check: unchecked,
    },
];

fn string_kind(given: &Kinds) -> TypeDef {
    let written = Kind::bytes().or_integer().or_float().or_boolean().or_timestamp();
    fallible_unless(Kind::bytes(), &given[0], &written)
}

fn to_string([value, ..]: Arguments) -> Outcome {
    match value {
        Value::Null => Err("null is not written as text"),
        Value::Array(_) | Value::Object(_) | Value::Regex(_) => {
            Err("only a number, true, false or a timestamp is")
        }
        value if value.is_bytes() => Ok(value),
        value => Ok(Value::from(value.to_string_lossy().into_owned())),
    }
}

fn length([value, ..]: Arguments) -> Outcome {
    let length = match &value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        text => text.to_str_lossy().ok_or("neither a text nor a list nor an object")?.chars().count(),
    };
    Ok(Value::from(length))
}

fn slice_kind(given: &Kinds) -> TypeDef {
    let mut kind = Kind::never();
    if given[0].contains_bytes() {
        kind.add_bytes();
    }
    if let Some(items) = given[0].kind().as_array() {
        kind.add_array(Collection::from_unknown(items.reduced_kind()));
    }
    TypeDef::from(kind).fallible()
}

fn slice([value, start, end, _]: Arguments) -> Outcome {
    let range = |length: usize| {
        let from_end = |at: i64| if at < 0 { at.saturating_add_unsigned(length as u64) } else { at };
        let start = usize::try_from(from_end(start.as_integer().unwrap_or(0)));
        let end = usize::try_from(from_end(end.as_integer().unwrap_or(i64::MAX)));
        match (start, end.map(|end| end.min(length))) {
            (Ok(start), Ok(end)) if start <= end => Ok(start..end),
            _ => Err("the part to cut out lies outside"),
        }
    };
    match value {
        Value::Array(mut items) => {
            let range = range(items.len())?;
            Ok(Value::Array(items.drain(range).collect()))
        }
        text => {
            let text = text.to_str_lossy().ok_or("neither a text nor a list")?;
            let range = range(text.chars().count())?;
            Ok(Value::from(text.chars().skip(range.start).take(range.len()).collect::<String>()))
        }
    }
}

fn join_kind(given: &Kinds) -> TypeDef {
    let texts = Kind::array(Collection::from_unknown(Kind::bytes()));
    fallible_unless(Kind::bytes(), &given[0], &texts)
}

fn join([value, separator, ..]: Arguments) -> Outcome {
    let Value::Array(items) = &value else { return Err("not a list") };
    let texts: Option<Vec<_>> = items.iter().map(Value::to_str_lossy).collect();
    let separator = separator.to_str_lossy().unwrap_or_default();
    budget::spend(separator.len().saturating_mul(items.len()))?;
    Ok(Value::from(texts.ok_or("not every item is a text")?.join(separator.as_ref())))
}

fn split([value, pattern, limit, _]: Arguments) -> Outcome {
    let text = value.to_str_lossy().ok_or("not a text")?;
    let most = limit.as_integer().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
    let part = |part: &str| {
        let part = Value::from(part);
        budget::spend(budget::weight(&part)).map(|()| part)
    };
    let parts: Result<Vec<_>, _> = match pattern.as_regex() {
        Some(pattern) => pattern.splitn(&text, most).map(part).collect(),
        None => {
            let pattern = pattern.to_str_lossy().ok_or("neither a text nor a pattern")?;
            text.splitn(most, pattern.as_ref()).map(part).collect()
        }
    };
    parts.map(Value::Array)
}

fn replace([value, pattern, with, count]: Arguments) -> Outcome {
    let text = value.to_str_lossy().ok_or("not a text")?;
    let with = with.to_str_lossy().ok_or("not a text")?;
    let most = count.as_integer().map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let (mut made, mut kept) = (String::new(), 0);
    if let Some(pattern) = pattern.as_regex() {
        for groups in pattern.captures_iter(&text).take(most) {
            let Some(found) = groups.get(0) else { continue };
            budget::spend(with.len().saturating_mul(found.len() + 1))?;
            made.push_str(&text[kept..found.start()]);
            groups.expand(&with, &mut made);
            kept = found.end();
        }
    } else {
        let pattern = pattern.to_str_lossy().ok_or("neither a text nor a pattern")?;
        for (at, found) in text.match_indices(pattern.as_ref()).take(most) {
            budget::spend(with.len())?;
            made.push_str(&text[kept..at]);
            made.push_str(&with);
            kept = at + found.len();
        }
    }
    made.push_str(&text[kept..]);
    Ok(Value::from(made))
}

fn groups([value, pattern, ..]: Arguments) -> Outcome {
    let text = value.to_str_lossy().ok_or("not a text")?;
    let pattern = pattern.as_regex().ok_or("not a pattern")?;
    let found = pattern.captures(&text).ok_or("the pattern is not in the text")?;
    let group = |name: &str| (KeyString::from(name), found.name(name).map(|group| group.as_str()).into());
    budget::spend(found.iter().flatten().map(|group| group.len()).sum())?;
    Ok(Value::Object(pattern.capture_names().flatten().map(group).collect()))
}
