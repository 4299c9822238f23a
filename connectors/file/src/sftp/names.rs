//! The names that a server gives its files: which may be used, which are passed over, and which are told. Pure.

use std::collections::HashSet;
use std::path::Path;

use super::session::Entry;
use crate::folder::{Seen, Stamp, is_passed_over};

/// Longest name that a file may have, in bytes.
pub(super) const LONGEST_NAME_BYTES: usize = 255;
/// Most of a bad name that is shown, in characters.
const SHOWN_CHARS: usize = 80;

/// A file whose name no file may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadName {
    /// As it came; never part of a path.
    pub(super) name: String,
    pub(super) stamp: Stamp,
    pub(super) words: &'static str,
}

impl BadName {
    /// The name, fit to be shown.
    pub(super) fn shown(&self) -> String {
        self.name.escape_debug().take(SHOWN_CHARS).collect()
    }
}

/// What a look into the folder brought.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) files: Vec<Seen>,
    pub(super) bad: Vec<BadName>,
    /// All names of the folder, so that what is remembered of others can be forgotten.
    pub(super) names: HashSet<String>,
}

/// Sorts out the entries of `folder`: no folders or links, nothing hidden, nothing that is being written.
pub(super) fn sort_out(folder: &str, entries: Vec<Entry>) -> Look {
    let mut look = Look::default();
    for Entry { name, stamp, is_file } in entries {
        look.names.insert(name.clone());
        if !is_file {
            continue;
        }
        if let Some(words) = fault_of(&name) {
            look.bad.push(BadName { name, stamp, words });
        } else if !is_passed_over(&name) {
            look.files.push(Seen { path: Path::new(folder).join(&name), name, stamp });
        }
    }
    look
}

/// What is wrong with a name, if anything is.
pub(super) fn fault_of(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > LONGEST_NAME_BYTES {
        return Some("the name is empty or longer than 255 bytes");
    }
    if name.contains('/') {
        return Some("the name has a slash");
    }
    if name.contains(char::is_control) {
        return Some("the name has a control character");
    }
    // What a name that is no UTF-8 was made into; under it nothing can be asked for.
    name.contains(char::REPLACEMENT_CHARACTER).then_some("the name is not in UTF-8")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn entry(name: &str) -> Entry {
        Entry { name: name.to_owned(), stamp: (1, SystemTime::UNIX_EPOCH), is_file: true }
    }

    #[test]
    fn names_that_lead_elsewhere_or_cannot_be_said_are_told_and_never_used() {
        let names =
            ["a.csv", "../b.csv", "/etc/passwd", "c\n.csv", "d\u{fffd}.csv", "", ".hidden", "e.part", "f\\g"];
        let look = sort_out("/in", names.map(entry).to_vec());
        let used: Vec<_> = look.files.iter().map(|file| file.path.to_string_lossy()).collect();
        assert_eq!(used, ["/in/a.csv", "/in/f\\g"]);
        let bad: Vec<_> = look.bad.iter().map(BadName::shown).collect();
        assert_eq!(bad, ["../b.csv", "/etc/passwd", "c\\n.csv", "d\u{fffd}.csv", ""]);
    }

    #[test]
    fn what_is_no_file_is_passed_over_whatever_its_name() {
        let folders = ["..", ".", "done", "a/b"].map(|name| Entry { is_file: false, ..entry(name) });
        let look = sort_out("/in", folders.to_vec());
        assert!(look.files.is_empty() && look.bad.is_empty());
        assert_eq!(look.names.len(), 4);
    }
}
