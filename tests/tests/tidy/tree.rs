//! The files of the house as the rules see them: paths from the root with `/`, and their text. Knows no rule.
#![expect(clippy::expect_used, reason = "a house that cannot be read fails the test")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// Folders that hold what was made, fetched or left by a run, not what was written.
const SKIPPED: [&str; 3] = ["target", ".git", "var"];

/// A rule that a file breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offence {
    /// Path from the root of the house.
    pub(crate) path: String,
    /// The line, from 1; 1 where the whole file is meant.
    pub(crate) line: usize,
    /// The rule, as a sentence that says what would be right.
    pub(crate) rule: String,
}

impl Offence {
    /// An offence against `rule`.
    pub(crate) fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule: rule.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Every file of the house that is text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the house, but for what is skipped; a file that is not UTF-8 has no rule to break.
    pub(crate) fn of_the_house() -> Self {
        let tests = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder of the crate");
        let root = Path::new(&tests).parent().expect("the crate lies in the house").to_owned();
        let mut tree = Self::default();
        tree.walk(&root, &root);
        tree
    }

    /// A tree made up for trying a rule.
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// The paths, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The text of `path`, if the house has it.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// What `rule` finds in all files.
    pub(crate) fn each(&self, rule: fn(&str, &str) -> Vec<Offence>) -> Vec<Offence> {
        self.files.iter().flat_map(|(path, text)| rule(path, text)).collect()
    }

    fn walk(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).expect("the house can be read") {
            let path = entry.expect("the house can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                self.walk(root, &path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let place = path.strip_prefix(root).expect("the walk stays inside").to_string_lossy();
                self.files.insert(place.replace('\\', "/"), text);
            }
        }
    }
}
