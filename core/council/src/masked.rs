//! The text of a file as it may be shown: without the values where a secret may stand, though it should not.

use std::path::Path;

/// Files in which a secret may have been written, or a URL with one.
const MAY_HOLD_SECRETS: [&str; 2] = ["council.toml", "system.toml"];
/// Keys whose values are shown all the same: rules, and what they are about.
const SHOWN: [&str; 6] = ["when", "rule", "event", "title", "connector", "publishes"];
/// What opens and closes a value of several lines.
const LONG: [&str; 2] = ["'''", "\"\"\""];
/// What stands for a character of a value.
const MASK: char = '*';
/// Characters of a value that tell its form and nothing else.
const FORM: [char; 8] = ['{', '}', '[', ']', ',', '=', '"', '\''];

/// The `text` of `file`; as many characters a line as there were, so that places stay what they are.
pub(crate) fn shown(file: &Path, text: &str) -> String {
    let may = file.file_name().is_some_and(|name| MAY_HOLD_SECRETS.iter().any(|known| name == *known));
    if !may {
        return text.to_owned();
    }
    let (mut shown, mut long) = (String::with_capacity(text.len()), None::<&str>);
    for line in text.split_inclusive('\n') {
        let key = key(line);
        if let Some(end) = long {
            shown.push_str(line);
            long = long.filter(|_| !line.contains(end));
        } else if is_head(line) {
            shown.push_str(line);
        } else if SHOWN.contains(&key.trim()) {
            shown.push_str(line);
            long = LONG.into_iter().find(|quotes| line.matches(quotes).count() == 1);
        } else {
            shown.push_str(key);
            shown.extend(line[key.len()..].chars().map(masked));
        }
    }
    shown
}

fn masked(c: char) -> char {
    if c.is_whitespace() || FORM.contains(&c) { c } else { MASK }
}

/// Whether a key of the settings or a table may have this character.
fn is_of_a_key(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || ['_', '-', '.', ' ', '\t'].contains(&c)
}

/// The key with which a line begins; none where it goes on with the value of a line before.
fn key(line: &str) -> &str {
    let key = line.split_once('=').map_or("", |(key, _)| key);
    if key.chars().all(is_of_a_key) { key } else { "" }
}

/// Whether a line is the head of a table.
fn is_head(line: &str) -> bool {
    let inside = line.trim().strip_prefix('[').and_then(|head| head.strip_suffix(']'));
    inside.is_some_and(|head| head.chars().all(|c| is_of_a_key(c) || ['[', ']'].contains(&c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_that_may_hold_secrets_keys_and_tables_are_shown_and_no_value() {
        let text = "[target.settings]\nbearer = \"hush\"\nheaders = { Key = 'hush' }\nurl = \"\"\"\nhush\n\"\"\"\nkey = hush\n\
                    list = [\n[\"a\", \"hush\"]\n\"HUSH=\",\n# hush\n";
        let masked = "[target.settings]\nbearer = \"****\"\nheaders = { *** = '****' }\nurl = \"\"\"\n****\n\"\"\"\nkey = ****\n\
                      list = [\n[\"*\", \"****\"]\n\"****=\",\n* ****\n";
        assert_eq!(shown(Path::new("systems/till/system.toml"), text), masked);
        assert_eq!(shown(Path::new("routes/a/route.toml"), text), text);
    }

    #[test]
    fn a_rule_is_shown_with_all_its_lines_and_nothing_behind_it() {
        let rule = "[[source.map]]\nwhen = '''\n.kind == \"move\"\n'''\n";
        let text = format!("{rule}bearer = 'hush'\n");
        assert_eq!(shown(Path::new("system.toml"), &text), format!("{rule}bearer = '****'\n"));
    }

    #[test]
    fn the_types_of_the_events_that_a_system_publishes_are_shown() {
        let text = "publishes = [\"parcel.moved.v1\"]\n[source]\nkey = 'hush'\n";
        let masked = "publishes = [\"parcel.moved.v1\"]\n[source]\nkey = '****'\n";
        assert_eq!(shown(Path::new("system.toml"), text), masked);
    }

    #[test]
    fn a_place_in_what_is_shown_is_the_place_in_the_file() {
        let text = "größe = \"süß\" # wie\n[[a]]\nx = 1\r\n";
        let shown = shown(Path::new("council.toml"), text);
        let lengths = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(lengths(&shown), lengths(text));
    }
}
