//! What differs between two messages, by place and never by value. Pure.

use serde_json::Value;

/// The JSON pointers of the fields that differ, in order; a list that differs is one place.
pub(crate) fn fields(before: &Value, after: &Value) -> Vec<String> {
    let mut places = Vec::new();
    compare(before, after, "", &mut places);
    places
}

fn compare(before: &Value, after: &Value, place: &str, places: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            places.push(place.to_owned());
        }
        return;
    };
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let inner = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (old.get(name), new.get(name)) {
            (Some(before), Some(after)) => compare(before, after, &inner, places),
            _ => places.push(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_differ_are_named_by_their_place_and_no_value_is_told() {
        let before = json!({"name": "secret", "address": {"line": "a", "a/b": 1}, "list": [1, 2], "gone": 1});
        let after = json!({"name": "other", "address": {"line": "a", "a/b": 2}, "list": [2, 1], "new": 1});
        assert_eq!(fields(&before, &after), ["/address/a~1b", "/gone", "/list", "/name", "/new"]);
        assert!(fields(&before, &before).is_empty());
    }
}
