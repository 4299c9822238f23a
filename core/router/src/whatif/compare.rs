//! What becomes of one event by two configurations, set beside each other: pure. It knows neither events nor where they
//! come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroom_schema::is_name;
use postroom_transform::{Data, Part, View};

/// What stands for the name of a field that could be a value.
const NAME: &str = "*";
/// The place of a message that is no object, and another one.
const WHOLE: &str = ".";

/// What a route comes to with one event.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// It does not want it.
    Nothing,
    Message(Arc<Data>),
    /// No message can be made of it, for the reason of this code.
    Refused(&'static str),
}

/// How two ends of one event stand to each other.
#[derive(Debug, PartialEq)]
pub(crate) enum Beside<'a> {
    Same,
    Changed(Fields<'a>),
    NewlyRefused(&'static str),
    NewlySent,
    NoLongerSent,
    NoLongerRefused,
    StillRefused,
}

/// The fields in which two messages differ: dotted paths, with what stands there before and after. The items of lists that are
/// equally long share one path, of which the first item that differs is kept; a list of another length is one field.
pub(crate) type Fields<'a> = BTreeMap<String, [Option<Part<'a>>; 2]>;

impl<'a> Beside<'a> {
    /// How `before` and `after` stand to each other; nothing where there is nothing of either.
    pub(crate) fn of(before: &'a End, after: &'a End) -> Option<Self> {
        use End::{Message, Nothing, Refused};
        Some(match (before, after) {
            (Nothing, Nothing) => return None,
            (Message(one), Message(other)) if Arc::ptr_eq(one, other) || one == other => Self::Same,
            (Message(one), Message(other)) => Self::Changed(fields(one, other)),
            (Refused(one), Refused(other)) if one == other => Self::StillRefused,
            (_, Refused(code)) => Self::NewlyRefused(code),
            (Nothing | Refused(_), Message(_)) => Self::NewlySent,
            (Message(_), Nothing) => Self::NoLongerSent,
            (Refused(_), Nothing) => Self::NoLongerRefused,
        })
    }

    /// The word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed(_) => "changed",
            Self::NewlyRefused(_) => "newly-refused",
            Self::NewlySent => "newly-sent",
            Self::NoLongerSent => "no-longer-sent",
            Self::NoLongerRefused => "no-longer-refused",
            Self::StillRefused => "still-refused",
        }
    }

    /// Whether the configurations differ in it.
    pub(crate) fn is_difference(&self) -> bool {
        !matches!(self, Self::Same | Self::StillRefused)
    }
}

fn fields<'a>(before: &'a Data, after: &'a Data) -> Fields<'a> {
    let mut found = Fields::new();
    compare([before.part(), after.part()], "", &mut found);
    found
}

fn compare<'a>(both: [Part<'a>; 2], path: &str, found: &mut Fields<'a>) {
    match both.map(Part::view) {
        [View::Object(old), View::Object(new)] => {
            for (name, before) in old.iter() {
                let path = below(path, name);
                match new.get(name) {
                    Some(after) => compare([before, after], &path, found),
                    None => put(path, [Some(before), None], found),
                }
            }
            for (name, after) in new.iter().filter(|(name, _)| old.get(name).is_none()) {
                put(below(path, name), [None, Some(after)], found);
            }
        }
        [View::List(old), View::List(new)] if old.len() == new.len() => {
            let path = format!("{path}[]");
            old.iter().zip(new.iter()).for_each(|(old, new)| compare([old, new], &path, found));
        }
        _ if both[0] == both[1] => {}
        _ => put(if path.is_empty() { WHOLE } else { path }.to_owned(), both.map(Some), found),
    }
}

fn put<'a>(path: String, both: [Option<Part<'a>>; 2], found: &mut Fields<'a>) {
    found.entry(path).or_insert(both);
}

fn below(path: &str, name: &str) -> String {
    let name = if is_name(name) { name } else { NAME };
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(value: Value) -> End {
        End::Message(Arc::new(Data::from(value)))
    }

    #[test]
    fn each_pair_of_ends_is_one_kind_of_difference_or_none() {
        let (one, other) = (message(json!({"a": 1})), message(json!({"a": 2})));
        let (refused, twice) = (End::Refused("mapping"), End::Refused("message"));
        let check = |before: &End, after: &End, word: &str, differs: bool| {
            let beside = Beside::of(before, after).unwrap();
            assert_eq!((beside.word(), beside.is_difference()), (word, differs), "{before:?} {after:?}");
        };
        check(&one, &message(json!({"a": 1})), "same", false);
        check(&one, &other, "changed", true);
        check(&one, &refused, "newly-refused", true);
        check(&End::Nothing, &refused, "newly-refused", true);
        check(&twice, &refused, "newly-refused", true);
        check(&refused, &End::Refused("mapping"), "still-refused", false);
        check(&End::Nothing, &one, "newly-sent", true);
        check(&refused, &one, "newly-sent", true);
        check(&one, &End::Nothing, "no-longer-sent", true);
        check(&refused, &End::Nothing, "no-longer-refused", true);
        assert_eq!(Beside::of(&End::Nothing, &End::Nothing), None);
    }

    #[test]
    fn fields_that_differ_are_dotted_paths_and_a_name_that_could_be_a_value_is_none() {
        let check = |before: Value, after: Value, paths: &[&str]| {
            let (before, after) = (Data::from(before), Data::from(after));
            let found = fields(&before, &after);
            assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), paths);
        };
        check(json!({"a": {"b": 1, "c": 2}, "d": 3}), json!({"a": {"b": 2, "c": 2}, "d": 3}), &["a.b"]);
        check(json!({"gone": 1, "a": null}), json!({"new": 1, "a": null}), &["gone", "new"]);
        check(json!({"list": [{"a": 1}, {"a": 2}]}), json!({"list": [{"a": 3}, {"a": 4}]}), &["list[].a"]);
        check(json!({"list": [1, 2]}), json!({"list": [1]}), &["list"]);
        check(json!({"Ada Lovelace": 1}), json!({"Ada Lovelace": 2}), &["*"]);
        check(json!("a"), json!("b"), &["."]);
        check(json!([1]), json!([2]), &["[]"]);
        check(json!({"a": 1}), json!({"a": "1"}), &["a"]);
    }
}
