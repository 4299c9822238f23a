//! Which bindings a routing key matches. Pure.

use crate::ExchangeKind;

/// Whether an exchange of `kind` hands a message with `key` to a queue bound with `pattern`.
pub(super) fn matches(kind: ExchangeKind, pattern: &str, key: &str) -> bool {
    match kind {
        ExchangeKind::Direct => pattern == key,
        ExchangeKind::Fanout => true,
        ExchangeKind::Topic => {
            words_match(&pattern.split('.').collect::<Vec<_>>(), &key.split('.').collect::<Vec<_>>())
        }
    }
}

fn words_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], _) => (0..=key.len()).any(|skipped| words_match(rest, &key[skipped..])),
        (["*", rest @ ..], [_, tail @ ..]) => words_match(rest, tail),
        ([word, rest @ ..], [first, tail @ ..]) => word == first && words_match(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, key: &str, expected: bool) {
        assert_eq!(matches(ExchangeKind::Topic, pattern, key), expected, "{pattern} {key}");
    }

    #[test]
    fn a_topic_matches_word_by_word() {
        check("#", "property.created.v1", true);
        check("#", "", true);
        check("property.*.v1", "property.created.v1", true);
        check("property.*", "property.created.v1", false);
        check("property.#", "property", true);
        check("#.v1", "property.created.v1", true);
        check("street.#", "property.created.v1", false);
    }
}
