//! The text of a file as it may be shown: without the values where a secret may stand, though it should not.

use std::path::Path;

/// Files in which a secret may have been written, or a URL with one.
const MAY_HOLD_SECRETS: [&str; 2] = ["council.toml", "system.toml"];
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
    text.split_inclusive('\n').map(line).collect()
}

/// A line with its key alone; a table's head and a comment as they are.
fn line(line: &str) -> String {
    let head = line.trim_start();
    if head.starts_with('[') && head.trim_end().ends_with(']') {
        return line.to_owned();
    }
    // What has no key goes on with the value of a line before.
    let (key, value) = line.split_at(line.find('=').unwrap_or_default());
    let masked = value.chars().map(|c| if c.is_whitespace() || FORM.contains(&c) { c } else { MASK });
    key.chars().chain(masked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_that_may_hold_secrets_keys_and_tables_are_shown_and_no_value() {
        let text = "[target.settings]\nbearer = \"hush\"\nheaders = { Key = 'hush' }\nurl = \"\"\"\nhush\n\"\"\"\nkey = hush\n";
        let masked = "[target.settings]\nbearer = \"****\"\nheaders = { *** = '****' }\nurl = \"\"\"\n****\n\"\"\"\nkey = ****\n";
        assert_eq!(shown(Path::new("systems/till/system.toml"), text), masked);
        assert_eq!(shown(Path::new("routes/a/route.toml"), text), text);
    }

    #[test]
    fn a_place_in_what_is_shown_is_the_place_in_the_file() {
        let text = "größe = \"süß\" # wie\n[[a]]\nx = 1\r\n";
        let shown = shown(Path::new("council.toml"), text);
        let lengths = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(lengths(&shown), lengths(text));
    }
}
